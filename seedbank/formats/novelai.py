"""NovelAI: JSON in `png:Comment` beside `Software: NovelAI`; in WebP and hidden in the alpha channel all of it as one JSON.

The model has no file: `Source` names it, with a digest of eight digits. `Comment` is a text of JSON within the JSON.
Prompts for single characters (version 4) do not go into the prompt, which the file has whole without them: they stand beside
it in `characters` and `negative_characters`, and where each was placed in `character_centers`.
Sources: NovelAI's `novelai-image-metadata`, and real files of versions 1 to 4.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.formats.reading import Foreign, FormatError, Payload, Reading
from seedbank.formats.values import (
    count_of,
    find,
    first,
    foreign,
    json_object,
    model_of,
    name_of,
    number_of,
    parse_json,
    seed_of,
    text_of,
)

TOOL = "novelai"
PLACES = ("stealth:alpha", "stealth:rgb", "exif:UserComment", "exif:ImageDescription", "jpeg:comment", "text", "sidecar:.json")
OWN = {"uc", "n_samples", "noise_schedule", "v4_prompt", "uncond_scale", "request_type", "signed_hash", "sm_dyn", "cfg_rescale"}
"""Keys of the comment; two of them, a seed and steps are NovelAI's."""


def read(payloads: Sequence[Payload]) -> Reading | None:
    """The chunks come before the copy in the alpha channel."""
    chunks = {payload.place.removeprefix("png:"): payload.text for payload in payloads if payload.place.startswith("png:")}
    if chunks.get("Software", "").startswith("NovelAI") or "NovelAI" in chunks.get("Title", ""):
        values = _unwrapped(chunks.get("Comment", "{}"))
        if values is None:
            raise FormatError("NovelAI's Comment is no JSON object.")
        return Reading(TOOL, _recipe(values, chunks), "png:Comment" if "Comment" in chunks else "png:Description")
    for payload in (payload for place in (*PLACES, "png:*") for payload in [find(payloads, place)] if payload is not None):
        outer = _unwrapped(payload.text)
        if outer is None:
            continue
        inner = _unwrapped(outer.get("Comment")) or {}
        if str(outer.get("Software", "")).startswith("NovelAI") or _is_comment(inner):
            return Reading(TOOL, _recipe(inner, outer), payload.place)
        if _is_comment(outer):
            return Reading(TOOL, _recipe(outer, chunks), payload.place)
    return None


def _is_comment(values: Mapping[str, Any]) -> bool:
    return {"seed", "steps"} <= values.keys() and len(OWN & values.keys()) >= 2


def _unwrapped(value: Any) -> Mapping[str, Any] | None:
    """The object within a text of JSON, which may be a JSON string of a JSON string."""
    for _ in range(4):
        if isinstance(value, dict):
            return value
        if not isinstance(value, str):
            return None
        text = value.strip()
        value = json_object(text)
        if value is None and text.startswith('"'):
            value = _string(text)
    return None


def _string(text: str) -> str | None:
    try:
        inner = parse_json(text)
    except FormatError:
        return None
    return inner if isinstance(inner, str) else None


def _recipe(values: Mapping[str, Any], around: Mapping[str, Any]) -> Foreign:
    prompt = text_of(first(values, "prompt"))
    if prompt is None:
        prompt = _caption(values.get("v4_prompt"))
    if prompt is None:
        prompt = text_of(around.get("Description"))
    negative = text_of(values.get("uc"))
    return foreign(
        prompt=prompt,
        negative_prompt=_caption(values.get("v4_negative_prompt")) if negative is None else negative,
        seed=seed_of(values.get("seed")),
        steps=count_of(values.get("steps")),
        guidance_scale=number_of(values.get("scale")),
        sampler=name_of(values.get("sampler")),
        schedule=name_of(values.get("noise_schedule")),
        width=count_of(values.get("width")),
        height=count_of(values.get("height")),
        model=model_of(around.get("Source")),
        extras={
            "version": text_of(around.get("Software")),
            "mode": text_of(values.get("request_type")),
            "denoise": number_of(values.get("strength")),
            "batch_size": count_of(values.get("n_samples")),
            "characters": _characters(values.get("v4_prompt")),
            "negative_characters": _characters(values.get("v4_negative_prompt")),
            "character_centers": _centers(values.get("v4_prompt")),
            "cfg_rescale": number_of(values.get("cfg_rescale")) or None,
            "uncond_scale": number_of(values.get("uncond_scale")) or None,
            "smea": True if values.get("sm") is True else None,
            "smea_dyn": True if values.get("sm_dyn") is True else None,
            "extra_noise": number_of(values.get("noise")) or None,
            "extra_noise_seed": seed_of(values.get("extra_noise_seed")),
            "dynamic_thresholding": True if values.get("dynamic_thresholding") is True else None,
            **{name: number_of(values.get(name)) or None for name in ("skip_cfg_above_sigma", "skip_cfg_below_sigma")},
            "reference_strengths": _numbers(values.get("reference_strength_multiple")),
        },
    )


def _caption(value: Any) -> str | None:
    caption = value.get("caption") if isinstance(value, dict) else None
    return text_of(caption.get("base_caption")) if isinstance(caption, dict) else None


def _captions(value: Any) -> list[Mapping[str, Any]]:
    """The objects of the single characters: {"char_caption": text, "centers": [{"x": 0 to 1, "y": 0 to 1}]}."""
    caption = value.get("caption") if isinstance(value, dict) else None
    listed = caption.get("char_captions") if isinstance(caption, dict) else None
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _characters(value: Any) -> tuple[str, ...]:
    """The captions of the single characters."""
    return tuple(text for item in _captions(value) if (text := text_of(item.get("char_caption"))))


def _centers(value: Any) -> tuple[Any, ...]:
    """Where the characters stand; nothing where NovelAI chose the places itself."""
    if not isinstance(value, dict) or value.get("use_coords") is not True:
        return ()
    return tuple(item.get("centers") for item in _captions(value) if text_of(item.get("char_caption")))


def _numbers(value: Any) -> tuple[float, ...]:
    listed = value if isinstance(value, list) else ()
    return tuple(number for item in listed if (number := number_of(item)) is not None)
