"""One attempt at one entry: render from the record alone, judge, explain, store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank, Pixels, Stages, belongs
from seedbank.engine.manifest import manifest_digest
from seedbank.errors import BadInput, Blocked, NotFound, RenderFailed, SeedbankError
from seedbank.frozen import replace
from seedbank.keeping import rendered_anew
from seedbank.records import (
    BLOCKED,
    EXACT,
    FAILED,
    TRACE_SAME,
    UNSTABLE,
    Entry,
    Model,
    NewRegeneration,
    Output,
    Regeneration,
)
from seedbank.regen.bench import STAGES, Bench, Ready, Setting
from seedbank.regen.causes import Differences, candidate_causes, differences, weights_cause
from seedbank.regen.deep import Deep, look_deeper
from seedbank.regen.explain import explanation, needs_explanation
from seedbank.regen.foreign import Translated, comparable, line, tolerance_for
from seedbank.regen.judge import Judgement, compare_traces, judge
from seedbank.regen.proof import Proof, Seen, prove, steps_to
from seedbank.regen.undoing import undoings

if TYPE_CHECKING:
    from seedbank.regen.service import Options

ELSEWHERE = 20
"""How many differences that cannot be a cause are kept by name; the environments hold them all."""


def attempt(
    bank: Bank,
    bench: Bench,
    entry: Entry,
    setting: Setting,
    options: Options,
    run: int | None,
    translated: Translated | None = None,
) -> Regeneration:
    """Try to rebuild the entry and store what came of it, also when it could not be tried.

    Raises `NotFound` where the entry was purged meanwhile.
    """
    try:
        _check_whole(entry, translated)
        return _attempt(bank, bench, entry, setting, options, run, translated)
    except (Blocked, BadInput) as error:
        return bank.add_regeneration(_not_rendered(entry, setting, BLOCKED, error, run, translated), None)
    except RenderFailed as error:
        return bank.add_regeneration(_not_rendered(entry, setting, FAILED, error, run, translated), None)


def is_gone(bank: Bank, number: int) -> bool:
    """Whether the entry was purged."""
    try:
        bank.store.entries([number])
    except NotFound:
        return True
    return False


def purged(ids: Sequence[int]) -> NotFound:
    """What is said once the attempts at all others are stored."""
    which = f"Entry {ids[0]} was" if len(ids) == 1 else f"Entries {', '.join(map(str, ids))} were"
    return NotFound(f"{which} purged while this ran, so no attempt is recorded.", "The others are. See: seedbank log")


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
        raise Blocked(" ".join(entry.obstacles), rendered_anew(entry))
    if entry.recipe is None or entry.recipe.missing():
        raise Blocked(f"Entry {entry.id} has no whole recipe.", rendered_anew(entry))
    if entry.picture is None:
        raise Blocked(f"Entry {entry.id} has no image digest to compare with.", rendered_anew(entry))


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
    recorded = None if exact else bank.recorded_pixels(entry)
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
        explanation=_explanation(judgement, found, (*ready.notes, *_doubts(bank, entry)), ready.experiment, proof, translated),
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
    judgement: Judgement,
    found: Differences,
    notes: tuple[str, ...],
    experiment: tuple[str, ...],
    proof: Proof | None,
    translated: Translated | None,
) -> dict[str, Any]:
    """What people are told. Of an entry that another tool made no cause is looked for: it is the other engine."""
    if translated is not None:
        told = {"line": line(judgement, translated, experiment), "foreign": translated.evidence}
        return told | {"notes": [*translated.remarks, *notes]}
    return explanation(judgement, found, experiment, proof) | ({"notes": list(notes)} if notes else {})


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
    """The recorded stages; none when they are missing, damaged, or those of another picture, which `check` reports."""
    try:
        stages = bank.trace_of(entry.output)
    except SeedbankError:
        return ()
    return stages if entry.picture is not None and belongs(stages, entry.picture.digest) else ()


def _doubts(bank: Bank, entry: Entry) -> list[str]:
    """What of the record cannot be right, so that it was not used: nothing is judged by what belongs to something else."""
    found = []
    model, picture = entry.model, entry.picture
    if model is not None and model.files and manifest_digest(model.files) != model.digest:
        found.append(
            f"The bank's list of the files of {model.name} is not that of its digest. The weights were verified by the digest."
        )
    if picture is not None and entry.output.trace is not None and not _recorded_trace(bank, entry):
        found.append("The recorded trace is missing, damaged or that of another picture, so only the picture was compared.")
    return [f"{sentence} See: seedbank check --read-data" for sentence in found]
