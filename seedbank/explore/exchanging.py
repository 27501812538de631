"""An entry on other weights: another model, VAE, dtype or device, and everything else as it is recorded.

What belongs to the recorded model alone (settings of its pipeline, arguments of another family) does not travel, and what
is left out is said.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.engine.adapters import adapter_files, read_adapter
from seedbank.engine.opening import find_recorded, read_source
from seedbank.engine.source import Source, find_model
from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked
from seedbank.explore.axes import IP_FOLDER, IP_WEIGHT, OWN
from seedbank.explore.changes import schedule_of
from seedbank.explore.given import check_together, with_adapters
from seedbank.formats.weights import weighable
from seedbank.frozen import replace
from seedbank.pipelines import OFFSET, STANDARD, cfg_of, facts, family_of, pipeline_for, task_of
from seedbank.recipe import Recipe
from seedbank.recording.extras import Extras
from seedbank.recording.latents import ROLE as LATENTS
from seedbank.recording.request import make_plan, recommended, request_of
from seedbank.records import Model
from seedbank.samplers import SIGMAS, check_scheduler, schedules_of
from seedbank.worker.adapters import VAE

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.engine.process import Engine
    from seedbank.engine.told import Loaded
    from seedbank.regen.bench import Setting

DTYPES = ("float32", "bfloat16", "float16")
ALL = "all"
"""One dtype for every component, where the render process takes one per component."""
SAID = ("width", "height", "num_inference_steps", "guidance_scale", "true_cfg_scale")
"""Arguments of the call that a request has fields for."""
COMMON = ("strength", "clip_skip", "eta")
"""Arguments that mean the same on every family that has them."""


@dataclass(frozen=True)
class Wanted:
    """What is loaded and given in the place of the recorded; None keeps that.

    `vae` is a folder, or `none` for the model's own. The others are files and folders as in `Extras`.
    """

    model: str | None = None
    vae: str | None = None
    dtype: str | None = None
    device: str | None = None
    controlnet: str | None = None
    ip_adapter: str | None = None
    embedding: str | None = None
    image: str | None = None
    mask: str | None = None
    control_image: str | None = None
    ip_image: str | None = None
    latents: str | None = None

    @property
    def changes(self) -> bool:
        """Whether something else is loaded or given, or the same loaded in another way."""
        return replace(self, device=None) != Wanted()

    @property
    def beside(self) -> bool:
        """Whether something else is given beside the text, adapters among it."""
        return replace(self, model=None, vae=None, dtype=None, device=None) != Wanted()

    @property
    def task(self) -> set[str]:
        """What the pipeline is given, in the words of `seedbank.pipelines`."""
        return Extras(image=self.image, mask=self.mask, control_image=self.control_image).task


def wanted_of(values: Mapping[str, Any], device: str | None) -> Wanted:
    """What values of axes want. Raises `BadInput` for a mode."""
    if "mode" in values:
        raise BadInput(
            "An entry is swept in the process that it was rendered in: the mode is an axis of a prompt only.",
            "Sweep its prompt and seed: seedbank sweep PROMPT --seed N --axis mode=as-is,strict",
        )
    named = {IP_WEIGHT if field == IP_FOLDER else field: value for field, value in values.items()}
    return Wanted(**{"device": device, **named})


def check_vae_place(place: str) -> None:
    """Raises `BadInput` where nothing is, `Blocked` for what is neither a VAE nor ``none``."""
    if place != OWN:
        adapter_files(VAE, Path(place))


def check_dtype(name: str) -> None:
    """Raises `BadInput` for what is no dtype of weights."""
    if name not in DTYPES:
        raise BadInput(f"There is no dtype {name!r}.", f"Use one of {', '.join(DTYPES)}.")


def exchanged(library: Library, setting: Setting, wanted: Wanted, recipe: Recipe, imported: bool = False) -> Setting:
    """The setting with what is `wanted`. The model of an import is in it already: its conversion depends on it."""
    check_together(recipe, wanted)
    if wanted.vae is not None:
        setting = _with_vae(setting, wanted.vae)
    setting = with_adapters(setting, wanted)
    if wanted.model is not None and not imported:
        setting = _with_model(library, setting, wanted.model, recipe)
    if wanted.dtype is not None:
        check_dtype(wanted.dtype)
        setting = replace(setting, dtypes={ALL: wanted.dtype})
    if wanted.task:
        task = {*task_of(str(recipe.pipeline)), *wanted.task}
        setting = replace(setting, pipeline=pipeline_for(str(setting.pipeline), task))
    return setting


def _with_vae(setting: Setting, vae: str) -> Setting:
    others = tuple(item for item in setting.adapters if item["kind"] != VAE)
    if vae == OWN:
        return replace(setting, adapters=others)
    adapter = read_adapter(VAE, vae)
    known = {**setting.known, adapter.model.digest: adapter.model}
    return replace(setting, adapters=(adapter.recipe_item, *others), known=known)


def find_known(library: Library, place: str, **known: Any) -> Source:
    """As `find_model`; a single file has the configs that the bank knows of it where `known` has no ``config``."""
    path = os.path.abspath(Path(place).expanduser())
    if not known.get("config") and os.path.isfile(path):
        known["config"] = next(
            (model.config for model in library.store.models() if model.source == path and model.config), None
        )
        if known["config"] is None:
            raise BadInput(
                f"{os.path.basename(path)} is a single file, and the bank does not know the configs of its pipeline.",
                f"Add it with them first: seedbank models add {place} --model-config FOLDER",
            )
    return find_model(place, **known)


def _with_model(library: Library, setting: Setting, name: str, recipe: Recipe) -> Setting:
    from seedbank.engine.process import Engine

    source = find_known(library, name)
    model = read_source(Engine(), source)  # it is not started: only its Python can be needed
    if model.digest == recipe.model:
        return setting
    pipeline = pipeline_for(str(model.pipeline), set(task_of(str(recipe.pipeline))))
    named = set((recipe.dtypes or {}).values())
    dtypes = {ALL: named.pop()} if len(named) == 1 else {}
    recorded = setting.recorded
    if recorded is not None and pipeline != recipe.pipeline:
        profile = {name: value for name, value in recorded.profile.items() if name != "pipeline"}
        recorded = Environment({**recorded.parts, "profile": profile})
    return replace(setting, model=model, pipeline=pipeline, dtypes=dtypes, recorded=recorded)


def remarks(recorded: Setting, setting: Setting, wanted: Wanted, imported: bool = False) -> Iterator[str]:
    """What the exchange means for the picture, one sentence each."""
    old, new = (one.model.name if one.model is not None else "" for one in (recorded, setting))
    if setting.model is not None and recorded.model is not None and setting.model.digest != recorded.model.digest:
        yield f"The composition will change: {new} makes another picture of the same noise than {old}."
    if wanted.vae is not None and setting.adapters != recorded.adapters:
        yield "Another VAE: colours and fine details change, the composition stays."
    if wanted.dtype is not None and set(recorded.dtypes.values()) - {wanted.dtype}:
        known = ", ".join(sorted(set(recorded.dtypes.values())))
        yield f"{wanted.dtype} rounds otherwise than {known}: details change, and the composition can."
    if not imported and (changed := setting.changed.get("device")) is not None:
        yield f"Another device ({changed}) computes other last bits, and a picture that is near, not the same."


# -- a recipe on another model ----------------------------------------------------------------------------------------


def carried(recipe: Recipe, engine: Engine, model: Model) -> tuple[Recipe, tuple[str, ...]]:
    """(the recipe on `model`, the current pipeline of `engine`; what was left out, one sentence each).

    Texts, noise, steps, guidance, size, sampler, pictures and adapters stay. Raises `BadInput` for what the model does not
    take.
    """
    loaded = engine.loaded
    assert loaded is not None and recipe.pipeline is not None
    said: list[str] = []
    same = model.digest == recipe.model  # only the pipeline is another, since more is given beside the text
    _check_inputs(recipe, loaded, same)
    scheduler = recipe.scheduler if same else _scheduler(recipe, engine, loaded, said)
    more = _guidance(recipe, loaded, said)
    request = request_of(recipe, loaded, _arguments(recipe, loaded), said, "the entry", **more)
    hardware = engine.environment.parts.get("hardware", {})
    plan = make_plan(request, replace(loaded, scheduler=scheduler), model, recommended(find_recorded(model)), hardware)
    made = plan.recipes[0]
    beside = {name: value for name, value in recipe.conditioning.items() if name in ("weighting", "blend")}
    if "weighting" in beside and not weighable(loaded.pipeline):
        said.append(f"Weights in prompts are not supported for {loaded.pipeline}: they are plain text there.")
        del beside["weighting"]
    conditioning = {**made.conditioning, **beside}
    return replace(made, conditioning=conditioning, noise=recipe.noise, inputs=recipe.inputs), (*said, *plan.remarks)


def _check_inputs(recipe: Recipe, loaded: Loaded, same: bool) -> None:
    for item in recipe.inputs:
        role = str(item["role"])
        if role.endswith("_embeds"):
            raise BadInput("The texts of this recipe were given as embeddings of its own model.", "Take an entry with texts.")
        if role == LATENTS and not same:
            raise BadInput("This recipe starts from latents of its own model.", "Take an entry that starts from noise.")
        if item.get("kind") == "picture" and role not in loaded.call:
            raise BadInput(f"{loaded.pipeline} takes no {role}.", "Take an entry without this picture, or another model.")


def _arguments(recipe: Recipe, loaded: Loaded) -> dict[str, Any]:
    """The other arguments: those of the same family all, of another one what means the same there."""
    same = family_of(str(recipe.pipeline)) == family_of(loaded.pipeline)
    return {
        name: value
        for name, value in recipe.call.items()
        if name in loaded.call and name not in SAID and value is not None and (same or name in COMMON)
    }


def _guidance(recipe: Recipe, loaded: Loaded, said: list[str]) -> Mapping[str, Any]:
    """The guidance as this pipeline says it: a number of another form is converted."""
    if recipe.call.get("guidance_scale") is None:
        return {}
    kinds = facts(str(recipe.pipeline)).guidance, facts(loaded.pipeline).guidance
    cfg = cfg_of(recipe.pipeline, recipe.call)
    if kinds[0] == kinds[1]:
        return {"guidance": float(recipe.call["guidance_scale"])}
    if cfg is None or not set(kinds) <= {STANDARD, OFFSET}:
        said.append(f"{loaded.pipeline} has another kind of guidance; its own is used.")
        return {}
    return {"cfg": cfg}


def _scheduler(recipe: Recipe, engine: Engine, loaded: Loaded, said: list[str]) -> Mapping[str, Any] | None:
    """The sampler and schedule of the recipe with this model's settings; its own where it does not take them."""
    if recipe.scheduler is None or loaded.scheduler is None:
        return loaded.scheduler
    cls = str(recipe.scheduler["class"])
    try:
        check_scheduler(str(loaded.scheduler["class"]), cls)
    except (BadInput, Blocked):
        said.append(f"{loaded.pipeline} does not take {cls}; its own {loaded.scheduler['class']} is used.")
        return loaded.scheduler
    schedule = schedule_of(recipe.scheduler)
    flags = {flag: word == schedule for word, flag in SIGMAS.items() if word in schedules_of(cls)}
    return engine.scheduler(cls, flags)
