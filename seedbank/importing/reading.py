"""What a file says of how it was made, without a bank: `seedbank.read(path)`.

Neither torch nor a database is loaded, and no pixel is decoded unless a file with transparency says nothing otherwise.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from seedbank.errors import BadInput
from seedbank.formats.containers import LARGEST_METADATA, Container, scan
from seedbank.formats.containers.text import whole_file
from seedbank.formats.detect import conflicts, examine
from seedbank.formats.reading import Foreign, Payload, Reading
from seedbank.importing.sidecars import sidecars

BUFFER = 2048
"""Bytes read at once: the metadata of most files, and not more of the picture than must be."""


@dataclass(frozen=True)
class FileReading:
    """What a file says, word for word and understood.

    kind       `png`, `jpeg`, `webp`, `gif`, `avif`, `heif`, `jxl`, `text`; None for anything else
    payloads   every text that it carries, in order
    readings   what each tool's format made of them, the most trusted first
    remarks    what could not be read or followed, one sentence each
    modified   when a PNG says that it was last changed
    """

    kind: str | None
    payloads: tuple[Payload, ...] = ()
    readings: tuple[Reading, ...] = ()
    remarks: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    lossless: bool | None = None
    modified: datetime | None = None

    @property
    def tool(self) -> str | None:
        """The tool whose format was trusted most; None where no format was found."""
        return self.readings[0].tool if self.readings else None

    @property
    def recipe(self) -> Foreign:
        """The recipe as that tool says it; all None where no format was found."""
        return self.readings[0].recipe if self.readings else Foreign()

    @cached_property
    def raw(self) -> Mapping[str, str]:
        """{place: text} of all payloads; a second text at the same place has `#2` after it."""
        texts: dict[str, str] = {}
        for payload in self.payloads:
            place, number = payload.place, 1
            while place in texts:
                number += 1
                place = f"{payload.place}#{number}"
            texts[place] = payload.text
        return texts

    @cached_property
    def conflicts(self) -> tuple[str, ...]:
        """One sentence for each field that two readings tell differently."""
        return tuple(conflicts(self.readings))


def read(path: str | Path, *, deep: bool = False, tool: str | None = None) -> FileReading:
    """What the file says. Its suffix counts for nothing, and a broken or hostile file is a remark, not an error.

    With `deep`, text that is hidden in the pixels is looked for even where there is other metadata; else only in a file
    with transparency that says nothing. Files beside a picture (`name.txt`, `name.json` and those of `sidecars`, Fooocus'
    `log.html`) are read where the picture itself says nothing. `tool` names the one format to try. Raises `BadInput` for
    a file that is not there or cannot be opened.
    """
    path = Path(path)
    try:
        file = _opened(path)
    except FileNotFoundError:
        raise BadInput(f"There is no file {path}.") from None
    except ValueError:  # a NUL in the name
        raise BadInput(f"There is no file {str(path)!r}.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {os.strerror(error.errno or errno.EIO)}.") from None
    with file:
        try:
            return _read(file, deep, tool, lambda remarks: sidecars(path, remarks))
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {os.strerror(error.errno or errno.EIO)}.") from None


def read_opened(file: BinaryIO, path: str, *, tool: str | None = None) -> FileReading:
    """`read` of a picture file that is open already, or in memory; `path` says where others lie beside it."""
    return _read(file, False, tool, lambda remarks: sidecars(Path(path), remarks))


def _opened(path: Path) -> BinaryIO:
    """Raises `BadInput` for what is no file of its own: opening a pipe would wait for ever."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise BadInput(f"{path} is a folder.", "Name the files in it.")
    if not stat.S_ISREG(mode):
        raise BadInput(f"{path} is no regular file.")
    return open(path, "rb", buffering=BUFFER)


def read_bytes(data: bytes, *, deep: bool = False, tool: str | None = None) -> FileReading:
    """`read` of a file that is in memory."""
    return _read(io.BytesIO(data), deep, tool, None)


def _read(file: BinaryIO, deep: bool, tool: str | None, beside: Callable[[list[str]], Iterable[Payload]] | None) -> FileReading:
    container = scan(file)
    payloads, remarks = list(container.payloads), list(container.remarks)
    kind = container.kind
    if kind is None:
        kind = _plain_text(file, payloads, remarks)
    found = examine(payloads, tool)
    if deep or (container.alpha and not found.readings):
        hidden = _hidden(file, container, remarks)
        if hidden:
            payloads += hidden
            found = examine(payloads, tool)
    if not found.readings and beside is not None and container.kind is not None:
        others = list(beside(remarks))
        if others:
            payloads += others
            found = examine(payloads, tool)
    return FileReading(
        kind,
        tuple(payloads),
        found.readings,
        (*remarks, *found.remarks),
        container.width,
        container.height,
        container.lossless,
        container.modified,
    )


def _hidden(file: BinaryIO, container: Container, remarks: list[str]) -> list[Payload]:
    """What is hidden in the pixels of a picture that keeps them as they were written, as a lossy WebP does its transparency."""
    if container.kind not in ("png", "webp") or not (container.lossless or container.alpha):
        return []
    import warnings

    from seedbank import images

    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's on metadata that it does not like, which it is not asked for
            pixels = images.read_image(file.read(), animated=True)
    except BadInput as error:
        remarks.append(error.message)
        return []
    return [Payload(f"stealth:{channel}", text, raw) for channel, (text, raw) in images.hidden_texts(pixels).items()]


def _plain_text(file: BinaryIO, payloads: list[Payload], remarks: list[str]) -> str | None:
    """The file as one payload where it is text: parameters in a file of their own, a workflow, a log."""
    file.seek(0)
    data = file.read(LARGEST_METADATA + 1)
    if not data:
        remarks.append("The file is empty.")
    elif len(data) > LARGEST_METADATA:
        limit = LARGEST_METADATA >> 20
        remarks.append(f"The file is no picture that is known here, and larger than the {limit} MiB that are read of a text.")
    elif (text := whole_file(data)) is None:
        remarks.append("The file is neither a picture that is known here nor a text.")
    else:
        payloads.append(Payload("text", text, data))
        return "text"
    return None


__all__ = ["Container", "FileReading", "read", "read_bytes", "read_opened"]
