from pathlib import Path

import pytest

from s3copy_cli.errors import LocalAwsError, UsageError
from s3copy_cli.local import local_paths


@pytest.mark.parametrize(
    ("environ", "state_dir"),
    [
        ({"HOME": "/home/me"}, "/home/me/.local/state/s3copy/local"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "/state"}, "/state/s3copy/local"),
        ({"XDG_STATE_HOME": "/state"}, "/state/s3copy/local"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "relative"}, "/home/me/.local/state/s3copy/local"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": ""}, "/home/me/.local/state/s3copy/local"),
        ({"HOME": "/home/me", "S3COPY_LOCAL_STATE_DIR": "/a b"}, "/a b"),
        ({"XDG_STATE_HOME": "/state", "S3COPY_LOCAL_STATE_DIR": "/mine"}, "/mine"),
        ({"HOME": "/home/me", "S3COPY_LOCAL_STATE_DIR": "~/mine"}, "/home/me/mine"),
        ({"HOME": "/home/me", "S3COPY_LOCAL_STATE_DIR": "~other"}, f"{Path.cwd()}/~other"),
        ({"S3COPY_LOCAL_STATE_DIR": "here"}, f"{Path.cwd()}/here"),
    ],
)
def test_the_state_folder_follows_the_environment(environ: dict[str, str], state_dir: str) -> None:
    assert local_paths(environ).state_dir == Path(state_dir)


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_a_home_the_error_names_the_variable_that_helps(environ: dict[str, str]) -> None:
    with pytest.raises(LocalAwsError) as caught:
        local_paths(environ)
    assert "HOME" in caught.value.happened
    assert "S3COPY_LOCAL_STATE_DIR" in caught.value.hint


@pytest.mark.parametrize(("text", "port"), [("", None), ("  ", None), ("4566", 4566), (" 1 ", 1), ("65535", 65535)])
def test_the_port_is_read(text: str, port: int | None) -> None:
    assert local_paths({"HOME": "/h", "S3COPY_LOCAL_PORT": text}).requested_port == port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "4566.0", "４５６６", "1 2"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        local_paths({"HOME": "/h", "S3COPY_LOCAL_PORT": text})
    assert "S3COPY_LOCAL_PORT" in caught.value.happened
    assert repr(text) in caught.value.happened


def test_everything_lies_in_the_state_folder() -> None:
    paths = local_paths({"HOME": "/h"})
    for name in dir(type(paths)):
        value = getattr(paths, name)
        if isinstance(value, Path):
            assert value.is_relative_to(paths.state_dir), name
