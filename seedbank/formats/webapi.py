"""JSON in the words of two web interfaces, as clients and downloaders keep it beside their pictures.

A1111   /sdapi/v1: `info` of an answer (`infotexts`, `sampler_name`, `sd_model_hash`), or the request that was sent
Civitai /api/v1/images: `meta` of a picture (`negativePrompt`, `cfgScale`, `Model hash`, `resources`)

Sources: `modules/api/models.py` and `Processed.js` of A1111; Civitai's `src/server/schema/image.schema.ts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from seedbank.formats import a1111
from seedbank.formats.reading import Foreign, Lora, ModelName, Payload, Reading
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

WEBUI, CIVITAI = "a1111", "civitai"
REQUEST = {"sampler_name", "sampler_index", "cfg_scale", "sd_model_hash", "sd_model_checkpoint", "override_settings", "n_iter"}
"""Names of the first; two of them, a prompt and steps are its."""
META = {"negativePrompt", "cfgScale", "clipSkip", "civitaiResources", "resources", "Model hash", "baseModel", "Size"}
"""Names of the second; two of them and a prompt are its."""
WRAPPERS = ("info", "parameters", "meta", "generationData")


def read(payloads: Sequence[Payload]) -> Reading | None:
    for payload, outer in objects(payloads):
        for values in (outer, *_inside(outer)):
            if (reading := _answer(values, payload.place)) is not None:
                return reading
            if isinstance(values.get("prompt"), str):
                if "steps" in values and len(REQUEST & values.keys()) >= 2:
                    return Reading(WEBUI, _request(values), payload.place)
                if len(META & values.keys()) >= 2:
                    return Reading(CIVITAI, _meta(values), payload.place)
    return None


def _inside(outer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects under the names in use, some of them as a text of JSON, some once more within `meta`."""
    for name in WRAPPERS:
        inner = outer.get(name)
        inner = json_object(inner) if isinstance(inner, str) else inner
        if isinstance(inner, dict):
            yield inner
            if isinstance(deeper := inner.get("meta"), dict):
                yield deeper


def _answer(values: Mapping[str, Any], place: str) -> Reading | None:
    """The text that the program itself writes for the first picture."""
    texts, start = values.get("infotexts"), integer_of(values.get("index_of_first_image")) or 0
    if not isinstance(texts, list) or not 0 <= start < len(texts) or not isinstance(texts[start], str):
        return None
    reading = a1111.read([Payload("png:parameters", texts[start])])
    return None if reading is None else replace(reading, place=place)


def _request(values: Mapping[str, Any]) -> Foreign:
    settings = values.get("override_settings")
    settings = settings if isinstance(settings, dict) else {}
    strength = number_of(values.get("subseed_strength"))
    model = first(values, "sd_model_name") or first(settings, "sd_model_checkpoint") or values.get("sd_model_checkpoint")
    return foreign(
        prompt=text_of(values.get("prompt")),
        negative_prompt=text_of(values.get("negative_prompt")),
        seed=seed_of(values.get("seed")),
        steps=count_of(values.get("steps")),
        guidance_scale=number_of(values.get("cfg_scale")),
        sampler=name_of(first(values, "sampler_name", "sampler_index")),
        schedule=name_of(values.get("scheduler")),
        width=count_of(values.get("width")),
        height=count_of(values.get("height")),
        model=model_of(model, values.get("sd_model_hash")),
        extras={
            "version": text_of(values.get("version")),
            "clip_skip": integer_of(first(values, "clip_skip") or settings.get("CLIP_stop_at_last_layers")),
            "vae": model_of(first(values, "sd_vae_name") or settings.get("sd_vae"), values.get("sd_vae_hash")),
            "variation_seed": seed_of(values.get("subseed")) if strength else None,
            "variation_strength": strength or None,
            "denoise": number_of(values.get("denoising_strength")),
            "distilled_guidance": number_of(values.get("distilled_cfg_scale")),
            "hires": _hires(values),
            "batch_size": count_of(values.get("batch_size")),
        },
    )


def _hires(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if values.get("enable_hr") is not True:
        return None
    said = {
        "scale": number_of(values.get("hr_scale")),
        "steps": count_of(values.get("hr_second_pass_steps")),
        "upscaler": name_of(values.get("hr_upscaler")),
        "denoise": number_of(values.get("denoising_strength")),
    }
    return {name: value for name, value in said.items() if value is not None}


def _meta(values: Mapping[str, Any]) -> Foreign:
    width, height = size_of(values.get("Size"))
    resources = [item for item in _items(values.get("resources")) if isinstance(item, dict)]
    return foreign(
        prompt=text_of(values.get("prompt")),
        negative_prompt=text_of(values.get("negativePrompt")),
        seed=seed_of(values.get("seed")),
        steps=count_of(values.get("steps")),
        guidance_scale=number_of(values.get("cfgScale")),
        sampler=name_of(values.get("sampler")),
        schedule=name_of(first(values, "Schedule type", "scheduler")),
        width=width or count_of(values.get("width")),
        height=height or count_of(values.get("height")),
        model=_model(values, resources),
        loras=loras_of(_loras(values, resources)),
        extras={
            "version": text_of(values.get("Version")),
            "clip_skip": integer_of(first(values, "clipSkip", "Clip skip")),
            "denoise": number_of(first(values, "denoise", "Denoising strength")),
            "mode": name_of(values.get("workflow")),
            "resources": tuple(_items(values.get("civitaiResources"))),
        },
    )


def _model(values: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> ModelName | None:
    said = model_of(values.get("Model"), values.get("Model hash"))
    listed = next((item for item in resources if item.get("type") in ("model", "checkpoint")), None)
    return said if said is not None or listed is None else model_of(listed.get("name"), listed.get("hash"))


def _loras(values: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> Iterator[Lora]:
    """`resources` with names and weights; `additionalResources` of the site's own pictures with names of models there."""
    more = [item for item in _items(values.get("additionalResources")) if isinstance(item, dict)]
    for item in (*resources, *more):
        if str(item.get("type")).lower() in ("lora", "locon", "lycoris", "dora") and (name := name_of(item.get("name"))):
            yield Lora(name, number_of(first(item, "weight", "strength")), name_of(item.get("hash")))


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
