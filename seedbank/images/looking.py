"""What an import keeps of a picture: its digest, how it looks, when it was made. One decoding, in little memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import BinaryIO

import numpy as np
from PIL import Image

from seedbank.hashing import strips_digest
from seedbank.images.codec import LARGEST_PIXELS, DecodedImage, decoded, frames_of, is_lossy, opened
from seedbank.images.compare import hash_of_small, samples
from seedbank.images.lanczos import at_32x32
from seedbank.images.sheets import over_background, small_file
from seedbank.records import Picture

STRIP = 4 << 20
"""Bytes of rows that are hashed at once."""
EXIF_FOLDER = 0x8769
EXIF_TIMES = ((EXIF_FOLDER, 0x9003, 0x9011), (EXIF_FOLDER, 0x9004, 0x9012), (None, 0x0132, 0x9010))
"""(folder, time, its offset from UTC): when the picture was taken, digitised, changed (EXIF 2.32, 4.6.5)."""

__all__ = ["LARGEST_PIXELS", "Looked", "look", "look_closely"]


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
        return Looked(_media_type(image), None, image.width, image.height, taken=_taken(image), frames=frames_of(image))


def look_closely(data: bytes, *, preview: int | None = None) -> Looked:
    """What is worth keeping of a picture file. With `preview`, also a small picture of so many pixels at most.

    Raises `BadInput`, in one sentence, for what is no picture, damaged or too large.
    """
    with opened(data, animated=True) as image:
        frames, lossy = frames_of(image), is_lossy(str(image.format), data)
        headers = Looked(_media_type(image), lossy, image.width, image.height, taken=_taken(image), frames=frames)
        still = decoded(image)
        digest = strips_digest(still.mode, still.width, still.height, _strips(still))
        picture = Picture(digest, still.mode, still.width, still.height, hash_of_small(at_32x32(_grey(still))))
        return replace(headers, picture=picture, preview=_small(still, preview))


def _media_type(image: Image.Image) -> str:
    return f"image/{str(image.format).lower()}"


def _small(image: Image.Image, side: int | None) -> bytes | None:
    """The preview; None also of a picture that is as small itself."""
    if side is None or max(image.size) <= side:
        return None
    return small_file(_shown(image), side)


def _strips(image: Image.Image) -> Iterator[bytes]:
    """The rows as ``Image.tobytes()`` gives them, a few at a time."""
    rows = max(1, STRIP // max(1, image.width * len(image.getbands()) * (2 if image.mode == "I;16" else 1)))
    if rows >= image.height:
        yield image.tobytes()
        return
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height))).tobytes()


def _grey(image: Image.Image) -> Image.Image:
    return _eight_bits(image) if image.mode == "I;16" else image.convert("L")


def _shown(image: Image.Image) -> Image.Image:
    """The image in RGB; one that is so already is not copied, as nothing else is done with it."""
    if image.mode == "RGB":
        return image
    return over_background(_eight_bits(image) if image.mode == "I;16" else image)


def _eight_bits(image: Image.Image) -> Image.Image:
    pixels = DecodedImage(image.mode, image.width, image.height, image.tobytes(), {}, "", False)
    return Image.fromarray(np.round(samples(pixels)[:, :, 0]).astype(np.uint8))


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
