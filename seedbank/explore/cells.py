"""The cells of a grid before they are rendered: whether their values make sense, their recipes, and what to say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seedbank.errors import BadInput, Blocked
from seedbank.explore.axes import Axis
from seedbank.explore.changes import Changer, cut_off, effects
from seedbank.explore.plan import LARGEST, Grid
from seedbank.explore.rendering import Renderer
from seedbank.recipe import Recipe
from seedbank.records import Entry

TRIED = 100
"""So many values of an axis are tried before anything is rendered; what is wrong with others shows when they come."""


@dataclass(frozen=True)
class Planned:
    """A cell before its turn. `recipe` is None when `problem` says why there can be none; `entry` is there when it is done
    already; `again` says that a cell shortly before has the same recipe."""

    position: int
    indexes: tuple[int, ...]
    recipe: Recipe | None
    problem: str | None = None
    entry: Entry | None = None
    again: bool = False

    @property
    def digest(self) -> str:
        return "" if self.recipe is None else self.recipe.digest


class Planner:
    """Plans the cells of `grid` for what `renderer` has opened."""

    def __init__(self, grid: Grid, renderer: Renderer) -> None:
        self._grid = grid
        self._renderer = renderer
        self._changer = Changer(renderer.opened, renderer.base, renderer.beside.adapters)

    def check(self) -> None:
        """Raises `BadInput` for a value that makes no sense for this pipeline, before anything is rendered.

        A value may need another axis (a schedule its sampler): it passes when it makes sense with one of the others' values.
        """
        if not self._grid.axes:
            raise BadInput("A sweep needs something that changes.", "Add --seeds 1000..1009, or --axis steps=4,8,16.")
        if self._grid.places > LARGEST:
            raise BadInput(f"The grid has {self._grid.places:,} places.", f"Use fewer values: {LARGEST:,} is the most.")
        for axis in self._grid.axes:
            others = [other for other in self._grid.axes if other is not axis]
            for value in _tried(axis):
                self._check_value(axis, value, others)

    def _check_value(self, axis: Axis, value: Any, others: Sequence[Axis]) -> None:
        try:
            self._changer([(axis.field, value)])
        except (BadInput, Blocked) as error:
            for other in others:
                for beside in _tried(other):
                    try:
                        self._changer([(axis.field, value), (other.field, beside)])
                        return
                    except (BadInput, Blocked):
                        continue
            raise BadInput(f"The axis {axis.text!r} cannot be rendered: {error.message}", error.hint) from None

    def remarks(self) -> Iterator[str]:
        """What changes along the axes and its author may not expect, each sentence once."""
        said: dict[str, None] = {}
        guided = {axis.field for axis in self._grid.axes} & {"cfg", "guidance"}
        for axis in self._grid.axes:
            for value in _tried(axis):
                try:
                    changed = self._changer([(axis.field, value)])
                except (BadInput, Blocked):
                    continue  # it makes sense with another axis only
                remarks = [] if guided and "negative" in axis.field else effects(self._changer.base, changed)
                if axis.field in ("steps", "size") and remarks:
                    remarks = [] if len(axis) == 1 else [f"The composition changes along {axis.title}: {_why(axis.field)}."]
                if "prompt" in axis.field or "negative" in axis.field or "texts" in axis.field:
                    remarks += cut_off(self._renderer.opened, self._changer.base, changed)
                said |= dict.fromkeys(remarks)
        yield from said

    def planned(self, indexes: tuple[int, ...]) -> Planned:
        position = self._grid.position(indexes)
        try:
            return Planned(position, indexes, self._changer(self._grid.changes(indexes)))
        except (BadInput, Blocked) as error:
            return Planned(position, indexes, None, str(error))


def _tried(axis: Axis) -> list[Any]:
    """Values of an axis, evenly spread over it, with both ends."""
    rendered = [index for index in range(len(axis)) if index not in axis.skipped]
    step = max(1, len(rendered) // TRIED)
    return [axis.values[index] for index in dict.fromkeys([*rendered[::step], rendered[-1]])]


def _why(field: str) -> str:
    same = "another number of steps goes through other noise levels"
    return "a seed draws other noise for every size" if field == "size" else same
