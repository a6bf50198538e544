"""Copies in parts: the boundaries, what survives a failure, and the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambda_handler.drive import drive
from lambda_handler.errors import Failure, RequestError
from lambda_handler.multipart import Continuation
from lambda_handler.options import DEFAULT_OPTIONS, Options
from lambda_handler.reconcile import Outcome, Report, continue_copy, reconcile
from lambda_handler.requests import Continue, CopyPart, GetLayout, HeadPart, PartSize

KEY = "large"
UNEVEN = (6, 5, 7, 2)
COPY_IN_PARTS = ["TAGS source", "BeginUpload", *["CopyPart"] * 4, "CompleteUpload"]
LOOK = ["HEAD source", "HEAD destination"]
LOOK_AFTER = ["HEAD destination", "TAGS destination", "HEAD source"]


@pytest.fixture
def run(buckets) -> Callable[..., Report]:
    def run_reconcile(
        options: Options = DEFAULT_OPTIONS, perform: Any = buckets.perform, seconds_left: Any = lambda: 300.0
    ) -> Report:
        return drive(reconcile(KEY, options, seconds_left=seconds_left), perform)

    return run_reconcile


@pytest.fixture
def go_on(buckets) -> Callable[..., Report]:
    """Follows the last continuation that was asked for."""

    def run_continuation(
        asked: Continue | None = None,
        options: Options = DEFAULT_OPTIONS,
        perform: Any = buckets.perform,
        seconds_left: Any = lambda: 300.0,
    ) -> Report:
        continuation = Continuation(asked or buckets.continued[-1])
        return drive(continue_copy(continuation, options, seconds_left=seconds_left), perform)

    return run_continuation


class Clock:
    """Time that passes with every part."""

    def __init__(self, buckets: Any, seconds: float, seconds_a_part: float = 1.0) -> None:
        self._buckets = buckets
        self._seconds_a_part = seconds_a_part
        self.left = seconds

    def __call__(self) -> float:
        return self.left

    def perform(self, asked: Any) -> Any:
        parts = len(asked) if isinstance(asked, tuple) else 0
        self.left -= parts * self._seconds_a_part
        return self._buckets.perform(asked)


def fail(code: str = "SlowDown", permanent: bool = False) -> Callable[[], object]:
    def step() -> object:
        raise RequestError(Failure(code, "said S3", "UploadPartCopy", permanent=permanent))

    return step


def test_listed_parts_are_copied_as_they_are(buckets, run) -> None:
    source = buckets.write_in_parts(KEY, UNEVEN)
    buckets.tags["source", KEY] = {"a": "1"}
    assert run() == Report(Outcome.COPIED, 1, "multipart_copy", 4, source)
    assert buckets.sent == [*LOOK, "GetLayout", *COPY_IN_PARTS, *LOOK_AFTER]
    assert buckets.destination[KEY].etag == source.etag
    assert buckets.tags["destination", KEY] == {"a": "1"}
    assert buckets.uploads == {}
    assert run().outcome is Outcome.ALREADY_EQUAL


def test_uniform_parts_are_guessed_from_the_first(buckets, run) -> None:
    buckets.lists_layouts = False
    source = buckets.write_in_parts(KEY, (5, 5, 5, 2))
    assert run() == Report(Outcome.COPIED, 1, "multipart_copy", 4, source)
    assert buckets.sent == [*LOOK, "GetLayout", "HeadPart", *COPY_IN_PARTS, *LOOK_AFTER]


def test_where_the_guess_cannot_be_right_every_part_is_looked_at(buckets, run) -> None:
    buckets.lists_layouts = False
    source = buckets.write_in_parts(KEY, (5, 9, 5, 2))
    assert run() == Report(Outcome.COPIED, 1, "multipart_copy", 4, source)
    assert buckets.sent[2:8] == ["GetLayout", *["HeadPart"] * 5]
    assert buckets.destination[KEY].etag == source.etag


def test_an_empty_last_part_is_no_uniform_guess(buckets, run) -> None:
    buckets.lists_layouts = False
    source = buckets.write_in_parts(KEY, (5, 5, 0))
    assert run().parts == 3
    assert buckets.destination[KEY].etag == source.etag


def test_a_wrong_guess_shows_in_the_etag_and_is_made_good_once(buckets, run) -> None:
    buckets.lists_layouts = False
    source = buckets.write_in_parts(KEY, UNEVEN)  # 20 bytes in 4 parts, the first has 6: as (6, 6, 6, 2) would be
    assert run() == Report(Outcome.COPIED, 2, "multipart_copy", 4, source)
    assert buckets.destination[KEY].etag == source.etag
    assert buckets.sent.count("CompleteUpload") == 2
    assert buckets.sent.count("HeadPart") == 1 + 4
    assert buckets.sent.count("GetLayout") == 1


def test_a_layout_that_cannot_be_reproduced_stands_and_is_noted(buckets, run) -> None:
    source = buckets.write_in_parts(KEY, UNEVEN)
    wrong = replace(source, etag='"' + "7" * 32 + '-4"')
    buckets.source[KEY] = wrong
    buckets.layouts[KEY] = (5, 5, 5, 5)
    original = buckets.perform

    def answer(asked: Any) -> Any:
        answered = original(asked)
        if type(asked).__name__ == "CompleteUpload":
            buckets.destination[KEY] = replace(buckets.destination[KEY], etag='"' + "8" * 32 + '-4"')
            return replace(answered, etag='"' + "8" * 32 + '-4"')
        return answered

    report = run(perform=answer)
    assert (report.outcome, report.rounds, report.notes) == (Outcome.COPIED, 1, ("layout not reproducible",))
    assert buckets.sent.count("CompleteUpload") == 1
    assert buckets.sent.count("HeadPart") == 4


def test_parts_that_cannot_be_learned_are_of_our_choice(buckets, run) -> None:
    source = buckets.write_in_parts(KEY, UNEVEN)

    def answer(asked: Any) -> Any:
        """As the embedded AWS: HEAD of a part describes the whole object."""
        if isinstance(asked, GetLayout):
            return None
        if isinstance(asked, HeadPart):
            return PartSize(source.size, None)
        return tuple(answer(one) for one in asked) if isinstance(asked, tuple) else buckets.perform(asked)

    report = run(perform=answer)
    assert (report.outcome, report.rounds, report.parts) == (Outcome.COPIED, 1, 1)
    assert report.notes == ("layout not reproducible",)


@pytest.mark.parametrize("size", [0, 3, 10 * 1024**2])
def test_one_part_needs_no_lookups_and_no_range(buckets, run, size: int) -> None:
    source = buckets.write_in_parts(KEY, (size,))
    asked_parts: list[CopyPart] = []

    def note(asked: Any) -> Any:
        if isinstance(asked, tuple):
            asked_parts.extend(asked)
        return buckets.perform(asked)

    assert run(perform=note) == Report(Outcome.COPIED, 1, "multipart_copy", 1, source)
    assert not {"GetLayout", "HeadPart"} & set(buckets.sent)
    assert [(part.number, part.first, part.size) for part in asked_parts] == [(1, None, size)]


def test_a_whole_object_above_5_gib_is_copied_in_uniform_parts(buckets, run) -> None:
    source = buckets.write_source(KEY, b"abc", size=5 * 1024**3 + 1)
    assert run() == Report(Outcome.COPIED, 1, "multipart_copy", 81, source)
    assert not {"GetLayout", "HeadPart", "COPY"} & set(buckets.sent)


def test_ten_thousand_parts(buckets, run) -> None:
    source = buckets.write_in_parts(KEY, (5 * 1024**3,) * 10_000)
    assert run() == Report(Outcome.COPIED, 1, "multipart_copy", 10_000, source)
    assert sorted(buckets.copied_parts) == list(range(1, 10_001))


@pytest.mark.parametrize("failing", [7, 8, 9])
def test_finished_parts_are_not_copied_again_after_a_temporary_failure(buckets, run, failing: int) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps[failing] = fail("InternalError")
    options = Options(part_concurrency=1)
    report = run(options)
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.copied_parts == [1, 2, 3, 4]
    assert buckets.sent.count("BeginUpload") == 1
    assert buckets.sent.count("ListParts") == 1


def test_an_upload_that_is_gone_is_begun_again(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps[8] = buckets.uploads.clear
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.sent.count("BeginUpload") == 2


def test_a_completed_upload_whose_answer_was_lost_is_found(buckets, run) -> None:
    source = buckets.write_in_parts(KEY, UNEVEN)

    def answer(asked: Any) -> Any:
        answered = buckets.perform(asked)
        if type(asked).__name__ == "CompleteUpload":
            fail("ReadTimeoutError")()
        return answered

    assert run(perform=answer) == Report(Outcome.ALREADY_EQUAL, 2, source=source)


def test_a_source_that_changes_meanwhile_has_its_upload_aborted(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps[7] = lambda: buckets.write_in_parts(KEY, (9, 9), b"new")
    report = run()
    assert (report.outcome, report.rounds, report.parts) == (Outcome.COPIED, 2, 2)
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag
    assert buckets.sent.count("AbortUpload") == 1
    assert buckets.uploads == {}


def test_metadata_that_changes_before_the_end_starts_afresh(buckets, run) -> None:
    source = buckets.write_in_parts(KEY, UNEVEN)
    last = len(LOOK) + 1 + len(COPY_IN_PARTS) + len(LOOK_AFTER)
    buckets.steps[last] = lambda: buckets.source.update({KEY: replace(source, metadata={"colour": "red"})})
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.destination[KEY].metadata == {"colour": "red"}


def test_a_write_that_takes_precedence_is_noticed(buckets, run, state) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    look_again = len(LOOK) + 1 + len(COPY_IN_PARTS) + 1
    buckets.steps[look_again] = lambda: buckets.destination.update({KEY: state()})
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag


def test_a_write_that_takes_precedence_is_noticed_by_its_tags_alone(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.tags["source", KEY] = {"a": "new"}
    tags_again = len(LOOK) + 1 + len(COPY_IN_PARTS) + len(LOOK_AFTER) - 1
    buckets.steps[tags_again] = lambda: buckets.tags.update({("destination", KEY): {"a": "old"}})
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.tags["destination", KEY] == {"a": "new"}


def test_a_destination_that_changes_meanwhile_keeps_the_parts(buckets, run, state) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps[10] = lambda: buckets.destination.update({KEY: state()})
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.copied_parts == [1, 2, 3, 4]


def test_what_was_copied_by_another_meanwhile_needs_no_upload(buckets, run) -> None:
    source = buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps[10] = lambda: buckets.destination.update({KEY: source})
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.ALREADY_EQUAL, 2)
    assert buckets.uploads == {}


def test_a_conflict_at_the_end_takes_a_new_upload(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps[10] = fail("ConditionalRequestConflict")
    assert run().outcome is Outcome.COPIED
    assert buckets.sent.count("BeginUpload") == 2
    assert buckets.sent.count("AbortUpload") == 1


def test_a_permanent_failure_aborts_the_upload(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps[7] = fail("InvalidObjectState", permanent=True)
    report = run()
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 1)
    assert report.failure is not None
    assert report.failure.code == "InvalidObjectState"
    assert buckets.uploads == {}


def test_an_upload_that_cannot_be_aborted_is_noted(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps.update({7: fail("AccessDenied", permanent=True), 8: fail("AccessDenied", permanent=True)})
    report = run()
    assert (report.outcome, report.notes) == (Outcome.FAILED, ("an upload was left open",))


def test_lasting_trouble_is_left_to_another_invocation_with_the_parts_there_are(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps.update({number: fail() for number in range(8, 100)})

    def perform(asked: Any) -> Any:
        return buckets.continued.append(asked) if isinstance(asked, Continue) else buckets.perform(asked)

    report = run(Options(part_concurrency=1), perform=perform)
    assert (report.outcome, report.failure, report.parts) == (Outcome.CONTINUED, None, 4)
    assert [(asked.hops, asked.layout) for asked in buckets.continued] == [(0, UNEVEN)]
    assert len(buckets.uploads) == 1


def test_lasting_trouble_before_any_part_fails(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.steps.update({number: fail() for number in range(7, 100)})
    report = run()
    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    assert report.failure.code == "SlowDown"
    assert buckets.continued == []


def test_pauses_grow_while_s3_is_busy_and_end_with_the_time(buckets, run) -> None:
    buckets.write_source(KEY, b"abc")
    buckets.steps.update({number: fail() for number in range(1, 100)})
    report = run()
    assert report.rounds == 9
    assert buckets.pauses == [0.5, 1, 2, 4, 8, 16, 20, 20]
    buckets.pauses.clear()
    left = [10.0]

    def perform(asked: Any) -> Any:
        before = len(buckets.pauses)
        try:
            return buckets.perform(asked)
        finally:
            left[0] -= sum(buckets.pauses[before:])

    report = run(perform=perform, seconds_left=lambda: left[0])
    assert buckets.pauses == [0.5, 1, 2, 4, 0.5]
    assert report.failure is not None
    assert report.failure.code == "SlowDown"


def test_a_copy_stopped_by_the_clock_several_times_copies_each_part_once(buckets, run, go_on) -> None:
    source = buckets.write_in_parts(KEY, (5,) * 99 + (3,))
    options = Options(part_concurrency=4)
    clock = Clock(buckets, 30.0)
    reports = [run(options, clock.perform, clock)]
    while reports[-1].outcome is Outcome.CONTINUED:
        clock = Clock(buckets, 30.0)
        reports.append(go_on(options=options, perform=clock.perform, seconds_left=clock))
        assert clock.left >= 0
    assert len(reports) >= 4
    assert reports[-1] == Report(Outcome.COPIED, 1, "multipart_copy", 100, source)
    assert {(report.outcome, report.parts) for report in reports[:-1]} == {(Outcome.CONTINUED, 100)}
    assert sorted(buckets.copied_parts) == list(range(1, 101))
    assert [asked.hops for asked in buckets.continued] == list(range(len(reports) - 1))
    assert {asked.layout for asked in buckets.continued} == {(5,)}
    assert buckets.destination[KEY].etag == source.etag
    assert buckets.sent.count("BeginUpload") == buckets.sent.count("CompleteUpload") == 1


def stop_early(buckets: Any, run: Any, layout: tuple[int, ...] = (5,) * 20) -> Continue:
    buckets.write_in_parts(KEY, layout)
    clock = Clock(buckets, 20.0)
    assert run(Options(part_concurrency=4), clock.perform, clock).outcome is Outcome.CONTINUED
    asked: Continue = buckets.continued[-1]
    return asked


def test_a_continuation_delivered_twice_ends_right(buckets, run, go_on) -> None:
    asked = stop_early(buckets, run)
    first, second = go_on(asked), go_on(asked)
    assert (first.outcome, second.outcome) == (Outcome.COPIED, Outcome.ALREADY_EQUAL)
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag
    assert sorted(buckets.copied_parts) == list(range(1, 21))


def test_two_continuations_at_once_end_right(buckets, run, go_on) -> None:
    asked = stop_early(buckets, run)
    done: list[Report] = []

    def other_runs_first(request: Any) -> Any:
        if isinstance(request, tuple) and not done:
            done.append(go_on(asked))
        return buckets.perform(request)

    report = go_on(asked, perform=other_runs_first)
    assert [report.outcome, done[0].outcome] == [Outcome.ALREADY_EQUAL, Outcome.COPIED]
    assert buckets.destination[KEY].etag == buckets.source[KEY].etag
    assert buckets.uploads == {}


def test_a_source_that_changed_between_hops_starts_afresh(buckets, run, go_on) -> None:
    asked = stop_early(buckets, run)
    source = buckets.write_in_parts(KEY, (7, 7), b"new")
    report = go_on(asked)
    assert (report.outcome, report.parts) == (Outcome.COPIED, 2)
    assert buckets.destination[KEY].etag == source.etag
    assert asked.upload_id not in buckets.uploads
    assert buckets.uploads == {}


def test_a_source_that_vanished_between_hops_is_given_up(buckets, run, go_on) -> None:
    asked = stop_early(buckets, run)
    del buckets.source[KEY]
    assert go_on(asked).outcome is Outcome.SOURCE_MISSING
    assert buckets.uploads == {}


def test_a_temporary_failure_of_a_continuation_leaves_the_upload_for_its_retry(buckets, run, go_on) -> None:
    asked = stop_early(buckets, run)
    copied = list(buckets.copied_parts)
    buckets.steps.update({number: fail() for number in range(len(buckets.sent) + 3, 1000)})
    report = go_on(asked)
    assert report.outcome is Outcome.FAILED
    assert asked.upload_id in buckets.uploads
    buckets.steps.clear()
    assert go_on(asked).outcome is Outcome.COPIED
    assert sorted(buckets.copied_parts) == list(range(1, 21))
    assert len(copied) < 20


def test_a_permanent_failure_of_a_continuation_aborts(buckets, run, go_on) -> None:
    asked = stop_early(buckets, run)
    buckets.steps[len(buckets.sent) + 3] = fail("AccessDenied", permanent=True)
    assert go_on(asked).outcome is Outcome.FAILED
    assert buckets.uploads == {}


def test_a_chain_ends(buckets, run, go_on) -> None:
    asked = replace(stop_early(buckets, run, (5,) * 80), hops=14)
    clock = Clock(buckets, 20.0)
    report = go_on(asked, Options(part_concurrency=4, max_hops=15), clock.perform, clock)
    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("TooManyContinuations", False)
    assert asked.upload_id in buckets.uploads
    assert len(buckets.continued) == 1


def test_without_a_clock_nothing_is_handed_on(buckets, run) -> None:
    buckets.write_in_parts(KEY, (5,) * 200)
    assert run(seconds_left=lambda: float("inf")).outcome is Outcome.COPIED
    assert buckets.continued == []


def test_tags_that_change_meanwhile_are_noticed_where_they_are_kept_in_step(buckets, run) -> None:
    buckets.write_in_parts(KEY, UNEVEN)
    buckets.tags["source", KEY] = {"a": "1"}
    buckets.steps[8] = lambda: buckets.tags.update({("source", KEY): {"a": "2"}})
    report = run(Options(sync_tags=True))
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert buckets.tags["destination", KEY] == {"a": "2"}
