"""The bench: a render process with the recorded profile restored and the verified model loaded.

Entries of one process profile share a process; those of one model share its loaded pipeline too.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank, Stages
from seedbank.cohort import read_cohort, whole
from seedbank.engine.opening import Kept, find_recorded_adapters, find_verified, load_source
from seedbank.engine.process import Engine
from seedbank.environment import Environment
from seedbank.errors import Blocked, StorageError
from seedbank.frozen import replace
from seedbank.hashing import json_digest
from seedbank.progress import QUIET, Progress
from seedbank.recipe import AS_IS, Recipe, input_key
from seedbank.records import Model
from seedbank.regen.elsewhere import Elsewhere, Interpreters, notes
from seedbank.regen.fields import UNSET, apply
from seedbank.regen.fields import field as find_field

if TYPE_CHECKING:
    from seedbank.engine.rebuild import Plan
    from seedbank.engine.told import Loaded, Rendering

STAGES = "stages"
"""The level of traces that are recorded; see `deep` for the others."""


@dataclass(frozen=True)
class Setting:
    """What an attempt needs: the recorded environment and model, the mode and dtypes of its recipe, and what is changed.

    model                where the recorded weights lie now, when not where they were recorded
    allow_other_weights  render even when the weights are not the recorded ones
    changes              fields of the profile to change, `{"threads": 1, "device": "cpu"}`; see `fields`
    pipeline, adapters   as the recipe names them
    known                {digest: what the bank knows of an adapter}
    elsewhere            another interpreter, another environment, or a candidate in place of one thing
    """

    recorded: Environment | None
    model: Model | None
    mode: str = AS_IS
    dtypes: Mapping[str, str] = field(default_factory=dict)
    place: str | None = None
    allow_other_weights: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    pipeline: str | None = None
    adapters: tuple[Mapping[str, Any], ...] = ()
    known: Mapping[str, Model] = field(default_factory=dict)
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    @property
    def profile(self) -> Mapping[str, Any]:
        """The recorded profile with the changes. Raises `BadInput` for a change of what the record does not have."""
        return apply(self._profile, self.changes)

    @property
    def process_profile(self) -> dict[str, Any]:
        """The settings that a process is started with: all but the pipeline's."""
        return {name: value for name, value in self.profile.items() if name != "pipeline"}

    @property
    def pipeline_settings(self) -> Mapping[str, Any] | None:
        """Attention, slicing, memory format … as recorded and changed; None when nothing was recorded."""
        return self.profile.get("pipeline")

    @property
    def _profile(self) -> Mapping[str, Any]:
        return self.recorded.profile if self.recorded is not None else {}

    @property
    def process_key(self) -> str:
        """Equal for settings that share a process, as long as their changes are the same."""
        installed = self.recorded.part_digests.get("distributions") if self.recorded and self.elsewhere.env else None
        return json_digest([installed, self.mode, {name: value for name, value in self._profile.items() if name != "pipeline"}])

    @property
    def changed(self) -> dict[str, Any]:
        """The changes that change something: the others are as recorded."""
        return {name: value for name, value in self.changes.items() if find_field(name).read(self._profile) != value}

    @property
    def experiment(self) -> list[str]:
        """Departures from the record, in words; other weights are only known once they are read."""
        return [f"{name}={find_field(name).text(value)}" for name, value in self.changed.items()] + self.elsewhere.experiment

    def check_taken(self, unrestored: Iterable[tuple[str, Any, Any]], present: Environment) -> None:
        """Raises `Blocked` when a change did not take: what would be rendered then is no experiment."""
        for name, value in self.changed.items():
            one = find_field(name)
            for place, _, got in unrestored:
                if f"profile.{place}" in one.places:
                    raise Blocked(
                        f"The setting {name} did not take {one.text(value)}: {place} is {got!r}.", "Try another value."
                    )
        wanted = self.changed.get("cpu_capability", UNSET)
        got = present.parts.get("hardware", {}).get("cpu", {}).get("capability")
        if wanted not in (UNSET, "default") and wanted.upper() != got:
            raise Blocked(f"The setting cpu_capability did not take {wanted}: torch uses {got} here.", "Try another value.")


