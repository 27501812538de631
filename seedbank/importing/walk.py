"""Which files an import looks at: pictures in folders of any size, one folder after the other, in the order of their names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seedbank.errors import BadInput

SUFFIXES = frozenset((".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".gif"))
"""What is looked at in a folder. What a file really is, its bytes say; a file that is named is looked at in any case."""
MOST_INODES = 2**63
LISTED = 500
"""Files that are looked up at once."""


@dataclass(frozen=True)
class Found:
    """A file as it stands now; the fields are those of `records.SeenFile`, without its digest."""

    folder: str
    name: str
    size: int
    mtime_ns: int
    inode: int

    @property
    def path(self) -> str:
        return os.path.join(self.folder, self.name)


Say = Callable[[str, str], None]
"""Gets (path, reason) of what cannot be looked at."""


def walk(paths: Iterable[str | Path], say: Say, avoid: Iterable[Path] = ()) -> Iterator[Found]:
    """The pictures that `paths` name, and those in the folders that they name, each folder once.

    Hidden files and folders are passed over unless they are named; links are followed, and a folder that is reached again
    through one is not walked twice. `avoid` are folders that are never entered. Raises `BadInput` for a path that does not
    exist before anything is looked at.
    """
    named = [Path(path).expanduser().absolute() for path in paths]
    for path in named:
        if not os.path.lexists(path):
            raise BadInput(f"There is no file or folder {path}.", "Check how it is written.")
    entered = {identity for folder in avoid if (identity := _identity(folder))}
    for path in named:
        try:
            status = os.stat(path)
        except OSError as error:
            say(str(path), f"It cannot be looked at: {error.strerror}.")
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _folder(path, say, entered)
        elif stat.S_ISREG(status.st_mode):
            folder, name = os.path.split(path)
            yield from _file(str(folder), name, status, say)
        else:
            say(str(path), "It is neither a file nor a folder.")


def _folder(top: Path, say: Say, entered: set[tuple[int, int]]) -> Iterator[Found]:
    waiting = [str(top)]
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)
            if (identity := (status.st_dev, status.st_ino)) in entered:
                continue
            entered.add(identity)
            folders, pictures = _listed(folder)
        except OSError as error:
            say(folder, f"The folder cannot be read: {error.strerror}.")
            continue
        for name in pictures:
            try:
                status = os.stat(os.path.join(folder, name))
            except OSError as error:  # a link to nothing, or gone since
                say(os.path.join(folder, name), f"It cannot be looked at: {error.strerror}.")
                continue
            if stat.S_ISREG(status.st_mode):
                yield from _file(folder, name, status, say)
        waiting += [os.path.join(folder, name) for name in reversed(folders)]


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """(names of folders, names of what may be pictures), sorted; names only, as a folder can hold a million of them."""
    folders, pictures = [], []
    with os.scandir(folder) as items:
        for item in items:
            if item.name.startswith("."):
                continue
            try:
                leads = item.is_dir()
            except OSError:  # a link to itself, or to where nobody may look: who looks it up as a file says so
                pictures.append(item.name)
                continue
            if leads:
                folders.append(item.name)
            elif os.path.splitext(item.name)[1].lower() in SUFFIXES:
                pictures.append(item.name)
    return sorted(folders), sorted(pictures)


def _file(folder: str, name: str, status: os.stat_result, say: Say) -> Iterator[Found]:
    path = os.path.join(folder, name)
    try:
        path.encode()
    except UnicodeEncodeError:
        say(path.encode(errors="replace").decode(), "Its name is not valid text. Rename it.")
        return
    yield Found(folder, name, status.st_size, status.st_mtime_ns, status.st_ino % MOST_INODES)


def by_folder(found: Iterable[Found]) -> Iterator[tuple[str, list[Found]]]:
    """Files that follow each other in one folder, some hundreds at once."""
    source = iter(found)
    held: list[Found] = list(islice(source, 1))
    while held:
        folder = held[0].folder
        some, held = held, []
        for one in source:
            if one.folder != folder or len(some) == LISTED:
                held = [one]
                break
            some.append(one)
        yield folder, some


def _identity(folder: str | Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def still(found: Found) -> bool:
    """Whether the file is unchanged since it was found. Raises `BadInput` where it is gone."""
    try:
        status = os.stat(found.path)
    except OSError as error:
        raise BadInput(f"It is gone: {error.strerror}.") from None
    return (status.st_size, status.st_mtime_ns, status.st_ino % MOST_INODES) == (found.size, found.mtime_ns, found.inode)
