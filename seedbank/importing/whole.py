"""The recipe of an import made whole on a loaded model: what the file leaves open is what the model and its pipeline say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seedbank.dialects import choice
from seedbank.errors import Blocked
from seedbank.importing.convert import Converted
from seedbank.recipe import Recipe
from seedbank.recording.generate import lost_words
from seedbank.recording.noise import TORCH_CPU
from seedbank.recording.request import Request, make_plan, recommended

if TYPE_CHECKING:
    from seedbank.engine.process import Engine
    from seedbank.engine.source import Source

PLACED = ("num_inference_steps", "width", "height", "cfg")
"""Of the call: what a request has fields for."""


def make_whole(recipe: Recipe, converted: Converted, engine: Engine, source: Source | None) -> tuple[Recipe, tuple[str, ...]]:
    """(`recipe` with every argument resolved as `generate` does it, remarks). Raises `BadInput` or `Blocked`.

    `recipe` is that of `converted`, of a model that is the current one of `engine`; `source` is where it lies.
    """
    loaded, model = engine.loaded, converted.model
    assert loaded is not None and model is not None
    remarks = []
    meant = converted.scheduler
    if meant.sampler is None and meant.schedule is None:
        remarks.append("The file names no sampler; the model's own is used.")
    else:
        own = None if loaded.scheduler is None else str(loaded.scheduler["class"])
        loaded = replace(loaded, scheduler=engine.scheduler(*choice(own, meant)))
    texts = dict(recipe.conditioning)
    negative = texts.pop("negative_prompt", None)
    if negative is not None and "negative_prompt" not in loaded.call:
        remarks += [f"{loaded.pipeline} has no negative prompt; that of the file is left out."] if negative else []
        negative = None
    arguments = {name: value for name, value in recipe.call.items() if name not in PLACED and value is not None}
    arguments |= {name: texts[name] for name in texts if name != "prompt" and name in loaded.call}
    request = Request(
        prompt=recipe.prompt or "",
        negative=negative,
        seed=recipe.seed or 0,
        steps=recipe.steps,
        width=recipe.width,
        height=recipe.height,
        arguments=arguments,
    )
    defaults = recommended(source) if source is not None else {}
    plan = make_plan(request, loaded, model, defaults, engine.environment.parts.get("hardware", {}))
    made = plan.recipes[0]
    noise = dict(recipe.noise) | ({} if "kind" in recipe.noise else {"kind": TORCH_CPU})
    whole = replace(made, noise=noise, adapters=recipe.adapters, conditioning=_ordered(made, texts))
    if lacks := whole.missing():
        raise Blocked(f"The file does not say the {', '.join(lacks)}.")
    return whole, (*remarks, *plan.remarks, *lost_words(engine, whole))


def _ordered(made: Recipe, texts: dict[str, Any]) -> dict[str, Any]:
    """The texts of the call, with what stands beside them in the conditioning and is no argument."""
    return {**made.conditioning, **dict(_beside(made, texts))}


def _beside(made: Recipe, texts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((name, value) for name, value in texts.items() if name == "weighting")
