"""A recipe as the graph that ComfyUI executes, for plain pictures of the common families; what is not plain is refused by name.

Which nodes a family takes is read from ComfyUI's own templates and from `comfy_extras/nodes_model_advanced.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from seedbank import dialects
from seedbank.errors import BadInput
from seedbank.formats.comfyui import api_prompt
from seedbank.formats.reading import Lora
from seedbank.formats.remainder import denoise_of, steps_done
from seedbank.formats.stamp import KEY, Stamp
from seedbank.pipelines import IMAGE, cfg_of, family_of, task_of
from seedbank.recipe import Recipe
from seedbank.records import Model
from seedbank.samplers import is_flow
from seedbank.worker.adapters import LORA

ROLE = "image"
"""The input that a graph has a place for."""


@dataclass(frozen=True)
class Family:
    """How ComfyUI loads the weights of a family, under the names that its own templates give them, and what else it needs.

    neutral   {argument: its value at which it changes nothing}
    written   arguments that the graph has a place for, beside `WRITTEN`
    shift     the node that shifts the noise levels, where the model is one for flow matching
    clip_skip how many layers more ComfyUI counts: the one that is used, and SDXL leaves out one anyway
    schedule  the schedule that is nearest to the pipeline's own way
    """

    text_encoders: tuple[str, ...] = ()
    encoder_type: str | None = None
    vae: str | None = None
    shift: str | None = None
    clip_skip: int = 1
    schedule: str = "normal"
    zero_negative: bool = False
    written: tuple[str, ...] = ()
    neutral: Mapping[str, Any] = field(default_factory=dict)


FAMILIES: Mapping[str, Family] = {
    "StableDiffusionPipeline": Family(),
    "StableDiffusionXLPipeline": Family(
        clip_skip=2, zero_negative=True, neutral={"aesthetic_score": 6, "negative_aesthetic_score": 2.5}
    ),
    "StableDiffusion3Pipeline": Family(
        ("clip_l.safetensors", "clip_g.safetensors", "t5xxl_fp16.safetensors"),
        shift="ModelSamplingSD3",
        neutral={
            **{"max_sequence_length": 256, "skip_layer_guidance_scale": 2.8},
            **{"skip_layer_guidance_start": 0.01, "skip_layer_guidance_stop": 0.2},
        },
    ),
    "FluxPipeline": Family(
        ("clip_l.safetensors", "t5xxl_fp16.safetensors"),
        "flux",
        "ae.safetensors",
        "ModelSamplingAuraFlow",
        schedule="simple",
        written=("true_cfg_scale",),
        neutral={"max_sequence_length": 512},
    ),
    "ZImagePipeline": Family(
        ("qwen_3_4b.safetensors",),
        "lumina2",
        "ae.safetensors",
        "ModelSamplingAuraFlow",
        schedule="simple",
        neutral={"max_sequence_length": 512, "cfg_truncation": 1},
    ),
}
"""{text-to-image pipeline: its family}; the pipelines that start from a picture are of the same families."""
WRITTEN = ("num_inference_steps", "guidance_scale", "width", "height", "clip_skip")
"""Arguments of the call that every graph has a place for; others must be at a value that changes nothing."""
ALWAYS_ONE = ("num_images_per_prompt",)


def words(recipe: Recipe) -> tuple[str | None, str | None]:
    """(sampler, schedule) of a recipe as its graph says them."""
    sampler, schedule = dialects.named(dialects.COMFYUI, recipe.scheduler)
    family = FAMILIES.get(family_of(str(recipe.pipeline)))
    return sampler, schedule or (family.schedule if family is not None else None)


def graph(recipe: Recipe, model: Model | None, loras: tuple[Lora, ...]) -> dict[str, Any]:
    """The API prompt. Raises `BadInput`, naming what is not plain."""
    if lacks := recipe.missing():
        raise BadInput(
            f"The recipe does not say the {lacks[0]}, so it has no form in ComfyUI.",
            "Say where the weights lie with seedbank models add FOLDER, or send it as a block or as JSON.",
        )
    if obstacle := next(_obstacles(recipe, model), None):
        raise BadInput(f"{obstacle}, which has no plain form in ComfyUI.", "Send it as a block or as JSON instead.")
    assert model is not None and recipe.prompt is not None and recipe.seed is not None
    assert recipe.steps is not None and recipe.width is not None and recipe.height is not None
    family = FAMILIES[family_of(str(recipe.pipeline))]
    sampler, schedule = words(recipe)
    skipped, strength = recipe.call.get("clip_skip"), recipe.call.get("strength", 0)
    started: dict[str, Any] = {"steps": recipe.steps}
    if recipe.inputs:
        started = {"steps": steps_done(recipe.steps, strength), "denoise": denoise_of(recipe.steps, strength)}
        started["image"] = image_name(recipe.inputs[0])
    negative = recipe.negative_prompt
    written: dict[str, Any] = api_prompt(
        model=_checkpoint(model),
        positive=recipe.prompt,
        negative=None if negative is None and family.zero_negative else negative or "",
        seed=recipe.seed,
        cfg=cfg_of(recipe.pipeline, recipe.call) or 1.0,
        sampler_name=str(sampler),
        scheduler=str(schedule),
        width=recipe.width,
        height=recipe.height,
        loras=[Lora(f"{lora.name}.safetensors", lora.weight) for lora in loras],
        clip_skip=None if not skipped else int(skipped) + family.clip_skip,
        vae=family.vae,
        text_encoders=family.text_encoders,
        encoder_type=family.encoder_type,
        guidance=recipe.guidance if "true_cfg_scale" in family.written else None,
        noise_levels=_noise_levels(recipe, family),
        **started,
    )
    return written


def image_name(item: Mapping[str, Any]) -> str:
    """What the file of an input picture is called in ComfyUI's input folder."""
    return f"{KEY}-{item['digest'][:12]}.png"


