"""mold: a text chunk for each field (`mold:prompt` …) and all of them as JSON in `mold:parameters`, in JPEG as a comment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import FormatError, Lora, Payload, Reading
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
    text_of,
)

TOOL = "mold"
PREFIX = "png:mold:"


def read(payloads: Sequence[Payload]) -> Reading | None:
    fields = {payload.place.removeprefix(PREFIX): payload.text for payload in payloads if payload.place.startswith(PREFIX)}
    whole = find(payloads, f"{PREFIX}parameters", "jpeg:comment", "exif:UserComment")
    values = None if whole is None else json_object(whole.text.removeprefix("mold:parameters "))
    if not fields and (values is None or whole is None or not whole.text.startswith("mold:")):
        return None
    if values is None and "prompt" not in fields:
        raise FormatError("mold:parameters is no JSON object.")
    said = {**fields, **(values or {})}
    return Reading(
        TOOL,
        foreign(
            prompt=text_of(said.get("prompt")),
            negative_prompt=text_of(said.get("negative_prompt")),
            seed=seed_of(said.get("seed")),
            steps=count_of(said.get("steps")),
            guidance_scale=number_of(first(said, "guidance", "cfg")),
            schedule=name_of(said.get("scheduler")),
            width=count_of(said.get("width")),
            height=count_of(said.get("height")),
            model=model_of(said.get("model")),
            loras=loras_of(_loras(said)),
            extras={
                "version": text_of(said.get("version")),
                "denoise": number_of(said.get("strength")),
                "original_prompt": text_of(said.get("original_prompt")),
            },
        ),
        whole.place if whole is not None else f"{PREFIX}prompt",
    )


def _loras(values: Mapping[str, Any]) -> Iterator[Lora]:
    """`loras` with paths and scales, or one in `lora` and `lora_scale`."""
    listed = values.get("loras")
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and (name := name_of(first(item, "path", "name"))):
            yield Lora(name, number_of(item.get("scale")))
    if not isinstance(listed, list) and (one := name_of(values.get("lora"))):
        yield Lora(one, number_of(values.get("lora_scale")))
