"""The recipe of an import made whole on a loaded model: what the file leaves open is what the model and its pipeline say."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from seedbank.dialects import choice
from seedbank.errors import Blocked
from seedbank.formats.weights import COMPEL, rules_of, weighable
from seedbank.frozen import replace
from seedbank.importing.convert import Converted
from seedbank.recipe import Recipe
from seedbank.recording.generate import lost_words
from seedbank.recording.noise import TORCH_CPU
from seedbank.recording.request import make_plan, recommended, request_of
from seedbank.worker.emphasis import READERS

if TYPE_CHECKING:
    from seedbank.engine.process import Engine
    from seedbank.engine.source import Source

WEIGHTING = "weighting"
"""Beside the texts in `conditioning`: whose rules their weights follow, see `seedbank.worker.weighting`."""
PLACED = ("num_inference_steps", "width", "height", "cfg")
"""Of the call: what a request has fields for."""


def make_whole(recipe: Recipe, converted: Converted, engine: Engine, source: Source | None) -> tuple[Recipe, tuple[str, ...]]:
    """(`recipe` with every argument resolved as `generate` does it, remarks). Raises `BadInput` or `Blocked`.

    `recipe` is that of `converted`, of a model that is the current one of `engine`; `source` is where it lies.
    """
    loaded, model = engine.loaded, converted.model
    assert loaded is not None and model is not None
    remarks: list[str] = []
    meant = converted.scheduler
    if meant.sampler is None and meant.schedule is None:
        remarks.append("The file names no sampler; the model's own is used.")
    else:
        own = None if loaded.scheduler is None else str(loaded.scheduler["class"])
        loaded = replace(loaded, scheduler=engine.scheduler(*choice(own, meant)))
    arguments = {name: value for name, value in recipe.call.items() if name not in PLACED and value is not None}
    request = request_of(recipe, loaded, arguments, remarks, "the file")
    defaults = recommended(source) if source is not None else {}
    plan = make_plan(request, loaded, model, defaults, engine.environment.parts.get("hardware", {}))
    made = plan.recipes[0]
    noise = dict(recipe.noise) | ({} if "kind" in recipe.noise else {"kind": TORCH_CPU})
    beside = {name: value for name, value in recipe.conditioning.items() if name == WEIGHTING}
    whole = replace(made, noise=noise, adapters=recipe.adapters, conditioning={**made.conditioning, **beside})
    if lacks := whole.missing():
        raise Blocked(f"The file does not say the {', '.join(lacks)}.")
    lost = lost_words(engine, whole)
    if lost and (rules := _rows(converted, str(loaded.pipeline))) is not None:
        whole, lost = replace(whole, conditioning={**whole.conditioning, WEIGHTING: f"{rules}/{COMPEL}"}), []
    return whole, (*remarks, *plan.remarks, *lost)


def _rows(converted: Converted, pipeline: str) -> str | None:
    """Whose rules encode a long prompt in as many rows as it needs, where the tool did so and it can be done here."""
    rules = rules_of(converted.details.get("tool"))
    able = rules in READERS and weighable(pipeline) and find_spec(COMPEL) is not None
    return rules if able else None
