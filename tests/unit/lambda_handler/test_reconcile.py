from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambda_handler.drive import drive
from lambda_handler.errors import Failure, RequestError
from lambda_handler.options import DEFAULT_OPTIONS, Options
from lambda_handler.reconcile import Outcome, Report, reconcile
from lambda_handler.requests import Copied, CopyWhole

KEY = "sample.csv"
ROUND = ["HEAD source", "HEAD destination", "COPY", "HEAD source"]


@pytest.fixture
def pauses(buckets) -> list[float]:
    return buckets.pauses


@pytest.fixture
def run(buckets) -> Callable[..., Report]:
    def run_reconcile(options: Options = DEFAULT_OPTIONS, perform: Any = buckets.perform, **limits: Any) -> Report:
        return drive(reconcile(KEY, options, **{"seconds_left": lambda: 300.0, **limits}), perform)

    return run_reconcile


@pytest.fixture
def answer() -> Callable[..., Callable[[], object]]:
    """Makes a step that answers a request with this error."""

    def make(code: str, *, permanent: bool = False) -> Callable[[], object]:
        def fail() -> object:
            raise RequestError(Failure(code, "said S3", "SomeOperation", "s3-1", permanent))

        return fail

    return make


def test_a_new_object_takes_four_requests(buckets, run, pauses) -> None:
    source = buckets.write_source(KEY, b"abc")
    assert run() == Report(Outcome.COPIED, 1, "copy_object", 1, source)
    assert buckets.sent == ROUND
    assert buckets.destination[KEY].etag == source.etag
    assert pauses == []


def test_a_changed_object_is_copied_over_the_old_one(buckets, run) -> None:
    buckets.write_source(KEY, b"old")
    run()
    buckets.write_source(KEY, b"new")
    assert run().outcome is Outcome.COPIED
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag


def test_a_second_event_finds_it_equal(buckets, run) -> None:
    source = buckets.write_source(KEY, b"abc")
    run()
    buckets.sent.clear()
    assert run() == Report(Outcome.ALREADY_EQUAL, 1, source=source)
    assert buckets.sent == ["HEAD source", "HEAD destination", "TAGS source", "TAGS destination"]


@pytest.mark.parametrize("changes", [{"metadata": {"colour": "red"}}, {"headers": {"ContentType": "text/plain"}}])
def test_other_metadata_of_the_same_content_is_copied(buckets, run, changes: dict[str, Any]) -> None:
    buckets.write_source(KEY, b"abc")
    run()
    buckets.sent.clear()
    buckets.write_source(KEY, b"abc", **changes)
    assert run().outcome is Outcome.COPIED
    assert buckets.sent == ROUND
    assert buckets.destination[KEY].metadata == buckets.source[KEY].metadata
    assert buckets.destination[KEY].headers == buckets.source[KEY].headers


@pytest.mark.parametrize("tags", [{}, {"a": "2"}, {"a": "1", "b": "1"}])
def test_other_tags_of_the_same_object_are_copied(buckets, run, tags: dict[str, str]) -> None:
    buckets.write_source(KEY, b"abc")
    buckets.tags["source", KEY] = {"a": "1"}
    run()
    buckets.tags["source", KEY] = tags
    assert run().outcome is Outcome.COPIED
    assert buckets.tags["destination", KEY] == tags
    assert run().outcome is Outcome.ALREADY_EQUAL


def test_an_etag_that_is_no_digest_is_not_taken_for_equal(buckets, run) -> None:
    buckets.write_source(KEY, b"abc", encryption="aws:kms")
    assert run().outcome is Outcome.COPIED
    assert run().outcome is Outcome.COPIED


