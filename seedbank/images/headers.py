"""What the headers of a picture file say. Nothing is decoded, and numpy, which takes long to load, is not needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import BinaryIO

from PIL import Image

from seedbank.images.codec import frames_of, opened
from seedbank.records import Picture

EXIF_FOLDER = 0x8769
EXIF_TIMES = ((EXIF_FOLDER, 0x9003, 0x9011), (EXIF_FOLDER, 0x9004, 0x9012), (None, 0x0132, 0x9010))
"""(folder, time, its offset from UTC): when the picture was taken, digitised, changed (EXIF 2.32, 4.6.5)."""


@dataclass(frozen=True)
class Looked:
    """A picture file after one look.

    lossy       the pixels can be others than those of the program that wrote the file; None where that was not looked for
    picture     None where only the headers were read
    preview     a small WebP file, where one was asked for
    taken       the time that its EXIF data gives, None where it gives none
    frames      more than one of an animation, whose first frame is the picture
    """

    media_type: str
    lossy: bool | None
    width: int
    height: int
    picture: Picture | None = None
    preview: bytes | None = None
    taken: datetime | None = None
    frames: int = 1


def look(file: BinaryIO) -> Looked:
    """What the headers of a picture file say, without reading more of it. Raises `BadInput` as `look_closely` does."""
    with opened(file, animated=True) as image:
        return headers_of(image)


def headers_of(image: Image.Image) -> Looked:
    """What an opened image says before it is decoded."""
    media_type = f"image/{str(image.format).lower()}"
    return Looked(media_type, None, image.width, image.height, taken=_taken(image), frames=frames_of(image))


def _taken(image: Image.Image) -> datetime | None:
    """When EXIF says that the picture was made; a time without an offset is one of this machine's zone."""
    if image.format == "PNG" and "exif" not in image.info:
        return None  # Pillow would decode the whole picture to look behind it
    try:
        exif = image.getexif()
        for folder, tag, offset in EXIF_TIMES:
            values = exif.get_ifd(folder) if folder else exif
            offsets = exif.get_ifd(EXIF_FOLDER)
            if (when := _time(values.get(tag), offsets.get(offset))) is not None:
                return when
    except Exception:  # what Pillow's parser of EXIF raises; a broken date is no reason to lose the picture
        return None
    return None


def _time(text: object, offset: object) -> datetime | None:
    try:
        when = datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    if found := re.fullmatch(r"([+-])(\d\d):(\d\d)", str(offset).strip("\0 ")):
        apart = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return when.replace(tzinfo=timezone(-apart if found[1] == "-" else apart))
    return when.astimezone()