@dataclass(frozen=True)
class Ready:
    """A loaded model in a running process. `experiment` says what departs from the record; empty for a true attempt."""

    engine: Engine
    environment: Environment
    model: Model
    loaded: Loaded
    experiment: tuple[str, ...]
    unrestored: tuple[tuple[str, Any, Any], ...]
    adapters: tuple[Mapping[str, Any], ...] = ()
    """What is on the loaded weights: the recipe's own, or with a candidate among them."""
    notes: tuple[str, ...] = ()
    """How an environment that was made for this falls short of the recorded one."""

    _spare: dict[str, dict[int, Rendering]] = field(default_factory=dict, repr=False, compare=False)
    """Images of the last cohort that were rendered with another one and not asked for yet."""

    def render(self, bank: Bank, recipe: Recipe, level: str = STAGES) -> Rendering:
        """Render the recipe with the loaded weights, which are the recorded ones or those of an experiment.

        `level` says how deep the trace goes. An image of a batch is rendered with its whole cohort, once for all entries
        that ask for one of its images.
        """
        if recipe.batch is None:
            return self._renderings(bank, recipe, level)[0]
        cohort = whole(recipe, read_cohort(_cohort(bank, recipe.batch)))
        spare = f"{cohort.digest} {level}"
        if recipe.batch["index"] not in self._spare.get(spare, {}):
            self._spare.clear()
            self._spare[spare] = dict(enumerate(self._renderings(bank, cohort, level)))
        return self._spare[spare].pop(recipe.batch["index"])

    def begin(self, bank: Bank, recipe: Recipe, steps: int) -> Stages | None:
        """The stages up to the end of so many steps, without a picture; None for an image of a batch."""
        if recipe.batch is not None:
            return None
        with self._inputs(bank, recipe) as (whole_recipe, inputs):
            return self.engine.first_stages(whole_recipe, inputs, steps)

    def _renderings(self, bank: Bank, recipe: Recipe, level: str) -> list[Rendering]:
        with self._inputs(bank, recipe) as (whole_recipe, inputs):
            return self.engine.render_batch(whole_recipe, inputs, level)

    @contextmanager
    def _inputs(self, bank: Bank, recipe: Recipe) -> Iterator[tuple[Recipe, dict[str, Path]]]:
        """The recipe on what is loaded, and its inputs as files."""
        with tempfile.TemporaryDirectory(prefix="seedbank-") as folder:
            inputs = {}
            for item in recipe.inputs:
                inputs[input_key(item)] = Path(folder) / item["digest"]
                inputs[input_key(item)].write_bytes(_input(bank, item))
            yield replace(recipe, model=self.model.digest, adapters=self.adapters), inputs


def _cohort(bank: Bank, batch: Mapping[str, Any]) -> bytes:
    try:
        return bank.blobs.get(batch["cohort"])
    except StorageError as error:
        raise Blocked(f"The record of its batch of {batch['size']} cannot be read: {error.message}", error.hint) from None


def _input(bank: Bank, item: Mapping[str, Any]) -> bytes:
    try:
        return bank.blobs.get(item["digest"])
    except StorageError as error:
        raise Blocked(f"The recorded input {item['role']} cannot be read: {error.message}", error.hint) from None


@dataclass
class _Desk:
    """One render process and what is loaded in it now."""

    engine: Engine
    plan: Plan | None = None
    ready: tuple[Setting, Ready] | None = None


class Bench:
    """Render processes by process profile, replaced when another profile is asked for or when they died.

    `room` is how many live at a time: each holds its model in memory, so one is the rule.
    """

    def __init__(self, kept: Kept = lambda model: None, room: int = 1, progress: Progress = QUIET) -> None:
        """`kept` gives the folder with a model's files when the bank keeps them."""
        self._kept = kept
        self._room = room
        self._desks: OrderedDict[str, _Desk] = OrderedDict()
        self._interpreters = Interpreters(progress)
        self._recall: ExitStack | None = None

    @contextmanager
    def recalling(self) -> Iterator[None]:
        """While the block runs, new processes start when they have to render; see `Engine.recalling`.

        For plans, never for attempts: these judge by what a process says of itself.
        """
        try:
            with ExitStack() as self._recall:
                yield
        finally:
            self._recall = None

    def set_up(self, setting: Setting) -> Ready:
        """The process and the model for `setting`. Raises `Blocked` before any process renders other weights."""
        if setting.model is None:
            raise Blocked("The record names no model.", "Name one with --model.")
        desk = self._desk(setting)
        if desk.ready is not None and desk.ready[0] == setting and desk.engine.alive:
            return desk.ready[1]
        engine = desk.engine
        experiment = setting.experiment
        source, present = find_verified(engine, setting.model, setting.place, self._kept, setting.allow_other_weights)
        if present.digest != setting.model.digest:
            experiment.append(f"other weights {present.digest[:12]}")
        adapters = find_recorded_adapters(setting.adapters, setting.known, self._kept)
        adapters = setting.elsewhere.with_candidate(adapters)
        loaded = load_source(
            engine,
            source,
            present,
            dtype=dict(setting.dtypes) or None,
            settings=setting.pipeline_settings,
            pipeline=setting.pipeline,
            adapters=adapters,
        )
        setting.check_taken(engine.unrestored, engine.environment)
        ready = Ready(
            engine,
            engine.environment,
            present,
            loaded,
            tuple(experiment),
            tuple(engine.unrestored),
            tuple(adapter.recipe_item for adapter in adapters),
            notes(desk.plan, setting.recorded, engine.environment),
        )
        desk.ready = (setting, ready)
        return ready

    def _desk(self, setting: Setting) -> _Desk:
        profile = setting.process_profile
        python, plan = self._interpreters.find(setting.elsewhere, setting.recorded)
        key = json_digest([python, setting.mode, profile])
        if key not in self._desks:
            while len(self._desks) >= self._room:
                self._desks.popitem(last=False)[1].engine.close()
            engine = Engine(profile or None, setting.mode, python=python, device=profile.get("device", "auto"))
            if self._recall is not None:
                self._recall.enter_context(engine.recalling())
            self._desks[key] = _Desk(engine, plan)
        self._desks.move_to_end(key)
        return self._desks[key]

    def close(self) -> None:
        """End the processes, if there are any."""
        while self._desks:
            self._desks.popitem()[1].engine.close()
