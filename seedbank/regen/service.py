"""Rebuild entries: fetch the record, verify the weights, render in a fresh process, compare, store the attempt.

The heart is `_attempt`. Around it, entries that share a profile and a model share one render process.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank, Pixels
from seedbank.engine.opening import check_same, find_recorded, load_source, read_source
from seedbank.engine.process import Engine
from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked, RenderFailed, SeedbankError
from seedbank.progress import QUIET, Progress
from seedbank.recipe import Recipe
from seedbank.records import (
    BLOCKED,
    EXACT,
    FAILED,
    TRACE_SAME,
    UNSTABLE,
    VERDICTS,
    Entry,
    Model,
    NewRegeneration,
    Output,
    Regeneration,
)
from seedbank.regen.explain import causes_between, explanation
from seedbank.regen.judge import Judgement, Tolerance, judge

if TYPE_CHECKING:
    from seedbank.engine.process import Rendering


@dataclass(frozen=True)
class Options:
    """How to regenerate. Everything that departs from the record makes the attempt an experiment.

    model                where the recorded weights lie now, when not where they were recorded
    allow_other_weights  render even when the weights are not the recorded ones
    device               another device than the recorded one
    changes              profile fields to override, `{"threads": 1}`
    """

    tolerance: Tolerance = field(default_factory=Tolerance)
    model: str | None = None
    allow_other_weights: bool = False
    device: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    """The name of a durable run: the same name and selection resumes it."""


@dataclass(frozen=True)
class Outcome:
    """One attempt as it is shown: the entry, what was stored, and how long it took in seconds."""

    entry: Entry
    regeneration: Regeneration
    seconds: float


def exit_code(outcomes: Iterable[Outcome], accept: Sequence[str] = ()) -> int:
    """3 (differs) wins over 1 (not rebuilt) over 0; verdicts in `accept` count as 0."""
    codes = {0 if item.regeneration.verdict in accept else VERDICTS[item.regeneration.verdict] for item in outcomes}
    return 3 if 3 in codes else 1 if 1 in codes else 0


def regenerate(bank: Bank, ids: Sequence[int], options: Options | None = None, progress: Progress = QUIET) -> Iterator[Outcome]:
    """Rebuild the entries and yield each attempt as soon as it is stored. Interrupting it loses at most one rendering."""
    options = options or Options()
    run = None
    if options.name is not None:
        started = bank.store.start_run("regen", _specification(options), ids, name=options.name)
        run, ids = started.id, bank.store.pending(started)
    entries = [bank.store.entry(one) for one in ids]
    with progress.task("regen", total=len(entries)) as task:
        for group in _groups(bank, entries):
            for outcome in _group(bank, group, options, run):
                task.advance()
                yield outcome


def _specification(options: Options) -> dict[str, Any]:
    return {
        "tolerance": vars(options.tolerance),
        "model": options.model,
        "allow_other_weights": options.allow_other_weights,
        "device": options.device,
        "changes": dict(options.changes),
        "name": options.name,
    }


@dataclass(frozen=True)
class _Group:
    """Entries that one render process serves: the same recorded environment and the same model."""

    environment: Environment | None
    model: Model | None
    entries: tuple[Entry, ...]


def _groups(bank: Bank, entries: Sequence[Entry]) -> Iterator[_Group]:
    def key(entry: Entry) -> tuple[str, str]:
        return entry.environment_digest or "", (entry.recipe.model or "") if entry.recipe else ""

    for (environment, _), members in itertools.groupby(sorted(entries, key=lambda one: (*key(one), one.id)), key=key):
        group = tuple(members)
        yield _Group(bank.store.environment(environment) if environment else None, group[0].model, group)


def _group(bank: Bank, group: _Group, options: Options, run: int | None) -> Iterator[Outcome]:
    """Serve one group with one engine, which is started only when the first entry can be rendered at all."""
    bench: _Bench | None = None
    refusal: SeedbankError | None = None
    try:
        for entry in group.entries:
            started = time.monotonic()
            try:
                if refusal is not None:
                    raise refusal
                _check_whole(entry)
                if bench is None:
                    try:
                        bench = _Bench.set_up(group, options)
                    except (Blocked, RenderFailed) as error:
                        refusal = error
                        raise
                regeneration = _attempt(bank, entry, group, bench, options, run)
            except (Blocked, BadInput) as error:
                regeneration = bank.add_regeneration(_not_rendered(entry, BLOCKED, error, run), None)
            except RenderFailed as error:
                regeneration = bank.add_regeneration(_not_rendered(entry, FAILED, error, run), None)
                if bench is not None and not bench.engine.alive:
                    bench.close()
                    bench = None
            yield Outcome(entry, regeneration, time.monotonic() - started)
    finally:
        if bench is not None:
            bench.close()


def _not_rendered(entry: Entry, verdict: str, error: SeedbankError, run: int | None) -> NewRegeneration:
    line = {"line": f"{verdict}: {error.message}", "hint": error.hint}
    return NewRegeneration(entry=entry.id, verdict=verdict, run=run, explanation=line)


def _check_whole(entry: Entry) -> None:
    if entry.obstacles:
        raise Blocked(" ".join(entry.obstacles))
    if entry.recipe is None or entry.recipe.missing():
        raise Blocked(f"Entry {entry.id} has no whole recipe.")
    if entry.picture is None:
        raise Blocked(f"Entry {entry.id} has no image digest to compare with.")


@dataclass
class _Bench:
    """A render process with the recorded profile restored and the verified model loaded."""

    engine: Engine
    environment: Environment
    model: Model
    experiment: tuple[str, ...]

    @classmethod
    def set_up(cls, group: _Group, options: Options) -> _Bench:
        """Verify the weights before any process renders; then start it with the recorded profile."""
        if group.model is None:
            raise Blocked("The record names no model.", "Name one with --model.")
        first = group.entries[0].recipe
        assert first is not None
        profile = dict(group.environment.profile) if group.environment else {}
        experiment = [f"{name}={value}" for name, value in options.changes.items()]
        profile |= options.changes
        if options.device is not None and options.device != profile.get("device"):
            experiment.append(f"device={options.device}")
            profile["device"] = options.device
        engine = Engine(profile=profile, mode=first.mode or "as-is", device=profile.get("device", "auto"))
        try:
            source = find_recorded(group.model, options.model)
            present = read_source(engine, source)
            if options.allow_other_weights and present.digest != group.model.digest:
                experiment.append(f"other weights {present.digest[:12]}")
            else:
                check_same(group.model, present)
            load_source(engine, source, present, dtype=dict(first.dtypes or {}))
            return cls(engine, engine.environment, present, tuple(experiment))
        except BaseException:
            engine.close()
            raise

    def render(self, bank: Bank, recipe: Recipe) -> Rendering:
        """Render the recipe with the loaded weights, which are the recorded ones or those of an experiment."""
        with tempfile.TemporaryDirectory(prefix="seedbank-") as folder:
            inputs = {}
            for item in recipe.inputs:
                inputs[item["role"]] = Path(folder) / item["digest"]
                inputs[item["role"]].write_bytes(bank.blobs.get(item["digest"]))
            return self.engine.render(replace(recipe, model=self.model.digest), inputs)

    def close(self) -> None:
        self.engine.close()


def _attempt(bank: Bank, entry: Entry, group: _Group, bench: _Bench, options: Options, run: int | None) -> Regeneration:
    """Render from the record alone, judge against it, store the attempt."""
    assert entry.recipe is not None and entry.picture is not None
    rendering = bench.render(bank, entry.recipe)
    present = Pixels(rendering.mode, rendering.width, rendering.height, rendering.rows)
    picture = rendering.digest
    recorded_stages = bank.trace_of(entry.output)
    recorded = bank.pixels(entry) if entry.blob is not None and picture != entry.picture.digest else None
    judgement = judge(entry.picture.digest, picture, recorded, present, (recorded_stages, rendering.trace), options.tolerance)
    if judgement.verdict != EXACT:
        again = bench.render(bank, entry.recipe)
        if again.digest != picture:
            judgement = replace(judgement, verdict=UNSTABLE)
    return _store(bank, entry, group, bench, rendering, present, judgement, run)


def _store(
    bank: Bank,
    entry: Entry,
    group: _Group,
    bench: _Bench,
    rendering: Rendering,
    present: Pixels,
    judgement: Judgement,
    run: int | None,
) -> Regeneration:
    causes = causes_between(group.environment, bench.environment)
    if bench.engine.unrestored:
        causes = [{"name": name, "recorded": old, "present": new} for name, old, new in bench.engine.unrestored] + causes
    new = NewRegeneration(
        entry=entry.id,
        verdict=judgement.verdict,
        experiment=bool(bench.experiment),
        run=run,
        environment=bench.environment,
        output=Output(seconds=rendering.seconds, peak_memory=rendering.peak_memory, flags=rendering.flags),
        trace=judgement.trace,
        first_difference=judgement.first_difference,
        drift=judgement.drift,
        explanation=explanation(judgement, causes, bench.experiment),
        evidence={"experiment": list(bench.experiment)} if bench.experiment else {},
    )
    exact = judgement.verdict == EXACT
    if exact and entry.blob is None:
        bank.bring_back(entry, present)
    return bank.add_regeneration(new, None if exact else present, () if judgement.trace == TRACE_SAME else rendering.trace)
