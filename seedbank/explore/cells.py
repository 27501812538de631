"""The cells of a grid before they are rendered: whether their values make sense, their recipes, and what to say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seedbank.errors import BadInput, Blocked, SeedbankError
from seedbank.explore.axes import LOADED, Axis, value_text
from seedbank.explore.changes import Change, Changer, cut_off, effects, unguided
from seedbank.explore.plan import LARGEST, Grid
from seedbank.explore.starts import Start, Starts, by_whom
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
    start: Start | None = None

    @property
    def digest(self) -> str:
        return "" if self.recipe is None else self.recipe.digest

    @property
    def key(self) -> tuple[str, str]:
        """What makes two cells the same picture: their recipe and their environment."""
        return self.digest, "" if self.start is None else self.start.environment


class Planner:
    """Plans the cells of `grid`, each for what it begins from."""

    def __init__(self, grid: Grid, starts: Starts) -> None:
        self._grid = grid
        self._starts = starts
        self._changed = [axis for axis in grid.axes if axis.field not in LOADED]
        self._refused: dict[str, list[str]] = {start.label: [] for start in starts}

    def check(self) -> None:
        """Raises `BadInput` for a value that makes no sense for any of the pipelines, before anything is rendered.

        A value may need another axis (a schedule its sampler): it passes when it makes sense with one of the others' values.
        """
        if not self._grid.axes:
            raise BadInput("A sweep needs something that changes.", "Add --seeds 1000..1009, or --axis steps=4,8,16.")
        if self._grid.places > LARGEST:
            raise BadInput(f"The grid has {self._grid.places:,} places.", f"Use fewer values: {LARGEST:,} is the most.")
        for axis in self._changed:
            others = [other for other in self._changed if other is not axis]
            for value in tried(axis):
                self._check_value(axis, value, others)

    def _check_value(self, axis: Axis, value: Any, others: Sequence[Axis]) -> None:
        errors = {}
        for start in self._starts:
            if (error := _error(start.changer, axis, value, others)) is not None:
                errors[start.label] = error
        if len(errors) == len(self._starts):
            error = next(iter(errors.values()))
            raise BadInput(f"The axis {axis.text!r} cannot be rendered: {error.message}", error.hint)
        for label, error in errors.items():
            self._refused[label].append(f"Cells of {axis.title} {value_text(value)} will fail: {error.message}")

    def remarks(self) -> Iterator[str]:
        """What changes along the axes and its author may not expect, each sentence once."""
        for _, label, error in self._starts.problems:
            yield f"Cells of {label} will fail: {error.message}"
        for labels in self._starts.alike:
            yield f"{' and '.join(labels)} have the same content: their cells are the same pictures."
        if any(axis.field == "model" and len(axis) > 1 for axis in self._grid.axes):
            yield "The composition changes along model: each makes another picture of the same noise."
        yield from by_whom({start.label: [*self._refused[start.label], *self._remarks(start)] for start in self._starts})

    def _remarks(self, start: Start) -> Iterator[str]:
        guided = {axis.field for axis in self._changed} & {"cfg", "guidance"}
        for axis in self._changed:
            made = []
            for value in tried(axis):
                try:
                    changed = start.changer([(axis.field, value)])
                except (BadInput, Blocked):
                    continue  # it makes sense with another axis only
                made.append((value, changed))
                remarks = [] if guided and "negative" in axis.field else effects(start.base, changed)
                if axis.field in ("steps", "size") and remarks:
                    remarks = [] if len(axis) == 1 else [f"The composition changes along {axis.title}: {_why(axis.field)}."]
                if "prompt" in axis.field or "negative" in axis.field or "texts" in axis.field:
                    remarks += cut_off(start.renderer, changed)
                yield from remarks
            if axis.field in ("cfg", "guidance"):
                yield from unguided(made, start.renderer)

    def planned(self, indexes: tuple[int, ...]) -> Planned:
        position = self._grid.position(indexes)
        changes = self._grid.changes(indexes)
        try:
            start = self._starts.of(changes)
            return Planned(position, indexes, start.changer(_but_loaded(changes)), start=start)
        except SeedbankError as error:
            return Planned(position, indexes, None, str(error))


def _but_loaded(changes: Iterable[Change]) -> list[Change]:
    return [(field, value) for field, value in changes if field not in LOADED]


def _error(changer: Changer, axis: Axis, value: Any, others: Sequence[Axis]) -> BadInput | Blocked | None:
    """Why a value makes no sense with any value of the other axes; None when it does."""
    try:
        changer([(axis.field, value)])
    except (BadInput, Blocked) as error:
        for other in others:
            for beside in tried(other):
                try:
                    changer([(axis.field, value), (other.field, beside)])
                    return None
                except (BadInput, Blocked):
                    continue
        return error
    return None


def tried(axis: Axis) -> list[Any]:
    """Values of an axis, evenly spread over it, with both ends."""
    rendered = [index for index in range(len(axis)) if index not in axis.skipped]
    step = max(1, len(rendered) // TRIED)
    return [axis.values[index] for index in dict.fromkeys([*rendered[::step], rendered[-1]])]


def _why(field: str) -> str:
    same = "another number of steps goes through other noise levels"
    return "a seed draws other noise for every size" if field == "size" else same
