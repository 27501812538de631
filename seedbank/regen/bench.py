"""The bench: a render process with the recorded profile restored and the verified model loaded.

Entries of one process profile share a process; those of one model share its loaded pipeline too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank
from seedbank.cohort import read_cohort, whole
from seedbank.engine.opening import Kept, find_recorded_adapters, find_verified, load_source
from seedbank.engine.process import Engine
from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked, StorageError
from seedbank.recipe import AS_IS, Recipe, input_key
from seedbank.records import Model

if TYPE_CHECKING:
    from seedbank.engine.process import Rendering


@dataclass(frozen=True)
class Setting:
    """What an attempt needs: the recorded environment and model, the mode and dtypes of its recipe, and what is changed.

    model                where the recorded weights lie now, when not where they were recorded
    allow_other_weights  render even when the weights are not the recorded ones
    device               another device than the recorded one
    changes              profile fields to override, `{"threads": 1}`
    pipeline, adapters   as the recipe names them
    known                {digest: what the bank knows of an adapter}
    """

    recorded: Environment | None
    model: Model | None
    mode: str = AS_IS
    dtypes: Mapping[str, str] = field(default_factory=dict)
    place: str | None = None
    allow_other_weights: bool = False
    device: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    pipeline: str | None = None
    adapters: tuple[Mapping[str, Any], ...] = ()
    known: Mapping[str, Model] = field(default_factory=dict)

    @property
    def process_profile(self) -> dict[str, Any]:
        """The settings that a process is started with: the recorded ones without the pipeline's, and the changes."""
        profile = {name: value for name, value in self._profile.items() if name != "pipeline"} | dict(self.changes)
        return profile if self.device is None else profile | {"device": self.device}

    @property
    def pipeline_settings(self) -> Mapping[str, Any] | None:
        """Attention, slicing, memory format … as recorded; None when nothing was recorded."""
        return self._profile.get("pipeline")

    @property
    def _profile(self) -> Mapping[str, Any]:
        return self.recorded.profile if self.recorded is not None else {}

    def check_changes(self) -> None:
        """Raises `BadInput` for a change of a setting that the record does not have, or of another type."""
        for name, value in self.changes.items():
            recorded = self._profile.get(name)
            if name not in self._profile or name in ("device", "pipeline", "variables"):
                known = ", ".join(key for key in self._profile if key not in ("device", "pipeline", "variables"))
                raise BadInput(f"The recorded profile has no setting {name!r} that can be changed.", f"It has {known}.")
            if type(value) is not type(recorded) or (isinstance(value, int) and name.endswith("threads") and value < 1):
                raise BadInput(f"The setting {name} cannot be {value!r}.", f"It was recorded as {recorded!r}.")

    @property
    def experiment(self) -> list[str]:
        """Departures from the record, in words; other weights are only known once they are read."""
        said = [f"{name}={value}" for name, value in self.changes.items()]
        if self.device is not None and self.device != self._profile.get("device"):
            said.append(f"device={self.device}")
        return said


@dataclass(frozen=True)
class Ready:
    """A loaded model in a running process. `experiment` says what departs from the record; empty for a true attempt."""

    engine: Engine
    environment: Environment
    model: Model
    experiment: tuple[str, ...]
    unrestored: tuple[tuple[str, Any, Any], ...]

    _spare: dict[str, dict[int, Rendering]] = field(default_factory=dict, repr=False, compare=False)
    """Images of the last cohort that were rendered with another one and not asked for yet."""

    def render(self, bank: Bank, recipe: Recipe) -> Rendering:
        """Render the recipe with the loaded weights, which are the recorded ones or those of an experiment.

        An image of a batch is rendered with its whole cohort, once for all entries that ask for one of its images.
        """
        if recipe.batch is None:
            return self._renderings(bank, recipe)[0]
        cohort = whole(recipe, read_cohort(_cohort(bank, recipe.batch)))
        if recipe.batch["index"] not in self._spare.get(cohort.digest, {}):
            self._spare.clear()
            self._spare[cohort.digest] = dict(enumerate(self._renderings(bank, cohort)))
        return self._spare[cohort.digest].pop(recipe.batch["index"])

    def _renderings(self, bank: Bank, recipe: Recipe) -> list[Rendering]:
        with tempfile.TemporaryDirectory(prefix="seedbank-") as folder:
            inputs = {}
            for item in recipe.inputs:
                inputs[input_key(item)] = Path(folder) / item["digest"]
                inputs[input_key(item)].write_bytes(_input(bank, item))
            return self.engine.render_batch(replace(recipe, model=self.model.digest), inputs)


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


class Bench:
    """One render process at a time, replaced when another process profile is asked for or when it died."""

    def __init__(self, kept: Kept = lambda model: None) -> None:
        """`kept` gives the folder with a model's files when the bank keeps them."""
        self._kept = kept
        self._engine: Engine | None = None
        self._profile: Mapping[str, Any] = {}
        self._ready: tuple[Setting, Ready] | None = None

    def set_up(self, setting: Setting) -> Ready:
        """The process and the model for `setting`. Raises `Blocked` before any process renders other weights."""
        if self._ready is not None and self._ready[0] == setting and self._ready[1].engine.alive:
            return self._ready[1]
        if setting.model is None:
            raise Blocked("The record names no model.", "Name one with --model.")
        setting.check_changes()
        engine = self._engine_for(setting)
        experiment = setting.experiment
        source, present = find_verified(engine, setting.model, setting.place, self._kept, setting.allow_other_weights)
        if present.digest != setting.model.digest:
            experiment.append(f"other weights {present.digest[:12]}")
        adapters = find_recorded_adapters(setting.adapters, setting.known, self._kept)
        load_source(
            engine,
            source,
            present,
            dtype=dict(setting.dtypes),
            settings=setting.pipeline_settings,
            pipeline=setting.pipeline,
            adapters=adapters,
        )
        for name, wanted, got in engine.unrestored:
            if name in setting.changes:
                raise Blocked(f"The setting {name} did not take {wanted!r}: it is {got!r}.", "Try another value.")
        ready = Ready(engine, engine.environment, present, tuple(experiment), tuple(engine.unrestored))
        self._ready = (setting, ready)
        return ready

    def _engine_for(self, setting: Setting) -> Engine:
        profile = {"mode": setting.mode, **setting.process_profile}
        if self._engine is None or profile != self._profile:
            self.close()
            device = setting.process_profile.get("device", "auto")
            self._engine, self._profile = Engine(setting.process_profile or None, setting.mode, device=device), profile
        return self._engine

    def close(self) -> None:
        """End the process, if there is one."""
        if self._engine is not None:
            self._engine.close()
        self._engine, self._ready = None, None
