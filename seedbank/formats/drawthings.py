"""Draw Things: JSON in the UserComment (Exif in JPEG, XMP in PNG) and the same as text in the description.

The Exif comment is ASCII, with a `?` for every other character; the description is UTF-8 and has the prompts as they were:
the prompt, a line that begins with `-` for the negative one, and a line of settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import LIKELY, Foreign, FormatError, Lora, Payload, Reading
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
    size_of,
    text_of,
)

TOOL = "drawthings"
SETTINGS = re.compile(r"Steps: \d+, Sampler: ")
LONGEST_SETTINGS = 4096
"""Characters of the last line; a line of settings has some hundreds."""
LORA = re.compile(r"LoRA(?: (\d+))? Model\Z")
PAIR = re.compile(r"([A-Z][\w ]*): ([^,]*)(?:, |\Z)")


def read(payloads: Sequence[Payload]) -> Reading | None:
    software = find(payloads, "exif:Software", "xmp:CreatorTool", "png:Software")
    mine = software is not None and software.text.startswith("Draw Things")
    comment = find(payloads, "exif:UserComment", "xmp:UserComment", "png:Comment")
    values = None if comment is None else json_object(comment.text)
    if values is not None and comment is not None and (mine or ({"c", "uc"} <= values.keys() and "v2" in values)):
        return Reading(TOOL, _recipe(values, _description(payloads)), comment.place)
    if mine and (text := _description(payloads)) is not None:
        return _text(*text)
    if mine and comment is not None:
        raise FormatError("Draw Things' comment is no JSON object.")
    return None


def _description(payloads: Sequence[Payload]) -> tuple[str, str] | None:
    """(text, place) of the description, where it ends in a line of settings."""
    for place in ("exif:ImageDescription", "xmp:description", "iptc:Caption", "png:Description"):
        payload = find(payloads, place)
        if payload is not None and SETTINGS.match(_settings(payload.text.strip())):
            return payload.text.strip(), place
    return None


def _settings(text: str) -> str:
    """The last line, where it is short enough to be one of settings."""
    last = text.rpartition("\n")[2]
    return last if len(last) <= LONGEST_SETTINGS else ""


def _prompts(text: str) -> tuple[str, str]:
    """(prompt, negative prompt) of a description."""
    lines = text.rpartition("\n")[0]
    prompt, _, negative = ("\n" + lines).partition("\n-")
    return prompt[1:], negative


def _recipe(values: Mapping[str, Any], description: tuple[str, str] | None) -> Foreign:
    deep = values.get("v2")
    deep = deep if isinstance(deep, dict) else {}
    width, height = size_of(values.get("size"))
    refiner = name_of(first(values, "refiner") or deep.get("refinerModel"))
    controls = first(values, "control") or deep.get("controls")
    prompt, negative = text_of(values.get("c")), text_of(values.get("uc"))
    if description is not None:
        whole, other = _prompts(description[0])
        prompt, negative = _whole(prompt, whole), _whole(negative, other)
    return foreign(
        prompt=prompt,
        negative_prompt=negative,
        seed=seed_of(values.get("seed")),
        steps=count_of(values.get("steps")),
        guidance_scale=number_of(values.get("scale")),
        sampler=name_of(values.get("sampler")),
        width=width or count_of(deep.get("width")),
        height=height or count_of(deep.get("height")),
        model=model_of(values.get("model")),
        loras=loras_of(_loras(first(values, "lora", "loras") or deep.get("loras"))),
        extras={
            "clip_skip": integer_of(values.get("clip_skip")),
            "denoise": number_of(values.get("strength")),
            "seed_mode": text_of(values.get("seed_mode")),
            "shift": number_of(values.get("shift")),
            "refiner": model_of(refiner),
            "refiner_switch": number_of(first(values, "refiner_start") or deep.get("refinerStart")) if refiner else None,
            "controlnets": tuple(controls) if isinstance(controls, list) else (),
            "hires": _hires(deep),
            "upscaler": name_of(first(values, "upscaler") or deep.get("upscaler")),
            "batch_size": count_of(deep.get("batchSize")),
        },
    )


def _whole(ascii_text: str | None, text: str) -> str | None:
    """The text of the description where it is the one of the comment with the characters that ASCII lacks."""
    if ascii_text is None:
        return text or None
    once = text.encode("ascii", "replace").decode()
    twice = "".join("?" * (1 + (ord(mark) > 0xFFFF)) if ord(mark) > 127 else mark for mark in text)
    return text if ascii_text.strip() in (once.strip(), twice.strip()) else ascii_text


def _loras(value: Any) -> Iterator[Lora]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and (name := name_of(first(item, "file", "model", "name"))):
            yield Lora(name, number_of(item.get("weight")))


def _named_loras(pairs: Mapping[str, str]) -> Iterator[Lora]:
    """`LoRA Model` and `LoRA Weight`, of several `LoRA 1 Model` and so on."""
    for key, name in pairs.items():
        if LORA.match(key) and (named := name_of(name)):
            yield Lora(named, number_of(pairs.get(key.removesuffix("Model") + "Weight")))


def _hires(deep: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if deep.get("hiresFix") is not True:
        return None
    return {
        "start_width": count_of(deep.get("hiresFixWidth")),
        "start_height": count_of(deep.get("hiresFixHeight")),
        "denoise": number_of(deep.get("hiresFixStrength")),
    }


def _text(text: str, place: str) -> Reading:
    """The description alone."""
    prompt, negative = _prompts(text)
    pairs = dict(PAIR.findall(_settings(text)))
    width, height = size_of(pairs.get("Size"))
    return Reading(
        TOOL,
        foreign(
            prompt=prompt,
            negative_prompt=negative or None,
            seed=seed_of(pairs.get("Seed")),
            steps=count_of(pairs.get("Steps")),
            guidance_scale=number_of(pairs.get("Guidance Scale")),
            sampler=name_of(pairs.get("Sampler")),
            width=width,
            height=height,
            model=model_of(pairs.get("Model")),
            loras=loras_of(_named_loras(pairs)),
            extras={
                "refiner": model_of(pairs.get("Refiner")),
                "upscaler": name_of(pairs.get("Upscaler")),
                "clip_skip": integer_of(pairs.get("CLIP Skip")),
                "denoise": number_of(pairs.get("Strength")),
                "seed_mode": text_of(pairs.get("Seed Mode")),
                "shift": number_of(pairs.get("Shift")),
            },
            confidence=LIKELY,
        ),
        place,
    )
