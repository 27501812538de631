"""Pictures of pictures: thumbnails, contact sheets with labels, and two pictures beside their difference."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from seedbank.errors import BadInput
from seedbank.images.codec import LARGEST_PIXELS, Pixels, image_of
from seedbank.images.compare import samples
from seedbank.images.lettering import LINE, wrapped, write
from seedbank.images.png import write_png

BACKGROUND, INK, FAINT = (250, 250, 250), (24, 24, 24), (225, 225, 225)
GAP = 12
MOST = 1500
"""Pictures on a sheet: at 192 pixels and with two lines below each, they stay within `LARGEST_PIXELS`."""
NARROWEST = 160
"""Width in pixels of the smallest place: a label with an id and a seed of ten digits fits."""
KINDS: Mapping[str, tuple[str, dict[str, int]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 92}),
}
"""How the name of a sheet may end: (format, options of Pillow). Letters stay sharp with colours at full resolution."""
LONGEST = {"JPEG": 65_535, "WEBP": 16_383}


@dataclass(frozen=True)
class Cell:
    """One place on a sheet: a picture, or None where there is none, and the lines below it."""

    pixels: Pixels | None
    label: str = ""


def thumbnail(pixels: Pixels, side: int = 256, kind: str = "WEBP") -> bytes:
    """A WebP (or PNG) file of the picture, made smaller until both sides are at most `side` pixels; never made larger."""
    return small_file(shown(pixels), side, kind)


def small_file(image: Image.Image, side: int, kind: str = "WEBP") -> bytes:
    """The file that `thumbnail` gives, of an image in RGB that may be changed.

    Whole blocks of pixels are averaged first, down to the size asked for where that divides it: of 1024 pixels that takes
    0.4 ms instead of 5. WebP's fastest method saves a third of the time of the second, for files 4 % larger.
    """
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=1.0)
    return _saved(image, kind, **({"quality": 80, "method": 0} if kind == "WEBP" else {}))


def check_count(pictures: int) -> None:
    """Refuses more pictures than a contact sheet has room for, before they are made. Raises `BadInput`."""
    if pictures > MOST:
        raise BadInput(
            f"A contact sheet has room for {MOST:,} pictures, and these are more.",
            "Choose fewer, with --limit, -n or the query.",
        )


def contact_sheet(cells: Sequence[Cell], columns: int | None = None, title: str = "") -> bytes:
    """A PNG file with the pictures in rows, each over its label.

    Pictures keep their own pixels; a smaller one is centred in the place of the widest. Lines that are too long for a
    place are cut with an ellipsis. `columns` is by default what makes the sheet about square. Raises `BadInput` for a
    sheet of more than `LARGEST_PIXELS`.
    """
    if not cells:
        raise BadInput("A contact sheet needs at least one picture.")
    columns = min(len(cells), columns or math.ceil(math.sqrt(len(cells))))
    rows = math.ceil(len(cells) / columns)
    widest = max([1, *(cell.pixels.width for cell in cells if cell.pixels)])
    across = max(NARROWEST, widest)
    down = max([1, *(cell.pixels.height for cell in cells if cell.pixels)])
    lines = max(len(cell.label.splitlines()) for cell in cells)
    head = GAP + LINE if title else 0
    place = (across + GAP, down + lines * LINE + GAP + (GAP // 2 if lines else 0))
    width, height = columns * place[0] + GAP, rows * place[1] + GAP + head
    if width * height > LARGEST_PIXELS:
        raise BadInput(f"The sheet would have {width}x{height} pixels.", "Choose fewer pictures.")
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    if title:
        write(draw, (GAP, GAP), wrapped(title, width - 2 * GAP, 1)[0], INK)
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        left, top = GAP + column * place[0], GAP + head + row * place[1]
        if cell.pixels is None:
            draw.rectangle((left, top, left + across - 1, top + down - 1), outline=FAINT)
            draw.line((left, top, left + across - 1, top + down - 1), fill=FAINT)
        else:
            # A label begins below the left edge of the widest picture, also where the place is wider than that.
            at = (left + (widest - cell.pixels.width) // 2, top + (down - cell.pixels.height) // 2)
            sheet.paste(shown(cell.pixels), at)
        for number, line in enumerate(cell.label.splitlines()):
            write(draw, (left, top + down + GAP // 2 + number * LINE), wrapped(line, across, 1)[0], INK)
    return png_of(sheet)


def difference_sheet(a: Pixels, b: Pixels, labels: tuple[str, str] = ("recorded", "now")) -> bytes:
    """A PNG file: the two pictures and, where their size and mode agree, the difference of each channel, stretched.

    Black is equal; the third label says by which factor the difference was multiplied, so that its largest is white.
    """
    cells = [Cell(a, labels[0]), Cell(b, labels[1])]
    if (a.mode, a.width, a.height) == (b.mode, b.width, b.height):
        cells.append(difference_cell(a, b))
    return contact_sheet(cells, columns=len(cells))


def difference_cell(a: Pixels, b: Pixels) -> Cell:
    """The difference of each channel of two pictures of one size, stretched; the label says by which factor."""
    difference = np.abs(samples(rgb(a)) - samples(rgb(b)))
    factor = 255 / max(1.0, float(difference.max()))
    stretched = np.round(difference * factor).astype(np.uint8)
    return Cell(RGB(a.width, a.height, stretched.tobytes()), f"difference ×{factor:.3g}")


@dataclass(frozen=True)
class RGB:
    """Pixels that were computed."""

    width: int
    height: int
    rows: bytes
    mode: str = "RGB"


def rgb(pixels: Pixels, size: tuple[int, int] | None = None) -> Pixels:
    """The picture as RGB over the background, scaled where it has another size than `size` (width, height).

    One of other proportions keeps them: it is made as large as fits, and the background stands beside it.
    """
    image = shown(pixels)
    if size is not None and image.size != size:
        if alike(image.size, size):
            image = image.resize(size, Image.Resampling.LANCZOS)
        else:
            image = ImageOps.pad(image, size, Image.Resampling.LANCZOS, BACKGROUND)
    return RGB(image.width, image.height, image.tobytes())


def alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes (width, height) have the same proportions, to within a pixel of height at the same width."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= min(one[0], other[0])


def smaller(pixels: Pixels, side: int) -> Pixels:
    """The picture as RGB, scaled until both sides are at most `side` pixels; never made larger."""
    image = shown(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return RGB(image.width, image.height, image.tobytes())


def shown(pixels: Pixels) -> Image.Image:
    """The picture as RGB over the background."""
    if pixels.mode == "I;16":
        return Image.fromarray(np.round(samples(pixels)[:, :, 0]).astype(np.uint8)).convert("RGB")
    return over_background(image_of(pixels))


def over_background(image: Image.Image) -> Image.Image:
    """The image in RGB; what is transparent shows the background."""
    if image.mode in ("RGBA", "LA"):
        backdrop = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        return Image.alpha_composite(backdrop, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def rewritten(png: bytes, suffix: str) -> bytes:
    """A PNG file of `contact_sheet` and its kin as the file that `suffix` names, one of `KINDS`. Raises `BadInput`."""
    kind, options = KINDS[suffix.lower()]
    if kind == "PNG":
        return png
    image = Image.open(io.BytesIO(png))
    if max(image.size) > LONGEST[kind]:
        raise BadInput(
            f"A {suffix} file can have {LONGEST[kind]:,} pixels a side, and the sheet has more.", "Write a .png file."
        )
    return _saved(image, kind, **options)


def png_of(image: Image.Image) -> bytes:
    """A PNG file of the image."""
    return write_png(image.mode, image.width, image.height, image.tobytes())


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
