"""SwarmUI: JSON with `sui_image_params` in `png:parameters`, in a UserComment, or in a file of its own beside the image.

Numbers can be texts, lists texts with commas. Grids have `all_metadata["name"] = {…}` in a `.metadata.js` beside each picture.
Source: SwarmUI's `Image Metadata Format.md` and `T2IParamInput.cs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import Foreign, FormatError, Lora, ModelName, Payload, Reading
from seedbank.formats.values import (
    count_of,
    first,
    foreign,
    integer_of,
    json_object,
    model_of,
    name_of,
    number_of,
    objects,
    seed_of,
    text_of,
)

TOOL = "swarmui"
MARK = "sui_image_params"


GRID = "all_metadata["


def read(payloads: Sequence[Payload]) -> Reading | None:
    for payload, values in _objects(payloads):
        outer = values
        if MARK not in outer and isinstance(values.get("parameters"), str):  # what other programs make of it in a JPEG
            outer = json_object(values["parameters"]) or {}
        if MARK in outer:
            params = outer[MARK]
            if not isinstance(params, dict):
                raise FormatError(f"{MARK} is no JSON object.")
            return Reading(TOOL, _recipe(params, outer), payload.place)
    return None


def _objects(payloads: Sequence[Payload]) -> Iterator[tuple[Payload, Mapping[str, Any]]]:
    yield from objects(payloads)
    for payload in payloads:
        if payload.text.startswith(GRID) and (values := json_object(payload.text.partition("] = ")[2])) is not None:
            yield payload, values


def _recipe(params: Mapping[str, Any], outer: Mapping[str, Any]) -> Foreign:
    hashes = list(_hashes(outer.get("sui_models")))
    extra = outer.get("sui_extra_data")
    extra = extra if isinstance(extra, dict) else {}
    refiner = name_of(params.get("refinermodel"))
    return foreign(
        prompt=text_of(params.get("prompt")),
        negative_prompt=text_of(params.get("negativeprompt")),
        seed=seed_of(params.get("seed")),
        steps=count_of(params.get("steps")),
        guidance_scale=number_of(params.get("cfgscale")),
        sampler=name_of(first(params, "sampler", "comfyuisampler", "autowebuisampler")),
        schedule=name_of(first(params, "scheduler", "comfyuischeduler")),
        width=count_of(params.get("width")),
        height=count_of(params.get("height")),
        model=_model(params.get("model"), "model", hashes),
        loras=_loras(params, hashes),
        extras={
            "version": text_of(first(params, "swarm_version", "swarmversion")),
            "clip_skip": _clip_skip(params.get("clipstopatlayer")),
            "vae": _model(params.get("vae"), "vae", hashes),
            "refiner": _model(refiner, "refinermodel", hashes) if refiner and not refiner.startswith("(") else None,
            "refiner_switch": number_of(params.get("refinercontrolpercentage")) if refiner else None,
            "variation_seed": seed_of(params.get("variationseed")),
            "variation_strength": number_of(params.get("variationseedstrength")),
            "denoise": number_of(params.get("initimagecreativity")),
            "distilled_guidance": number_of(params.get("fluxguidancescale")),
            "hires": _hires(params),
            "batch_size": count_of(params.get("batchsize")),
            "original_prompt": text_of(first(extra, "original_prompt") or params.get("original_prompt")),
            "sigma_shift": number_of(params.get("sigmashift")),
            "controlnets": tuple(_controlnets(params)),
            "refiner_steps": count_of(params.get("refinersteps")) if refiner else None,
            "refiner_cfg_scale": number_of(params.get("refinercfgscale")),
            "zero_negative": True if params.get("zeronegative") in (True, "true", "True") else None,
        },
    )


def _hashes(models: Any) -> Iterator[tuple[str, str, str]]:
    """(parameter, name without suffix, hash) of the models that were used."""
    for item in models if isinstance(models, list) else ():
        if isinstance(item, dict) and (name := name_of(item.get("name"))) and (hash_ := name_of(item.get("hash"))):
            yield str(item.get("param")), _stem(name), hash_


def _stem(name: str) -> str:
    return name.removesuffix(".safetensors").replace("\\", "/").lower()


def _model(name: Any, param: str, hashes: Sequence[tuple[str, str, str]]) -> ModelName | None:
    named = name_of(name)
    if named is None or named.lower() in ("automatic", "(use base)"):
        return None
    same = [hash_ for kind, other, hash_ in hashes if other == _stem(named) and kind in (param, "None")]
    return model_of(named, same[0] if same else None)


def _loras(params: Mapping[str, Any], hashes: Sequence[tuple[str, str, str]]) -> tuple[Lora, ...]:
    """Names and weights stand in two lists, or in two texts with commas; a weight that is missing is 1."""
    names, weights = _list(params.get("loras")), _list(params.get("loraweights"))
    text_weights = _list(params.get("loratencweights"))
    found = []
    for index, item in enumerate(names):
        if name := name_of(item):
            same = [hash_ for _, other, hash_ in hashes if other == _stem(name)]
            weight = number_of(weights[index]) if index < len(weights) else None if weights else 1.0
            text = number_of(text_weights[index]) if index < len(text_weights) else None
            found.append(Lora(name, weight, same[0] if same else None, text if text != weight else None))
    return tuple(found)


def _controlnets(params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for number in ("", "two", "three"):
        if model := name_of(params.get(f"controlnet{number}model")):
            yield {"model": model, "weight": number_of(params.get(f"controlnet{number}strength"))}


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value if isinstance(value, list) else []


def _clip_skip(value: Any) -> int | None:
    """`clipstopatlayer` is -1 for the last layer; A1111 says 1."""
    layer = integer_of(value)
    return -layer if layer is not None and layer < 0 else None


def _hires(params: Mapping[str, Any]) -> Mapping[str, Any] | None:
    scale = number_of(params.get("refinerupscale"))
    if scale is None or scale == 1:
        return None
    said = {
        "scale": scale,
        "steps": count_of(params.get("refinersteps")),
        "upscaler": text_of(params.get("refinerupscalemethod")),
        "denoise": number_of(params.get("refinercontrolpercentage")),
    }
    return {name: value for name, value in said.items() if value is not None}
