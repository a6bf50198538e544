import os
import stat
from pathlib import Path

import pytest

from s3copy_cli.errors import LocalAwsError
from s3copy_cli.local import LocalPaths, folder


def test_the_folder_is_made_for_its_owner_only(paths: LocalPaths) -> None:
    assert folder.is_ours(paths) is False
    folder.ensure_folder(paths)
    folder.ensure_folder(paths)
    assert folder.is_ours(paths) is True
    assert stat.S_IMODE(paths.state_dir.stat().st_mode) == 0o700


def test_an_empty_folder_is_taken_and_closed_to_others(paths: LocalPaths) -> None:
    paths.state_dir.mkdir(parents=True)
    paths.state_dir.chmod(0o755)
    folder.ensure_folder(paths)
    assert stat.S_IMODE(paths.state_dir.stat().st_mode) == 0o700


def test_a_folder_with_other_files_is_refused_and_not_touched(paths: LocalPaths) -> None:
    paths.data_dir.mkdir(parents=True)
    (paths.data_dir / "thesis.txt").touch()
    paths.state_dir.chmod(0o755)
    with pytest.raises(LocalAwsError) as caught:
        folder.ensure_folder(paths)
    assert str(paths.state_dir) in caught.value.doing
    assert "S3COPY_LOCAL_STATE_DIR" in caught.value.hint
    assert folder.is_ours(paths) is False
    assert stat.S_IMODE(paths.state_dir.stat().st_mode) == 0o755


def test_another_users_folder_is_refused(paths: LocalPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.ensure_folder(paths)
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody_else)
    for look in (folder.ensure_folder, folder.is_ours):
        with pytest.raises(LocalAwsError, match="belongs to another user"):
            look(paths)


def test_a_folder_that_cannot_be_made_is_an_error_with_a_way_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalAwsError) as caught:
        folder.ensure_folder(LocalPaths(state_dir=tmp_path / "file" / "state"))
    assert str(tmp_path / "file" / "state") in caught.value.doing
    assert "Not a directory" in caught.value.happened
    assert "S3COPY_LOCAL_STATE_DIR" in caught.value.hint


def test_deleting_takes_what_is_ours_and_leaves_the_rest(paths: LocalPaths, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder.ensure_folder(paths)
    folder.prepare_run(paths)
    (paths.objects_dir / "bucket").mkdir()
    (paths.objects_dir / "bucket" / "key").write_text("body")
    (paths.objects_dir / "link").symlink_to(outside)
    paths.log_file.write_text("log")
    (paths.state_dir / "server.json.77.tmp").touch()
    paths.crashed_dir.symlink_to(outside)
    (paths.state_dir / "notes.txt").touch()
    folder.delete_everything(paths)
    assert [entry.name for entry in paths.state_dir.iterdir()] == ["notes.txt"]
    assert (outside / "kept").exists()
    folder.delete_everything(paths)


def test_one_crash_is_kept(paths: LocalPaths) -> None:
    folder.ensure_folder(paths)
    folder.move_aside(paths)
    assert not paths.crashed_dir.exists()
    for body in ("first", "second"):
        folder.prepare_run(paths)
        (paths.objects_dir / "key").write_text(body)
        folder.move_aside(paths)
        assert not paths.data_dir.exists()
        assert (paths.crashed_dir / "objects" / "key").read_text() == body


def test_a_run_begins_with_an_empty_temporary_folder_and_keeps_one_old_log(paths: LocalPaths) -> None:
    folder.ensure_folder(paths)
    for text in ("first", "second"):
        folder.prepare_run(paths)
        (paths.temporary_dir / "worker").mkdir()
        paths.log_file.write_text(text)
    folder.prepare_run(paths)
    assert list(paths.temporary_dir.iterdir()) == []
    assert not paths.log_file.exists()
    assert paths.previous_log_file.read_text() == "second"


def test_data_is_files_not_folders(paths: LocalPaths) -> None:
    assert folder.has_data(paths) is False
    folder.ensure_folder(paths)
    folder.prepare_run(paths)
    assert folder.has_data(paths) is False
    (paths.services_dir / "s3.json").write_text("{}")
    assert folder.has_data(paths) is True
    assert folder.size_bytes(paths) == 2


def test_the_logs_end_cannot_steer_a_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert folder.log_tail(log, 3) == []
    log.write_bytes(b"one\n" + b"x" * 40000 + b"\n\n\x1b[31mred\x07\xff tab\tx\n\xe2\x80\xaelast  \n")
    lines = folder.log_tail(log, 2)
    assert lines == ["\ufffd[31mred\ufffd\ufffd tab x", "\ufffdlast"]
    assert all(line.isprintable() for line in lines)
