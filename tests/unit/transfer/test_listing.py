from __future__ import annotations

import os
from pathlib import Path

import pytest

from s3copy_cli.errors import UsageError
from s3copy_cli.transfer.listing import MAX_PROBLEMS_SHOWN, list_files


def names(*arguments: str, recursive: bool = True) -> list[str]:
    return [file.name for file in list_files(arguments, recursive=recursive).files]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_named_by_its_last_part(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("abc")
    (found,) = list_files(["deep/file"], recursive=False).files
    assert (found.path, found.name, found.size) == ("deep/file", "file", 3)


def test_the_order_is_that_of_the_keys_not_of_the_disk(folder: Path) -> None:
    for name in ("b/1", "b-1", "a", "Z", "é", "b/0/x"):
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (folder / "first").write_text("")
    assert names("first", "in") == ["first", "Z", "a", "b-1", "b/0/x", "b/1", "é"]


@pytest.mark.parametrize("argument", ["in", "in/", "./in", "in/../in"])
def test_however_a_folder_is_written_the_names_are_relative_to_it(folder: Path, argument: str) -> None:
    (folder / "in" / "sub").mkdir(parents=True)
    (folder / "in" / "sub" / "file").write_text("")
    assert names(argument) == ["sub/file"]


def test_links_are_followed_but_not_in_circles(folder: Path) -> None:
    (folder / "in" / "a").mkdir(parents=True)
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "linked").write_text("")
    (folder / "in" / "a" / "file").write_text("")
    (folder / "in" / "a" / "up").symlink_to(folder / "in")
    (folder / "in" / "self").symlink_to(".")
    (folder / "in" / "other").symlink_to(folder / "elsewhere")
    (folder / "in" / "alias").symlink_to("a/file")
    listing = list_files(["in"], recursive=True)
    assert [file.name for file in listing.files] == ["a/file", "alias", "other/linked"]
    assert sorted(listing.skipped_loops) == ["in/a/up", "in/self"]


def test_two_folders_that_link_to_each_other_end(folder: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (folder / "in" / name).mkdir(parents=True)
        (folder / "in" / name / "file").write_text("")
        (folder / "in" / name / "link").symlink_to(f"../{other}")
    assert names("in") == ["a/file", "a/link/file", "b/file", "b/link/file"]


def test_unreadable_files_are_refused_with_their_names(folder: Path) -> None:
    for name in ("open", "secret"):
        (folder / name).write_text("")
    with pytest.raises(UsageError, match="secret may not be read") as caught:
        list_files(["open", "secret"], recursive=False, can_read=lambda path: path != "secret")
    assert "open" not in caught.value.happened


def test_many_problems_are_one_message(folder: Path) -> None:
    (folder / "in").mkdir()
    for number in range(MAX_PROBLEMS_SHOWN + 3):
        (folder / "in" / f"dangling-{number}").symlink_to("nowhere")
    with pytest.raises(UsageError) as caught:
        list_files(["in"], recursive=True)
    assert caught.value.happened.count("leads nowhere") == MAX_PROBLEMS_SHOWN
    assert caught.value.happened.endswith("and 3 more")


def test_a_dangling_link_and_impossible_names_are_refused(folder: Path) -> None:
    (folder / "dangling").symlink_to("nowhere")
    with pytest.raises(UsageError, match="a link to a file that does not exist"):
        list_files(["dangling"], recursive=False)
    with pytest.raises(UsageError, match="cannot be looked at"):
        list_files(["nul\0byte"], recursive=False)
    with pytest.raises(UsageError, match="cannot be looked at"):
        list_files(["x" * 300], recursive=False)
    with pytest.raises(UsageError, match="there is no file ''"):
        list_files([""], recursive=False)


def test_a_named_pipe_below_a_folder_is_refused_without_being_opened(folder: Path) -> None:
    (folder / "in").mkdir()
    os.mkfifo(folder / "in" / "pipe")
    with pytest.raises(UsageError, match="in/pipe is a named pipe"):
        list_files(["in"], recursive=True)


def test_an_unreadable_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "in" / "locked").mkdir(parents=True)
    original = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UsageError, match="the folder in/locked cannot be read: Permission denied"):
        list_files(["in"], recursive=True)


def test_names_that_are_not_utf8_are_listed_for_the_plan_to_refuse(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / os.fsdecode(b"bad\xff")).write_text("")
    assert names("in") == ["bad\udcff"]
