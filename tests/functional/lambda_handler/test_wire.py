"""The function against answers of S3 as they come over the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from lambda_handler.compare import ObjectState
from lambda_handler.drive import drive
from lambda_handler.errors import RequestError
from lambda_handler.options import DEFAULT_OPTIONS, Options
from lambda_handler.perform import Performer
from lambda_handler.reconcile import Outcome, Report, reconcile
from lambda_handler.requests import CopyWhole, Head, Side
from lambda_handler.sdk import state_from_head

KEY = "sample.csv"
ETAG = '"900150983cd24fb0d6963f7d28e17f72"'
HEADERS = {
    "x-amz-request-id": "S3-1",
    "content-length": "3",
    "etag": ETAG,
    "last-modified": "Fri, 02 Jan 2026 03:04:05 GMT",
    "content-type": "text/csv",
    "x-amz-server-side-encryption": "AES256",
}
COPIED = f"<CopyObjectResult><LastModified>2026-01-02T03:04:06Z</LastModified><ETag>{ETAG}</ETag></CopyObjectResult>"


def error_body(code: str) -> str:
    return f"<?xml version='1.0'?>\n<Error><Code>{code}</Code><Message>it is {code}</Message></Error>"


@dataclass
class Body:
    """The part of urllib3's answer that botocore reads."""

    text: str

    def stream(self, **_: Any) -> Any:
        yield self.text.encode()


@dataclass(frozen=True)
class Answer:
    status: int
    body: str = ""
    headers: Any = None


Answers = list[Answer | Exception]


@pytest.fixture
def sent() -> list[AWSRequest]:
    return []


@pytest.fixture
def objects(clients, settings, sent, monkeypatch) -> Callable[[Answers], Performer]:
    """S3 that gives these answers, one for each request that leaves the SDK."""
    # The SDK's pauses between its own repetitions.
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)

    def make(answers: Answers) -> Performer:
        rest = iter(answers)

        def answer(request: AWSRequest, **_: Any) -> AWSResponse:
            sent.append(request)
            given = next(rest)
            if isinstance(given, Exception):
                raise given
            return AWSResponse(request.url, given.status, given.headers or HEADERS, Body(given.body))

        for client in (clients.look, clients.copy(), clients.parts()):
            client.meta.events.register("before-send.s3", answer)
        return Performer(clients, settings, lambda _: None)

    return make


def run(performer: Performer, options: Options = DEFAULT_OPTIONS) -> Report:
    return drive(reconcile(KEY, options, seconds_left=lambda: 300.0), performer.perform)


def methods(sent: list[AWSRequest]) -> list[str]:
    return [request.method for request in sent]


FOUND = Answer(200)
MISSING = Answer(404)
DONE = Answer(200, COPIED)


def test_a_small_new_object_takes_four_requests(objects, sent) -> None:
    adapter = objects([FOUND, MISSING, DONE, FOUND])
    assert run(adapter).outcome is Outcome.COPIED
    assert methods(sent) == ["HEAD", "HEAD", "PUT", "HEAD"]
    assert adapter.requests == 4
    copy = {name.lower(): value for name, value in sent[2].headers.items()}
    expected = {
        "x-amz-copy-source": b"p-source/sample.csv",
        "x-amz-copy-source-if-match": ETAG.encode(),
        "x-amz-metadata-directive": b"COPY",
        "x-amz-tagging-directive": b"COPY",
        "x-amz-expected-bucket-owner": b"123456789012",
        "x-amz-source-expected-bucket-owner": b"123456789012",
        "if-none-match": b"*",
    }
    assert {name: copy[name] if isinstance(copy[name], bytes) else copy[name].encode() for name in expected} == expected
    assert all(b"s3copy" in request.headers["User-Agent"] for request in sent)


def test_an_error_inside_a_200_answer_is_no_success(objects, sent) -> None:
    adapter = objects([FOUND, MISSING, Answer(200, error_body("InternalError"))])
    source = adapter.perform(Head(Side.SOURCE, KEY))
    assert source is not None
    assert adapter.perform(Head(Side.DESTINATION, KEY)) is None
    with pytest.raises(RequestError) as caught:
        adapter.perform(CopyWhole(KEY, source, None))
    failure = caught.value.failure
    assert (failure.code, failure.operation, failure.permanent) == ("InternalError", "CopyObject", False)
    assert len(sent) == 3  # the SDK has not copied again by itself


