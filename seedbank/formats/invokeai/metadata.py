"""`invokeai_metadata` (3.0 and later) and `sd-metadata` (2.x).

Sources: InvokeAI's invocation `core_metadata` and what its pages' graph builders add to it (`upsertMetadata`), up to 6.x;
`ldm/invoke/args.py` and `invoke_ai_web_server.py` of 2.0 to 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.formats.invokeai.dream import brackets, loras
from seedbank.formats.reading import Foreign, Lora, ModelName
from seedbank.formats.values import (
    count_of,
    first,
    foreign,
    integer_of,
    loras_of,
    model_of,
    name_of,
    number_of,
    seed_of,
    text_of,
)

BARE = {"positive_prompt", "generation_mode", "app_version", "rand_device", "cfg_scale", "scheduler"}
"""Keys of which a JSON object has at least three when it is InvokeAI's and stands in a place without its name."""


TEXT_ENCODERS = ("t5_encoder", "clip_embed_model", "qwen3_encoder", "mistral_encoder", "qwen_image_qwen_vl_encoder")
OWN_EXTRAS = (
    *("creativity", "structure", "tile_size", "tile_overlap", "pid_mode", "pid_steps", "dype_preset", "dype_scale"),
    *("dype_exponent", "z_image_shift", "qwen_image_shift", "z_image_seed_variance_enabled", "z_image_seed_variance_strength"),
    *("z_image_seed_variance_randomize_percent", "qwen_image_quantization", "ideogram4_caption", "ideogram4_sampler_preset"),
    *("refiner_cfg_scale", "refiner_steps", "refiner_scheduler", "refiner_positive_aesthetic_score"),
    "refiner_negative_aesthetic_score",
)
"""What else changes pixels and has no common name; it is kept as it is."""


def is_bare(values: Mapping[str, Any]) -> bool:
    return "positive_prompt" in values and len(BARE & values.keys()) >= 3


def of_metadata(values: Mapping[str, Any]) -> Foreign | None:
    """None where the object says nothing about a generation, as after an upload."""
    guidance = number_of(first(values, "guidance", "ideogram4_guidance_scale"))
    cfg = number_of(values.get("cfg_scale"))
    recipe = foreign(
        prompt=text_of(values.get("positive_prompt")),
        negative_prompt=text_of(values.get("negative_prompt")),
        seed=seed_of(values.get("seed")),
        steps=count_of(first(values, "steps", "num_steps", "ideogram4_steps")),
        guidance_scale=guidance if cfg is None else cfg,
        sampler=name_of(values.get("scheduler")),
        width=count_of(values.get("width")),
        height=count_of(values.get("height")),
        model=named(values.get("model")),
        loras=loras_of(_lora(item) for item in _items(values.get("loras"))),
        extras={
            "version": text_of(values.get("app_version")),
            "mode": text_of(values.get("generation_mode")),
            # InvokeAI counts the layers that are left out, A1111 the one that is used.
            "clip_skip": None if (skip := integer_of(values.get("clip_skip"))) is None else skip + 1,
            "vae": named(first(values, "vae", "qwen_image_vae")),
            "text_encoders": tuple(model for name in TEXT_ENCODERS if (model := named(values.get(name))) is not None),
            "refiner": named(values.get("refiner_model")),
            "refiner_switch": number_of(values.get("refiner_start")),
            "noise": {"cpu": "CPU", "cuda": "GPU"}.get(str(values.get("rand_device"))),
            "denoise": number_of(values.get("strength")),
            "distilled_guidance": guidance,
            "guidance_is_distilled": True if cfg is None and guidance is not None else None,
            "style_prompt": text_of(values.get("positive_style_prompt")),
            "negative_style_prompt": text_of(values.get("negative_style_prompt")),
            "hires": _hires(values),
            "controlnets": (*_items(first(values, "controlnets", "controlLayers")), *_layers(values, "controlLayers")),
            "ip_adapters": tuple(_items(first(values, "ipAdapters", "ip_adapters"))),
            "t2i_adapters": tuple(_items(values.get("t2iAdapters"))),
            "ref_images": (*_items(values.get("ref_images")), *_layers(values, "referenceImages")),
            "regions": (*_items(values.get("regions")), *_layers(values, "regionalGuidance")),
            "inputs": tuple(name for name in (name_of(values.get("init_image")),) if name),
            "cfg_rescale": number_of(values.get("cfg_rescale_multiplier")) or None,
            "seamless": tuple(axis for axis in ("x", "y") if values.get(f"seamless_{axis}") is True),
            "upscaler": named(values.get("upscale_model")),
            "upscale_scale": number_of(values.get("upscale_scale")),
            **{name: values.get(name) for name in OWN_EXTRAS if values.get(name) not in (False, "off", "auto")},
        },
    )
    return recipe if recipe.confidence else None


