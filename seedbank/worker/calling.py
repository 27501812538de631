"""From a recipe in its JSON form to the arguments of one pipeline call.

JSON knows neither tuples nor integral floats, so values are given back the types that the signatures name. Everything
is a fresh copy: some pipelines write into the lists that they are given.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from .describe import annotation_text
from .inputs import KINDS as INPUT_KINDS
from .inputs import input_arguments
from .refusal import BAD_INPUT, BLOCKED, Refusal
from .texts import own_texts

OURS = (
    "generator",
    "output_type",
    "return_dict",
    "callback",
    "callback_steps",
    "callback_on_step_end",
    "callback_on_step_end_tensor_inputs",
)
"""Arguments that the worker decides."""
RANDOM_STATE = "rng-state"
"""Role of the input that holds the global random states before the first rendering; no argument of the call."""


def call_arguments(pipe: Any, recipe: Mapping[str, Any], files: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The keyword arguments of the call for `recipe`; `files` maps the keys of its inputs to paths.

    Raises `Refusal` for what cannot be done here."""
    check_supported(pipe, recipe)
    signature = inspect.signature(type(pipe).__call__)
    given = {**(recipe.get("call") or {}), **own_texts(recipe.get("conditioning") or {})}
    for side in ("width", "height"):
        # Every recipe says the size of its picture; some pipelines take it from their input image.
        if side not in signature.parameters:
            given.pop(side, None)
    known = [name for name in signature.parameters if name != "self"]
    pictures = input_arguments(recipe.get("inputs") or [], files or {})
    for name in (*given, *pictures):
        parameter = signature.parameters.get(name)
        if parameter is None or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise Refusal(BAD_INPUT, f"{type(pipe).__name__} has no argument {name!r}.", f"It takes: {', '.join(known)}.")
        if name in OURS:
            raise Refusal(BAD_INPUT, f"The argument {name!r} is not part of a recipe.")
    if given.get("num_images_per_prompt", 1) != 1 and not recipe.get("batch"):
        raise Refusal(BLOCKED, "A recipe renders one image; num_images_per_prompt must be 1.")
    arguments = {name: typed(plain(value), signature.parameters[name]) for name, value in given.items()}
    arguments |= pictures
    if "output_type" in signature.parameters:
        arguments["output_type"] = "pil"
    return arguments


def check_supported(pipe: Any, recipe: Mapping[str, Any]) -> None:
    """Raise `Refusal` for parts of a recipe that this worker would have to leave out."""
    if recipe.get("pipeline") != type(pipe).__name__:
        raise Refusal(BAD_INPUT, f"The recipe is for {recipe.get('pipeline')}, the loaded pipeline is a {type(pipe).__name__}.")
    for item in recipe.get("inputs") or []:
        if item.get("role") != RANDOM_STATE and item.get("kind") not in INPUT_KINDS:
            raise Refusal(BLOCKED, f"Inputs of the kind {item.get('kind')!r} cannot be used here.")
    batch = recipe.get("batch")
    if batch is not None and "index" in batch:
        raise Refusal(BLOCKED, f"This image was rendered in a batch of {batch.get('size')}: it is not rendered alone.")


def scheduler_for(recipe: Mapping[str, Any]) -> Any:
    """A fresh scheduler with the class and the full configuration of the recipe. Raises `Refusal`."""
    wanted = recipe.get("scheduler")
    if not wanted:
        raise Refusal(BAD_INPUT, "The recipe names no scheduler.")
    found = scheduler_class(wanted.get("class"))
    return found.from_config(_scheduler_config(found, wanted.get("config") or {}))


def exchanged_scheduler(pipe: Any, name: str, settings: Mapping[str, Any]) -> Any:
    """A scheduler of the class `name`: the settings of the pipeline's own where they apply, `settings` over these."""
    found = scheduler_class(name)
    own = getattr(pipe, "scheduler", None)
    return found.from_config(dict(own.config) if own is not None else {}, **_scheduler_config(found, settings))


def scheduler_class(name: str | None) -> Any:
    """The scheduler class of diffusers called `name`. Raises `Refusal`."""
    import diffusers

    found = getattr(diffusers, name or "", None)
    if not isinstance(found, type) or not issubclass(found, diffusers.SchedulerMixin):
        raise Refusal(BLOCKED, f"diffusers {diffusers.__version__} has no scheduler {name!r}.")
    return found


def _scheduler_config(found: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    import diffusers

    parameters = inspect.signature(found.__init__).parameters
    if unknown := sorted(set(config) - set(parameters)):
        raise Refusal(BLOCKED, f"{found.__name__} of diffusers {diffusers.__version__} has no setting {unknown[0]!r}.")
    return {name: typed(plain(value), parameters[name]) for name, value in config.items()}


def plain(value: Any) -> Any:
    """A fresh copy of a JSON value; tagged numbers (``{"$float": "nan"}``, ``{"$int": "…"}``) become numbers."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            if isinstance(number := value.get("$float"), str):
                return float(number)
            if isinstance(number := value.get("$int"), str):
                return int(number)
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def typed(value: Any, parameter: inspect.Parameter) -> Any:
    """`value` with the types that JSON lost: floats and tuples where the signature or its default says so."""
    words = set(re.findall(r"\w+", annotation_text(parameter).lower()))
    floats = "float" in words or isinstance(parameter.default, float)
    if isinstance(value, list):
        items = [float(item) if floats and _integral(item) else item for item in value]
        return tuple(items) if "tuple" in words or isinstance(parameter.default, tuple) else items
    return float(value) if floats and _integral(value) and "int" not in words else value


def _integral(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
