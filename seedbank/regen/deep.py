"""Deep traces: which module computes otherwise.

A record holds the stages of a rendering only, so a deep trace is compared with another one: where the attempt departs from
the record, with a rendering made now with the recorded settings; else with the deep trace of an earlier attempt, which is
kept with it (made before an upgrade, or on another machine).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from seedbank.bank import Bank, Stages, first_difference
from seedbank.errors import BadInput, Blocked, RenderFailed, SeedbankError
from seedbank.records import Entry
from seedbank.regen.bench import STAGES, Bench, Setting
from seedbank.regen.elsewhere import Elsewhere

LEVELS = (STAGES, "components", "modules")
RECORDED = "a rendering here with the recorded settings"


@dataclass(frozen=True)
class Deep:
    """A deep trace, and how it compares.

    against           what it was compared with, in words; None when there is nothing to compare with
    first_difference  the first output that differs, such as ``step.000/transformer.layers.3.attention.to_out.0``
    differing         how many of the outputs differ
    """

    level: str
    trace: Stages
    against: str | None = None
    first_difference: str | None = None
    differing: int = 0
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it is kept in the evidence of an attempt; the trace itself is the attempt's trace."""
        told = {
            "level": self.level,
            "outputs": len(self.trace),
            "against": self.against,
            "first_difference": self.first_difference,
            "differing": self.differing if self.against else None,
            "problem": self.problem,
        }
        return {name: value for name, value in told.items() if value is not None}


def deep_words(told: Mapping[str, Any]) -> str:
    """What `Deep.to_dict` told, in one line."""
    level, outputs = told["level"], told["outputs"]
    if "problem" in told:
        return f"{level}: nothing to compare with, since {RECORDED} is not to be had: {told['problem']}"
    if "against" not in told:
        return f"{level}: no earlier trace to compare with; this one of {outputs} outputs is kept for the next"
    if "first_difference" not in told:
        return f"{level}: all {outputs} outputs are those of {told['against']}"
    return (
        f"{level}: the first output that differs from {told['against']} is {told['first_difference']} "
        f"({told['differing']} of {outputs} differ)"
    )


def check_level(level: str) -> None:
    """Raises `BadInput` for a level that does not exist."""
    if level not in LEVELS:
        raise BadInput(f"There is no trace level {level!r}.", f"Use one of: {', '.join(LEVELS)}.")


def look_deeper(bank: Bank, bench: Bench, entry: Entry, setting: Setting, level: str) -> Deep:
    """Render as `setting` says, watching every output of the level, and compare."""
    assert entry.recipe is not None
    trace = bench.set_up(setting).render(bank, entry.recipe, level).trace
    plain = replace(
        setting,
        changes={},
        elsewhere=Elsewhere(),
        allow_other_weights=False,
        place=None if setting.allow_other_weights else setting.place,
    )
    if plain == replace(setting, changes=setting.changed):
        earlier = _earlier(bank, entry, level)
        return Deep(level, trace) if earlier is None else _compared(level, trace, *earlier)
    try:
        reference = bench.set_up(plain).render(bank, entry.recipe, level).trace
    except (Blocked, BadInput, RenderFailed) as error:
        return Deep(level, trace, problem=error.message)
    return _compared(level, trace, reference, RECORDED)


def _compared(level: str, trace: Stages, reference: Stages, against: str) -> Deep:
    known = dict(reference)
    differing = sum(known.get(name) != digest for name, digest in trace)
    return Deep(level, trace, against, first_difference(reference, trace), differing)


def _earlier(bank: Bank, entry: Entry, level: str) -> tuple[Stages, str] | None:
    """The deep trace of the latest earlier attempt with the recorded settings, and how to call it."""
    for attempt in sorted(bank.store.regenerations(entry.id), key=lambda attempt: attempt.id, reverse=True):
        if attempt.evidence.get("deep", {}).get("level") == level and not attempt.experiment:
            try:
                return bank.trace_of(attempt.output), f"the attempt of {attempt.at:%Y-%m-%d %H:%M:%S} UTC"
            except SeedbankError:  # missing or damaged, which `check` reports
                continue
    return None
