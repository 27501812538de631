"""A grid of pictures as one picture: values of one axis across, of another one down, further ones as blocks below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from seedbank.errors import BadInput
from seedbank.images.codec import LARGEST_PIXELS
from seedbank.images.lettering import LINE, text_width, wrapped, write
from seedbank.images.sheets import BACKGROUND, FAINT, GAP, INK, Cell, png_of, shown

SOFT = (110, 110, 110)
WIDEST = 220
"""Pixels of the column in which the labels of the rows stand, at most."""
MOST_LINES = 3


@dataclass(frozen=True)
class Block:
    """One table of the grid: its heading, and its cells by row and column; None where nothing belongs."""

    heading: str
    rows: Sequence[Sequence[Cell | None]]


def grid_sheet(
    columns: Sequence[str], rows: Sequence[str], blocks: Sequence[Block], titles: tuple[str, str], title: str = ""
) -> bytes:
    """A PNG file. `columns` and `rows` are the labels, `titles` the names of the two axes.

    Pictures keep their own pixels; a smaller one is centred in its place. A cell without a picture is crossed out, with its
    label. Raises `BadInput` for a sheet of more than `LARGEST_PIXELS`.
    """
    cells = [cell for block in blocks for row in block.rows for cell in row if cell is not None]
    across = max([64, *(cell.pixels.width for cell in cells if cell.pixels)])
    down = max([2 * LINE, *(cell.pixels.height for cell in cells if cell.pixels)])
    side = min(WIDEST, max([text_width(f"{titles[1]} ↓"), *(text_width(label) for label in rows)])) + GAP
    heads = [wrapped(label, across, MOST_LINES) for label in columns]
    names = [wrapped(label, side - GAP, max(1, min(MOST_LINES, down // LINE))) for label in rows]
    top = LINE * max(len(lines) for lines in heads)
    tall = LINE + GAP // 2 if any(block.heading for block in blocks) else 0
    block_height = tall + LINE + top + GAP // 2 + len(rows) * (down + GAP // 2) + GAP
    head = LINE + GAP if title else 0
    width = GAP + side + len(columns) * (across + GAP // 2) + GAP
    height = GAP + head + len(blocks) * block_height
    if width * height > LARGEST_PIXELS:
        raise BadInput(f"The sheet would have {width:,}x{height:,} pixels.", "Sweep fewer values, or write a --page.")
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = _Pen(ImageDraw.Draw(sheet))
    if title:
        draw.lines((GAP, GAP), wrapped(title, width - 2 * GAP, 1))
    for number, block in enumerate(blocks):
        y = GAP + head + number * block_height
        if block.heading:
            draw.lines((GAP, y), wrapped(block.heading, width - 2 * GAP, 1))
        y += tall
        draw.lines((GAP + side, y), [f"{titles[0]} →"], SOFT)
        y += LINE
        draw.lines((GAP, y + top - LINE), [f"{titles[1]} ↓"], SOFT)
        for column, lines in enumerate(heads):
            left = GAP + side + column * (across + GAP // 2)
            draw.lines((left, y + top - LINE * len(lines)), lines, centred=across)
        y += top + GAP // 2
        for row, (lines, line) in enumerate(zip(names, block.rows, strict=True)):
            upper = y + row * (down + GAP // 2)
            draw.lines((GAP, upper + (down - LINE * len(lines)) // 2), lines)
            for column, cell in enumerate(line):
                if cell is not None:
                    draw.cell(sheet, cell, (GAP + side + column * (across + GAP // 2), upper), (across, down))
    return png_of(sheet)


class _Pen:
    """Writes on a sheet."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def lines(
        self, at: tuple[int, int], lines: Sequence[str], ink: tuple[int, int, int] = INK, centred: int | None = None
    ) -> None:
        for number, line in enumerate(lines):
            shift = 0 if centred is None else max(0, (centred - text_width(line)) // 2)
            write(self._draw, (at[0] + shift, at[1] + number * LINE), line, ink)

    def cell(self, sheet: Image.Image, cell: Cell, at: tuple[int, int], size: tuple[int, int]) -> None:
        (left, upper), (across, down) = at, size
        if cell.pixels is not None:
            sheet.paste(
                shown(cell.pixels), (left + (across - cell.pixels.width) // 2, upper + (down - cell.pixels.height) // 2)
            )
            return
        self._draw.rectangle((left, upper, left + across - 1, upper + down - 1), outline=FAINT)
        self._draw.line((left, upper, left + across - 1, upper + down - 1), fill=FAINT)
        self.lines((left + GAP // 2, upper + (down - LINE) // 2), wrapped(cell.label, across - GAP, 1), SOFT)
