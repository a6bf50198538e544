"""Reading the disk: which files the command line means. Nothing is decided here but what is a file at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from s3copy_cli.errors import UsageError

DOING = "choosing the files to upload"
# Problems named in one message; the rest is counted.
MAX_PROBLEMS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One regular file.

    Attributes:
        path: where it is, as the person would type it.
        name: its name relative to what was given, with "/" as separator: the end of its key.
        size: bytes.
    """

    path: str
    name: str
    size: int


@dataclass(frozen=True)
class Listing:
    """What was found.

    Attributes:
        files: in the order of the arguments; within a folder by the UTF-8 bytes of the name.
        skipped_loops: symbolic links to a folder that they lie in; what they lead to is listed without them.
    """

    files: list[FoundFile] = field(default_factory=list)
    skipped_loops: list[str] = field(default_factory=list)


def refuse(problems: Sequence[str], hint: str) -> UsageError:
    """One error for many problems: the first few by name, the others by number."""
    shown = list(problems[:MAX_PROBLEMS_SHOWN])
    if len(problems) > len(shown):
        shown.append(f"and {len(problems) - len(shown):,} more")
    return UsageError(DOING, "; ".join(shown), hint)


def list_files(arguments: Sequence[str], *, recursive: bool, can_read: Callable[[str], bool] | None = None) -> Listing:
    """Find the files that the arguments mean.

    Args:
        arguments: files, and folders if `recursive`.
        recursive: take everything below folders too.
        can_read: whether this process may read a file.

    Raises:
        UsageError: nothing given; something missing, unreadable, empty or neither file nor folder.
    """
    if not arguments:
        raise UsageError(DOING, "no FILE was given", "Name at least one, e.g.: s3copy upload sample.csv")
    readable = can_read or (lambda path: os.access(path, os.R_OK))
    listing = Listing()
    for argument in arguments:
        status = _status(argument)
        if stat.S_ISDIR(status.st_mode):
            _list_folder(argument, status, listing, recursive=recursive)
        elif stat.S_ISREG(status.st_mode):
            listing.files.append(FoundFile(argument, os.path.basename(argument), status.st_size))  # noqa: PTH119
        else:
            raise refuse([f"{argument} is {_kind(status.st_mode)}"], "Only files can be uploaded: leave it out.")
    unreadable = [file.path for file in listing.files if not readable(file.path)]
    if unreadable:
        raise refuse([f"{path} may not be read" for path in unreadable], "Give yourself read permission: chmod u+r.")
    return listing


def _status(argument: str) -> os.stat_result:
    try:
        return os.stat(argument)  # noqa: PTH116
    except FileNotFoundError as error:
        if os.path.islink(argument):  # noqa: PTH114
            raise refuse([f"{argument} is a link to a file that does not exist"], "Correct or remove it.") from error
        hint = f"Check the name; relative names count from {os.getcwd()}."  # noqa: PTH109
        raise refuse([f"there is no file {argument!r}"], hint) from error
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise refuse([f"{argument!r} cannot be looked at: {what}"], "Check the name and the permissions.") from error


def _list_folder(folder: str, status: os.stat_result, listing: Listing, *, recursive: bool) -> None:
    if not recursive:
        raise refuse([f"{folder} is a folder"], "Add --recursive to upload everything in it.")
    problems: list[str] = []
    found = list(_iter_folder(folder, (status.st_dev, status.st_ino), listing.skipped_loops, problems))
    if problems:
        raise refuse(sorted(problems), "Correct them, leave them out, or name the files one by one.")
    if not found:
        raise refuse([f"there is no file in the folder {folder}"], "Put files into it, or name another one.")
    # surrogateescape: names that are not UTF-8 are refused later, with the others that cannot be keys.
    found.sort(key=lambda file: file.name.encode("utf-8", "surrogateescape"))
    listing.files.extend(found)


def _iter_folder(folder: str, identity: tuple[int, int], loops: list[str], problems: list[str]) -> Iterator[FoundFile]:
    """Files below a folder, links followed. A link to a folder that it lies in is noted, not followed."""
    # Each entry: path, the name so far, the folders that it lies in.
    stack = [(folder, "", frozenset({identity}))]
    while stack:
        path, prefix, above = stack.pop()
        try:
            entries = os.scandir(path)
        except OSError as error:
            problems.append(f"the folder {path} cannot be read: {error.strerror}")
            continue
        with entries:
            for entry in entries:
                name = f"{prefix}{entry.name}"
                try:
                    status = entry.stat()
                except OSError as error:
                    problems.append(
                        f"{entry.path} is a link that leads nowhere"
                        if entry.is_symlink()
                        else f"{entry.path} cannot be looked at: {error.strerror}"
                    )
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield FoundFile(entry.path, name, status.st_size)
                elif not stat.S_ISDIR(status.st_mode):
                    problems.append(f"{entry.path} is {_kind(status.st_mode)}")
                elif (status.st_dev, status.st_ino) in above:
                    loops.append(entry.path)
                else:
                    stack.append((entry.path, f"{name}/", above | {(status.st_dev, status.st_ino)}))


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "not a file")
