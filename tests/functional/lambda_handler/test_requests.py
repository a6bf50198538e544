"""What is sent to S3, and what its refusals become: botocore's Stubber, for moto accepts what AWS refuses."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from botocore.stub import Stubber

from lambda_handler.clients import Clients
from lambda_handler.compare import ObjectState
from lambda_handler.drive import drive
from lambda_handler.errors import RequestError
from lambda_handler.options import DEFAULT_OPTIONS, Options
from lambda_handler.perform import Performer
from lambda_handler.reconcile import Outcome, Report, reconcile
from lambda_handler.redelivery import Receipt, Returned
from lambda_handler.requests import (
    AbortUpload,
    BeginUpload,
    CompleteUpload,
    Continue,
    Copied,
    CopiedPart,
    CopyPart,
    CopyWhole,
    DeleteDestination,
    Exists,
    GetLayout,
    GetTags,
    Head,
    HeadPart,
    ListParts,
    PartSize,
    Side,
)
from lambda_handler.returning import Returner
from lambda_handler.sdk import state_from_head
from lambda_handler.settings import Settings

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
    with Stubber(clients.copy()) as stubber:
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
        clients.copy().copy_object(**COPY_NEW)
    with Stubber(clients.copy()) as stubber:
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


SOURCE = ObjectState(
    size=11,
    etag='"22222222222222222222222222222222-3"',
    last_modified=WRITTEN,
    version_id=None,
    encryption="AES256",
    headers={"ContentType": "text/csv", "Expires": "never"},
    metadata={"colour": "blue"},
    storage_class="STANDARD_IA",
    checksum_algorithm="CRC32",
    checksum_type="FULL_OBJECT",
)
UPLOAD = {"Bucket": "p-destination", "Key": KEY, "ExpectedBucketOwner": OWNER, "UploadId": "u-1"}
COPY_SOURCE = {
    "CopySource": {"Bucket": "p-source", "Key": KEY},
    "CopySourceIfMatch": SOURCE.etag,
    "ExpectedSourceBucketOwner": OWNER,
}


@pytest.fixture
def parts(clients) -> Iterator[Stubber]:
    with Stubber(clients.parts()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_the_parts_are_listed_page_by_page(look, performer) -> None:
    asked = {**SOURCE_OBJECT, "ObjectAttributes": ["ETag", "ObjectParts"], "MaxParts": 1000}
    first = {"Parts": [{"PartNumber": 1, "Size": 5}], "IsTruncated": True, "NextPartNumberMarker": 1}
    second = {"Parts": [{"PartNumber": 2, "Size": 6}], "IsTruncated": False}
    bare = SOURCE.etag.strip('"')
    look.add_response("get_object_attributes", {"ETag": bare, "ObjectParts": first}, asked)
    look.add_response("get_object_attributes", {"ETag": bare, "ObjectParts": second}, {**asked, "PartNumberMarker": 1})
    assert performer.perform(GetLayout(KEY, SOURCE)) == (5, 6)
    assert performer.requests == 2


def test_parts_that_are_not_listed(look, performer) -> None:
    look.add_response("get_object_attributes", {"ObjectParts": {"TotalPartsCount": 3}})
    assert performer.perform(GetLayout(KEY, SOURCE)) is None
    look.add_client_error("get_object_attributes", "NotImplemented", "no", 501)
    assert performer.perform(GetLayout(KEY, SOURCE)) is None


def test_the_parts_of_another_object_are_not_taken(look, performer) -> None:
    look.add_response("get_object_attributes", {"ETag": "0" * 32, "ObjectParts": {"Parts": [{"Size": 5}]}})
    with pytest.raises(RequestError) as caught:
        performer.perform(GetLayout(KEY, SOURCE))
    assert (caught.value.failure.code, caught.value.failure.permanent) == ("PreconditionFailed", False)


def test_a_part_is_looked_at(clients, performer) -> None:
    with Stubber(clients.look_at_parts()) as parts:
        parts.add_response("head_object", head(PartsCount=3), {**SOURCE_OBJECT, "PartNumber": 2})
        assert performer.perform(HeadPart(KEY, SOURCE, 2)) == PartSize(3, 3)
        parts.add_client_error("head_object", "416", "Requested Range Not Satisfiable", 416)
        assert performer.perform(HeadPart(KEY, SOURCE, 3)) == PartSize(0, None)


def test_an_upload_is_begun_with_everything_that_s3_does_not_carry(copy, performer) -> None:
    expected = {
        "Bucket": "p-destination",
        "Key": KEY,
        "ExpectedBucketOwner": OWNER,
        "ContentType": "text/csv",
        "Metadata": {"colour": "blue"},
        "Tagging": "a+b=1%262",
        "StorageClass": "STANDARD_IA",
        "ChecksumAlgorithm": "CRC32",
        "ChecksumType": "FULL_OBJECT",
    }
    copy.add_response("create_multipart_upload", {"UploadId": "u-1"}, expected)
    assert performer.perform(BeginUpload(KEY, SOURCE, {"a b": "1&2"}, "STANDARD_IA")) == "u-1"


def test_copies_are_encrypted_with_the_key_that_was_given(copy, clients, settings) -> None:
    performer = Performer(clients, replace(settings, options=Options(kms_key_id="k-1")), lambda _: None)
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k-1", "BucketKeyEnabled": True}
    copy.add_response("copy_object", COPIED, {**COPY_NEW, **encryption, "StorageClass": "GLACIER_IR"})
    performer.perform(CopyWhole(KEY, state_from_head(head()), None, "GLACIER_IR"))


def test_tags_are_given_where_they_were_read(copy, performer) -> None:
    copy.add_response("copy_object", COPIED, {**COPY_NEW, "TaggingDirective": "REPLACE", "Tagging": "a=1"})
    performer.perform(CopyWhole(KEY, state_from_head(head()), None, None, {"a": "1"}))


def test_parts_are_copied_if_the_source_is_the_same(parts, performer) -> None:
    answered = {"CopyPartResult": {"ETag": '"e1"', "ChecksumCRC32": "AAAAAA=="}}
    ranged = {**UPLOAD, **COPY_SOURCE, "PartNumber": 1, "CopySourceRange": "bytes=5-9"}
    parts.add_response("upload_part_copy", answered, ranged)
    asked = CopyPart(KEY, SOURCE, "u-1", 1, 5, 5)
    expected = CopiedPart(1, '"e1"', 5, (("ChecksumCRC32", "AAAAAA=="),))
    assert performer.perform(asked) == expected
    parts.add_response("upload_part_copy", answered, {**UPLOAD, **COPY_SOURCE, "PartNumber": 1})
    assert performer.perform(replace(asked, first=None)) == expected


@pytest.mark.parametrize(
    ("algorithm", "checksum"),
    [
        (None, {}),
        ("XXHASH3", {}),
        ("CRC32", {"ChecksumCRC32": "AAAAAA=="}),
        ("CRC64NVME", {"ChecksumCRC64NVME": "AAAAAAAAAAA="}),
        ("SHA256", {"ChecksumSHA256": base64.b64encode(hashlib.sha256().digest()).decode()}),
        ("SHA1", {"ChecksumSHA1": base64.b64encode(hashlib.sha1(usedforsecurity=False).digest()).decode()}),
    ],
)
def test_an_empty_part_is_uploaded_with_the_upload_s_own_checksum(parts, performer, algorithm, checksum) -> None:
    parts.add_response("upload_part", {"ETag": '"e2"'}, {**UPLOAD, "PartNumber": 2, "Body": b"", **checksum})
    asked = CopyPart(KEY, replace(SOURCE, checksum_algorithm=algorithm), "u-1", 2, 11, 0)
    assert performer.perform(asked) == CopiedPart(2, '"e2"', 0)


def test_finished_parts_are_listed_page_by_page(look, performer) -> None:
    first = {"Parts": [{"PartNumber": 1, "ETag": '"e1"', "Size": 5}], "IsTruncated": True, "NextPartNumberMarker": 1}
    second = {"Parts": [{"PartNumber": 3, "ETag": '"e3"', "Size": 1, "ChecksumCRC32": "x"}], "IsTruncated": False}
    look.add_response("list_parts", first, UPLOAD)
    look.add_response("list_parts", second, {**UPLOAD, "PartNumberMarker": 1})
    expected = (CopiedPart(1, '"e1"', 5), CopiedPart(3, '"e3"', 1, (("ChecksumCRC32", "x"),)))
    assert performer.perform(ListParts(KEY, "u-1")) == expected


@pytest.mark.parametrize("there", [None, OTHER_ETAG])
def test_an_upload_is_completed_if_the_destination_is_as_it_was_seen(copy, performer, there) -> None:
    listed = [{"PartNumber": 1, "ETag": '"e1"'}, {"PartNumber": 2, "ETag": '"e2"', "ChecksumCRC32": "x"}]
    condition = {"IfMatch": there} if there else {"IfNoneMatch": "*"}
    expected = {**UPLOAD, "MultipartUpload": {"Parts": listed}, "MpuObjectSize": 11, **condition}
    answered = {"ETag": SOURCE.etag, "ServerSideEncryption": "AES256"}
    copy.add_response("complete_multipart_upload", answered, expected)
    finished = (CopiedPart(1, '"e1"', 5), CopiedPart(2, '"e2"', 6, (("ChecksumCRC32", "x"),)))
    destination = replace(SOURCE, etag=there) if there else None
    asked = CompleteUpload(KEY, "u-1", finished, 11, destination, SOURCE)
    assert performer.perform(asked) == Copied(SOURCE.etag, "AES256")


def test_an_upload_is_given_up_once(look, performer) -> None:
    look.add_response("abort_multipart_upload", {}, UPLOAD)
    look.add_client_error("abort_multipart_upload", "NoSuchUpload", "gone", 404, expected_params=UPLOAD)
    look.add_client_error("abort_multipart_upload", "AccessDenied", "no", 403)
    for _ in range(2):
        performer.perform(AbortUpload(KEY, "u-1"))
    with pytest.raises(RequestError):
        performer.perform(AbortUpload(KEY, "u-1"))


@pytest.mark.parametrize(("listed", "exists"), [([], False), ([KEY], True), ([f"{KEY}.bak"], False)])
def test_a_listing_tells_whether_a_key_exists(look, performer, listed: list[str], exists: bool) -> None:
    asked = {"Bucket": "p-source", "Prefix": KEY, "MaxKeys": 1, "ExpectedBucketOwner": OWNER}
    look.add_response("list_objects_v2", {"Contents": [{"Key": key} for key in listed]}, asked)
    assert performer.perform(Exists(Side.SOURCE, KEY)) is exists


def test_a_destination_is_deleted_only_as_it_was_seen(copy, performer, old_clients, settings) -> None:
    expected = {"Bucket": "p-destination", "Key": KEY, "ExpectedBucketOwner": OWNER}
    copy.add_response("delete_object", {}, {**expected, "IfMatch": SOURCE.etag})
    performer.perform(DeleteDestination(KEY, SOURCE))
    clients = old_clients()
    with Stubber(clients.copy()) as stubber:
        stubber.add_response("delete_object", {}, expected)
        Performer(clients, settings, lambda _: None).perform(DeleteDestination(KEY, SOURCE))


def test_tags_of_an_object_that_is_gone_are_none(look, performer) -> None:
    look.add_client_error("get_object_tagging", "NoSuchKey", "gone", 404)
    assert performer.perform(GetTags(Side.SOURCE, KEY)) == {}


def test_the_function_invokes_itself_and_does_not_wait(clients, settings) -> None:
    named = replace(settings, function_name="p-copy")
    performer = Performer(clients, named, lambda _: None, lambda asked: asked.upload_id.encode())
    asked = Continue(KEY, SOURCE, "u-1", (5,), 0)
    expected = {"FunctionName": "p-copy", "InvocationType": "Event", "Payload": b"u-1"}
    with Stubber(clients.functions) as stubber:
        stubber.add_response("invoke", {"StatusCode": 202}, expected)
        stubber.add_client_error("invoke", "AccessDeniedException", "no", 403)
        performer.perform(asked)
        with pytest.raises(RequestError) as caught:
            performer.perform(asked)
    failure = caught.value.failure
    assert (failure.code, failure.operation, failure.permanent) == ("AccessDeniedException", "Invoke", True)
    assert failure.message == "function p-copy: no"


def test_outside_lambda_nothing_is_handed_on(performer) -> None:
    with pytest.raises(RequestError, match="CannotContinue"):
        performer.perform(Continue(KEY, SOURCE, "u-1", (5,), 0))


def test_clients_that_few_copies_need_are_made_when_they_are_needed(clients) -> None:
    assert "functions" not in vars(clients)
    assert clients.parts().meta.config.max_pool_connections == 4
    assert clients.parts() is clients.parts()
    assert clients.copy().meta.config.request_checksum_calculation == "when_required"


def test_what_the_sdk_refuses_to_send_is_permanent(performer) -> None:
    with pytest.raises(RequestError) as caught:
        performer.perform(BeginUpload("", SOURCE, {}))
    assert (caught.value.failure.code, caught.value.failure.permanent) == ("ParamValidationError", True)


PREFIXED = f"copies/{KEY}"


def with_prefix(clients: Clients, settings: Settings, prefix: str) -> Performer:
    return Performer(clients, replace(settings, options=Options(destination_prefix=prefix)), lambda _: None)


def test_the_destination_prefix_stands_before_the_whole_key(look, copy, clients, settings) -> None:
    performer = with_prefix(clients, settings, "copies/")
    look.add_response("head_object", head(), HEAD_SOURCE)
    refuse_head(look, 404, {**HEAD_DESTINATION, "Key": PREFIXED})
    copy.add_response("copy_object", COPIED, {**COPY_NEW, "Key": PREFIXED})
    look.add_response("head_object", head(), HEAD_SOURCE)
    assert run(performer).outcome is Outcome.COPIED


def test_every_request_to_the_destination_has_the_prefix(look, copy, parts, clients, settings) -> None:
    performer = with_prefix(clients, settings, "copies/")
    there = {**HEAD_DESTINATION, "Key": PREFIXED}
    look.add_response("get_object_tagging", {"TagSet": []}, there)
    performer.perform(GetTags(Side.DESTINATION, KEY))
    copy.add_response("delete_object", {}, {**there, "IfMatch": SOURCE.etag})
    performer.perform(DeleteDestination(KEY, SOURCE))
    plain = replace(SOURCE, headers={}, metadata={}, checksum_algorithm=None, checksum_type=None)
    copy.add_response("create_multipart_upload", {"UploadId": "u"}, {**there, "Metadata": {}})
    performer.perform(BeginUpload(KEY, plain, {}, None))
    look.add_response("list_parts", {}, {**there, "UploadId": "u"})
    performer.perform(ListParts(KEY, "u"))
    look.add_response("abort_multipart_upload", {}, {**there, "UploadId": "u"})
    performer.perform(AbortUpload(KEY, "u"))
    part = {name: value for name, value in COPY.items() if not name.endswith("Directive")}
    part["CopySourceIfMatch"] = SOURCE.etag
    answer = {"CopyPartResult": {"ETag": ETAG}}
    parts.add_response("upload_part_copy", answer, {**part, "Key": PREFIXED, "UploadId": "u", "PartNumber": 1})
    performer.perform(CopyPart(KEY, SOURCE, "u", 1, None, 11))


def test_a_key_that_the_prefix_makes_too_long_fails_for_good_and_in_words(look, clients, settings) -> None:
    performer = with_prefix(clients, settings, "p" * 1024)
    look.add_response("head_object", head(), HEAD_SOURCE)
    report = run(performer)
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("KeyTooLong", True)
    assert f"has {1024 + len(KEY.encode())} bytes, S3 allows 1024" in report.failure.message


def test_a_key_that_would_be_too_long_has_no_copy_to_delete(look, clients, settings) -> None:
    options = Options(propagate_deletes=True, destination_prefix="p" * 1024)
    performer = Performer(clients, replace(settings, options=options), lambda _: None)
    refuse_head(look, 404, HEAD_SOURCE)
    assert run(performer, options).outcome is Outcome.ALREADY_ABSENT


def test_messages_come_back_also_where_one_of_them_is_refused(clients) -> None:
    arn = "arn:aws:sqs:eu-west-1:123456789012:s3copy-events"
    returned = [Returned(Receipt(str(number), f"handle {number}", arn), number) for number in range(3)]
    unknown = Returned(Receipt("x"), 2)
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/s3copy-events"
    expected = [{"QueueUrl": url, "ReceiptHandle": f"handle {n}", "VisibilityTimeout": n} for n in range(3)]
    with Stubber(clients.queues) as queues:
        queues.add_response("change_message_visibility", {}, expected[0])
        queues.add_client_error("change_message_visibility", "AccessDenied", expected_params=expected[1])
        queues.add_response("change_message_visibility", {}, expected[2])
        with pytest.raises(ClientError, match="AccessDenied"):
            Returner(lambda: clients.queues)([*returned, unknown])
        queues.assert_no_pending_responses()
