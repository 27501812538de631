"""Rebuild entries: fetch the record, verify the weights, render in a fresh process, compare, store the attempt.

Here entries are put in an order in which they share processes and models; `attempt` is what is done with each.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from seedbank.bank import Bank
from seedbank.engine.source import find_model
from seedbank.environment import Environment
from seedbank.errors import BadInput, NotFound
from seedbank.frozen import replace
from seedbank.hashing import json_digest
from seedbank.keeping import kept_folder, known_adapters
from seedbank.progress import QUIET, Progress
from seedbank.recipe import AS_IS
from seedbank.records import VERDICTS, Entry, Regeneration
from seedbank.regen.attempt import attempt, is_gone, purged
from seedbank.regen.bench import STAGES, Bench, Setting
from seedbank.regen.deep import check_level
from seedbank.regen.elsewhere import MODEL, Elsewhere
from seedbank.regen.fields import parse_changes
from seedbank.regen.foreign import Translate, Translated
from seedbank.regen.judge import Tolerance


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
    return exit_code_of((item.regeneration.verdict for item in outcomes), accept)


def exit_code_of(verdicts: Iterable[str], accept: Sequence[str] = ()) -> int:
    """As `exit_code`, of verdicts alone."""
    codes = {0 if verdict in accept else VERDICTS[verdict] for verdict in verdicts}
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
    tools renderable. Raises `BadInput` for a change that no profile has, and at the end `NotFound` for entries that somebody
    purged meanwhile.
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
    gone: list[int] = []
    bench = bench or Bench(partial(kept_folder, bank), progress=progress)
    try:
        with progress.task("regen", total=len(ids)) as task:
            for entry, setting, translated in _in_order(bank, bank.store.entries(ids), options, translate):
                since = time.monotonic()
                try:
                    regeneration = attempt(bank, bench, entry, setting, options, run, translated)
                except NotFound:
                    if not is_gone(bank, entry.id):
                        raise
                    gone.append(entry.id)
                    continue
                seconds = regeneration.output.seconds.get("total", time.monotonic() - since)
                task.advance()
                yield Outcome(entry, regeneration, seconds)
    finally:
        if own:
            bench.close()
    if gone:
        raise purged(gone)


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