def test_an_error_inside_a_200_answer_leads_to_a_new_round(objects) -> None:
    adapter = objects([FOUND, MISSING, Answer(200, error_body("SlowDown")), FOUND, MISSING, DONE, FOUND])
    report = run(adapter)
    assert (report.outcome, report.rounds, adapter.requests) == (Outcome.COPIED, 2, 7)


def test_a_permanent_error_inside_a_200_answer_ends_it(objects) -> None:
    report = run(objects([FOUND, MISSING, Answer(200, error_body("AccessDenied"))]))
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 1)
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("AccessDenied", True)


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="https://s3"),
        ConnectionClosedError(endpoint_url="https://s3"),
        EndpointConnectionError(endpoint_url="https://s3", error="refused"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_copy_without_an_answer_is_followed_by_a_look(objects, sent, error: Exception) -> None:
    tags = Answer(200, "<Tagging><TagSet/></Tagging>")
    report = run(objects([FOUND, MISSING, error, FOUND, FOUND, tags, tags]))
    assert (report.outcome, report.rounds) == (Outcome.ALREADY_EQUAL, 2)
    assert methods(sent) == ["HEAD", "HEAD", "PUT", "HEAD", "HEAD", "GET", "GET"]


@pytest.mark.parametrize("code", ["SlowDown", "InternalError"])
def test_a_refused_copy_is_not_repeated_by_the_sdk(objects, sent, code: str) -> None:
    report = run(objects([FOUND, MISSING, Answer(503, error_body(code)), FOUND, MISSING, DONE, FOUND]))
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert methods(sent) == ["HEAD", "HEAD", "PUT", "HEAD", "HEAD", "PUT", "HEAD"]


def test_a_head_is_repeated_by_the_sdk_and_counted(objects, sent) -> None:
    adapter = objects([Answer(503), FOUND, MISSING, DONE, FOUND])
    report = run(adapter)
    assert (report.outcome, report.rounds, adapter.requests) == (Outcome.COPIED, 1, 5)
    assert len(sent) == 5


def test_what_the_sdk_gave_up_repeating_is_counted(objects, sent) -> None:
    adapter = objects([Answer(503)] * 3)
    with pytest.raises(RequestError, match="HeadObject: ServiceUnavailable: source bucket p-source"):
        adapter.perform(Head(Side.SOURCE, KEY))
    assert adapter.requests == len(sent) == 3


def test_a_network_that_stays_down_is_a_temporary_failure(objects) -> None:
    down = EndpointConnectionError(endpoint_url="https://s3", error="refused")
    report = run(objects([down] * 15))
    assert (report.outcome, report.rounds) == (Outcome.FAILED, 5)
    assert report.failure is not None
    assert (report.failure.code, report.failure.permanent) == ("EndpointConnectionError", False)
    assert report.failure.operation == "HeadObject"


def test_an_answer_that_cannot_be_read_leads_to_a_new_round(objects) -> None:
    report = run(objects([FOUND, MISSING, Answer(200, "<CopyObj"), FOUND, MISSING, DONE, FOUND]))
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)


@pytest.mark.parametrize("text", ["Fri, 02 Jan 2026 03:04:05 GMT", "0", "never"])
def test_expires_is_kept_as_text(objects, text: str) -> None:
    adapter = objects([Answer(200, headers={**HEADERS, "expires": text})])
    state = adapter.perform(Head(Side.SOURCE, KEY))
    assert state is not None
    assert state.headers["Expires"] == text


def test_time_outs_leave_room_for_a_report(clients) -> None:
    assert clients.copy().meta.config.read_timeout == 280
    assert clients.look.meta.config.read_timeout < clients.copy().meta.config.read_timeout
    assert clients.copy().meta.config.retries["total_max_attempts"] == 1


@pytest.mark.parametrize(
    ("seconds_left", "read_timeout"), [(900.0, 280), (281.0, 280), (280.0, 180), (100.0, 80), (20.0, 15), (1.0, 15)]
)
def test_an_answer_is_not_waited_for_longer_than_the_invocation_lasts(clients, seconds_left, read_timeout) -> None:
    assert clients.copy(seconds_left).meta.config.read_timeout == read_timeout
    assert clients.copy(seconds_left).meta.config.retries["total_max_attempts"] == 1
    assert clients.copy(seconds_left) is clients.copy(seconds_left)
    assert clients.parts(seconds_left).meta.config.read_timeout == read_timeout
    assert clients.parts(seconds_left).meta.config.retries["total_max_attempts"] == 3
    assert clients.parts(seconds_left) is not clients.copy(seconds_left)


