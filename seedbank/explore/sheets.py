"""What came of a sweep or of variations as pictures of pictures, and as a page."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

from seedbank.errors import BadInput, SeedbankError
from seedbank.explore.plan import Grid
from seedbank.lineage import Change, adapter_names, cfg_beside, parted, recipe_changes
from seedbank.progress import QUIET, Progress, track
from seedbank.records import Entry

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.images import Cell

AREA = 40_000_000
"""Pixels of a sheet: pictures are made smaller until all of them together have no more."""
SMALLEST = 48
"""Pixels of a picture's longer side, at least."""
MOST = 10_000
"""Places of a grid on one sheet."""
ROOM = 24
"""Columns of a text below a picture: about what the narrowest place holds."""
SEPARATELY = "\u2003"


def sweep_sheet(library: Library, grid: Grid, cells: Mapping[int, int | str], title: str, progress: Progress = QUIET) -> bytes:
    """A PNG file of a grid: the first axis across, the second one down, further ones as blocks.

    `cells` maps positions to entries, or to why they failed. A single axis goes on in the next line, each picture with its
    label. Raises `BadInput` as `check_grid` does.
    """
    from seedbank import images

    check_grid(grid)
    small = pictures(library, cells, grid.places, progress)
    axes, titles = grid.axes, grid.titles
    if len(axes) == 1:
        single = [
            images.Cell(small[index].pixels if index in small else None, f"{titles[0]} {axes[0].label(index)}")
            for index in range(len(axes[0]))
            if index not in axes[0].skipped
        ]
        return images.contact_sheet(single, title=title)
    blocks = []
    for rest in product(*(range(len(axis)) for axis in axes[2:])):
        heading = SEPARATELY.join(
            f"{name} {axis.label(index)}" for name, axis, index in zip(titles[2:], axes[2:], rest, strict=True)
        )
        table = [
            [
                None
                if grid.is_skipped((column, row, *rest))
                else small.get(grid.position((column, row, *rest)), images.Cell(None))
                for column in range(len(axes[0]))
            ]
            for row in range(len(axes[1]))
        ]
        blocks.append(images.Block(heading, table))
    across, down = ([axis.label(index) for index in range(len(axis))] for axis in axes[:2])
    return images.grid_sheet(across, down, blocks, (titles[0], titles[1]), title)


def check_grid(grid: Grid) -> None:
    """Refuses a grid that a contact sheet has no room for, before it is rendered. Raises `BadInput`."""
    from seedbank.images.sheets import MOST as MOST_IN_LINES

    most = MOST_IN_LINES if len(grid.axes) == 1 else MOST
    if grid.places > most:
        raise BadInput(f"A contact sheet shows {most:,} cells; the grid has {grid.places:,}.", "Sweep fewer values at a time.")


def pictures(library: Library, cells: Mapping[int, int | str], places: int, progress: Progress = QUIET) -> dict[int, Cell]:
    """{position: the picture, made so small that all `places` have room on a sheet}."""
    from seedbank import images

    ids = sorted({became for became in cells.values() if isinstance(became, int)})
    entries = {entry.id: entry for entry in library.store.entries(ids)}
    side = max(SMALLEST, math.isqrt(AREA // max(1, places)))

    def small(number: int) -> Cell:
        try:
            return images.Cell(images.smaller(library.pixels(entries[number]), side))
        except SeedbankError:
            return images.Cell(None, "not here")

    # Pillow decodes and scales without holding the interpreter, so threads use all cores.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        made = dict(zip(ids, track(progress, pool.map(small, ids), "contact sheet", len(ids)), strict=True))
    return {
        position: images.Cell(None, "failed") if isinstance(became, str) else made[became] for position, became in cells.items()
    }


def variant_sheet(library: Library, parent: Entry, variants: Sequence[Entry], progress: Progress = QUIET) -> bytes:
    """A PNG file of an entry and its variants, each with what was changed."""
    from seedbank import images

    listed = [parent, *variants]
    small = pictures(library, {index: entry.id for index, entry in enumerate(listed)}, len(listed), progress)
    names = adapter_names(library, *listed)
    cells = []
    for index, entry in enumerate(listed):
        said = changes(parent, entry, names) if index else [f"seed {entry.seed}"]
        cells.append(images.Cell(small[index].pixels, "\n".join([str(entry.id), *said[:3]])))
    return images.contact_sheet(cells, title=parent.prompt or "")


def became(change: Change, entry: Entry) -> str:
    """What a field is now, in a few words: ``guidance 8 (CFG 9)``."""
    word, old, new = change
    shown = parted(old, new, ROOM)[1]
    return f"{word} {'none' if shown is None else shown}{cfg_beside(word, entry)}"


def changes(parent: Entry, variant: Entry, names: Mapping[str, str] | None = None) -> list[str]:
    """What a variant has of its own, a few words each."""
    changed = [change for change in recipe_changes(parent, variant, names) if not change[0].startswith("noise.variation")]
    said = [became(change, variant) for change in changed]
    before, now = ((entry.recipe.noise if entry.recipe else {}).get("variation") for entry in (parent, variant))
    if now and now != before:
        said.append(f"{now['strength']:g} to {now['seed']}")
    return said
