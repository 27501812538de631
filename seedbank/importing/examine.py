"""One file, examined: its bytes, its pixels, and what it says of itself. This runs in a child process under limits.

A file can be hostile, and decoders have flaws: whatever happens here costs this process and one line in the report.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedbank.images.looking import Looked
    from seedbank.importing.reading import FileReading

LARGEST_FILE = 512 << 20
"""Bytes of a file that is still read: a picture of the largest size that is decoded, uncompressed, with room to spare."""
MEMORY = 1 << 30
"""Bytes that examining may take beyond what the process has when it starts."""


@dataclass(frozen=True)
class Task:
    """What is to be examined: `size` and `mtime_ns` as the file was found; `tool` names the only format to try.

    decode    also the pixels; without, only what the headers say
    preview   the longer side of a small picture that is to be made, None for none
    """

    path: str
    size: int
    mtime_ns: int
    tool: str | None = None
    decode: bool = True
    preview: int | None = None


@dataclass(frozen=True)
class Examined:
    """What was found: the SHA-256 of the bytes (None where they were not read), the picture, and what the file says."""

    digest: str | None
    looked: Looked
    reading: FileReading


@dataclass(frozen=True)
class Rejected:
    """Why a file cannot be imported, in one sentence. `passing`: another time it may be possible."""

    reason: str
    passing: bool = False


def examine(task: Task) -> Examined | Rejected:
    """What there is to know of a file. Raises nothing."""
    from seedbank.errors import SeedbankError

    try:
        return _examine(task)
    except SeedbankError as error:
        return Rejected(str(error.message))
    except MemoryError:
        return Rejected(f"It takes more than {MEMORY >> 20} MiB of memory to decode.")
    except OSError as error:
        return Rejected(f"It cannot be read: {os.strerror(error.errno) if error.errno else error}.", passing=True)
    except Exception as error:  # a flaw in a decoder or a reader must not end the import
        return Rejected(f"It could not be examined ({type(error).__name__}: {' '.join(str(error).split())[:200]}).")


def _examine(task: Task) -> Examined | Rejected:
    from seedbank.hashing import sha256
    from seedbank.images.looking import look, look_closely
    from seedbank.importing.reading import read

    if task.size > LARGEST_FILE:
        return Rejected(f"It has {task.size >> 20:,} MiB; files of more than {LARGEST_FILE >> 20} MiB are not read.")
    if not task.size:
        return Rejected("It is empty.")
    changed = Rejected("It changed while it was read.", passing=True)
    with open(task.path, "rb") as file:
        data = file.read(task.size + 1) if task.decode else None
        if (data is not None and len(data) != task.size) or _state(file.fileno()) != (task.size, task.mtime_ns):
            return changed
        looked = look(file) if data is None else look_closely(data, preview=task.preview)
    reading = read(task.path, tool=task.tool)  # by its path: some tools write into a file beside it
    if looked.lossy is None:
        looked = replace(looked, lossy=not reading.lossless)
    if _state(task.path) != (task.size, task.mtime_ns):
        return changed
    return Examined(None if data is None else sha256(data), looked, reading)


def _state(file: str | int) -> tuple[int, int]:
    status = os.stat(file)
    return status.st_size, status.st_mtime_ns


def serve(connection: Connection) -> None:
    """Examine what comes over the connection, one after the other, until it closes."""
    # Loaded before memory is limited: the libraries are no fault of a file.
    import seedbank.images.looking
    import seedbank.importing.reading  # noqa: F401
    from seedbank.posix import limit_process

    limit_process(MEMORY)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(examine(task))


if __name__ == "__main__":
    # The module itself, not `__main__`: what is sent must have the names that the other side knows.
    from seedbank.importing import examine as module

    module.serve(Connection(int(sys.argv[1])))
