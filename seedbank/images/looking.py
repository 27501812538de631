"""What an import keeps of a picture: what its headers say, its digest, and how it looks. One decoding, in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from seedbank.hashing import strips_digest
from seedbank.images.codec import DecodedImage, decoded, is_lossy, opened
from seedbank.images.compare import hash_of_small, samples
from seedbank.images.headers import Looked, headers_of
from seedbank.images.lanczos import at_32x32
from seedbank.images.sheets import over_background, small_file
from seedbank.records import Picture

STRIP = 4 << 20
"""Bytes of rows that are hashed at once."""


def look_closely(data: bytes, *, preview: int | None = None) -> Looked:
    """What is worth keeping of a picture file. With `preview`, also a small picture of so many pixels at most.

    Raises `BadInput`, in one sentence, for what is no picture, damaged or too large.
    """
    with opened(data, animated=True) as image:
        headers = headers_of(image)
        still = decoded(image)
        digest = strips_digest(still.mode, still.width, still.height, _strips(still))
        picture = Picture(digest, still.mode, still.width, still.height, hash_of_small(at_32x32(_grey(still))))
        lossy = is_lossy(str(image.format), data)
        return replace(headers, lossy=lossy, picture=picture, preview=_small(still, preview))


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
