"""A SQLite file that lies where nothing can be written: on a read-only mount, or in a folder of somebody else.

SQLite then opens the file for reading by itself, but a bank has a journal (WAL), and whoever reads one needs the file
``-shm`` beside it. Where that is there, because somebody has the bank open, it is read. Where it is not, it would have to be
made, so SQLite refuses. Without a ``-wal`` nobody has the bank open and the file is all there is: SQLite is told that nobody
changes it (``immutable=1``) and reads it alone. It then notices no changes, so they are looked for here.

https://sqlite.org/wal.html#read_only_databases
https://sqlite.org/c3ref/open.html (``immutable``)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from seedbank.errors import StorageError


def writable(file: Path) -> bool:
    """Whether the file, and others beside it, can be written here."""
    file = file.resolve()
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


class State(NamedTuple):
    """What shows that somebody wrote to a file that is read as one that nobody changes."""

    inode: int
    size: int
    mtime_ns: int
    journal: int
    """Bytes in the ``-wal`` beside it, 0 also where there is none."""

    @classmethod
    def of(cls, file: Path) -> State:
        """The state of this file now. Raises `OSError` when it is gone."""
        file = file.resolve()
        found = file.stat()
        try:
            journal = file.with_name(f"{file.name}-wal").stat().st_size
        except FileNotFoundError:
            journal = 0
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, journal)


def state_to_read(file: Path) -> State:
    """The state of a file that can be read alone. Raises `StorageError` when what was written last lies beside it still."""
    found = State.of(file)
    if found.journal:
        raise StorageError(
            f"{file} cannot be read here: nothing can be written beside it, and its last changes lie in {file}-wal.",
            "Run seedbank ls once where the bank can be written, or copy both files and the pictures to such a place.",
        )
    return found


def check_unchanged(file: Path, before: State) -> None:
    """Raises `StorageError` when somebody wrote to the file meanwhile: what was read may be half old and half new."""
    if State.of(file) != before:
        raise StorageError(f"Somebody wrote to {file} while it was read.", "Try again.")
