"""What is sent to S3, and what its refusals become: botocore's Stubber, for moto accepts what AWS refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from botocore.stub import Stubber

from lambda_handler.compare import ObjectState
from lambda_handler.drive import drive
from lambda_handler.options import DEFAULT_OPTIONS, Options
from lambda_handler.perform import Performer
from lambda_handler.reconcile import Outcome, Report, reconcile
from lambda_handler.requests import Copied, CopyWhole, Head, Side
from lambda_handler.sdk import state_from_head

KEY = "a b/ü+.csv"
OWNER = "123456789012"
ETAG = '"900150983cd24fb0d6963f7d28e17f72"'
OTHER_ETAG = '"11111111111111111111111111111111"'
WRITTEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
SOURCE_OBJECT = {"Bucket": "p-source", "Key": KEY, "ExpectedBucketOwner": OWNER}
HEAD_SOURCE = {**SOURCE_OBJECT, "ChecksumMode": "ENABLED"}
HEAD_DESTINATION = {**SOURCE_OBJECT, "Bucket": "p-destination"}
COPY = {
    "Bucket": "p-destination",
    "Key": KEY,
    "ExpectedBucketOwner": OWNER,
    "CopySource": {"Bucket": "p-source", "Key": KEY},
    "CopySourceIfMatch": ETAG,
    "ExpectedSourceBucketOwner": OWNER,
    "MetadataDirective": "COPY",
    "TaggingDirective": "COPY",
}
COPY_NEW = {**COPY, "AnnotationDirective": "COPY", "IfNoneMatch": "*"}
COPY_OVER = {**COPY, "AnnotationDirective": "COPY", "IfMatch": OTHER_ETAG}
COPIED = {"CopyObjectResult": {"ETag": ETAG}, "ServerSideEncryption": "AES256"}


def head(etag: str = ETAG, **more: Any) -> dict[str, Any]:
    return {"ContentLength": 3, "ETag": etag, "LastModified": WRITTEN, "ServerSideEncryption": "AES256", **more}


@pytest.fixture
def look(clients) -> Iterator[Stubber]:
    with Stubber(clients.look) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def copy(clients) -> Iterator[Stubber]:
    with Stubber(clients.copy) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def run(performer: Performer, options: Options = DEFAULT_OPTIONS) -> Report:
    return drive(reconcile(KEY, options, seconds_left=lambda: 300.0), performer.perform)


def refuse_head(stubber: Stubber, status: int, parameters: dict[str, Any]) -> None:
    """HEAD has no body: the code is the status."""
    names = {403: "Forbidden", 404: "Not Found", 400: "Bad Request", 503: "Service Unavailable"}
    stubber.add_client_error("head_object", str(status), names[status], status, expected_params=parameters)


def refuse_copy(stubber: Stubber, code: str, status: int, parameters: dict[str, Any] = COPY_NEW) -> None:
    stubber.add_client_error("copy_object", code, f"it is {code}", status, expected_params=parameters)


def expect_look(stubber: Stubber, destination_etag: str | None = None) -> None:
    stubber.add_response("head_object", head(), HEAD_SOURCE)
    if destination_etag:
        stubber.add_response("head_object", head(destination_etag), HEAD_DESTINATION)
    else:
        refuse_head(stubber, 404, HEAD_DESTINATION)


def test_a_new_object(look, copy, performer) -> None:
    expect_look(look)
    copy.add_response("copy_object", COPIED, COPY_NEW)
    look.add_response("head_object", head(), HEAD_SOURCE)
    report = run(performer)
    assert (report.outcome, report.rounds, performer.requests) == (Outcome.COPIED, 1, 4)


def test_an_existing_object_is_replaced_only_as_it_was_seen(look, copy, performer) -> None:
    expect_look(look, OTHER_ETAG)
    copy.add_response("copy_object", COPIED, COPY_OVER)
    look.add_response("head_object", head(), HEAD_SOURCE)
    assert run(performer).outcome is Outcome.COPIED


def test_an_equal_object_has_its_tags_compared(look, copy, performer) -> None:
    expect_look(look, ETAG)
    look.add_response("get_object_tagging", {"TagSet": [{"Key": "a", "Value": "1"}]}, SOURCE_OBJECT)
    look.add_response("get_object_tagging", {"TagSet": [{"Key": "a", "Value": "1"}]}, HEAD_DESTINATION)
    assert run(performer).outcome is Outcome.ALREADY_EQUAL
    assert performer.requests == 4


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("PreconditionFailed", 412),
        ("ConditionalRequestConflict", 409),
        ("OperationAborted", 409),
        ("NoSuchKey", 404),
        ("SlowDown", 503),
        ("InternalError", 500),
    ],
)
def test_after_a_passing_refusal_both_are_looked_at_again(look, copy, performer, code: str, status: int) -> None:
    expect_look(look)
    refuse_copy(copy, code, status)
    expect_look(look, OTHER_ETAG)
    copy.add_response("copy_object", COPIED, COPY_OVER)
    look.add_response("head_object", head(), HEAD_SOURCE)
    report = run(performer)
    assert (report.outcome, report.rounds, performer.requests) == (Outcome.COPIED, 2, 7)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDenied", 403),
        ("NoSuchBucket", 404),
        ("InvalidObjectState", 403),
        ("ObjectNotInActiveTierError", 403),
        ("InvalidRequest", 400),
    ],
)
def test_a_permanent_refusal_of_the_copy_ends_it(look, copy, performer, code: str, status: int) -> None:
    expect_look(look)
    refuse_copy(copy, code, status)
    report = run(performer)
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 1)
    assert report.failure is not None
    assert (report.failure.code, report.failure.operation, report.failure.permanent) == (code, "CopyObject", True)
    assert f"it is {code}" in report.failure.message
    assert "destination bucket p-destination" in report.failure.message


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_forbidden_head_is_an_access_denied(look, performer, side: str) -> None:
    if side == "destination":
        look.add_response("head_object", head(), HEAD_SOURCE)
    refuse_head(look, 403, HEAD_SOURCE if side == "source" else HEAD_DESTINATION)
    report = run(performer)
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 1)
    assert report.failure is not None
    assert (report.failure.code, report.failure.operation) == ("AccessDenied", "HeadObject")
    assert report.failure.permanent
    assert report.failure.message.startswith(f"{side} bucket p-{side}: ")
    assert "s3:ListBucket" in report.failure.message


def test_the_request_id_is_kept(look, performer) -> None:
    look.add_client_error("head_object", "400", "Bad Request", 400, response_meta={"RequestId": "S3-1"})
    report = run(performer)
    assert report.failure is not None
    assert (report.failure.code, report.failure.request_id) == ("BadRequest", "S3-1")


def test_forbidden_tags_name_their_operation(look, performer) -> None:
    expect_look(look, ETAG)
    look.add_client_error("get_object_tagging", "AccessDenied", "no", 403, expected_params=SOURCE_OBJECT)
    report = run(performer)
    assert report.failure is not None
    assert (report.failure.code, report.failure.operation) == ("AccessDenied", "GetObjectTagging")


def test_the_sdk_s_own_repetitions_are_counted(look, performer) -> None:
    look.add_response("head_object", head(ResponseMetadata={"RetryAttempts": 2}), HEAD_SOURCE)
    performer.perform(Head(Side.SOURCE, KEY))
    assert performer.requests == 3


def test_an_old_sdk_copies_without_the_conditions_it_does_not_know(old_clients, settings) -> None:
    clients = old_clients()
    performer = Performer(clients, settings, lambda _: None)
    with pytest.raises(ParamValidationError, match="IfNoneMatch"):
        clients.copy.copy_object(**COPY_NEW)
    with Stubber(clients.copy) as stubber:
        stubber.add_response("head_object", head(), SOURCE_OBJECT)
        refuse_head(stubber, 404, HEAD_DESTINATION)
        stubber.add_response("copy_object", COPIED, COPY)
        stubber.add_response("head_object", head(), SOURCE_OBJECT)
        assert run(performer).outcome is Outcome.COPIED
        stubber.assert_no_pending_responses()


def test_a_copy_names_its_etag_and_encryption(copy, performer) -> None:
    copy.add_response("copy_object", {**COPIED, "ServerSideEncryption": "aws:kms"}, COPY_NEW)
    assert performer.perform(CopyWhole(KEY, state_from_head(head()), None)) == Copied(ETAG, "aws:kms")


def test_head_becomes_a_state() -> None:
    state = state_from_head(
        head(
            VersionId="v1",
            CacheControl="no-cache",
            ContentDisposition="inline",
            ContentEncoding="gzip",
            ContentLanguage="en",
            ContentType="text/csv",
            ExpiresString="never",
            Metadata={"colour": "blue"},
            StorageClass="GLACIER",
        )
    )
    headers = {
        "CacheControl": "no-cache",
        "ContentDisposition": "inline",
        "ContentEncoding": "gzip",
        "ContentLanguage": "en",
        "ContentType": "text/csv",
        "Expires": "never",
    }
    assert state == ObjectState(3, ETAG, WRITTEN, "v1", "AES256", headers, {"colour": "blue"}, "GLACIER")


def test_expires_is_compared_also_where_the_sdk_only_gives_a_date() -> None:
    assert state_from_head(head(Expires=WRITTEN)).headers == {"Expires": "Fri, 02 Jan 2026 03:04:05 GMT"}


def test_a_customer_s_key_is_no_s3_encryption() -> None:
    customer = head(SSECustomerAlgorithm="AES256")
    del customer["ServerSideEncryption"]
    assert state_from_head(customer).encryption == "SSE-C"
