"""Sweep: render every cell of a grid, each as an entry of its own, and go on where an interrupted sweep stopped.

A cell is done when the bank has a live entry with its recipe, rendered in the environment of the sweep; whoever made it, it
is reused. So nothing is rendered twice, and there is nothing to be lost but the image under way. The run keeps what the
cells follow from: the base recipe and the axes.
"""

from __future__ import annotations

import shlex
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from seedbank.errors import BadInput, Blocked, NotFound, RenderFailed, SeedbankError
from seedbank.explore.ahead import ahead
from seedbank.explore.axes import LOADED, Axis
from seedbank.explore.cells import Planned, Planner
from seedbank.explore.done import Done
from seedbank.explore.plan import Grid, Part, Plan, pace, work
from seedbank.explore.rendering import Made
from seedbank.explore.resuming import VERSION, check_version, remember, unopened, without_environment, written
from seedbank.explore.starts import Start, Starts
from seedbank.frozen import replace
from seedbank.progress import QUIET, Progress
from seedbank.recipe import Recipe
from seedbank.records import Entry, Run
from seedbank.store import cells as stored
from seedbank.store.runs import SWEEP
from seedbank.store.writing import Act

if TYPE_CHECKING:
    from seedbank.api import Library

LOOKED_UP = 10_000
"""Up to so many cells are looked up before the sweep begins."""
AT_ONCE = 200
"""So many cells are looked up with one question."""

T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """What became of one cell: its entry, `reused` where the bank had it already, or the `problem` that it failed with."""

    position: int
    labels: Mapping[str, str]
    entry: Entry | None = None
    reused: bool = False
    problem: str | None = None


