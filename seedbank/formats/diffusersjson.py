"""JSON with the names of diffusers' own arguments, as Spaces and scripts write it beside their pictures.

    {"prompt": "a cat", "num_inference_steps": 28, "guidance_scale": 7.0, "resolution": "832 x 1216", "Model": "…"}

Any JSON object with a prompt and one of diffusers' words for steps or guidance is read, in any place; PNG chunks for each
field as well, as VoltaML writes them, whose seed is `123(2)` for the third picture of a batch (`core/png_metadata.py`). Names
of other writers for the same things are taken where they can mean nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import LIKELY, Foreign, Lora, Payload, Reading
from seedbank.formats.values import (
    count_of,
    first,
    foreign,
    integer_of,
    json_object,
    loras_of,
    model_of,
    name_of,
    number_of,
    objects,
    seed_of,
    size_of,
    text_of,
)

TOOL = "diffusers"
INDEXED = re.compile(r"(\d{1,20})\((\d{1,4})\)\Z")
WORDS = ("num_inference_steps", "guidance_scale", "true_cfg_scale")
"""Arguments of diffusers' pipelines; one of them and a prompt make the format."""
WRAPPERS = ("parameters", "metadata", "recipe", "args", "params", "generation", "input", "meta")


def read(payloads: Sequence[Payload]) -> Reading | None:
    for place, values in _candidates(payloads):
        if isinstance(first(values, "prompt", "Prompt"), str) and any(word in values for word in WORDS):
            return Reading(TOOL, _recipe(values), place)
    return None


def _candidates(payloads: Sequence[Payload]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for payload, values in objects(payloads):
        yield payload.place, values
        for name in WRAPPERS:
            inner = values.get(name)
            inner = json_object(inner) if isinstance(inner, str) else inner
            if isinstance(inner, dict):
                yield payload.place, {**values, **inner}
    chunks = {payload.place.removeprefix("png:"): payload.text for payload in payloads if payload.place.startswith("png:")}
    if word := next((word for word in WORDS if word in chunks), None):
        yield f"png:{word}", chunks


def _recipe(values: Mapping[str, Any]) -> Foreign:
    width, height = size_of(first(values, "resolution", "size"))
    true_cfg, guidance = number_of(values.get("true_cfg_scale")), number_of(first(values, "guidance_scale", "cfg_scale"))
    model, hash_ = (
        first(values, "Model", "model", "model_id", "model_name", "base_model", "checkpoint", "pretrained_model_name_or_path"),
        first(values, "Model hash", "model_hash"),
    )
    if isinstance(model, dict):
        model = first(model, "name", "id")
    seed, index = _seed(first(values, "seed", "Seed"))
    return foreign(
        prompt=text_of(first(values, "prompt", "Prompt")),
        negative_prompt=text_of(first(values, "negative_prompt", "Negative prompt")),
        seed=seed,
        steps=count_of(first(values, "num_inference_steps", "steps", "step_count")),
        guidance_scale=guidance if guidance is not None else true_cfg,
        sampler=name_of(first(values, "sampler", "scheduler")),
        width=count_of(first(values, "width", "W")) or width,
        height=count_of(first(values, "height", "H")) or height,
        model=model_of(model, hash_),
        loras=loras_of(_loras(first(values, "loras", "lora"))),
        extras={
            "mode": name_of(values.get("procedure")),
            "batch_index": index,
            "batch_size": count_of(values.get("batch_size")),
            "denoise": number_of(values.get("strength")),
            "clip_skip": None if (skip := integer_of(values.get("clip_skip"))) is None else skip + 1,
            "true_cfg": true_cfg,
            "style_prompt": text_of(values.get("prompt_2")),
            "negative_style_prompt": text_of(values.get("negative_prompt_2")),
            "style": text_of(values.get("style_preset")),
            "hires": _upscaler(values.get("use_upscaler")),
            "pipeline": name_of(first(values, "pipeline", "_class_name")),
        },
        doubts={"sampler": LIKELY, "model": LIKELY},
    )


def _seed(value: Any) -> tuple[int | None, int | None]:
    """(seed, number of the picture in its batch), the second of which few say."""
    match = INDEXED.match(value) if isinstance(value, str) else None
    return (seed_of(value), None) if match is None else (seed_of(match[1]), int(match[2]))


def _loras(value: Any) -> Iterator[Lora]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and (name := name_of(first(item, "name", "path", "model", "id"))):
            yield Lora(name, number_of(first(item, "weight", "scale", "strength")))
        elif isinstance(item, str) and (named := name_of(item)):
            yield Lora(named)


def _upscaler(value: Any) -> Mapping[str, Any] | None:
    """The second pass of Spaces that have one."""
    if not isinstance(value, dict):
        return None
    said = {
        "upscaler": text_of(value.get("upscale_method")),
        "denoise": number_of(value.get("upscaler_strength")),
        "scale": number_of(value.get("upscale_by")),
        "steps": count_of(value.get("upscale_steps")),
    }
    return {name: item for name, item in said.items() if item is not None} or None