def stamped(written: dict[str, Any], stamp: Stamp) -> str:
    """The graph as text; the stamp stands in the `_meta` of the node that saves, which ComfyUI leaves alone."""
    last = next((key for key, node in written.items() if "save" in node["class_type"].lower()), next(reversed(written)))
    meta = written[last].get("_meta")
    title = meta if isinstance(meta, dict) else {"title": "Save Image"}
    node = {**written[last], "_meta": {**title, KEY: str(stamp)}}
    return json.dumps({**written, last: node}, ensure_ascii=False, indent=2)


def _checkpoint(model: Model) -> str:
    """The file that the loader names: the model's own, or that of a checkpoint with the name of its folder."""
    source = PurePath(model.source or "")
    return source.name if source.suffix == ".safetensors" else f"{PurePath(model.name).name}.safetensors"


def _noise_levels(recipe: Recipe, family: Family) -> tuple[str, dict[str, float]] | None:
    """The node that shifts the noise levels as the recipe's scheduler does."""
    if family.shift is None or recipe.scheduler is None:
        return None
    config = recipe.scheduler.get("config") or {}
    if config.get("use_dynamic_shifting"):
        shifts = {"max_shift": config.get("max_shift", 1.15), "base_shift": config.get("base_shift", 0.5)}
        return "ModelSamplingFlux", shifts | {"width": recipe.width, "height": recipe.height}
    return family.shift, {"shift": config.get("shift", 1)}


def _obstacles(recipe: Recipe, model: Model | None) -> Iterator[str]:
    """What is not plain, each as the beginning of a sentence."""
    base, task = family_of(str(recipe.pipeline)), task_of(str(recipe.pipeline))
    if base not in FAMILIES or task not in ((), (IMAGE,)) or model is None:
        yield f"The pipeline is a {recipe.pipeline}"
        return
    if recipe.batch is not None:
        yield f"The image was rendered in a batch of {recipe.batch.get('size')}"
    if set(recipe.noise) != {"kind", "seed"} or recipe.noise["kind"] != "torch-cpu":
        yield f"The noise is of the kind {recipe.noise.get('kind')}" + (
            " with a variation" if "variation" in recipe.noise else ""
        )
    for item in recipe.inputs:
        if task != (IMAGE,) or len(recipe.inputs) > 1 or (item.get("role"), item.get("kind")) != (ROLE, "picture"):
            yield f"The recipe has the input {item.get('role')}"
    if recipe.inputs and steps_done(recipe.steps or 0, recipe.call.get("strength") or 0) < 1:
        yield f"The strength is {recipe.call.get('strength')}"
    for item in recipe.adapters:
        if item["kind"] != LORA or not isinstance(item.get("weight", 1.0), (int, float)):
            yield f"The recipe has an adapter of the kind {item['kind']} with the weight {item.get('weight')}"
    for name in recipe.conditioning:
        if name not in ("prompt", "negative_prompt"):
            yield f"The recipe has a {name}"
    family = FAMILIES[base]
    placed = (*WRITTEN, *family.written, *(("strength",) if recipe.inputs else ()))
    for name, value in recipe.call.items():
        neutral = value in (0, False, [], "", [0, 0], {}) or (value == 1 and name in ALWAYS_ONE)
        if name not in placed and not neutral and value != family.neutral.get(name):
            yield f"The argument {name} is {value!r}"
    yield from _scheduler_obstacles(recipe, base)


def _scheduler_obstacles(recipe: Recipe, base: str) -> Iterator[str]:
    config = (recipe.scheduler or {}).get("config") or {}
    if dialects.named(dialects.COMFYUI, recipe.scheduler)[0] is None:
        yield f"The scheduler is a {recipe.scheduler_class}"
    elif is_flow(recipe.scheduler_class) != (FAMILIES[base].shift is not None):
        yield f"The scheduler of a {base} is a {recipe.scheduler_class}"
    elif config.get("use_dynamic_shifting") and base != "FluxPipeline":
        yield "The scheduler shifts its noise levels with the size"
    elif config.get("shift_terminal"):
        yield f"The scheduler ends at {config['shift_terminal']}"
