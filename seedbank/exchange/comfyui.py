"""A recipe as the graph that ComfyUI executes, for plain text-to-image; what is not plain is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from seedbank import dialects
from seedbank.errors import BadInput
from seedbank.formats.comfyui import api_prompt
from seedbank.formats.reading import Lora
from seedbank.formats.stamp import KEY, Stamp
from seedbank.pipelines import cfg_of
from seedbank.recipe import Recipe
from seedbank.records import Model
from seedbank.worker.adapters import LORA

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Pipelines whose weights ComfyUI has in one checkpoint. Of others nobody knows under which names its files lie there."""
WRITTEN = ("num_inference_steps", "guidance_scale", "width", "height", "clip_skip")
"""Arguments of the call that the graph has a place for; others must be at a value that changes nothing."""
CLIP_SKIP = {"StableDiffusionPipeline": 1, "StableDiffusionXLPipeline": 2}
"""diffusers counts the layers that are left out, and SDXL leaves out one anyway; ComfyUI counts the one that is used."""


def graph(recipe: Recipe, model: Model | None, loras: tuple[Lora, ...]) -> dict[str, Any]:
    """The API prompt. Raises `BadInput`, naming what is not plain."""
    if obstacle := next(_obstacles(recipe, model), None):
        raise BadInput(f"{obstacle}, which has no plain form in ComfyUI.", "Send it as a block or as JSON instead.")
    assert model is not None and recipe.prompt is not None and recipe.seed is not None
    sampler, schedule = dialects.named(dialects.COMFYUI, recipe.scheduler)
    skipped = recipe.call.get("clip_skip")
    written: dict[str, Any] = api_prompt(
        model=_checkpoint(model),
        positive=recipe.prompt,
        negative=recipe.negative_prompt or "",
        seed=recipe.seed,
        steps=recipe.steps or 0,
        cfg=cfg_of(recipe.pipeline, recipe.call) or 1.0,
        sampler_name=str(sampler),
        scheduler=schedule or "normal",
        width=recipe.width or 0,
        height=recipe.height or 0,
        loras=[Lora(f"{lora.name}.safetensors", lora.weight) for lora in loras],
        clip_skip=None if not skipped else int(skipped) + CLIP_SKIP[str(recipe.pipeline)],
    )
    return written


def stamped(written: dict[str, Any], stamp: Stamp) -> str:
    """The graph as text; the stamp stands in the `_meta` of the node that saves, which ComfyUI leaves alone."""
    nodes = {key: {**node} for key, node in written.items()}
    last = next(key for key, node in nodes.items() if node["class_type"] == "SaveImage")
    nodes[last]["_meta"] = {"title": "Save Image", KEY: str(stamp)}
    return json.dumps(nodes, ensure_ascii=False, indent=2)


def _checkpoint(model: Model) -> str:
    """The file that the loader names: the model's own, or that of a checkpoint with the name of its folder."""
    source = PurePath(model.source or "")
    return source.name if source.suffix == ".safetensors" else f"{PurePath(model.name).name}.safetensors"


def _obstacles(recipe: Recipe, model: Model | None) -> Iterator[str]:
    """What is not plain, each as the beginning of a sentence."""
    if lacks := recipe.missing():
        yield f"The recipe does not say the {lacks[0]}"
        return
    if recipe.pipeline not in PIPELINES or model is None:
        yield f"The pipeline is a {recipe.pipeline}"
    if recipe.batch is not None:
        yield f"The image was rendered in a batch of {recipe.batch.get('size')}"
    if set(recipe.noise) != {"kind", "seed"} or recipe.noise["kind"] != "torch-cpu":
        yield f"The noise is of the kind {recipe.noise.get('kind')}" + (
            " with a variation" if "variation" in recipe.noise else ""
        )
    for item in recipe.inputs:
        yield f"The recipe has the input {item.get('role')}"
    for item in recipe.adapters:
        if item["kind"] != LORA or not isinstance(item.get("weight", 1.0), (int, float)):
            yield f"The recipe has an adapter of the kind {item['kind']} with the weight {item.get('weight')}"
    for name in recipe.conditioning:
        if name not in ("prompt", "negative_prompt"):
            yield f"The recipe has a {name}"
    for name, value in recipe.call.items():
        if name not in WRITTEN and value not in (0, False, [], "", [0, 0], {}):
            yield f"The argument {name} is {value!r}"
    if dialects.named(dialects.COMFYUI, recipe.scheduler)[0] is None:
        yield f"The scheduler is a {recipe.scheduler_class}"
