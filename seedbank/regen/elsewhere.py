"""Rendering elsewhere: in another interpreter, in an environment made for it, or with a candidate in place of one thing.

Another interpreter and the recorded environment are true attempts: the entry as it is, where it is tried. A changed list of
distributions and a candidate are departures on purpose, so the attempt is an experiment.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seedbank.engine.adapters import Adapter, read_adapter
from seedbank.engine.rebuild import RECORDED, WHOLE, Plan, make, make_plan, parse_changes
from seedbank.engine.source import find_model
from seedbank.environment import Environment, other_files
from seedbank.errors import BadInput, Blocked, MissingEngine, SeedbankError
from seedbank.frozen import replace
from seedbank.progress import QUIET, Progress
from seedbank.worker.adapters import LORA

MODEL = "model"
CANDIDATES = (MODEL, LORA)


@dataclass(frozen=True)
class Elsewhere:
    """Where and with what an attempt departs from this process and from the record.

    python      an existing interpreter with torch and diffusers; nothing is installed there
    env         ``recorded``, ``recorded-all`` or changes of the recorded list such as ``torch==2.14.1``
    find_links  folders with wheels for it
    candidate   {"model" or "lora": what takes its place}
    """

    python: str | None = None
    env: str | None = None
    find_links: tuple[str, ...] = ()
    candidate: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raises `BadInput`, `Blocked` or `MissingEngine` for what is wrong whatever the entry is."""
        if self.python is not None and self.env is not None:
            raise BadInput("--python and --env exclude each other.", "One names an interpreter, the other makes one.")
        if self.find_links and self.env is None:
            raise BadInput("--find-links is for --env.", "Add --env recorded.")
        if self.python is not None and shutil.which(self.python) is None:
            raise MissingEngine(f"There is no interpreter {self.python}.", "Name one, for example /envs/new/bin/python.")
        if self.env not in (None, RECORDED, WHOLE):
            parse_changes(str(self.env))
        for name, place in self.candidate.items():
            if name not in CANDIDATES:
                raise BadInput(f"No candidate can take the place of {name!r}.", f"It can be {' or '.join(CANDIDATES)}.")
            if name == LORA:
                read_adapter(LORA, place)
            elif not Path(place).is_file():
                find_model(place, offline=True)

    @property
    def experiment(self) -> list[str]:
        """Departures from the record on purpose, in words."""
        changed = [] if self.env in (None, RECORDED, WHOLE) else str(self.env).replace(" ", "").split(",")
        return changed + [f"{name}={place}" for name, place in self.candidate.items()]

    def with_candidate(self, adapters: Sequence[Adapter]) -> tuple[Adapter, ...]:
        """The adapters with the candidate in the place of the only LoRA, at its weight. Raises `Blocked`."""
        if LORA not in self.candidate:
            return tuple(adapters)
        count = sum(one.kind == LORA for one in adapters)
        if count != 1:
            raise Blocked(f"The recipe has {count} LoRAs, so a candidate has no place to take.", "It needs exactly one.")
        return tuple(
            replace(read_adapter(LORA, self.candidate[LORA]), weight=one.weight) if one.kind == LORA else one
            for one in adapters
        )


class Interpreters:
    """The interpreters of recorded environments. What could not be made is not tried again for the next entry."""

    def __init__(self, progress: Progress = QUIET) -> None:
        self._progress = progress
        self._made: dict[str, str | SeedbankError] = {}

    def find(self, elsewhere: Elsewhere, recorded: Environment | None) -> tuple[str, Plan | None]:
        """The interpreter, and the plan that it was made by if any. Raises `Blocked`."""
        if elsewhere.env is None:
            return elsewhere.python or sys.executable, None
        plan = make_plan(recorded, elsewhere.env, elsewhere.find_links)
        if plan.digest not in self._made:
            try:
                self._made[plan.digest] = make(plan, self._progress)
            except Blocked as error:
                self._made[plan.digest] = error
        made = self._made[plan.digest]
        if isinstance(made, SeedbankError):
            raise made
        return made, plan


def notes(plan: Plan | None, recorded: Environment | None, present: Environment) -> tuple[str, ...]:
    """How an environment that was made falls short of the recorded one, one sentence each."""
    if plan is None or recorded is None:
        return ()
    told = []
    if others := other_files(recorded, present):
        told.append(f"Not the recorded ones, though of the same version: {', '.join(others)}.")
    if plan.left_out:
        told.append(f"Left out, since they came from a local folder: {', '.join(plan.left_out)}.")
    then, now = (environment.parts.get("system", {}).get("python") for environment in (recorded, present))
    if then != now:
        told.append(f"Python {now} instead of {then}.")
    return tuple(told)
