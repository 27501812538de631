"""Tensor.Art: `png:generation_data`, what was asked for, beside the ComfyUI graph that ran.

A seed of -1 there asked for one; the one that was drawn stands in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import Foreign, FormatError, Lora, ModelName, Payload, Reading
from seedbank.formats.stabilitymatrix import executed
from seedbank.formats.values import (
    count_of,
    find,
    first,
    foreign,
    integer_of,
    json_object,
    loras_of,
    model_of,
    name_of,
    number_of,
    seed_of,
    text_of,
)

TOOL = "tensorart"
PLACE = "png:generation_data"
LORAS = {"LORA", "LOCON", "LYCORIS", "DORA"}


def read(payloads: Sequence[Payload]) -> Reading | None:
    payload = find(payloads, PLACE)
    if payload is None:
        return None
    values = json_object(payload.text)
    if values is None:
        raise FormatError(f"{PLACE} is no JSON object.")
    return Reading(TOOL, _recipe(values, executed(payloads)), payload.place)


def _recipe(values: Mapping[str, Any], graph: Foreign) -> Foreign:
    seed = seed_of(values.get("seed"))
    cfg = number_of(values.get("cfgScale"))
    said = {name: graph.confidence[name] for name in ("seed", "sampler", "schedule") if name in graph.confidence}
    sampler, schedule = name_of(first(values, "ksamplerName", "samplerName", "sampler")), name_of(values.get("schedule"))
    known = {"seed": seed, "sampler": sampler, "schedule": schedule}
    own: dict[str, Any] = {
        "clip_skip": integer_of(values.get("clipSkip")),
        "vae": None if values.get("sdVae") == "Automatic" else model_of(values.get("sdVae")),
        "ensd": integer_of(values.get("etaNoiseSeedDelta")),
        "distilled_guidance": number_of(values.get("guidance")),
        "denoise": number_of(values.get("denoisingStrength")),
    }
    return foreign(
        prompt=text_of(values.get("prompt")),
        negative_prompt=text_of(values.get("negativePrompt")),
        seed=graph.seed if seed is None else seed,
        steps=count_of(values.get("steps")) or graph.steps,
        guidance_scale=graph.guidance_scale if cfg is None else cfg,
        sampler=sampler or graph.sampler,
        schedule=schedule or graph.schedule,
        width=count_of(values.get("width")) or graph.width,
        height=count_of(values.get("height")) or graph.height,
        model=_model(values.get("baseModel")) or graph.model,
        loras=loras_of(_loras(values.get("models"))) or graph.loras,
        extras={**graph.extras, **{name: value for name, value in own.items() if value is not None}},
        doubts={name: sure for name, sure in said.items() if known[name] is None},
    )


def _model(value: Any) -> ModelName | None:
    if not isinstance(value, dict):
        return model_of(value)
    return model_of(first(value, "modelFileName", "modelName", "label"), value.get("hash"))


def _loras(value: Any) -> Iterator[Lora]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and str(item.get("type") or "LORA").upper() in LORAS:
            model = _model(item)
            if model is not None and model.name:
                yield Lora(model.name, number_of(first(item, "weight", "strength")), model.hash)
