"""mold: a text chunk for each field (`mold:prompt` …) and all of them as JSON in `mold:parameters`."""

from __future__ import annotations

from collections.abc import Sequence

from seedbank.formats.reading import FormatError, Lora, Payload, Reading
from seedbank.formats.values import count_of, find, first, foreign, json_object, model_of, name_of, number_of, seed_of, text_of

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
    lora = name_of(said.get("lora"))
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
            loras=(Lora(lora, number_of(said.get("lora_scale"))),) if lora else (),
            extras={
                "version": text_of(said.get("version")),
                "denoise": number_of(said.get("strength")),
                "original_prompt": text_of(said.get("original_prompt")),
            },
        ),
        whole.place if whole is not None else f"{PREFIX}prompt",
    )
