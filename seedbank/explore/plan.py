"""What a sweep will do: its cells in order, and what they will cost.

A cell is a place in the grid that the axes span. Nothing here holds more than one cell at a time, so a grid of a million
costs no more memory than one of ten.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from statistics import median
from typing import TYPE_CHECKING, Any

from seedbank.explore.axes import GIVEN, LOADED, Axis
from seedbank.explore.changes import Change
from seedbank.pipelines import uses_negative
from seedbank.recipe import Recipe

if TYPE_CHECKING:
    from seedbank.bank import Bank

LARGEST = 10**9
"""Cells of a grid."""
SHOWN = 20
"""So many parts of a plan are listed."""
RECENT = 50
"""So many of a model's newest entries say how long a rendering takes."""


@dataclass(frozen=True)
class Grid:
    """The cells that axes span. A cell has a position, counted along the first axis first, and an index on every axis."""

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)

    @property
    def places(self) -> int:
        """How many places the grid has, with those that are skipped."""
        return math.prod(self.shape)

    @cached_property
    def cells(self) -> int:
        """How many places are rendered."""
        return math.prod(len(axis) - len(axis.skipped) for axis in self.axes)

    def indexes(self, position: int) -> tuple[int, ...]:
        """The index on every axis."""
        found = []
        for length in self.shape:
            position, index = divmod(position, length)
            found.append(index)
        return tuple(found)

    def position(self, indexes: Sequence[int]) -> int:
        """The inverse of `indexes`."""
        position = 0
        for length, index in zip(reversed(self.shape), reversed(indexes), strict=True):
            position = position * length + index
        return position

    def is_skipped(self, indexes: Sequence[int]) -> bool:
        return any(index in axis.skipped for axis, index in zip(self.axes, indexes, strict=True))

    def changes(self, indexes: Sequence[int]) -> list[Change]:
        """What the axes change in one cell."""
        return [(axis.field, axis.values[index]) for axis, index in zip(self.axes, indexes, strict=True)]

    def labels(self, indexes: Sequence[int]) -> dict[str, str]:
        """{title of an axis: its value in words} of one cell; axes with the same title are numbered."""
        return dict(zip(self.titles, (axis.label(index) for axis, index in zip(self.axes, indexes, strict=True)), strict=True))

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """The names of the axes, each one once."""
        titles: list[str] = []
        for axis in self.axes:
            again = sum(one == axis.title or one.startswith(f"{axis.title} (") for one in titles)
            titles.append(f"{axis.title} ({again + 1})" if again else axis.title)
        return tuple(titles)

    def walk(self, where: Mapping[str, Any] | None = None) -> Iterator[tuple[int, ...]]:
        """The indexes of every cell that is rendered, in the order of rendering: what is loaded changes least often.

        `where` has values of some axes by their field: only cells with these are walked.
        """
        order = sorted(range(len(self.axes)), key=lambda place: (_weight(self.axes[place].field), -place))
        kept = [[index for index in self._rendered(place) if self._is(place, index, where or {})] for place in order]
        for chosen in product(*kept):
            indexes = [0] * len(self.axes)
            for place, index in zip(order, chosen, strict=True):
                indexes[place] = index
            yield tuple(indexes)

    def _rendered(self, place: int) -> Iterator[int]:
        return (index for index in range(len(self.axes[place])) if index not in self.axes[place].skipped)

    def _is(self, place: int, index: int, where: Mapping[str, Any]) -> bool:
        axis = self.axes[place]
        return axis.field not in where or axis.values[index] == where[axis.field]

    def count(self, where: Mapping[str, Any]) -> int:
        """How many cells `walk` gives."""
        lengths = (sum(self._is(place, index, where) for index in self._rendered(place)) for place in range(len(self.axes)))
        return math.prod(lengths)


def _weight(field: str) -> int:
    """Where a field stands in the order of rendering: what takes long to load comes first."""
    if field in LOADED and field not in GIVEN:
        return LOADED.index(field)
    order = ("lora", *GIVEN)  # another LoRA is loaded, another picture is only given
    return len(LOADED) + (order.index(field.split(".")[0]) if field in GIVEN or field.startswith("lora.") else len(order))


@dataclass(frozen=True)
class Part:
    """The cells of one model, VAE, dtype and device: what it is, and as in `Plan`."""

    label: str
    about: str
    cells: int
    reused: int | None
    seconds: float | None

    def __str__(self) -> str:
        """``tiny  StableDiffusionPipeline, 64x64, 4 steps, float32 on cpu: 3 cells, 1 there already, about 2 s``"""
        said = f"{self.label}  {self.about}: {self.cells:,} {'cell' if self.cells == 1 else 'cells'}"
        said += "" if self.reused is None else f", {self.reused:,} there already"
        return said + (f", about {duration(self.seconds)}" if self.seconds else "")


@dataclass(frozen=True)
class Plan:
    """What a sweep is about to do.

    cells     how many there are
    reused    how many of them are in the bank already; None when they are too many to be looked up beforehand
    seconds   what rendering the others will take, from the seconds of entries of this model in this environment; None
              when there are none yet
    remarks   what the user should know, one sentence each
    parts     the cells by what is loaded for them, where there is more than one
    """

    grid: Grid
    cells: int
    reused: int | None
    seconds: float | None
    remarks: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def rendered(self) -> int:
        """How many cells will be rendered, at most."""
        return self.cells - (self.reused or 0)

    def __str__(self) -> str:
        """``12 cells (steps 3 x seed 4): 4 are there already, 8 to render, about 2 min``"""
        shape = " x ".join(f"{title} {len(axis)}" for title, axis in zip(self.grid.titles, self.grid.axes, strict=True))
        said = f"{self.cells:,} {'cell' if self.cells == 1 else 'cells'} ({shape})"
        if self.reused is None:
            said += "; those that are there already are found on the way"
        else:
            said += f": {self.reused:,} there already, {self.rendered:,} to render"
        if self.rendered:
            said += ", time not known yet" if self.seconds is None else f", about {duration(self.seconds)}"
        more = [f"… and {len(self.parts) - SHOWN:,} more"] if len(self.parts) > SHOWN else []
        return "\n  ".join([said, *map(str, self.parts[:SHOWN]), *more])


def duration(seconds: float) -> str:
    """A time in words: ``8 s``, ``12 min``, ``3.5 h``, ``4 days``."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {unit}" if seconds < 100 * size else f"{seconds / size:,.0f} {unit}"
    return f"{max(1, round(seconds))} s"


def work(recipe: Recipe) -> float:
    """How much there is to compute for a recipe, in a unit of its own: steps x pixels, twice where guidance runs."""
    call = recipe.call
    steps = (recipe.steps or 1) * (call.get("strength") or 1.0 if recipe.inputs else 1.0)
    passes = 2 if recipe.pipeline and uses_negative(recipe.pipeline, call) else 1
    return float(steps * (recipe.width or 1) * (recipe.height or 1) * passes)


def pace(bank: Bank, recipe: Recipe, environment: str) -> float | None:
    """Seconds per unit of `work` of this model in the environment with this digest; None when nothing was rendered yet."""
    if recipe.model is None:
        return None
    newest = bank.find(f"model:{recipe.model[:16]}", limit=RECENT)
    known = [
        entry.output.seconds["total"] / work(entry.recipe)
        for entry in newest
        if entry.recipe is not None and entry.environment_digest == environment and entry.output.seconds.get("total")
    ]
    return median(known) if known else None
