from __future__ import annotations

import pytest

from lambda_handler.errors import CopyFailed, error_code, is_permanent


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("AccessDenied", 403, "AccessDenied"),
        ("403", 403, "AccessDenied"),
        ("400", 400, "BadRequest"),
        ("503", 503, "ServiceUnavailable"),
        ("418", 418, "418"),
        ("", 0, "Unknown"),
    ],
)
def test_codes_have_a_meaning(code: str, status: int, meaning: str) -> None:
    assert error_code(code, status) == meaning


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDenied", 403),
        ("AccessDenied", 500),  # an error inside a 200 answer
        ("NoSuchBucket", 404),
        ("InvalidObjectState", 403),
        ("ObjectNotInActiveTierError", 403),
        ("InvalidRequest", 400),
        ("SomethingNew", 403),
        ("PermanentRedirect", 301),
        ("NotImplemented", 501),
        ("KMS.DisabledException", 400),
        ("KMS.NotFoundException", 400),
        ("KMS.KMSInvalidStateException", 409),
        ("KMS.DisabledException", 500),  # an error inside a 200 answer
    ],
)
def test_permanent(code: str, status: int) -> None:
    assert is_permanent(code, status)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("PreconditionFailed", 412),
        ("NoSuchKey", 404),
        ("MethodNotAllowed", 405),  # a delete marker
        ("ConditionalRequestConflict", 409),
        ("OperationAborted", 409),
        ("TemporaryRedirect", 307),
        ("SlowDown", 503),
        ("InternalError", 500),
        ("InternalError", 200),
        ("RequestTimeout", 400),
        ("ExpiredToken", 400),
        ("KMS.ThrottlingException", 400),
        ("KMS.KMSInternalException", 500),
        ("KMS.KeyUnavailableException", 400),
        ("Unknown", 0),
    ],
)
def test_passing(code: str, status: int) -> None:
    assert not is_permanent(code, status)


def test_failed_keys_are_named_safely() -> None:
    error = CopyFailed(["a\nb\x1b[31m", "é\ud800", None], 4)
    assert str(error) == r"3 of 4 records failed: 'a\nb\x1b[31m', '\xe9\ud800', (no key)"


def test_only_some_keys_are_named() -> None:
    text = str(CopyFailed([f"key-{number:02}" for number in range(12)], 12))
    assert text.startswith("12 of 12 records failed: 'key-00', 'key-01', ")
    assert text.endswith("'key-09' and 2 more")


def test_long_keys_are_cut() -> None:
    assert str(CopyFailed(["k" * 1024], 1)) == f"1 of 1 records failed: '{'k' * 200}'..."