def test_a_missing_source_leaves_the_destination_alone(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    run()
    del buckets.source[KEY]
    buckets.sent.clear()
    assert run() == Report(Outcome.SOURCE_MISSING, 1)
    assert buckets.sent == ["HEAD source"]
    assert KEY in buckets.destination


def test_too_large_is_refused_before_any_copy(buckets, run) -> None:
    source = buckets.write_source(KEY, b"abc", size=50 * 1024**4)
    report = run()
    assert (report.outcome, report.rounds, report.source) == (Outcome.REFUSED, 1, source)
    assert report.failure is not None
    assert report.failure.code == "ObjectTooLarge"
    assert "COPY" not in buckets.sent


@pytest.mark.parametrize("before_request", [2, 3])
def test_a_source_overwritten_before_the_copy_is_copied_in_the_next_round(buckets, run, before_request, pauses) -> None:
    buckets.write_source(KEY, b"old")
    buckets.steps[before_request] = lambda: buckets.write_source(KEY, b"new")
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert report.source == buckets.source[KEY]
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag
    assert buckets.sent == [*ROUND[:3], *ROUND]
    assert pauses == [0.1]


@pytest.mark.parametrize("changes", [{}, {"content": b"abc", "metadata": {"colour": "red"}}, {"content": b"abc"}])
def test_a_source_overwritten_after_the_copy_is_copied_in_the_next_round(buckets, run, changes) -> None:
    """The race that "look once, then copy" loses: the event of the overwrite may have been handled before our copy."""
    buckets.write_source(KEY, b"abc")
    buckets.steps[4] = lambda: buckets.write_source(KEY, **{"content": b"new", **changes})
    report = run()
    assert report.rounds == 2
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag
    assert buckets.destination[KEY].metadata == buckets.source[KEY].metadata


def test_a_new_version_with_the_same_bytes_within_a_second_is_noticed(buckets, run) -> None:
    source = buckets.write_source(KEY, b"abc", version_id="v1")
    buckets.steps[4] = lambda: buckets.source.update({KEY: replace(source, version_id="v2")})
    report = run()
    assert report.rounds == 2
    assert report.source is not None
    assert report.source.version_id == "v2"


def test_a_source_deleted_before_the_copy(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    buckets.steps[3] = lambda: buckets.source.pop(KEY)
    assert run() == Report(Outcome.SOURCE_MISSING, 2)
    assert KEY not in buckets.destination


def test_a_source_deleted_after_the_copy(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    buckets.steps[4] = lambda: buckets.source.pop(KEY)
    assert run() == Report(Outcome.SOURCE_MISSING, 2)


def test_another_invocation_that_was_faster_is_noticed(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    buckets.steps[3] = lambda: buckets.destination.update({KEY: buckets.source[KEY]})
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.ALREADY_EQUAL, 2)


def test_a_late_copy_by_another_invocation_does_not_win(buckets, run, state) -> None:
    buckets.write_source(KEY, b"new")
    buckets.steps[3] = lambda: buckets.destination.update({KEY: state()})
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag


def test_a_copy_whose_answer_was_lost_is_found(buckets, run) -> None:
    source = buckets.write_source(KEY, b"abc")

    def carried_out_but_unanswered() -> None:
        buckets.destination[KEY] = source
        raise RequestError(Failure("ReadTimeoutError", "no answer", "CopyObject"))

    buckets.steps[3] = carried_out_but_unanswered
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.ALREADY_EQUAL, 2)
    assert buckets.sent.count("COPY") == 1


@pytest.mark.parametrize("request_number", [1, 2, 3, 4])
def test_a_passing_error_of_any_request_leads_to_a_new_round(buckets, run, answer, request_number: int) -> None:
    buckets.write_source(KEY, b"abc")
    buckets.steps[request_number] = answer("SlowDown")
    report = run()
    assert report.rounds == 2
    assert report.outcome is (Outcome.ALREADY_EQUAL if request_number == 4 else Outcome.COPIED)
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag


def test_a_passing_error_of_the_tags_leads_to_a_new_round(buckets, run, answer) -> None:
    buckets.write_source(KEY, b"abc")
    run()
    buckets.sent.clear()
    buckets.steps[3] = answer("NoSuchKey")
    assert run().rounds == 2


@pytest.mark.parametrize("request_number", [1, 2, 3, 4])
def test_a_permanent_error_of_any_request_ends_it(buckets, run, answer, request_number: int, pauses) -> None:
    buckets.write_source(KEY, b"abc")
    buckets.steps[request_number] = answer("AccessDenied", permanent=True)
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 1)
    assert report.failure == Failure("AccessDenied", "said S3", "SomeOperation", "s3-1", permanent=True)
    assert len(buckets.sent) == request_number
    assert pauses == []


def test_rounds_are_bounded_and_pauses_grow(buckets, run, answer, pauses) -> None:
    source = buckets.write_source(KEY, b"abc")
    buckets.steps.update({number: answer("PreconditionFailed") for number in range(3, 100, 3)})
    report = run()
    assert (report.outcome, report.rounds, report.source) == (Outcome.FAILED, 5, source)
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("PreconditionFailed", False)
    assert pauses == [0.1, 0.2, 0.4, 0.8]


def test_a_source_that_never_rests_is_a_temporary_failure(buckets, run, epoch) -> None:
    source = buckets.write_source(KEY, b"abc")
    for number in range(1, 100):
        changed = replace(source, last_modified=epoch + timedelta(minutes=number), metadata={"n": str(number)})
        buckets.steps[number] = lambda changed=changed: buckets.source.update({KEY: changed})
    report = run(max_rounds=3)
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 3)
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("SourceChanging", False)