def of_sd_metadata(values: Mapping[str, Any]) -> Foreign | None:
    """`sd-metadata` of 2.x: the negative prompt stands in brackets within the prompt.

    A grid has `images` in the place of `image`; they differ in their seeds alone, and the first is taken.
    """
    grid = [item for item in _items(values.get("images")) if isinstance(item, dict)]
    image = grid[0] if grid else values.get("image")
    if not isinstance(image, dict):
        return None
    prompt, negative = brackets(_prompt(image.get("prompt")))
    return foreign(
        prompt=prompt,
        negative_prompt=negative,
        seed=seed_of(image.get("seed")),
        steps=count_of(image.get("steps")),
        guidance_scale=number_of(image.get("cfg_scale")),
        sampler=name_of(image.get("sampler")),
        width=count_of(image.get("width")),
        height=count_of(image.get("height")),
        model=model_of(_weights(values), values.get("model_hash")),
        loras=loras(prompt),
        extras={
            "version": text_of(values.get("app_version")),
            "mode": text_of(image.get("type")),
            "denoise": number_of(first(image, "strength", "strength_steps")),
            "inputs": tuple(name for name in (name_of(first(image, "init_image_path", "orig_hash")),) if name),
            "batch_size": len(grid) or None,
            "hires": {"denoise": number_of(image.get("strength"))} if image.get("hires_fix") is True else None,
            "variations": tuple(_items(image.get("variations"))),
            "seamless": ("x", "y") if image.get("seamless") is True else (),
            "postprocessing": image.get("postprocessing") if isinstance(image.get("postprocessing"), list) else None,
            "threshold": number_of(image.get("threshold")) or None,
            "perlin": number_of(image.get("perlin")) or None,
        },
    )


def _weights(values: Mapping[str, Any]) -> str | None:
    """The pages wrote the model's name in `model_weights`, the command line in `model_id`; `model` is the architecture."""
    name = name_of(first(values, "model_weights", "model_id"))
    architecture = name_of(values.get("model"))
    return name if name is not None or architecture == "stable diffusion" else architecture


def _prompt(value: Any) -> str | None:
    """A text, or the list of texts with weights that 2.x writes: `a:0.6 b:0.4` as it is typed there."""
    if not isinstance(value, list):
        return text_of(value)
    parts = [(text, item.get("weight")) for item in value if isinstance(item, dict) and (text := text_of(item.get("prompt")))]
    if len(parts) == 1:
        return parts[0][0]
    weighted = (text if number_of(weight) in (None, 1) else f"{text.strip()}:{weight}" for text, weight in parts)
    return " ".join(weighted) if parts else None


def named(value: Any) -> ModelName | None:
    """A model as any generation writes it. A hash that begins with `random:` is none."""
    if isinstance(value, str):
        return model_of(value)
    if not isinstance(value, dict):
        return None
    inner = value.get("model")
    if isinstance(inner, dict):
        return named(inner)
    hash_ = name_of(value.get("hash"))
    return model_of(first(value, "name", "model_name"), None if hash_ and hash_.startswith("random:") else hash_)


def _lora(item: Any) -> Lora | None:
    if not isinstance(item, dict):
        return None
    model = named(first(item, "model", "lora"))
    return Lora(model.name, number_of(item.get("weight")), model.hash) if model is not None and model.name else None


def _hires(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if values.get("hrf_enabled") is not True and values.get("hrf_strength") is None:
        return None
    said = {
        "width": count_of(values.get("hrf_width")),
        "height": count_of(values.get("hrf_height")),
        "denoise": number_of(values.get("hrf_strength")),
        "upscaler": text_of(values.get("hrf_method")),
    }
    return {name: value for name, value in said.items() if value is not None} or None


def _layers(values: Mapping[str, Any], kind: str) -> Sequence[Any]:
    """The layers of the canvas (5.x) that were switched on; painted ones are part of the picture that was given."""
    canvas = values.get("canvas_v2_metadata")
    layers = _items(canvas.get(kind)) if isinstance(canvas, dict) else ()
    return [layer for layer in layers if isinstance(layer, dict) and layer.get("isEnabled") is not False]


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
