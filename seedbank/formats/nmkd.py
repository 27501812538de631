"""NMKD Stable Diffusion GUI: JSON in `png:Nmkdiffusers`, later `png:GenerationInfo` and `png:GenerationInfoJson`.

Its first versions ran InvokeAI, which writes `Dream`; its last ones run ComfyUI, whose graph stands beside the JSON and
says more. Sources: `ImageMetadata.cs` and `ComfyData.cs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import Foreign, FormatError, Lora, Payload, Reading
from seedbank.formats.values import (
    count_of,
    find,
    first,
    foreign,
    json_object,
    loras_of,
    model_of,
    name_of,
    number_of,
    seed_of,
    size_of,
    text_of,
)

TOOL = "nmkd"
PLACES = ("png:GenerationInfoJson", "png:GenerationInfo", "png:Nmkdiffusers")


def read(payloads: Sequence[Payload]) -> Reading | None:
    payload = find(payloads, *PLACES)
    if payload is None:
        return None
    values = json_object(payload.text)
    if values is None:
        raise FormatError(f"{payload.place} is no JSON object.")
    return Reading(TOOL, _recipe({key.replace("_", "").lower(): value for key, value in values.items()}), payload.place)


def _recipe(values: Mapping[str, Any]) -> Foreign:
    width, height = size_of(values.get("baseresolution"))
    image, sampler = name_of(values.get("initimg")), values.get("sampler")
    controls = values.get("controlnets")
    return foreign(
        prompt=text_of(values.get("prompt")),
        negative_prompt=text_of(first(values, "promptneg", "negativeprompt")),
        seed=seed_of(values.get("seed")),
        steps=count_of(values.get("steps")),
        guidance_scale=number_of(first(values, "scaletxt", "scale")),
        sampler=name_of(sampler) if isinstance(sampler, str) and not sampler.isdigit() else None,  # else a number of its own
        width=width or count_of(values.get("w")),
        height=height or count_of(values.get("h")),
        model=model_of(values.get("model")),
        loras=loras_of(_loras(values.get("loras"))),
        extras={
            "vae": model_of(values.get("vae")),
            "refiner": model_of(values.get("modelrefiner")),
            "denoise": number_of(values.get("initstrength")) if image else None,
            "inputs": (image,) if image else (),
            "controlnets": tuple(controls) if isinstance(controls, list) else (),
            "upscaler": name_of(values.get("upscaler")),
        },
    )


def _loras(value: Any) -> Iterator[Lora]:
    """{"Key": name, "Value": weight} each."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and (name := name_of(first(item, "Key", "key"))):
            yield Lora(name, number_of(first(item, "Value", "value")))
