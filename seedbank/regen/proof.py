"""Counterfactual reruns: which of the changed settings caused the difference, shown both ways.

A set of changes is *proven* when undoing it alone restores what was recorded, and making it alone yields what was
observed. Single changes are tried first, then pairs, then the whole set with one change after the other taken out
(delta debugging with single steps). Rendering is an argument, so this module computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from seedbank.bank import Stages, first_difference
from seedbank.regen.stages import ENCODED, NOISE, PROMPT, kind

Changes = frozenset[str]
BEFORE = PROMPT | ENCODED | NOISE
"""Kinds of stages that come before the first denoising step."""
LIMIT = 40
"""Renderings after which a search ends without a result."""


@dataclass(frozen=True)
class Seen:
    """One rendering: the image digest and the trace (empty when there is none)."""

    digest: str
    trace: Stages = ()

    def is_same(self, other: Seen) -> bool:
        """Equal pixels, and equal stages where both have a trace: equal pixels alone do not prove an equal computation."""
        return self.digest == other.digest and self.parts_from(other) is None

    def parts_from(self, other: Seen) -> str | None:
        """The first stage that differs; None when all are equal or one has no trace."""
        return first_difference(self.trace, other.trace) if self.trace and other.trace else None


@dataclass(frozen=True)
class Trial:
    """One rerun: which settings were changed as in the attempt (all others as recorded), and what came out."""

    changed: tuple[str, ...]
    restores: bool
    """It gave what was recorded."""
    reproduces: bool
    """It gave what was observed."""
    first_difference: str | None
    """From the record; None when there is none or no trace."""

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "changed": list(self.changed),
            "restores": self.restores,
            "reproduces": self.reproduces,
            "first_difference": self.first_difference,
        }


@dataclass(frozen=True)
class Proof:
    """`causes` are the proven names, none when nothing was proven; `note` says in a sentence how the search ended.

    beyond   with every setting as recorded it differs too, so what was changed is not all that differs
    """

    causes: tuple[str, ...]
    trials: tuple[Trial, ...]
    note: str
    beyond: bool = False


class _Exhausted(Exception):
    """More renderings than `LIMIT` would be needed."""


@dataclass
class _Search:
    names: Sequence[str]
    render: Callable[[Changes], Seen | None]
    recorded: Seen
    observed: Seen
    begin: Callable[[Changes], Stages | None] | None = None
    seen: dict[Changes, Seen | None] = field(default_factory=dict)
    begun: dict[Changes, bool] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)

    def run(self, changed: Changes) -> Seen | None:
        if changed not in self.seen:
            if len(self.seen) == LIMIT:
                raise _Exhausted
            found = self.seen[changed] = self.render(changed)
            if found is not None:
                stage = self.recorded.parts_from(found)
                restores, reproduces = found.is_same(self.recorded), found.is_same(self.observed)
                self.trials.append(Trial(tuple(sorted(changed)), restores, reproduces, stage))
        return self.seen[changed]

    def holds(self, cause: Changes) -> bool:
        """Undoing `cause` alone restores the record, and making it alone yields what was observed."""
        rest = frozenset(self.names) - cause
        if self.fails_early(rest):
            return False
        undone = self.run(rest)
        if undone is None or not undone.is_same(self.recorded):
            return False
        made = self.run(cause)
        return made is not None and made.is_same(self.observed)

    def fails_early(self, changed: Changes) -> bool:
        """Whether the beginning of a rendering differs from the record already, so that the rest need not be rendered."""
        if self.begin is None or changed in self.seen:
            return False
        if changed not in self.begun:
            stages = self.begin(changed)
            stage = first_difference(self.recorded.trace[: len(stages)], stages) if stages else None
            self.begun[changed] = stage is not None
            if stage is not None:
                self.trials.append(Trial(tuple(sorted(changed)), False, False, stage))
        return self.begun[changed]

    def smallest(self) -> Changes | None:
        """A smallest set that holds: a single change, a pair, or a set from which nothing can be taken."""
        for cause in _small_sets(self.names):
            if self.holds(cause):
                return cause
        whole = frozenset(self.names)
        if not self.holds(whole):
            return None
        for name in self.names:
            if len(whole) > 1 and self.holds(whole - {name}):
                whole -= {name}
        return whole


def steps_to(stage: str | None, total: int | None) -> int | None:
    """How many denoising steps show whether `stage` differs, when they are at most half of all; else None."""
    if stage is None or total is None:
        return None
    number = int(stage.removeprefix("step.")) + 1 if stage.startswith("step.") else 1 if kind(stage) in BEFORE else None
    return number if number is not None and 2 * number <= total else None


def _small_sets(names: Sequence[str]) -> Iterator[Changes]:
    for size in (1, 2):
        yield from (frozenset(cause) for cause in combinations(names, size))


def prove(
    names: Sequence[str],
    render: Callable[[Changes], Seen | None],
    recorded: Seen,
    observed: Seen,
    begin: Callable[[Changes], Stages | None] | None = None,
) -> Proof:
    """Search the cause among the changed settings `names`, the likeliest first.

    ``render(changed)`` renders with these settings as in the attempt and all others as recorded; None when that cannot
    be tried. ``begin(changed)`` gives only the first stages, where that saves time. Nothing is proven when the record
    cannot be met even with every setting as recorded.
    """
    if not names:
        return Proof((), (), "Nothing that can be put back differs from the record.")
    search = _Search(names, render, recorded, observed, begin)
    base = search.run(frozenset())
    if base is None:
        return Proof((), (), "With every setting as recorded it could not be rendered.")
    if not base.is_same(recorded):
        note = "With every setting as recorded it differs too, so something else is a cause."
        return Proof((), tuple(search.trials), note, beyond=True)
    try:
        cause = search.smallest()
    except _Exhausted:
        return Proof((), tuple(search.trials), f"No cause was isolated within {LIMIT} renderings.")
    if cause is None:
        return Proof((), tuple(search.trials), "The observed rendering could not be made again, so nothing is proven.")
    return Proof(tuple(name for name in names if name in cause), tuple(search.trials), "Shown both ways.")
