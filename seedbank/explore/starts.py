"""What the cells of a sweep begin from: a base recipe and a loaded pipeline for each model, dtype, device, picture …

All of them are opened before anything is rendered, since their recipes follow from what the pipelines say. They take turns
in memory as render processes keep them; the cells are walked so that each is loaded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from typing import Any

from seedbank.errors import BadInput, Blocked, RenderFailed, SeedbankError
from seedbank.explore.axes import LOADED, Axis
from seedbank.explore.changes import Change, Changer
from seedbank.explore.rendering import Renderer
from seedbank.recipe import Recipe

MOST = 1_000
"""Different starts of one sweep."""

Say = Callable[[str], None]
Values = tuple[tuple[str, Any], ...]
"""(field, value) of what is loaded, in the order of the axes."""
Began = Mapping[frozenset[tuple[str, Any]], str]
"""{values: the environment in which cells with these began}"""
Open = Callable[[Mapping[str, Any], Say], Renderer]
"""Opens what cells with these values begin from, and says what the user should know."""


@dataclass(frozen=True)
class Start:
    """What some cells begin from. `label` names it where there are several; `began` are the environments whose pictures it
    takes for its own: the present one, and that in which its run began."""

    label: str
    values: Mapping[str, Any]
    renderer: Renderer
    changer: Changer
    environment: str
    began: tuple[str, ...]

    @property
    def base(self) -> Recipe:
        """What the axes change."""
        return self.renderer.base

    @property
    def about(self) -> str:
        """``ZImagePipeline, 64x64, 4 steps, float32 on cpu``"""
        base, opened = self.base, self.renderer.opened_before
        dtypes = "/".join(sorted(set((base.dtypes or {}).values())))
        return f"{base.pipeline}, {base.width}x{base.height}, {base.steps} steps, {dtypes} on {opened.loaded.device}"


class Starts:
    """The starts of a sweep over `axes`, opened by `open` in the order of rendering. A context manager.

    Raises `BadInput` for a value with which none can be opened; the cells of other combinations fail with their reason.
    """

    def __init__(self, axes: Sequence[Axis], open: Open, resources: ExitStack, began: Began | None = None) -> None:
        self._resources = resources
        """What is closed in the end: render processes of this sweep alone."""
        self.told: dict[str, list[str]] = {}
        """{label: what opening it said}"""
        self._axes = [axis for axis in axes if axis.field in LOADED]
        self._starts: dict[Values, Start] = {}
        self._problems: dict[Values, SeedbankError] = {}
        self._labels: dict[Values, str] = {}
        try:
            for indexes in self._combinations():
                self._open(indexes, open, began or {})
            self._check()
        except BaseException:
            self.close()
            raise

    def _combinations(self) -> Iterator[tuple[int, ...]]:
        """An index for each axis, in the order in which cells are rendered."""
        order = sorted(range(len(self._axes)), key=lambda place: LOADED.index(self._axes[place].field))
        kept = [[index for index in range(len(self._axes[at])) if index not in self._axes[at].skipped] for at in order]
        for number, chosen in enumerate(product(*kept)):
            if number >= MOST:
                raise BadInput(f"The sweep begins from more than {MOST:,} different things.", "Use fewer models or pictures.")
            yield tuple(chosen[order.index(place)] for place in range(len(self._axes)))

    def _open(self, indexes: Sequence[int], open: Open, began: Began) -> None:
        chosen = list(zip(self._axes, indexes, strict=True))
        key = tuple((axis.field, axis.values[index]) for axis, index in chosen)
        label = self._labels[key] = " ".join(axis.label(index) for axis, index in chosen)
        said: list[str] = []
        try:
            renderer = open(dict(key), said.append)
            changer = Changer(renderer)
        except (BadInput, Blocked, RenderFailed) as error:
            if not self._axes:
                raise
            self._problems[key] = error
            return
        self.told[label] = said
        environment = renderer.opened.environment.digest
        known = tuple(dict.fromkeys((environment, began.get(frozenset(key), environment))))
        self._starts[key] = Start(label, dict(key), renderer, changer, environment, known)

    def _check(self) -> None:
        """Raises `BadInput` for a value of an axis with which nothing could be opened."""
        for axis in self._axes:
            for index, value in enumerate(axis.values):
                pair = (axis.field, value)
                if index not in axis.skipped and not any(pair in key for key in self._starts):
                    error = next(error for key, error in self._problems.items() if pair in key)
                    raise BadInput(f"The axis {axis.text!r} cannot be rendered: {error.message}", error.hint)

    def __iter__(self) -> Iterator[Start]:
        return iter(self._starts.values())

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def first(self) -> Start:
        return next(iter(self))

    @property
    def problems(self) -> Iterator[tuple[Values, str, SeedbankError]]:
        """(values, label, why) of what could not be opened."""
        return ((key, self._labels[key], error) for key, error in self._problems.items())

    @property
    def share_recipes(self) -> bool:
        """Whether cells of different starts can have the same recipe: the device is none of its fields."""
        return any(axis.field == "device" for axis in self._axes)

    @property
    def alike(self) -> Iterator[list[str]]:
        """Labels of starts whose cells are the same pictures: files of the same content by several names."""
        labels: dict[tuple[str, str], list[str]] = {}
        for start in self:
            labels.setdefault((start.base.digest, start.environment), []).append(start.label)
        return (same for same in labels.values() if len(same) > 1)

    def of(self, changes: Iterable[Change]) -> Start:
        """Where a cell with these changes begins. Raises why that could not be opened."""
        key = tuple((field, value) for field, value in changes if field in LOADED)
        if key in self._problems:
            raise self._problems[key]
        return self._starts[key]

    # -- as a context manager -----------------------------------------------------------------------------------------

    def __enter__(self) -> Starts:
        for start in self:
            self._resources.enter_context(start.renderer)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what was started for this sweep alone."""
        self._resources.close()

    def stop(self) -> None:
        """End the render processes, whatever they are computing."""
        for start in self:
            start.renderer.stop()


def by_whom(told: Mapping[str, Iterable[str]]) -> list[str]:
    """Sentences that several starts say: each once, with the labels of those who say it unless all do.

    A sentence that begins with such a label, a picture's name, says it already.
    """
    labels: dict[str, list[str]] = {}
    for label, sentences in told.items():
        for sentence in dict.fromkeys(sentences):
            labels.setdefault(sentence, []).append(label)
    return [
        sentence if len(who) == len(told) or sentence.startswith(f"{who[0]} ") else f"{', '.join(who)}: {sentence}"
        for sentence, who in labels.items()
    ]