class Sweep:
    """A sweep that was planned and can begin. Iterating over it renders what is missing and yields every cell.

    Use it as a context manager. `plan` says what it will do; `run` is there once it has begun.
    """

    def __init__(
        self,
        library: Library,
        starts: Starts,
        axes: Sequence[Axis],
        *,
        parent: Entry | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        progress: Progress = QUIET,
        asked: Mapping[str, Any] | None = None,
        resumed: Run | None = None,
    ) -> None:
        self.grid = Grid(tuple(axes))
        self.starts = starts
        self.parent = parent
        self.run: Run | None = resumed
        self.cells: dict[int, int | str] = {}
        """{position: id of the entry, or the problem} of the cells that were seen."""
        self._library = library
        self._name = name
        self._asked = dict(asked or {})
        self._tags = tuple(tags)
        self._act: Act | None = None
        self._progress = progress
        self._done = Done(library.store, starts, resumed)
        self._planner = Planner(self.grid, starts)
        self._planner.check()

    def __enter__(self) -> Sweep:
        self.starts.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.starts.__exit__(*error)

    @property
    def base(self) -> Recipe:
        """What the axes change, of the first model where there are several."""
        return self.starts.first.base

    # -- the plan -----------------------------------------------------------------------------------------------------

    @cached_property
    def plan(self) -> Plan:
        """What the sweep is about to do."""
        parts = [self._part(start) for start in self.starts]
        seconds = [part.seconds for part in parts]
        known = [part.reused for part in parts if part.reused is not None]
        return Plan(
            self.grid,
            self.grid.cells,
            sum(known) if known or self.grid.cells <= LOOKED_UP else None,
            None if None in seconds else sum(one or 0 for one in seconds),
            tuple(self._planner.remarks()),
            tuple(parts) if any(axis.field in LOADED for axis in self.grid.axes) else (),
        )

    def _part(self, start: Start) -> Part:
        """The cells of one start: looked up where they are not too many, else estimated by the first of them."""
        count = self.grid.count(start.values)
        reused, todo = None, 0.0
        if self.grid.cells <= LOOKED_UP:
            reused = 0
            for some in _batches(self.grid.walk(start.values)):
                planned = [self._planner.planned(indexes) for indexes in some]
                done = self._done.find(planned)
                reused += len(done)
                todo += sum(work(one.recipe) for one in planned if one.recipe is not None and one.position not in done)
        else:
            sample = [self._planner.planned(indexes) for indexes in islice(self.grid.walk(start.values), AT_ONCE)]
            known = [work(one.recipe) for one in sample if one.recipe is not None]
            todo = sum(known) / len(known) * count if known else 0.0
        rate = 0.0 if not todo else pace(self._library, start.base, start.environment)
        return Part(start.label, start.about, count, reused, None if rate is None else rate * todo)

    # -- the run ------------------------------------------------------------------------------------------------------

    @cached_property
    def specification(self) -> dict[str, Any]:
        """What the cells follow from."""
        return {
            "v": VERSION,
            "base": self.base.to_dict(),
            "starts": [written(start) for start in self.starts] + [unopened(*one) for one in self.starts.problems],
            "axes": [axis.text for axis in self.grid.axes],
            "asked": self._asked,
            "environment": self.starts.first.environment,
            "parent": None if self.parent is None else self.parent.id,
            "tags": list(self._tags),
            "cells": self.grid.cells,
        }

    def begin(self) -> Run:
        """Start the run, or go on with it: the same sweep in the same environment is the same run."""
        if self.run is None:
            self._check_name()
            self._library.require_writable()
            remember(self._library, self.starts)
            self.run = self._library.store.start_run(SWEEP, self.specification, [], name=self._name)
            self._done = Done(self._library.store, self.starts, self.run)
        self._act = self._library.store.curation.begin_making(SWEEP, self.run.id, self.collection, f"run:{self.run.id}")
        return self.run

    def _check_name(self) -> None:
        """Raises `BadInput` when a sweep of this name began in another environment."""
        known = None if self._name is None else find_run(self._library, self._name)
        if known is None or known.kind != SWEEP:
            return
        check_version(str(self._name), known.specification)
        before, now = (without_environment(one) for one in (known.specification, self.specification))
        if known.specification["environment"] != self.specification["environment"] and before == now:
            raise BadInput(
                f"The sweep {self._name!r} began in another environment, so these cells would not be comparable with its own.",
                f"Choose another name, or finish it here all the same: seedbank sweep --resume {shlex.quote(str(self._name))}",
            )

    @property
    def collection(self) -> str:
        """The name of the collection of its cells: a saved search, so that it is right at any moment."""
        assert self.run is not None
        return self.run.name or f"sweep-{self.run.id}"

    def __iter__(self) -> Iterator[Cell]:
        """Every cell in the order of rendering, once it is recorded, found, or has failed."""
        run = self.begin()
        told = stored.failures(self._library.store, run.id)
        made: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        with self._progress.task(SWEEP, total=self.grid.cells) as task:
            for one, result in ahead(self._render, self._todo(run), self.starts.stop):
                entry, problem = one.entry, one.problem
                if isinstance(result, Made):
                    entry = made[one.key] = self._record(run, one, result)
                    _forget(made)
                elif isinstance(result, SeedbankError):
                    problem = str(result)
                elif one.again:
                    entry = made.get(one.key)
                    problem = "It has the same recipe as a cell that failed." if entry is None else None
                if problem is not None and told.get(one.position) != problem:
                    stored.tell_failure(self._library.store, run.id, one.position, problem)
                self.cells[one.position] = problem if entry is None and problem is not None else entry.id if entry else ""
                task.advance()
                reused = entry is not None and not isinstance(result, Made)
                yield Cell(one.position, self.grid.labels(one.indexes), entry, reused, problem)

    def _todo(self, run: Run) -> Iterator[Planned]:
        """Every cell before its turn: with its entry where there is one, else to be rendered."""
        recent: OrderedDict[tuple[str, str], None] = OrderedDict()
        for some in _batches(self.grid.walk()):
            planned = [self._planner.planned(indexes) for indexes in some]
            done = self._done.find(planned)
            known = {entry.id: entry for entry in self._library.store.entries(sorted({one.id for one in done.values()}))}
            self._reuse({one.id for one in done.values() if one.run != run.id})
            for one in planned:
                if one.position in done:
                    yield replace(one, entry=known[done[one.position].id])
                else:
                    yield replace(one, again=one.key in recent)
                    recent |= {one.key: None} if one.recipe is not None else {}
                    _forget(recent)

    def _reuse(self, ids: set[int]) -> None:
        """Remember the entries of others that are cells of this run."""
        if (new := self._done.reuse(ids)) and self._tags:
            self._library.store.tag(new, self._tags, act=self._act)

    def _render(self, one: Planned) -> Made | SeedbankError | None:
        """The image of a cell that has none, or why it failed: one bad cell does not end a sweep."""
        if one.recipe is None or one.start is None or one.entry is not None or one.again:
            return None
        try:
            return one.start.renderer.render(one.recipe)
        except (BadInput, Blocked, RenderFailed) as error:
            return error

    def _record(self, run: Run, one: Planned, made: Made) -> Entry:
        assert one.start is not None
        details = {stored.PLANNED: made.recipe.digest} if made.rendering.random_state is not None else {}
        edges = [] if self.parent is None else [(self.parent.id, "swept-from")]
        return one.start.renderer.record(made, parents=edges, tags=self._tags, run=run.id, details=details, act=self._act)

    # -- what came of it ----------------------------------------------------------------------------------------------

    def check_shown(self, *, sheet: bool, page: bool) -> None:
        """Refuses a grid that is too large for a contact sheet or a page, before it is rendered. Raises `BadInput`."""
        from seedbank.explore.sheets import check_grid
        from seedbank.pages import check_count

        if sheet:
            check_grid(self.grid)
        if page:
            check_count(self.grid.cells)

    def contact_sheet(self, progress: Progress = QUIET) -> bytes:
        """A PNG file of the grid as far as it was rendered or found; see `seedbank.explore.sheets`."""
        from seedbank.explore.sheets import sweep_sheet

        return sweep_sheet(self._library, self.grid, self.cells, self._title, progress)

    def page(self, progress: Progress = QUIET) -> str:
        """The grid as one self-contained HTML page, as far as it was rendered or found."""
        from seedbank.pages import grid

        ids = sorted({became for became in self.cells.values() if isinstance(became, int)})
        axes = [
            (title, [axis.label(index) for index in range(len(axis))])
            for title, axis in zip(self.grid.titles, self.grid.axes, strict=True)
        ]
        entries = self._library.store.entries(ids)
        return grid(self._library, entries, axes, self.cells, self._library.recipe_text, self._title, progress)

    @property
    def _title(self) -> str:
        """What all cells have in common, in a few words."""
        swept = {axis.field for axis in self.grid.axes}
        said = [] if "prompt" in swept else [self.base.prompt or ""]
        said += [] if "seed" in swept or self.base.seed is None else [f"seed {self.base.seed}"]
        return "   ".join(said)


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    while some := list(islice(items, AT_ONCE)):
        yield some


def _forget(recent: OrderedDict[tuple[str, str], Any]) -> None:
    """Keep the last ones only: what was recorded before is found in the bank."""
    while len(recent) > 2 * AT_ONCE:
        recent.popitem(last=False)


def find_run(library: Library, which: int | str) -> Run | None:
    """The run of this id or name, None where there is none."""
    try:
        return library.store.run(which)
    except NotFound:
        return None
