"""A recipe from outside, held against what a recipe must look like before anything uses it.

`docs/recipe.schema.json` says the same to other programs; the tests hold both against each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seedbank.errors import BadInput
from seedbank.formats.reading import FormatError
from seedbank.recipe import Recipe

DIGEST = re.compile(r"[0-9a-f]{64}")
LARGEST_SIDE = 16_384
LARGEST_STEPS = 10_000
MAPPINGS = ("conditioning", "noise", "call", "scheduler", "dtypes", "batch")
TEXTS = ("model", "pipeline", "mode")


def recipe_from(values: Any) -> Recipe:
    """The recipe of JSON values that came from outside. Raises `FormatError`, naming the first thing that is wrong."""
    if not isinstance(values, Mapping):
        raise _wrong("it is no JSON object")
    values = {name: value for name, value in values.items() if value is not None}
    for name in MAPPINGS:
        if values.get(name) is not None and not isinstance(values[name], Mapping):
            raise _wrong(f"its {name} is no JSON object")
    for name in TEXTS:
        if values.get(name) is not None and not isinstance(values[name], str):
            raise _wrong(f"its {name} is no text")
    if values.get("model") is not None and not DIGEST.fullmatch(values["model"]):
        raise _wrong("its model is no digest of 64 hexadecimal digits")
    _check_call(values.get("call") or {})
    conditioning = values.get("conditioning") or {}
    for name in ("prompt", "negative_prompt"):
        if not isinstance(conditioning.get(name), (str, type(None))):
            raise _wrong(f"its {name} is no text")
    scheduler = values.get("scheduler") or {}
    if not isinstance(scheduler.get("class", ""), str) or not isinstance(scheduler.get("config", {}), Mapping):
        raise _wrong("its scheduler is not of the form {class, config}")
    for name in ("inputs", "adapters"):
        _check_items(name, values.get(name) or [])
    try:
        return Recipe.from_dict(values)
    except FormatError:
        raise
    except BadInput as error:
        raise FormatError(error.message, error.hint) from None
    except (TypeError, RecursionError) as error:
        raise _wrong(f"{error}") from None


def _check_call(call: Mapping[str, Any]) -> None:
    for name, largest in (("width", LARGEST_SIDE), ("height", LARGEST_SIDE), ("num_inference_steps", LARGEST_STEPS)):
        value = call.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest):
            raise _wrong(f"its {name} is no whole number from 1 to {largest:,}")
    value = call.get("guidance_scale")
    if isinstance(value, (str, list)) or (isinstance(value, Mapping) and set(value) != {"$float"}):
        raise _wrong("its guidance_scale is no number")


def _check_items(name: str, items: Any) -> None:
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, Mapping) for item in items):
        raise _wrong(f"its {name} is no list of JSON objects")
    key = "role" if name == "inputs" else "kind"
    for item in items:
        if not isinstance(item.get(key), str):
            raise _wrong(f"one of its {name} has no {key}")
        if not isinstance(item.get("digest"), str) or not DIGEST.fullmatch(item["digest"]):
            raise _wrong(f"the digest of one of its {name} is none of 64 hexadecimal digits")


def _wrong(what: str) -> FormatError:
    return FormatError(f"This is not a whole recipe: {what}.", "Take the text again from where it was written.")
