"""Easy Diffusion: a PNG chunk for each field, JSON in a UserComment, or a file of either kind beside the image.

The keys are those of its requests (`use_stable_diffusion_model`) or the labels of its pages (`Stable Diffusion model`).
Sources: Easy Diffusion's `save_utils` and `dnd.js`, `save_dicts` of sdkit; no real file was at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import Lora, Payload, Reading
from seedbank.formats.values import (
    count_of,
    first,
    foreign,
    integer_of,
    loras_of,
    model_of,
    name_of,
    number_of,
    objects,
    seed_of,
    text_of,
)

TOOL = "easydiffusion"
LABELS = {
    "Prompt": "prompt",
    "Negative Prompt": "negative_prompt",
    "Seed": "seed",
    "Stable Diffusion model": "use_stable_diffusion_model",
    "Clip Skip": "clip_skip",
    "ControlNet model": "use_controlnet_model",
    "ControlNet Filter": "control_filter_to_apply",
    "ControlNet Strength": "control_alpha",
    "VAE model": "use_vae_model",
    "Sampler": "sampler_name",
    "Scheduler": "scheduler_name",
    "Width": "width",
    "Height": "height",
    "Steps": "num_inference_steps",
    "Guidance Scale": "guidance_scale",
    "CFG Scale": "guidance_scale",
    "Distilled Guidance": "distilled_guidance_scale",
    "Prompt Strength": "prompt_strength",
    "Denoising Strength": "prompt_strength",
    "LoRA model": "use_lora_model",
    "LoRA Strength": "lora_alpha",
    "Hypernetwork model": "use_hypernetwork_model",
    "Hypernetwork Strength": "hypernetwork_strength",
    "Embedding models": "use_embeddings_model",
    "Text Encoder model": "use_text_encoder_model",
    "Seamless Tiling": "tiling",
    "Use Face Correction": "use_face_correction",
    "Use Upscaling": "use_upscale",
    "Upscale By": "upscale_amount",
    "Latent Upscaler Steps": "latent_upscaler_steps",
}
LINE = re.compile(rf"^({'|'.join(map(re.escape, LABELS))}):[ \t]*(.*)$", re.MULTILINE | re.IGNORECASE)
KEYS = {label.lower(): key for label, key in LABELS.items()}
MARK = "use_stable_diffusion_model"
FIRST = {"seed", "num_inference_steps", "guidance_scale", "width", "height"}
"""What its first versions wrote, which knew one model and did not name it."""


def read(payloads: Sequence[Payload]) -> Reading | None:
    for place, values in _candidates(payloads):
        named = {LABELS.get(key, key): value for key, value in values.items()}
        if (MARK in named and ("prompt" in named or "seed" in named)) or named.keys() >= FIRST | {"prompt_strength"}:
            return _reading(named, place)
    return None


def _candidates(payloads: Sequence[Payload]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    chunks = {payload.place.removeprefix("png:"): payload.text for payload in payloads if payload.place.startswith("png:")}
    place = next((f"png:{key}" for key in chunks if LABELS.get(key, key) == MARK), None)
    if place is not None:
        yield place, chunks
    for payload, values in objects(payloads):
        body = values.get("reqBody")  # a task as its page copies it
        yield payload.place, {**values, **body} if isinstance(body, dict) else values
    for payload in payloads:
        if "Stable Diffusion model:" in payload.text or "\nGuidance Scale:" in payload.text:
            yield payload.place, _lines(payload.text)


def _lines(text: str) -> dict[str, str]:
    """{key: value} of `Label: value` lines; a prompt of several runs to the next label, and without a label comes first."""
    found = list(LINE.finditer(text))
    values: dict[str, str] = {}
    for match, after in zip(found, [*found[1:], None], strict=False):
        rest = text[match.start(2) : after.start() if after is not None else len(text)]
        values.setdefault(KEYS[match[1].lower()], rest.strip("\r\n"))
    if "prompt" not in values and found and (before := text[: found[0].start()].strip()):
        values["prompt"] = before
    return values


def _reading(values: Mapping[str, Any], place: str) -> Reading:
    return Reading(
        TOOL,
        foreign(
            prompt=text_of(values.get("prompt")),
            negative_prompt=text_of(values.get("negative_prompt")),
            seed=seed_of(values.get("seed")),
            steps=count_of(values.get("num_inference_steps")),
            guidance_scale=number_of(values.get("guidance_scale")),
            sampler=name_of(first(values, "sampler_name", "sampler")),
            schedule=name_of(values.get("scheduler_name")),
            width=count_of(values.get("width")),
            height=count_of(values.get("height")),
            model=model_of(values.get(MARK)),
            loras=loras_of(_loras(values)),
            extras={
                # A switch there: the last layer but one, or the last.
                "clip_skip": {"True": 2, "False": 1}.get(str(values.get("clip_skip")), integer_of(values.get("clip_skip"))),
                "vae": model_of(values.get("use_vae_model")),
                # Its first versions wrote the strength whether there was a picture or not.
                "denoise" if MARK in values else "prompt_strength": number_of(values.get("prompt_strength")),
                "distilled_guidance": number_of(values.get("distilled_guidance_scale")),
                "text_encoder": model_of(values.get("use_text_encoder_model")),
                "hypernetwork": model_of(values.get("use_hypernetwork_model")),
                "hypernetwork_strength": number_of(values.get("hypernetwork_strength")),
                "embeddings": tuple(model for item in _list(values.get("use_embeddings_model")) if (model := model_of(item))),
                "controlnets": tuple(_controlnets(values)),
                "upscaler": name_of(values.get("use_upscale")),
                "upscale_scale": number_of(values.get("upscale_amount")),
                "latent_upscaler_steps": count_of(values.get("latent_upscaler_steps")),
                "face_restoration": name_of(values.get("use_face_correction")),
                "tiling": name_of(values.get("tiling")),
            },
        ),
        place,
    )


def _controlnets(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if model := name_of(values.get("use_controlnet_model")):
        weight, kind = number_of(values.get("control_alpha")), name_of(values.get("control_filter_to_apply"))
        yield {"model": model, **({"weight": weight} if weight is not None else {}), **({"module": kind} if kind else {})}


def _loras(values: Mapping[str, Any]) -> Iterator[Lora]:
    """One name and strength, or a list of each; in a text they are written as Python lists, or with commas."""
    names, strengths = _list(values.get("use_lora_model")), _list(values.get("lora_alpha"))
    for index, item in enumerate(names):
        if name := name_of(item):
            yield Lora(name, number_of(strengths[index]) if index < len(strengths) else None)


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        listed = value.strip().startswith("[")
        return [item.strip(" '\"") for item in value.strip("[] \r\n" if listed else " \r\n").split("," if listed else ", ")]
    return value if isinstance(value, list) else [] if value is None else [value]
