"""Rebuild entries: fetch the record, verify the weights, render in a fresh process, compare, store the attempt.

The heart is `_attempt`; the rest puts entries in an order in which they share processes and models.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from seedbank.bank import Bank, Pixels
from seedbank.engine.source import find_model
from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked, RenderFailed, SeedbankError
from seedbank.hashing import json_digest
from seedbank.keeping import kept_folder, known_adapters
from seedbank.progress import QUIET, Progress
from seedbank.recipe import AS_IS
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
from seedbank.regen.bench import STAGES, Bench, Ready, Setting
from seedbank.regen.causes import Differences, candidate_causes, differences, weights_cause
from seedbank.regen.deep import Deep, check_level, look_deeper
from seedbank.regen.elsewhere import MODEL, Elsewhere
from seedbank.regen.explain import explanation, needs_explanation
from seedbank.regen.fields import parse_changes
from seedbank.regen.foreign import Translate, Translated, comparable, line, tolerance_for
from seedbank.regen.judge import Judgement, Stages, Tolerance, compare_traces, judge
from seedbank.regen.proof import Proof, Seen, prove, steps_to
from seedbank.regen.undoing import undoings

ELSEWHERE = 20
"""How many differences that cannot be a cause are kept by name; the environments hold them all."""


@dataclass(frozen=True)
class Options:
    """How to regenerate. Everything that departs from the record makes the attempt an experiment; see `Setting`."""

    tolerance: Tolerance = field(default_factory=Tolerance)
    model: str | None = None
    allow_other_weights: bool = False
    device: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    prove: bool = False
    """Look for the cause of a difference by rendering again with settings put back; see `proof`."""
    name: str | None = None
    """The name of a durable run: the same name and selection resumes it."""
    python: str | None = None
    """An existing interpreter to render in; see `Elsewhere`, also for the following three."""
    env: str | None = None
    find_links: tuple[str, ...] | None = None
    candidate: Mapping[str, str] | None = None
    trace: str | None = None
    """`components` or `modules`: render once more and compare every output of these; see `deep`."""

    @property
    def elsewhere(self) -> Elsewhere:
        """Where and with what the entries are rendered."""
        return Elsewhere(self.python, self.env, tuple(self.find_links or ()), self.candidate or {})


@dataclass(frozen=True)
class Outcome:
    """One attempt as it is shown: the entry, what was stored, and the seconds of the rendering (or of the try)."""

    entry: Entry
    regeneration: Regeneration
    seconds: float


def exit_code(outcomes: Iterable[Outcome], accept: Sequence[str] = ()) -> int:
    """3 (differs) wins over 1 (not rebuilt) over 0; verdicts in `accept` count as 0."""
    codes = {0 if item.regeneration.verdict in accept else VERDICTS[item.regeneration.verdict] for item in outcomes}
    return 3 if 3 in codes else 1 if 1 in codes else 0


def regenerate(
    bank: Bank,
    ids: Sequence[int],
    options: Options | None = None,
    progress: Progress = QUIET,
    bench: Bench | None = None,
    translate: Translate = lambda entry, place, other: None,
) -> Iterator[Outcome]:
    """Rebuild the entries and yield each attempt as soon as it is stored. Interrupting it loses at most one rendering.

    `bench`, when it is given, is used and left open: several calls share its processes. `translate` makes entries of other
    tools renderable. Raises `BadInput` for a change that no profile has.
    """
    options = options or Options()
    parse_changes(options.changes)  # nonsense is an error, not a verdict about the entries
    options.elsewhere.check()
    check_level(options.trace or STAGES)
    if MODEL in options.elsewhere.candidate and options.model is not None:
        raise BadInput("--model and --candidate model=… exclude each other.", "The first names the recorded weights.")
    if options.model is not None and not Path(options.model).is_file():
        find_model(options.model, offline=True)  # a mistyped place is an error, not a verdict about the entries
    run = None
    if options.name is not None:
        started = bank.store.start_run("regen", asdict(options), ids, name=options.name)
        run, ids = started.id, bank.store.pending(started)
    own = bench is None
    bench = bench or Bench(partial(kept_folder, bank), progress=progress)
    try:
        with progress.task("regen", total=len(ids)) as task:
            for entry, setting, translated in _in_order(bank, bank.store.entries(ids), options, translate):
                since = time.monotonic()
                regeneration = _try(bank, bench, entry, setting, options, run, translated)
                seconds = regeneration.output.seconds.get("total", time.monotonic() - since)
                task.advance()
                yield Outcome(entry, regeneration, seconds)
    finally:
        if own:
            bench.close()


def _in_order(
    bank: Bank, entries: Sequence[Entry], options: Options, translate: Translate
) -> list[tuple[Entry, Setting, Translated | None]]:
    """The entries with what each needs, so that those which share a process, a model and a setting stand together."""
    environments: dict[str, Environment] = {}
    listed = []
    for entry in entries:
        translated = translate(entry, options.model, options.allow_other_weights)
        if translated is None:
            setting = setting_of(bank, entry, options, environments)
        else:  # its weights are found already, wherever they lie
            entry = translated.entry
            setting = replace(setting_of(bank, entry, replace(options, model=translated.place)), known=translated.known)
        model, digest = entry.model.digest if entry.model else "", entry.environment_digest or ""
        listed.append(((setting.process_key, model, digest, _loading(setting), entry.id), entry, setting, translated))
    return [tuple(rest) for _, *rest in sorted(listed, key=lambda item: item[0])]  # type: ignore[misc]


def setting_of(bank: Bank, entry: Entry, options: Options, environments: dict[str, Environment] | None = None) -> Setting:
    """What an attempt at `entry` needs. `environments` remembers those that were read, by digest."""
    known: dict[str, Environment] = {} if environments is None else environments
    digest = entry.environment_digest
    if digest is not None and digest not in known:
        known[digest] = bank.store.environment(digest)
    return Setting(
        recorded=known.get(digest or ""),
        model=entry.model,
        mode=(entry.recipe.mode if entry.recipe else None) or AS_IS,
        dtypes=(entry.recipe.dtypes if entry.recipe else None) or {},
        place=options.elsewhere.candidate.get(MODEL, options.model),
        allow_other_weights=options.allow_other_weights or MODEL in options.elsewhere.candidate,
        changes={**parse_changes(options.changes), **({"device": options.device} if options.device else {})},
        pipeline=entry.recipe.pipeline if entry.recipe else None,
        adapters=entry.recipe.adapters if entry.recipe else (),
        known=known_adapters(bank, entry.recipe),
        elsewhere=options.elsewhere,
    )


def _loading(setting: Setting) -> str:
    """What a loaded pipeline is, beside its model: entries that agree in it share one."""
    return json_digest([setting.dtypes, setting.pipeline, list(setting.adapters)])


def _try(
    bank: Bank,
    bench: Bench,
    entry: Entry,
    setting: Setting,
    options: Options,
    run: int | None,
    translated: Translated | None = None,
) -> Regeneration:
    try:
        _check_whole(entry, translated)
        return _attempt(bank, bench, entry, setting, options, run, translated)
    except (Blocked, BadInput) as error:
        return bank.add_regeneration(_not_rendered(entry, setting, BLOCKED, error, run, translated), None)
    except RenderFailed as error:
        return bank.add_regeneration(_not_rendered(entry, setting, FAILED, error, run, translated), None)


def _not_rendered(
    entry: Entry, setting: Setting, verdict: str, error: SeedbankError, run: int | None, translated: Translated | None
) -> NewRegeneration:
    """An experiment that could not be made says nothing about the entry either."""
    departures = setting.experiment
    line = f"{verdict}: {error.message}" + (f" (experiment: {', '.join(departures)})" if departures else "")
    explanation: dict[str, Any] = {"line": line, "hint": error.hint}
    if translated is not None:
        explanation |= {"foreign": translated.evidence}
    return NewRegeneration(entry=entry.id, verdict=verdict, run=run, experiment=bool(departures), explanation=explanation)


def _check_whole(entry: Entry, translated: Translated | None) -> None:
    if translated is not None:
        if translated.obstacles:
            raise Blocked(f"Made by {translated.tool}. {' '.join(translated.obstacles)}", translated.hint)
        if entry.picture is None:
            raise Blocked(f"Entry {entry.id} has no image digest to compare with.")
        return
    if entry.obstacles:
        raise Blocked(" ".join(entry.obstacles))
    if entry.recipe is None or entry.recipe.missing():
        raise Blocked(f"Entry {entry.id} has no whole recipe.")
    if entry.picture is None:
        raise Blocked(f"Entry {entry.id} has no image digest to compare with.")


def _attempt(
    bank: Bank,
    bench: Bench,
    entry: Entry,
    setting: Setting,
    options: Options,
    run: int | None,
    translated: Translated | None = None,
) -> Regeneration:
    """Render from the record alone, judge against it, explain what differs, store the attempt."""
    picture = entry.picture
    assert picture is not None and setting.model is not None
    ready = bench.set_up(setting)
    if not setting.model.files and ready.model.digest == setting.model.digest:
        _learn(bank, ready.model)
    if translated is not None:
        recipe, remarks = translated.whole(ready.engine)
        entry, translated = replace(entry, recipe=recipe), replace(translated, remarks=(*translated.remarks, *remarks))
    assert entry.recipe is not None
    rendering = ready.render(bank, entry.recipe)
    present = Pixels(rendering.mode, rendering.width, rendering.height, rendering.rows)
    exact = rendering.digest == picture.digest
    recorded = None if exact else _recorded_pixels(bank, entry)
    if translated is not None:
        recorded = comparable(recorded)
    trace = _recorded_trace(bank, entry)
    tolerance = tolerance_for(translated, options.tolerance)
    judgement = judge(picture.digest, rendering.digest, recorded, present, (trace, rendering.trace), tolerance)
    if not exact:
        again = ready.render(bank, entry.recipe)
        if again.digest != rendering.digest:
            judgement = replace(judgement, verdict=UNSTABLE, parting=compare_traces(rendering.trace, again.trace)[1])
    stage = judgement.parting or judgement.first_difference
    extra = [*weights_cause(setting.model, ready.model), *candidate_causes(entry.recipe.adapters, ready.adapters)]
    elsewhere = setting.elsewhere.python or setting.elsewhere.env
    found = differences(setting.recorded, ready.environment, stage, setting.changed, extra, elsewhere)
    proof = None
    if options.prove and translated is None and needs_explanation(judgement) and judgement.verdict != UNSTABLE:
        seen = Seen(picture.digest, trace), Seen(rendering.digest, rendering.trace)
        proof = _proof(bank, bench, entry, setting, found, seen)
    deep = look_deeper(bank, bench, entry, setting, options.trace) if options.trace not in (None, STAGES) else None
    new = NewRegeneration(
        entry=entry.id,
        verdict=judgement.verdict,
        experiment=bool(ready.experiment),
        run=run,
        environment=ready.environment,
        output=Output(seconds=rendering.seconds, peak_memory=rendering.peak_memory, flags=rendering.flags),
        trace=judgement.trace,
        first_difference=judgement.first_difference,
        drift=judgement.drift,
        explanation=_explanation(judgement, found, ready, proof, translated),
        evidence=_evidence(ready, found, proof, deep) | ({"recipe": entry.recipe.to_dict()} if translated else {}),
    )
    if judgement.verdict == EXACT and not bank.has_whole_image(entry):
        bank.bring_back(entry, present)
    kept = None if judgement.verdict == EXACT else present
    differing = () if judgement.trace == TRACE_SAME else rendering.trace
    return bank.add_regeneration(new, kept, differing if deep is None else deep.trace)


def _learn(bank: Bank, model: Model) -> None:
    """Remember where the weights lie of which the bank knew only the digest: they were found, and are the recorded ones."""
    from seedbank.store.weights import add_weights

    add_weights(bank.store.database, bank.store.user, [model])


def _explanation(
    judgement: Judgement, found: Differences, ready: Ready, proof: Proof | None, translated: Translated | None
) -> dict[str, Any]:
    """What people are told. Of an entry that another tool made no cause is looked for: it is the other engine."""
    if translated is not None:
        told = {"line": line(judgement, translated, ready.experiment), "foreign": translated.evidence}
        return told | {"notes": [*translated.remarks, *ready.notes]}
    return explanation(judgement, found, ready.experiment, proof) | ({"notes": list(ready.notes)} if ready.notes else {})


def _proof(bank: Bank, bench: Bench, entry: Entry, setting: Setting, found: Differences, seen: tuple[Seen, Seen]) -> Proof:
    """Rerun with what can be put back put back; `seen` is what was recorded and what was observed."""
    recipe = entry.recipe
    assert recipe is not None
    changes = undoings(setting, found)

    steps = steps_to(seen[0].parts_from(seen[1]), recipe.steps)

    def ready(made: frozenset[str]) -> Ready:
        trial = setting
        for one in changes:
            trial = trial if one.name in made else one.undo(trial)
        return bench.set_up(trial)

    def render(made: frozenset[str]) -> Seen | None:
        try:
            again = ready(made).render(bank, recipe)
        except (Blocked, BadInput, RenderFailed):
            return None
        return Seen(again.digest, again.trace)

    def begin(made: frozenset[str]) -> Stages | None:
        assert steps is not None
        try:
            return ready(made).begin(bank, recipe, steps)
        except (Blocked, BadInput, RenderFailed):
            return None

    return prove([one.name for one in changes], render, *seen, begin if steps is not None else None)


def _evidence(ready: Ready, found: Differences, proof: Proof | None, deep: Deep | None) -> dict[str, Any]:
    """What stands behind the explanation: departures, what did not take, what differs elsewhere, the reruns."""
    told = {
        "experiment": list(ready.experiment),
        "unrestored": [list(item) for item in ready.unrestored],
        "elsewhere": [cause.name for cause in found.others][:ELSEWHERE],
        "trials": [trial.to_dict() for trial in proof.trials] if proof else [],
        "proof": proof.note if proof else None,
        "deep": deep.to_dict() if deep else None,
    }
    return {name: value for name, value in told.items() if value}


def _recorded_trace(bank: Bank, entry: Entry) -> Stages:
    """The recorded stages; none when their blob is missing or damaged, which `check` reports."""
    try:
        return bank.trace_of(entry.output)
    except SeedbankError:
        return ()


def _recorded_pixels(bank: Bank, entry: Entry) -> Pixels | None:
    """The recorded picture to compare with; None when its bytes are not here or damaged, which `check` reports."""
    try:
        return bank.pixels(entry)
    except SeedbankError:
        return None
