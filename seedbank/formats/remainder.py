"""What the words of a text do not say of a recipe, and both put together again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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


def remainder(recipe: Recipe, said: Foreign) -> dict[str, Any]:
    """The recipe without what `said`, its own words read back, says exactly."""
    rest = {name: dict(value) if isinstance(value, Mapping) else value for name, value in recipe.to_dict().items()}
    rest.pop("model", None)  # stands in the stamp
    for field, part, name in SAID:
        if _as_said(field, getattr(said, field)) is not None and rest[part].get(name) == _as_said(field, getattr(said, field)):
            del rest[part][name]
    return {name: value for name, value in rest.items() if value != {}}


Names = Callable[[Mapping[str, Any] | None], tuple[str | None, str | None]]
"""A scheduler {class, config} as (sampler, schedule) in the words of a form."""


def together(rest: Mapping[str, Any], said: Foreign, model: str | None, names: Names = sampler_of) -> tuple[Recipe, list[str]]:
    """(the recipe, what the words say otherwise than its remainder). The words count: somebody changed them by hand.

    `names` gives the words that the form has for a scheduler. Raises `BadInput` for a remainder that is none.
    """
    values = {name: dict(value) if isinstance(value, Mapping) else value for name, value in rest.items()}
    if model is not None:
        values["model"] = model
    for field, part, name in SAID:
        value = _as_said(field, getattr(said, field))
        if value is not None and isinstance(values.setdefault(part, {}), dict):  # anything else is refused below
            values[part].setdefault(name, value)
    recipe = recipe_from(values)
    values, changed = recipe.to_dict(), []
    cfg, pipeline = said.guidance_scale, recipe.pipeline
    if cfg is not None and pipeline is not None and pipeline in FACTS and cfg != cfg_of(pipeline, recipe.call):
        changed.append("the CFG")
        values["call"] = dict(recipe.call) | guidance_from_cfg(pipeline, cfg)
    distilled = said.extras.get("distilled_guidance")
    if isinstance(distilled, (int, float)) and distilled != recipe.guidance:
        changed.append("the guidance")
        values["call"] = dict(values["call"]) | {"guidance_scale": float(distilled)}
    if (said.sampler, said.schedule) != names(recipe.scheduler):
        changed.append("the sampler")
        values.pop("scheduler", None)
    return Recipe.from_dict(values), changed


def _as_said(field: str, value: Any) -> Any:
    return str(value) if field == "seed" and value is not None else value
