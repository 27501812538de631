"""Pictures one after the other: a strip to look at, and an animation that plays them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from seedbank.errors import BadInput
from seedbank.images.codec import Pixels
from seedbank.images.sheets import Cell, contact_sheet, shown, smaller

SIDE, COLUMNS = 192, 8
"""Pixels of a frame's longer side on a strip, and frames in a row of it."""
QUALITY = 90


def film_strip(cells: Sequence[Cell], title: str = "") -> bytes:
    """A PNG file: the frames made smaller where they are large, each over its label, in rows of `COLUMNS`."""
    small = [Cell(None if cell.pixels is None else smaller(cell.pixels, SIDE), cell.label) for cell in cells]
    return contact_sheet(small, columns=COLUMNS, title=title)


def animation(frames: Sequence[Pixels], milliseconds: Sequence[int]) -> bytes:
    """An animated WebP file that repeats for ever; each frame is shown for so many milliseconds.

    Frames of another size than the first are scaled to it. Raises `BadInput` for fewer than two.
    """
    if len(frames) < 2:
        raise BadInput("An animation needs two pictures or more.")
    size = (frames[0].width, frames[0].height)
    images = [shown(frame) for frame in frames]
    images = [image if image.size == size else image.resize(size, Image.Resampling.LANCZOS) for image in images]
    file = io.BytesIO()
    images[0].save(
        file, "WEBP", save_all=True, append_images=images[1:], duration=list(milliseconds), loop=0, quality=QUALITY, method=4
    )
    return file.getvalue()
