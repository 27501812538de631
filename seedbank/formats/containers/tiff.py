"""TIFF files: their tags are those of an Exif block. Source: TIFF 6.0, section 2."""

from __future__ import annotations

from typing import BinaryIO

from seedbank.formats.containers import exif
from seedbank.formats.containers.collecting import Collector


def collect(file: BinaryIO, found: Collector) -> None:
    """The texts of the first picture's directory and the Exif directory below it."""
    end = file.seek(0, 2)

    def fetch(at: int, size: int) -> bytes:
        file.seek(at)
        return file.read(size)

    exif.collect_from(fetch, end, found.room, found)
