"""A recipe as rows: what people search by in columns, prompts stored once, the rest (shared by many) as settings.

A value goes into its column only when it comes out of it exactly as it went in; anything else stays in the
settings. So every recipe is rebuilt to the same digest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from seedbank.recipe import VERSION, Recipe

_DIGEST = re.compile("[0-9a-f]{64}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_digest(value: Any) -> TypeGuard[str]:
    """Whether `value` is written as digests are."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_integer(value: Any) -> bool:
    return type(value) is int and -(2**31) <= value < 2**31  # `tables.Small`


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


_COLUMNS: Mapping[str, tuple[str, str | None, Callable[[Any], bool]]] = {
    "model": ("model", None, is_digest),
    "prompt": ("conditioning", "prompt", _is_text),
    "negative": ("conditioning", "negative_prompt", _is_text),
    "seed": ("noise", "seed", _is_text),
    "steps": ("call", "num_inference_steps", _is_integer),
    "guidance": ("call", "guidance_scale", _is_number),
    "width": ("call", "width", _is_integer),
    "height": ("call", "height", _is_integer),
}
"""{column: (field of the recipe, key inside it or None, whether the column holds such a value exactly)}"""


def split(recipe: Recipe) -> tuple[dict[str, Any], dict[str, Any]]:
    """({column: value or None}, settings) of a recipe."""
    settings = {part: dict(value) if isinstance(value, Mapping) else value for part, value in recipe.to_dict().items()}
    columns: dict[str, Any] = {}
    for column, (part, key, fits) in _COLUMNS.items():
        holder, name = (settings, part) if key is None else (settings.get(part, {}), key)
        columns[column] = holder.pop(name) if fits(holder.get(name)) else None
    if columns["seed"] is not None:
        columns["seed"] = int(columns["seed"])
    return columns, settings


def join(
    fields: dict[str, Any],
    model: str | None,
    seed: int | None,
    steps: int | None,
    guidance: float | None,
    width: int | None,
    height: int | None,
    prompt: str | None,
    negative: str | None,
) -> Recipe:
    """The recipe that `split` took apart. It is made of `fields` themselves, which come from its settings by `all_fields`."""
    conditioning, call = fields["conditioning"], fields["call"]
    if prompt is not None:
        conditioning["prompt"] = prompt
    if negative is not None:
        conditioning["negative_prompt"] = negative
    if seed is not None:
        fields["noise"]["seed"] = str(seed)
    if steps is not None:
        call["num_inference_steps"] = steps
    if guidance is not None:
        whole = type(guidance) is float and guidance.is_integer()  # canonical values have 4 where the column gives 4.0
        call["guidance_scale"] = int(guidance) if whole else guidance
    if width is not None:
        call["width"] = width
    if height is not None:
        call["height"] = height
    if model is not None:
        fields["model"] = model
    return Recipe.of_fields(fields) if fields["v"] == VERSION else Recipe.from_dict(fields)  # which says what is wrong
