"""Report files: one line for each object, whole or untouched, for keys that mean no good."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3copy_cli.errors import S3CopyError, UsageError
from s3copy_cli.output.report_files import KINDS, ReportFiles, WrittenFile, report_line
from s3copy_cli.output.safe import escape_key
from s3copy_cli.verify.compare import FieldComparison, FieldVerdict, Outcome
from s3copy_cli.verify.results import ObjectResult

FIELD = FieldComparison("etag", FieldVerdict.DIFFER, "a", "b")
RESULTS = [
    ObjectResult("a", Outcome.PROVED),
    ObjectResult("b", Outcome.DIFFERS, fields=(FIELD, FIELD), cause="overwritten\nlater"),
    ObjectResult("c d", Outcome.MISSING, cause="AccessDenied on CopyObject: no"),
    ObjectResult("e", Outcome.EXTRA),
    ObjectResult("f", Outcome.UNPROVED, fields=(FIELD,)),
    ObjectResult("g", Outcome.ERROR, message="looking at 'g': 403"),
]
COMBINED = (
    "= a\n"
    "* b\tetag,etag\toverwritten\\nlater\n"
    "+ c d\t\tAccessDenied on CopyObject: no\n"
    "- e\t\t\n"
    "? f\tetag\t\n"
    "! g\t\tlooking at 'g': 403\n"
)


def write(paths: dict[str, str], results: Sequence[ObjectResult] = RESULTS) -> tuple[WrittenFile, ...]:
    with ReportFiles(paths) as files:
        for result in results:
            files.on_final(result)
        return files.complete()


def test_the_combined_file_names_every_object(tmp_path: Path) -> None:
    path = str(tmp_path / "all")
    assert write({"combined": path}) == (WrittenFile("combined", path, 6),)
    assert Path(path).read_text() == COMBINED


def test_each_outcome_has_a_file_of_its_own(tmp_path: Path) -> None:
    kinds = [kind for kind in KINDS if kind != "combined"]
    written = write({kind: str(tmp_path / kind) for kind in kinds})
    assert [(file.kind, file.lines) for file in written] == [(kind, 1) for kind in kinds]
    lines = {kind: (tmp_path / kind).read_text() for kind in kinds}
    assert list(lines.values()) == [line[2:] + "\n" for line in COMBINED.splitlines()]
    # Nothing but the files is left in the folder.
    assert {path.name for path in tmp_path.iterdir()} == set(kinds)


def unescape(text: str) -> str:
    def char(found: re.Match[str]) -> str:
        escape = found[1]
        plain = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}
        return plain[escape] if escape in plain else chr(int(escape[1:], 16))

    return re.sub(r"\\(\\|n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})", char, text)


@given(st.text(alphabet=st.characters() | st.sampled_from("\\\n\t\r\x1bnxu\u2028\ud800"), max_size=20))
def test_escaping_is_reversible_and_keeps_a_line_one_line(key: str) -> None:
    escaped = escape_key(key)
    assert unescape(escaped) == key
    assert len(escaped.splitlines()) <= 1
    assert "\t" not in escaped
    escaped.encode("utf-8")


def test_a_hostile_key_is_one_line_of_three_columns() -> None:
    line = report_line(ObjectResult("a\n= b\t\x1b[2J\\", Outcome.MISSING, cause="x\ty"))
    assert line == "a\\n= b\\t\\x1b[2J\\\\\t\tx\\ty"


def test_a_run_that_fails_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old\n")

    def fail() -> None:
        with ReportFiles({"combined": str(path)}) as files:
            files.on_final(RESULTS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old\n"
    assert [each.name for each in tmp_path.iterdir()] == ["report"]


def test_the_old_files_mode_and_the_link_to_it_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "report", tmp_path / "link"
    path.write_text("old\n")
    path.chmod(0o640)
    link.symlink_to(path)
    write({"combined": str(link)})
    assert link.is_symlink()
    assert path.read_text() == COMBINED
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_device_is_written_to_and_not_replaced() -> None:
    assert write({"combined": os.devnull})[0].lines == 6
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_stdout_takes_the_lines_and_stays_open() -> None:
    stdout = io.StringIO()
    with ReportFiles({"missing": "-"}, stdout) as files:
        assert files.uses_stdout
        for result in RESULTS:
            files.on_final(result)
        files.complete()
    assert stdout.getvalue() == "c d\t\tAccessDenied on CopyObject: no\n"


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ({"combined": "{tmp}"}, "it is a folder"),
        ({"combined": "{tmp}/no/such/folder"}, "it cannot be written"),
        ({"combined": "{tmp}/a/../x", "missing": "{tmp}/x"}, "--combined names the same file"),
        ({"proved": "-", "missing": "-"}, "--proved names the same file"),
    ],
)
def test_what_cannot_be_written_is_wrong_usage_and_leaves_nothing(
    tmp_path: Path, paths: dict[str, str], words: str
) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match=words):
        ReportFiles({kind: path.format(tmp=tmp_path) for kind, path in paths.items()})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    with ReportFiles({"combined": "-"}, Full()) as files, pytest.raises(S3CopyError, match="No space left"):
        files.on_final(RESULTS[0])


def test_no_files_want_no_results() -> None:
    assert not ReportFiles({})


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_every_name_of_stdout_is_stdout(name: str) -> None:
    stdout = io.StringIO()
    with ReportFiles({"combined": name}, stdout) as files:
        assert files.uses_stdout
        for result in RESULTS:
            files.on_final(result)
        assert files.complete() == (WrittenFile("combined", name, 6),)
    assert stdout.getvalue() == COMBINED
    with pytest.raises(UsageError, match="names the same file"):
        ReportFiles({"combined": "-", "extra": name}, stdout)


def test_what_the_shell_has_opened_is_written_to_as_it_is() -> None:
    """`--combined >(gzip >all.gz)` names /dev/fd/63."""
    read, write_end = os.pipe()
    write({"combined": f"/dev/fd/{write_end}"})
    os.close(write_end)
    with os.fdopen(read) as stream:
        assert stream.read() == COMBINED


def test_a_reader_that_goes_away_stops_its_report_only(tmp_path: Path) -> None:
    read, write_end = os.pipe()
    os.close(read)
    path = str(tmp_path / "all")
    with os.fdopen(write_end, "w") as unread:
        files = ReportFiles({"combined": path, "proved": "-"}, unread)
        with files:
            # More than any buffer holds.
            for result in RESULTS[:1] * 100_000:
                files.on_final(result)
            assert files.complete() == (WrittenFile("combined", path, 100_000),)


@pytest.mark.parametrize("name", ["-", "/dev/full"])
def test_a_full_device_is_said_and_not_called_unchanged(name: str) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        files = ReportFiles({"combined": name}, full)
        files.on_final(RESULTS[0])
        with pytest.raises(S3CopyError) as caught, files:
            files.complete()
    what = "stdout" if name == "-" else "full"
    assert str(caught.value) == f"writing the report {what}: No space left on device"
    assert caught.value.hint.startswith("What was written there is incomplete.")