def test_a_copy_that_begins_late_is_given_up_before_lambda_would(clients, settings) -> None:
    performer = Performer(clients, settings, lambda _: None, seconds_left=lambda: 55.0)
    source = ObjectState(3, ETAG, datetime(2026, 1, 2, tzinfo=timezone.utc), None, "AES256", {}, {})
    seen: list[str] = []

    def answer(request: AWSRequest, **_: Any) -> AWSResponse:
        seen.append(request.url)
        raise ReadTimeoutError(endpoint_url=request.url)

    clients.copy(52.0).meta.events.register("before-send.s3.CopyObject", answer)
    with pytest.raises(RequestError) as caught:
        performer.perform(CopyWhole(KEY, source, None))
    assert caught.value.failure.code == "ReadTimeoutError"
    assert not caught.value.failure.permanent
    assert len(seen) == 1
    assert clients.copy(52.0).meta.config.read_timeout == 50


def test_a_head_without_headers_is_the_defect_it_is() -> None:
    with pytest.raises(KeyError):
        state_from_head({})


STARTED = Answer(200, "<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>")
PART = Answer(200, "<CopyPartResult><ETag>&quot;e1&quot;</ETag></CopyPartResult>")
NO_TAGS = Answer(200, "<Tagging><TagSet/></Tagging>")
MULTIPART = '"22222222222222222222222222222222-1"'
IN_PARTS = Answer(200, headers={**HEADERS, "etag": MULTIPART, "expires": "never"})
COMPLETED = Answer(200, f"<CompleteMultipartUploadResult><ETag>{MULTIPART}</ETag></CompleteMultipartUploadResult>")
LISTED = Answer(
    200,
    "<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber>"
    "<ETag>&quot;e1&quot;</ETag><Size>3</Size></Part></ListPartsResult>",
)
UP_TO_COMPLETE = [IN_PARTS, MISSING, NO_TAGS, STARTED, PART]
COMPLETE = [COMPLETED, IN_PARTS, NO_TAGS, IN_PARTS]


def test_an_object_of_one_part_takes_nine_requests(objects, sent) -> None:
    adapter = objects([*UP_TO_COMPLETE, *COMPLETE])
    report = run(adapter)
    assert (report.outcome, report.rounds, adapter.requests) == (Outcome.COPIED, 1, 9)
    assert methods(sent) == ["HEAD", "HEAD", "GET", "POST", "PUT", "POST", "HEAD", "GET", "HEAD"]
    # S3 keeps any text here; the SDK would only take a date.
    assert sent[3].headers["Expires"] in ("never", b"never")
    assert all("Expires" not in request.headers for number, request in enumerate(sent) if number != 3)
    owners = [request.headers.get("x-amz-expected-bucket-owner") for request in sent]
    assert set(owners) <= {"123456789012", b"123456789012"}


@pytest.mark.parametrize(
    "error", [Answer(200, error_body("InternalError")), ReadTimeoutError(endpoint_url="https://s3")]
)
def test_a_completion_that_went_wrong_is_repeated_with_the_same_parts(objects, sent, error) -> None:
    adapter = objects([*UP_TO_COMPLETE, error, IN_PARTS, MISSING, LISTED, *COMPLETE])
    report = run(adapter)
    assert (report.outcome, report.rounds) == (Outcome.COPIED, 2)
    assert methods(sent)[5:] == ["POST", "HEAD", "HEAD", "GET", "POST", "HEAD", "GET", "HEAD"]


@pytest.mark.parametrize("answer", [Answer(503, error_body("SlowDown")), Answer(200, error_body("InternalError"))])
def test_a_part_is_repeated_by_the_sdk_and_counted(objects, sent, answer: Answer) -> None:
    adapter = objects([*UP_TO_COMPLETE[:4], answer, PART, *COMPLETE])
    report = run(adapter)
    assert (report.outcome, report.rounds, adapter.requests) == (Outcome.COPIED, 1, 10)
    assert methods(sent)[4:6] == ["PUT", "PUT"]
