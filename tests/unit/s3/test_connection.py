"""The data plane goes where boto3 would go, with what boto3 would trust and sign with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from awscrt.exceptions import AwsCrtError
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import CredentialRetrievalError

from s3copy_cli.errors import CredentialsError
from s3copy_cli.s3.connection import Credentials, ca_bundle, exempt_from_proxy, locate


def client(region: str = "eu-west-1", endpoint_url: str | None = None, **config: Any) -> Any:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b")
    settings = Config(user_agent_extra="s3copy/test", **config)
    return session.client("s3", region_name=region, endpoint_url=endpoint_url, config=settings)


@pytest.mark.parametrize(
    ("options", "bucket", "scheme", "host", "base_path"),
    [
        ({}, "my-bucket", "https", "my-bucket.s3.eu-west-1.amazonaws.com", "/"),
        ({"region": "us-east-1"}, "my-bucket", "https", "my-bucket.s3.amazonaws.com", "/"),
        ({"region": "cn-north-1"}, "my-bucket", "https", "my-bucket.s3.cn-north-1.amazonaws.com.cn", "/"),
        ({}, "with.dots", "https", "s3.eu-west-1.amazonaws.com", "/with.dots/"),
        ({"use_dualstack_endpoint": True}, "b-1", "https", "b-1.s3.dualstack.eu-west-1.amazonaws.com", "/"),
        (
            {"region": "us-west-2", "use_fips_endpoint": True},
            "b-1",
            "https",
            "b-1.s3-fips.us-west-2.amazonaws.com",
            "/",
        ),
        ({"s3": {"use_accelerate_endpoint": True}}, "b-1", "https", "b-1.s3-accelerate.amazonaws.com", "/"),
        ({"endpoint_url": "http://127.0.0.1:9000"}, "b-1", "http", "127.0.0.1:9000", "/b-1/"),
        ({"endpoint_url": "https://localhost:9000"}, "b-1", "https", "localhost:9000", "/b-1/"),
        (
            {"endpoint_url": "https://s3.example.com/below", "s3": {"addressing_style": "path"}},
            "b-1",
            "https",
            "s3.example.com",
            "/below/b-1/",
        ),
    ],
)
def test_the_endpoint_is_the_one_of_boto3(
    options: dict[str, Any], bucket: str, scheme: str, host: str, base_path: str
) -> None:
    found = locate(client(**options), bucket)
    assert (found.endpoint.host, found.endpoint.base_path) == (host, base_path)
    assert found.is_https == (scheme == "https")
    assert "s3copy/test" in found.user_agent


def test_looking_leaves_no_trace_in_the_client() -> None:
    s3 = client()
    seen: list[str] = []
    s3.meta.events.register("after-call", lambda model, **_: seen.append(model.name))
    assert locate(s3, "one").endpoint.host.startswith("one.")
    assert locate(s3, "two").endpoint.host.startswith("two.")
    assert seen == []


def test_without_credentials_it_is_said() -> None:
    s3 = boto3.Session().client("s3", region_name="eu-west-1")
    with pytest.raises(CredentialsError):
        locate(s3, "b-1")


def test_certificates_are_those_of_boto3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session()
    assert ca_bundle(session, {}).endswith(".pem")
    assert ca_bundle(session, {"REQUESTS_CA_BUNDLE": "/other.pem"}) == "/other.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", "/mine.pem")
    assert ca_bundle(boto3.Session(), {"REQUESTS_CA_BUNDLE": "/other.pem"}) == "/mine.pem"


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, "127.0.0.1"), ({"no_proxy": "a,b"}, "a,b,127.0.0.1"), ({"no_proxy": "127.0.0.1"}, "127.0.0.1")],
)
def test_a_host_is_exempt_from_proxies(before: dict[str, str], after: str) -> None:
    environ = dict(before)
    exempt_from_proxy("127.0.0.1:4566", environ)
    exempt_from_proxy("127.0.0.1:4566", environ)
    assert environ["no_proxy"] == after
    assert environ["NO_PROXY"] == "127.0.0.1"


class FakeSession:
    """Gives the credentials that a test wants."""

    def __init__(self, credentials: Any) -> None:
        self.credentials = credentials

    def get_credentials(self) -> Any:
        return self.credentials


def bridge(credentials: Any) -> Credentials:
    session: Any = FakeSession(credentials)
    return Credentials(session)


def test_credentials_are_those_of_the_moment() -> None:
    held = BotocoreCredentials("k1", "s1", "t1")
    found = bridge(held)
    first = found()
    assert found() is first
    assert (first.access_key_id, first.secret_access_key, first.session_token) == ("k1", "s1", "t1")
    held.access_key = "k2"
    assert found().access_key_id == "k2"


@pytest.mark.parametrize("credentials", [None, BotocoreCredentials("", "")])
def test_no_credentials_are_an_error(credentials: Any) -> None:
    with pytest.raises(CredentialsError):
        bridge(credentials).refresh()


def test_what_the_runtime_could_not_renew_is_told_in_its_words() -> None:
    class Broken:
        def get_frozen_credentials(self) -> Any:
            raise CredentialRetrievalError(provider="sso", error_msg="the session has ended")

    found = bridge(Broken())
    error = AwsCrtError(6146, "AWS_AUTH_CREDENTIALS_PROVIDER_DELEGATE_FAILURE", "delegate failed")
    assert found.explain("listing", error) is None
    with pytest.raises(CredentialRetrievalError):
        found()
    told = found.explain("listing", error)
    assert isinstance(told, CredentialsError)
    assert "the session has ended" in told.happened
    assert found.explain("listing", AwsCrtError(1, "AWS_IO_SOCKET_CLOSED", "closed")) is None
