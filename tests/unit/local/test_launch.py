import os
import socket
import sys
from pathlib import Path

import pytest

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local import LocalPaths, launch


def environment_for(paths: LocalPaths, environ: dict[str, str], processors: int = 2) -> dict[str, str]:
    return launch.server_environment(
        paths,
        port=50123,
        token="t0ken",
        environ=environ,
        working_dir=Path("/work dir"),
        processors=processors,
    )


@pytest.mark.parametrize(("processors", "at_once"), [(1, "4"), (2, "4"), (4, "8"), (64, "16")])
def test_functions_run_at_once_as_the_machine_bears(paths: LocalPaths, processors: int, at_once: str) -> None:
    assert environment_for(paths, {}, processors)["LAMBDA_ACCOUNT_CONCURRENCY"] == at_once


def test_nothing_of_the_users_aws_settings_reaches_the_function(paths: LocalPaths) -> None:
    users = {
        "PATH": "/usr/bin",
        "HOME": "/home/me",
        "LD_LIBRARY_PATH": "/opt/lib",
        "AWS_PROFILE": "prod",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL": "http://elsewhere",
        "AWS_CONFIG_FILE": "/home/me/.aws/config",
        "S3COPY_LOCAL": "1",
        "DOCKER_HOST": "unix:///var/run/docker.sock",
        "SERVICES": "all",
        "https_proxy": "http://proxy",
        "PYTHONSTARTUP": "/home/me/start.py",
    }
    environment = environment_for(paths, users)
    assert {name: environment[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH")} == {
        "PATH": "/usr/bin",
        "HOME": "/home/me",
        "LD_LIBRARY_PATH": "/opt/lib",
    }
    aws = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    assert aws == {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    assert not {"S3COPY_LOCAL", "https_proxy", "PYTHONSTARTUP"} & set(environment)
    assert environment["SERVICES"] == "s3,iam,sts,lambda,sqs,logs,cloudwatch,events,kms,tagging"
    assert environment["DOCKER_HOST"] == f"unix://{paths.temporary_dir}/no-docker.sock"


def test_the_server_is_told_to_stay_on_loopback_and_in_its_folder(paths: LocalPaths) -> None:
    environment = environment_for(paths, {})
    assert environment["BIND_HOST"] == environment["MINISTACK_HOST"] == "127.0.0.1"
    assert environment["IOT_MTLS_ENABLED"] == environment["SFTP_ENABLED"] == "0"
    assert environment["GATEWAY_PORT"] == "50123"
    assert environment["AUTH"] == "true"
    for name in ("TMPDIR", "STATE_DIR", "S3_DATA_DIR"):
        assert Path(environment[name]).is_relative_to(paths.state_dir)
    assert f"MINISTACK_EDITION={environment['MINISTACK_EDITION']}" == launch.server_mark("t0ken")


def test_a_relative_pythonpath_means_the_same_to_the_server(paths: LocalPaths) -> None:
    value = os.pathsep.join(["", ".", "lib", "/abs"])
    environment = environment_for(paths, {"PYTHONPATH": value})
    assert environment["PYTHONPATH"].split(os.pathsep) == ["/work dir", "/work dir/lib", "/abs"]
    assert "PYTHONPATH" not in environment_for(paths, {"PYTHONPATH": ""})


def test_the_previous_port_is_kept_while_it_is_free() -> None:
    with launch.open_listener(requested_port=None, previous_port=None) as first:
        port = first.getsockname()[1]
        assert first.getsockname()[0] == "127.0.0.1"
        with launch.open_listener(requested_port=None, previous_port=port) as other:
            assert other.getsockname()[1] != port
    with launch.open_listener(requested_port=None, previous_port=port) as second:
        assert second.getsockname()[1] == port


def test_a_requested_port_is_used_or_refused_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalAwsError) as caught:
            launch.open_listener(requested_port=port, previous_port=None)
    assert str(port) in caught.value.doing
    assert "in use" in caught.value.happened
    assert "S3COPY_LOCAL_PORT" in caught.value.hint
    with launch.open_listener(requested_port=port, previous_port=1) as free:
        assert free.getsockname()[1] == port


def test_the_extra_is_looked_for_and_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ministack", raising=False)
    assert launch.is_installed() is True
    assert "ministack" not in sys.modules
    monkeypatch.setattr(sys, "path", [])
    assert launch.is_installed() is False
