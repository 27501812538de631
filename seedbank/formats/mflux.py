"""mflux (FLUX and its kin on Apple's MLX): JSON in the UserComment or beside the picture, and fields of its own in XMP.

Versions before 0.4 wrote every value as a text, lists with commas and `None` for nothing. Source: `generated_image.py` and
`metadata_builder.py` of mflux 0.3 to 0.18.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import Foreign, Lora, Payload, Reading
from seedbank.formats.values import (
    count_of,
    find,
    first,
    foreign,
    loras_of,
    model_of,
    name_of,
    number_of,
    objects,
    seed_of,
    text_of,
)

TOOL = "mflux"
MARK = "mflux_version"


def read(payloads: Sequence[Payload]) -> Reading | None:
    """The JSON comes before the XMP fields, which lack the negative prompt and the size."""
    for payload, values in objects(payloads):
        if MARK in values:
            return Reading(TOOL, _recipe(values), payload.place)
    maker = find(payloads, "xmp:CreatorTool")
    if maker is None or not maker.text.startswith("MFLUX"):
        return None
    fields: dict[str, Any] = {
        payload.place.removeprefix("xmp:"): payload.text for payload in payloads if payload.place.startswith("xmp:")
    }
    pairs = [item.strip().rpartition(":") for item in fields.get("loras", "").split(",") if ":" in item]
    loras = {"lora_paths": [name for name, _, _ in pairs], "lora_scales": [scale for _, _, scale in pairs]}
    said = {"prompt": fields.get("description"), MARK: maker.text.removeprefix("MFLUX").strip(), **fields, **loras}
    return Reading(TOOL, _recipe(said), "xmp:seed" if "seed" in fields else maker.place)


def _recipe(values: Mapping[str, Any]) -> Foreign:
    guidance = number_of(values.get("guidance"))
    flux = "flux" in f"{values.get('model')} {values.get('base_model')}".lower() or values.get("model") in ("dev", "schnell")
    kept = number_of(first(values, "image_strength", "init_image_strength"))
    images = [name_of(values.get(name)) for name in ("image_path", "init_image", "masked_image_path", "depth_image_path")]
    control = name_of(first(values, "controlnet_image_path", "controlnet_image"))
    return foreign(
        prompt=text_of(values.get("prompt")),
        negative_prompt=text_of(values.get("negative_prompt")),
        seed=seed_of(values.get("seed")),
        steps=count_of(values.get("steps")),
        guidance_scale=guidance,
        sampler=name_of(values.get("scheduler")),
        width=count_of(values.get("width")),
        height=count_of(values.get("height")),
        model=model_of(values.get("model")),
        loras=loras_of(_loras(values)),
        extras={
            "version": text_of(values.get(MARK)),
            "base_model": name_of(values.get("base_model")),
            "quantize": values.get("quantize", values.get("quantization")),
            # The share of the steps that the picture is spared; the strength of image to image is the rest.
            "denoise": None if kept is None else 1 - kept,
            "distilled_guidance": guidance if flux else None,
            "guidance_is_distilled": True if flux and guidance is not None else None,
            "inputs": tuple(name for name in images if name),
            "controlnets": ({"image": control, "weight": number_of(values.get("controlnet_strength"))},) if control else (),
        },
    )


def _loras(values: Mapping[str, Any]) -> Iterator[Lora]:
    scales = _list(values.get("lora_scales"))
    for index, item in enumerate(_list(values.get("lora_paths"))):
        if name := name_of(item):
            yield Lora(name, number_of(scales[index]) if index < len(scales) else None)


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(", ")]
    return value if isinstance(value, list) else []
