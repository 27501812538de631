"""One file, examined: its bytes, its pixels, and what it says of itself. This runs in a child process under limits.

A file can be hostile, and decoders have flaws: whatever happens here costs this process and one line in the report. The very
bytes that were hashed are written once more, for the image store to take over.
"""

from __future__ import annotations

import io
import os
import pickle
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from seedbank.blobs import Staging
    from seedbank.images.headers import Looked
    from seedbank.importing.reading import FileReading

LARGEST_FILE = 512 << 20
"""Bytes of a file that is still read: a picture of the largest size that is decoded, uncompressed, with room to spare."""
HEADERS = "headers"
"""What the process that forks is told where no pictures are to be decoded."""
NOT_TAKEN = {"tiff": "TIFF", "heif": "HEIF", "jxl": "JPEG XL"}
"""{kind of a file whose texts are read, and whose pixels are not: its name}. TIFF alone holds ten compressions and many kinds
of numbers, and the library that decodes it writes what is wrong with a file to the terminal."""
MEMORY = 1 << 30
"""Bytes that examining may take beyond what the process has when it starts."""


@dataclass(frozen=True)
class Task:
    """What is to be examined: `size` and `mtime_ns` as the file was found; `tool` names the only format to try.

    decode    also the pixels; without, only what the headers say
    preview   the longer side of a small picture that is to be made, None for none
    staging   where the bytes are written once more for the image store, None for nowhere
    """

    path: str
    size: int
    mtime_ns: int
    tool: str | None = None
    decode: bool = True
    preview: int | None = None
    staging: Staging | None = None


@dataclass(frozen=True)
class Examined:
    """What was found: the SHA-256 of the bytes (None where they were not read), the picture, and what the file says.

    staged   a file of these bytes, not synced yet; None where none was asked for or it could not be written
    """

    digest: str | None
    looked: Looked
    reading: FileReading
    staged: Path | None = None


@dataclass(frozen=True)
class Rejected:
    """Why a file is not imported, in one sentence.

    passing   another time it may be possible
    other     nothing is wrong with it: it holds nothing of the one format that was to be tried
    """

    reason: str
    passing: bool = False
    other: bool = False


def examine(task: Task) -> Examined | Rejected:
    """What there is to know of a file. Raises nothing."""
    from seedbank.errors import SeedbankError

    try:
        return _examine(task)
    except _Changed:
        return Rejected("It changed while it was read.", passing=True)
    except _Other as found:
        return Rejected(str(found), passing=True, other=True)
    except SeedbankError as error:
        return Rejected(str(error.message))
    except MemoryError:
        return Rejected(f"It takes more than {MEMORY >> 20} MiB of memory to decode.")
    except OSError as error:
        return Rejected(f"It cannot be read: {os.strerror(error.errno) if error.errno else error}.", passing=True)
    except Exception as error:  # a flaw in a decoder or a reader must not end the import
        return Rejected(f"It could not be examined ({type(error).__name__}: {' '.join(str(error).split())[:200]}).")


class _Changed(Exception):
    """The file is not as it was found."""


class _Other(Exception):
    """The file holds nothing of the format that was asked for."""


def _examine(task: Task) -> Examined | Rejected:
    from seedbank.hashing import sha256
    from seedbank.images.headers import look
    from seedbank.importing.reading import BUFFER

    if task.size > LARGEST_FILE:
        return Rejected(f"It has {task.size >> 20:,} MiB; files of more than {LARGEST_FILE >> 20} MiB are not read.")
    if not task.size:
        return Rejected("It is empty.")
    with open(task.path, "rb", buffering=BUFFER) as file:
        data = file.read(task.size + 1) if task.decode else None
        if (data is not None and len(data) != task.size) or _state(file.fileno()) != (task.size, task.mtime_ns):
            raise _Changed
        if data is None:
            reading = _read(file, task)
            if reading.kind in NOT_TAKEN:
                return _not_taken(NOT_TAKEN[reading.kind])
            looked = look(file)
            return Examined(None, replace(looked, lossy=not reading.lossless), reading)
    from seedbank.images.looking import look_closely

    reading = _read(io.BytesIO(data), task)
    if reading.kind in NOT_TAKEN:
        return _not_taken(NOT_TAKEN[reading.kind])
    looked = look_closely(data, preview=task.preview)
    return Examined(sha256(data), looked, reading, None if task.staging is None else _written(data, task.staging))


def _not_taken(name: str) -> Rejected:
    return Rejected(
        f"It is a {name} file, which import does not take. Save the picture as PNG; seedbank read says what it holds."
    )


def _read(file: BinaryIO, task: Task) -> FileReading:
    """What the file says. Raises `_Other` where it is not in the words of the one tool that is asked for."""
    from seedbank.importing.reading import read_opened

    reading = read_opened(file, task.path, tool=task.tool)
    if _state(task.path) != (task.size, task.mtime_ns):
        raise _Changed
    if task.tool is not None and not reading.readings:
        raise _Other(" ".join((f"It holds nothing that {task.tool} writes.", *reading.remarks)))
    return reading


def _written(data: bytes, staging: Staging) -> Path | None:
    """None where it cannot be written: the driver tries once more, and says why."""
    try:
        return staging.write(data)
    except OSError:
        return None


def _state(file: str | int) -> tuple[int, int]:
    status = os.stat(file)
    return status.st_size, status.st_mtime_ns


def load(decode: bool) -> None:
    """Load the libraries, before memory is limited and processes are forked: they are no fault of a file.

    Those that only decoding needs take a third of the time; without `decode` they wait for the first picture.
    """
    import seedbank.images.headers
    import seedbank.importing.reading
    from seedbank.formats.detect import ORDER, reader

    if decode:
        import seedbank.images.looking  # noqa: F401
    for name in ORDER:
        reader(name)


def prepare() -> None:
    """What a process does before its first file: what fails here is no fault of a file either."""
    from seedbank.posix import limit_process

    limit_process(MEMORY)


def work(tasks: BinaryIO, answer: Callable[[Examined | Rejected], None]) -> None:
    """Examine what is asked for, one file after the other, until there is no more."""
    while True:
        try:
            task = pickle.load(tasks)
        except EOFError:
            return
        answer(examine(task))


if __name__ == "__main__":
    # The module itself, not `__main__`: what is sent must have the names that the other side knows.
    from seedbank.importing import examine as module
    from seedbank.importing.starting import serve

    channel = int(sys.argv[1]) if sys.argv[1:] else None
    module.load(decode=HEADERS not in sys.argv)
    if channel is not None:
        serve(socket.socket(fileno=channel), module.prepare, module.work)
        os._exit(0)  # whoever waits for the end need not wait for libraries to be taken down
    else:  # asked by hand whether it can: the error of the user's system is the answer
        module.prepare()
