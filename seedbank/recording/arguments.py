"""The arguments of a pipeline's call by their own names: which a user can set, and of what type they are."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from seedbank.errors import BadInput

NOT_IN_CALL = ("prompt", "generator", "latents", "output_type", "return_dict", "num_images_per_prompt", "self")
"""Parameters that have a place of their own in the recipe, or that the worker decides."""
INPUTS = ("image", "mask_image", "control_image", "ip_adapter_image", "masked_image_latents")
"""Parameters that take pictures; these are inputs of the recipe."""
Parameters = Mapping[str, Mapping[str, Any]]
"""{argument: {default, annotation}} of a pipeline's call"""


def typed(arguments: Mapping[str, Any], pipeline: str, parameters: Parameters) -> dict[str, Any]:
    """{name: value} of arguments for a call with these parameters. Raises `BadInput` for one that it does not have or take."""
    for name in arguments:
        if name not in parameters or not is_recorded(name):
            raise BadInput(f"{pipeline} has no argument {name!r} that can be set here.", _offer(name, parameters))
    return {name: _typed(name, value, parameters[name]) for name, value in arguments.items()}


def _typed(name: str, value: Any, parameter: Mapping[str, Any]) -> Any:
    """`value` for the argument, of the type that its default or its annotation names. Raises `BadInput` for another."""
    default = parameter.get("default")
    words = set(re.findall(r"\w+", str(parameter.get("annotation", "")).lower()))
    if isinstance(value, str) and value.lower() in ("null", "none"):
        value = None
    if value is None:
        if default is not None:
            raise BadInput(f"The argument {name} cannot be left empty.", f"Its default is {default!r}.")
        return None
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"The argument {name} cannot be {value}.", "Use a finite number.")
    names: dict[str, Any] = {
        "bool": bool,
        "int": int,
        "float": (int, float),
        "str": str,
        "list": list,
        "tuple": (list, tuple),
        "dict": dict,
    }
    allowed: list[Any] = [kind for word, kind in names.items() if word in words]
    if default is not None:
        allowed.append((int, float) if isinstance(default, float) else type(default))
    fits = any(isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) for kind in allowed)
    if allowed and not fits:
        raise BadInput(f"The argument {name} cannot be {value!r}.", f"Its default is {default!r}.")
    return value


def is_recorded(name: str) -> bool:
    """Whether an argument stands in the call of a recipe, and not in a place of its own."""
    return (
        name not in NOT_IN_CALL
        and name not in INPUTS
        and not name.startswith("callback")
        and not name.endswith("_embeds")
        and name != "negative_prompt"
    )


def _offer(name: str, parameters: Parameters) -> str:
    from difflib import get_close_matches

    known = [one for one in parameters if is_recorded(one)]
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(known)}."


def check_negative(pipeline: str, parameters: Parameters) -> None:
    """Raises `BadInput` when the pipeline has no place for a negative prompt."""
    if "negative_prompt" not in parameters:
        raise BadInput(f"{pipeline} has no negative prompt.", "Leave --negative away.")


def check_strength(call: Mapping[str, Any]) -> None:
    """Raises `BadInput` when the strength of an image-to-image call leaves no step to do."""
    strength, steps = call.get("strength"), call.get("num_inference_steps")
    if strength is not None and steps is not None and int(steps * strength) < 1:
        least = math.ceil(1 / strength)
        raise BadInput(f"A strength of {strength:g} leaves none of {steps} steps to do.", f"Use --steps {least} or more.")
