"""The page of a sweep: the cards of a gallery in a table whose axes can be chosen.

It is the gallery's page with one more style and script (`grid.css`, `grid.js`), and works from a disk like that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from seedbank.errors import BadInput
from seedbank.pages.gallery import MOST, cards, page
from seedbank.progress import QUIET, Progress
from seedbank.records import Entry

if TYPE_CHECKING:
    from seedbank.bank import Bank


def check_count(pictures: int) -> None:
    """Refuses a grid of more pictures than a page holds. Raises `BadInput`."""
    if pictures > MOST:
        raise BadInput(f"A page holds {MOST:,} pictures; the grid has {pictures:,}.", "Sweep fewer values at a time.")


def grid(
    bank: Bank,
    entries: Sequence[Entry],
    axes: Sequence[tuple[str, Sequence[str]]],
    cells: Mapping[int, int | str],
    text_of: Callable[[Entry], str],
    title: str = "",
    progress: Progress = QUIET,
) -> str:
    """The page. `axes` are (title, values in words); `cells` map positions, counted along the first axis first, to the id of
    one of the `entries` or to why the cell failed. Raises `BadInput` for more than `MOST` entries.
    """
    check_count(len(entries))
    shape = {"titles": [name for name, _ in axes], "values": [list(values) for _, values in axes], "cells": dict(cells)}
    values = {"bank": bank.option, "entries": cards(bank, entries, text_of, progress), "grid": shape}
    return page(values, title, also=("grid",))