def test_a_copy_with_another_etag_is_not_called_copied(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    wrong = Copied('"' + "9" * 32 + '"', "AES256")
    report = run(perform=lambda asked: wrong if isinstance(asked, CopyWhole) else buckets.perform(asked))
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 5)
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("CopyDiffers", False)


def test_without_time_nothing_is_begun(buckets, run) -> None:
    report = run(seconds_left=lambda: 1.0)
    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("OutOfTime", False)
    assert buckets.sent == []


def test_when_time_runs_out_the_last_reason_is_reported(buckets, run, answer) -> None:
    source = buckets.write_source(KEY, b"abc")
    buckets.steps[3] = answer("SlowDown")
    remaining = iter([300.0, 300.0, 1.0])
    report = run(seconds_left=lambda: next(remaining))
    assert (report.outcome, report.rounds, report.source) == (Outcome.FAILED, 1, source)
    assert report.failure is not None
    assert report.failure.code == "SlowDown"


DELETING = Options(propagate_deletes=True)
TAGGING = Options(sync_tags=True)


def test_a_deleted_source_has_its_copy_deleted_on_request(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    run()
    del buckets.source[KEY]
    buckets.sent.clear()
    assert run(DELETING) == Report(Outcome.DELETED, 1)
    assert buckets.sent == ["HEAD source", "HEAD destination", "LIST source", "DELETE", "HEAD source"]
    assert KEY not in buckets.destination
    buckets.sent.clear()
    assert run(DELETING) == Report(Outcome.ALREADY_ABSENT, 1)
    assert buckets.sent == ["HEAD source", "HEAD destination"]


def test_nothing_is_deleted_before_a_listing_has_confirmed_it(buckets, run, answer) -> None:
    buckets.write_source(KEY, b"abc")
    run()
    del buckets.source[KEY]
    buckets.sent.clear()
    buckets.steps[3] = answer("NoSuchBucket", permanent=True)
    report = run(DELETING)
    assert report.outcome is Outcome.FAILED
    assert KEY in buckets.destination


def test_a_source_that_is_back_is_copied_instead(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    run()
    del buckets.source[KEY]
    buckets.sent.clear()
    buckets.steps[3] = lambda: buckets.write_source(KEY, b"new")
    report = run(DELETING)
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert "DELETE" not in buckets.sent


def test_a_source_that_comes_back_after_the_delete_is_copied(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    run()
    del buckets.source[KEY]
    buckets.sent.clear()
    buckets.steps[5] = lambda: buckets.write_source(KEY, b"abc")
    report = run(DELETING)
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag


def test_a_destination_that_was_replaced_meanwhile_is_not_deleted_unseen(buckets, run, state) -> None:
    buckets.write_source(KEY, b"abc")
    run()
    del buckets.source[KEY]
    buckets.sent.clear()
    buckets.steps[4] = lambda: buckets.destination.update({KEY: state(etag='"' + "5" * 32 + '"')})
    report = run(DELETING)
    assert (report.outcome, report.rounds) == (Outcome.DELETED, 2)
    assert buckets.sent.count("DELETE") == 2


def test_tags_are_part_of_the_last_look_on_request(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    buckets.tags["source", KEY] = {"a": "1"}
    assert run(TAGGING).outcome is Outcome.COPIED
    assert buckets.sent == [*ROUND[:2], "TAGS source", "COPY", "HEAD source", "TAGS source"]
    buckets.tags["source", KEY] = {"a": "2"}
    buckets.sent.clear()
    buckets.steps[8] = lambda: buckets.tags.update({("source", KEY): {"a": "3"}})
    report = run(TAGGING)
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.tags["destination", KEY] == {"a": "3"}


@pytest.mark.parametrize(
    ("chosen", "expected"), [("STANDARD", "STANDARD"), ("keep", "STANDARD_IA"), ("GLACIER_IR", "GLACIER_IR")]
)
def test_the_storage_class(buckets, run, chosen: str, expected: str) -> None:
    buckets.write_source(KEY, b"abc", storage_class="STANDARD_IA")
    assert run(Options(storage_class=chosen)).outcome is Outcome.COPIED
    assert buckets.destination[KEY].storage_class == expected
    assert run(Options(storage_class=chosen)).outcome is Outcome.ALREADY_EQUAL


def test_a_kept_class_is_brought_over_but_not_out_of_an_archive(buckets, run) -> None:
    source = buckets.write_source(KEY, b"abc")
    run()
    buckets.source[KEY] = replace(source, storage_class="STANDARD_IA")
    assert run(Options(storage_class="keep")).outcome is Outcome.COPIED
    assert buckets.destination[KEY].storage_class == "STANDARD_IA"
    buckets.source[KEY] = replace(source, storage_class="DEEP_ARCHIVE")
    assert run(Options(storage_class="keep")).outcome is Outcome.ALREADY_EQUAL
