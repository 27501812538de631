"""Fields under plain names, a chunk each or in one JSON object, as many small programs write them.

    prompt: a cat · negative_prompt: blurry · seed: 5 · steps: 20 · cfg_scale: 7 · sampler: euler · model: m.safetensors

A prompt, a seed, steps and one more of these words make the format; what a word means is taken from its name alone, so nothing
here is certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.diffusersjson import WRAPPERS
from seedbank.formats.reading import LIKELY, Foreign, Lora, Payload, Reading
from seedbank.formats.values import (
    count_of,
    find,
    first,
    foreign,
    integer_of,
    loras_of,
    model_of,
    name_of,
    number_of,
    objects,
    seed_of,
    size_of,
    text_of,
)

TOOL = "plain-fields"
PROMPT = ("prompt", "positive_prompt", "positive")
SEED = ("seed", "used_seed", "actual_seed", "noise_seed", "random_seed")
STEPS = (
    "steps",
    "num_steps",
    "n_steps",
    "step_count",
    "sampling_steps",
    "sample_steps",
    "inference_steps",
    "num_inference_steps",
)
GUIDANCE = ("cfg_scale", "cfg", "guidance_scale", "guidance")
SAMPLER = ("sampler", "sampler_name")
MODEL = ("model_name", "sd_model_name", "model", "checkpoint", "base_model")
WIDTH = ("width", "resolution", "size", "dimensions")


def read(payloads: Sequence[Payload]) -> Reading | None:
    for place, values in _candidates(payloads):
        counts = count_of(first(values, *STEPS)), integer_of(first(values, *SEED))
        more = first(values, *GUIDANCE, *SAMPLER, *WIDTH)
        if isinstance(first(values, *PROMPT), str) and None not in counts and more is not None:
            return Reading(TOOL, _recipe(values), place)
    return None


def _candidates(payloads: Sequence[Payload]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Keys without regard to case."""
    chunks = {payload.place.removeprefix("png:"): payload.text for payload in payloads if payload.place.startswith("png:")}
    if (payload := find(payloads, *(f"png:{name}" for name in PROMPT), "png:Prompt")) is not None:
        yield payload.place, _lower(chunks)
    for payload, values in objects(payloads):
        yield payload.place, _lower(values)
        for inner in (values.get(name) for name in (*WRAPPERS, "settings", "config", "request")):
            if isinstance(inner, dict):
                yield payload.place, _lower({**values, **inner})


def _lower(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`Negative Prompt` and `negativePrompt` as `negative_prompt`."""
    return {_HUMP.sub("_", key).lower().replace(" ", "_"): value for key, value in values.items()}


_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")


def _loras(value: Any) -> Iterator[Lora | None]:
    """LoRAs of a list of objects that say a name and mostly a weight, or of an object of weights by name."""
    if isinstance(value, dict):
        value = [{"name": name, "weight": weight} for name, weight in value.items()]
    for one in value if isinstance(value, list) else ():
        said = _lower(one) if isinstance(one, dict) else {"name": one}
        name = name_of(first(said, "name", "model_name", "model", "lora", "file", "path"))
        yield Lora(name, number_of(first(said, "weight", "strength", "scale")), name_of(said.get("hash"))) if name else None


def _recipe(values: Mapping[str, Any]) -> Foreign:
    width, height = size_of(first(values, "resolution", "size", "dimensions"))
    return foreign(
        prompt=text_of(first(values, *PROMPT)),
        negative_prompt=text_of(first(values, "negative_prompt", "negative")),
        seed=seed_of(first(values, *SEED)),
        steps=count_of(first(values, *STEPS)),
        guidance_scale=number_of(first(values, *GUIDANCE)),
        sampler=name_of(first(values, *SAMPLER)),
        schedule=name_of(first(values, "scheduler", "schedule_type", "schedule")),
        width=count_of(values.get("width")) or width,
        height=count_of(values.get("height")) or height,
        model=model_of(first(values, *MODEL), first(values, "model_hash", "sd_model_hash")),
        extras={
            "clip_skip": integer_of(values.get("clip_skip")),
            "denoise": number_of(first(values, "denoising_strength", "strength")),
            "vae": model_of(values.get("vae")),
            "mode": name_of(first(values, "mode", "generation_type")),
            "lora": name_of(first(values, "lora", "loras")),
        },
        loras=loras_of(_loras(values.get("loras"))),
        confidence=LIKELY,
    )
