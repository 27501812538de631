"""What the words of a text do not say of a recipe, and both put together again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from seedbank.errors import BadInput
from seedbank.formats.a1111 import sampler_of
from seedbank.formats.checking import recipe_from
from seedbank.formats.reading import Foreign
from seedbank.pipelines import FACTS, cfg_of, guidance_from_cfg
from seedbank.recipe import Recipe

SAID: tuple[tuple[str, str, str], ...] = (
    ("prompt", "conditioning", "prompt"),
    ("negative_prompt", "conditioning", "negative_prompt"),
    ("seed", "noise", "seed"),
    ("width", "call", "width"),
    ("height", "call", "height"),
    ("steps", "call", "num_inference_steps"),
)
"""(field of a reading, part of the recipe, its name there) of what words say exactly. Guidance and samplers have other forms
in words, so they stay in the remainder and are held against the words."""
UNSAID = "unsaid"
"""In a remainder: {field that the recipe does not have: what the words say for it}. A form may not be able to leave a text
away and say an empty one, and writes LoRAs where a prompt stands."""


WORDS = "words"
"""In a remainder: sampler, guidance and the like as the text says them, where a recipe that says the same would be written
otherwise: a file of another tool has words of its own."""

Names = Callable[[Recipe], tuple[str | None, str | None]]
"""The (sampler, schedule) of a recipe in the words of a form."""


def _usual(recipe: Recipe) -> tuple[str | None, str | None]:
    return sampler_of(recipe.scheduler)


def remainder(recipe: Recipe, said: Foreign, names: Names = _usual) -> dict[str, Any]:
    """The recipe without what `said`, its own words read back, says exactly."""
    rest = {name: dict(value) if isinstance(value, Mapping) else value for name, value in recipe.to_dict().items()}
    rest.pop("model", None)  # stands in the stamp
    unsaid: dict[str, Any] = {}
    for field, part, name in SAID:
        value = _as_said(field, getattr(said, field))
        if value is not None and name not in rest[part]:
            unsaid[field] = value
        elif value is not None and rest[part].get(name) == value:
            del rest[part][name]
    rest = {name: value for name, value in rest.items() if value != {}} | ({UNSAID: unsaid} if unsaid else {})
    return rest if _is_said_by(rest, said, recipe.model, names) else rest | {WORDS: _words(said)}


def _is_said_by(rest: Mapping[str, Any], said: Foreign, model: str | None, names: Names) -> bool:
    try:
        return not together(rest, said, model, names)[1]
    except BadInput:  # a recipe of an import can be one that nobody would take in; its words are told all the same
        return False


def _words(said: Foreign) -> list[Any]:
    numbers = (said.extras.get(name) for name in ("distilled_guidance", "denoise"))
    return [said.sampler, said.schedule, said.guidance_scale, said.steps, *numbers]


def together(rest: Mapping[str, Any], said: Foreign, model: str | None, names: Names = _usual) -> tuple[Recipe, list[str]]:
    """(the recipe, what the words say otherwise than its remainder). The words count: somebody changed them by hand.

    `names` gives the words that the form has for a scheduler. Raises `BadInput` for a remainder that is none.
    """
    values = {name: dict(value) if isinstance(value, Mapping) else value for name, value in rest.items()}
    unsaid, words = values.pop(UNSAID, None), values.pop(WORDS, None)
    if isinstance(unsaid, list):  # as it was written at first, of words that were always empty
        unsaid = {field: "" for field in unsaid if isinstance(field, str)}
    unsaid = unsaid if isinstance(unsaid, Mapping) else {}
    if model is not None:
        values["model"] = model
    for field, part, name in SAID:
        value = _as_said(field, getattr(said, field))
        told = value is not None and (field not in unsaid or unsaid[field] != value)
        if told and isinstance(values.setdefault(part, {}), dict):  # anything else is refused below
            values[part].setdefault(name, value)
    recipe = recipe_from(values)
    if words is not None and words == _words(said):
        return recipe, []
    values, changed = recipe.to_dict(), []
    cfg, pipeline = said.guidance_scale, recipe.pipeline
    if cfg is not None and pipeline is not None and pipeline in FACTS and cfg != cfg_of(pipeline, recipe.call):
        changed.append("the CFG")
        with suppress(BadInput):  # files of other tools say a CFG also where the pipeline has none
            values["call"] = dict(recipe.call) | guidance_from_cfg(pipeline, cfg)
    distilled = said.extras.get("distilled_guidance")
    if isinstance(distilled, (int, float)) and distilled != recipe.guidance:
        changed.append("the guidance")
        values["call"] = dict(values["call"]) | {"guidance_scale": float(distilled)}
    strength = recipe.call.get("strength")
    if said.extras.get("denoise") is not None and isinstance(strength, (int, float)) and recipe.steps:
        done = steps_done(recipe.steps, strength)
        if (said.steps, said.extras["denoise"]) != (done, denoise_of(recipe.steps, strength)):
            changed.append("the steps")
            values["call"] = dict(values["call"]) | {"num_inference_steps": said.steps, "strength": said.extras["denoise"]}
    if (said.sampler, said.schedule) != names(recipe):
        changed.append("the sampler")
        values.pop("scheduler", None)
    return Recipe.from_dict(values), changed


def steps_done(steps: int, strength: float) -> int:
    """How many of the steps an image-to-image pipeline of diffusers does: of 20 at a strength of 0.33 the last 6."""
    return min(int(steps * strength), steps)


def denoise_of(steps: int, strength: float) -> float:
    """That part of the steps as ComfyUI's `denoise`, which counts what is done and makes the whole larger."""
    return round(steps_done(steps, strength) / steps, 6)


def _as_said(field: str, value: Any) -> Any:
    return str(value) if field == "seed" and value is not None else value
