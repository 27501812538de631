"""Where the readers of containers put what they find, under one set of limits."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from seedbank.formats.reading import Payload

LARGEST_METADATA = 8 * 2**20
"""Bytes of metadata of one file that are read, after decompression. A real file has some KiB."""
MOST_PAYLOADS = 256
MOST_PARTS = 500_000
"""Chunks, segments or blocks of a file that are looked at: a PNG of 4 GB in parts of 8 KiB, as libpng writes them."""

CREDENTIALS = "The file carries content credentials (C2PA). They hold no recipe and are not read."


@dataclass(frozen=True)
class Container:
    """What a file carries.

    kind            `png`, `jpeg`, `webp`, `gif`, `tiff`, `avif`, `heif`, `jxl`; None for anything else
    payloads        in the order in which they stand
    width, height   of the picture, where the header says them
    alpha           the picture has a channel of transparency, in which some tools hide text
    lossless        the pixels are those that were written; None where the header does not tell
    modified        when the picture was last changed, as a PNG says it
    remarks         what could not be read, one sentence each
    """

    kind: str | None
    payloads: tuple[Payload, ...]
    width: int | None = None
    height: int | None = None
    alpha: bool = False
    lossless: bool | None = None
    remarks: tuple[str, ...] = ()
    modified: datetime | None = None


@dataclass
class Collector:
    """A `Container` in the making; it refuses what is too much, and says so once."""

    kind: str | None = None
    width: int | None = None
    height: int | None = None
    alpha: bool = False
    lossless: bool | None = None
    modified: datetime | None = None
    room: int = LARGEST_METADATA
    parts: int = 0
    _payloads: list[Payload] = field(default_factory=list)
    _remarks: list[str] = field(default_factory=list)

    def part(self) -> bool:
        """Count one more chunk, segment or block; False when there are too many to go on."""
        self.parts += 1
        if self.parts > MOST_PARTS:
            self.remark(f"The file has more than {MOST_PARTS:,} parts; what comes after them was not read.")
            return False
        return True

    def take(self, place: str, size: int) -> bool:
        """Take `size` bytes from what may still be read; False and a remark where that is too little."""
        if size <= self.room:
            self.room -= size
            return True
        limit = LARGEST_METADATA >> 20
        self.remark(f"{place} is left out: it is larger than the {limit} MiB of metadata that are read of a file.")
        return False

    def read(self, file: BinaryIO, size: int, place: str) -> bytes | None:
        """The next `size` bytes, or None and past them where they are too many. Raises `EOFError`."""
        if self.take(place, size):
            return exactly(file, size)
        file.seek(size, 1)
        return None

    def inflate(self, data: bytes, place: str) -> bytes | None:
        """`data` decompressed, or None and a remark where that is damaged or too large."""
        decompressor = zlib.decompressobj()
        try:
            text = decompressor.decompress(data, self.room + 1)
        except zlib.error:
            self.remark(f"{place} is left out: its compressed text is damaged.")
            return None
        return text if self.take(place, len(text)) else None

    def add(self, place: str, text: str, raw: bytes = b"") -> None:
        """One payload, unless there are too many of them. `raw` is empty for a text that was taken out of another one."""
        if len(self._payloads) < MOST_PAYLOADS:
            self._payloads.append(Payload(place, text, raw))
        else:
            self.remark(f"The file carries more than {MOST_PAYLOADS} texts; the rest was not read.")

    def remark(self, sentence: str) -> None:
        if sentence not in self._remarks:
            self._remarks.append(sentence)

    def container(self) -> Container:
        return Container(
            self.kind,
            tuple(self._payloads),
            self.width,
            self.height,
            self.alpha,
            self.lossless,
            tuple(self._remarks),
            self.modified,
        )


def exactly(file: BinaryIO, size: int) -> bytes:
    """The next `size` bytes. Raises `EOFError` where the file ends before."""
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data
