import json
import stat
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from s3copy_cli.local.record import Phase, ServerRecord, parse_record, read_record, write_record


def test_a_record_comes_back_as_it_was_written(tmp_path: Path, make_record: Callable[..., ServerRecord]) -> None:
    record = make_record(interpreter="/opt/ä b/python")
    write_record(tmp_path / "server.json", record)
    assert read_record(tmp_path / "server.json") == record


def test_the_file_is_for_its_owner_only_and_replaced_in_one_step(
    tmp_path: Path, make_record: Callable[..., ServerRecord]
) -> None:
    file = tmp_path / "server.json"
    file.write_text("x" * 10000)
    file.chmod(0o644)
    before = file.stat().st_ino
    write_record(file, make_record())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_ino != before
    assert [entry.name for entry in tmp_path.iterdir()] == ["server.json"]


def test_no_file_is_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path / "server.json") is None
    (tmp_path / "file").touch()
    assert read_record(tmp_path / "file" / "server.json") is None


def test_bytes_that_are_no_text_are_no_record(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_bytes(b"\xff\xfe{}")
    assert read_record(tmp_path / "server.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "{}", '"words"'])
def test_what_is_no_record_is_none(text: str) -> None:
    assert parse_record(text) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pid", 0),
        ("pid", 1),
        ("pid", -1),
        ("pid", "4242"),
        ("pid", True),
        ("pid", 4242.0),
        ("port", 0),
        ("port", 65536),
        ("port", None),
        ("token", ""),
        ("token", 7),
        ("birth", None),
        ("phase", "flying"),
        ("interpreter", ["python"]),
    ],
)
def test_a_record_with_a_wrong_field_is_none(
    field: str, value: object, make_record: Callable[..., ServerRecord]
) -> None:
    good = asdict(make_record())
    assert parse_record(json.dumps(good)) is not None
    assert parse_record(json.dumps(good | {field: value})) is None
    del good[field]
    assert parse_record(json.dumps(good)) is None


def test_a_phase_is_changed_and_nothing_else(make_record: Callable[..., ServerRecord]) -> None:
    record = make_record(phase=Phase.STARTING)
    later = record.with_phase(Phase.STOPPED)
    assert later.phase is Phase.STOPPED
    assert later.with_phase(Phase.STARTING) == record
    assert record.endpoint_url == "http://127.0.0.1:50123"
