"""Fooocus and its descendants: JSON in `png:parameters` or a UserComment, the log beside the images, A1111 text.

Fooocus         snake_case keys, `metadata_scheme` fooocus; seeds are texts, up to 2^63
its log         the labels that people see (`Guidance Scale`), one object for each image of `log.html`; before 2.1.853 as text
Fooocus-MRE     snake_case keys of its own (`cfg`, `l1`, `w1`) in `png:Comment`, a JPEG comment or a file beside the image
FooocusPlus     the labels of the log, in the image
A1111 scheme    the text of A1111 with `fooocus_scheme` a1111 beside it
RuinedFooocus   JSON of its own with `software`
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from seedbank.formats import a1111
from seedbank.formats.reading import Foreign, Lora, Payload, Reading
from seedbank.formats.values import (
    count_of,
    find,
    first,
    foreign,
    integer_of,
    loras_of,
    model_of,
    name_of,
    number_of,
    objects,
    seed_of,
    size_of,
    text_of,
)

TOOL, PLUS, RUINED = "fooocus", "fooocusplus", "ruined-fooocus"
NUMBERED = re.compile(r"lora[ _](?:combined_)?\d+\Z")
NAMED = re.compile(r"LoRA \[(.+)\] weight\Z", re.DOTALL)
"""A LoRA in the oldest logs, its name within the label."""
COMBINED = re.compile(r"(?:(True|False) : )?(.+?) : (-?[\d.]+)\s*\Z", re.DOTALL)
"""`name : weight`; the descendants write before it whether the LoRA was on."""
RUINED_TEXT = re.compile(r"<([^<>:]+):([^<>:]+)>")


def read(payloads: Sequence[Payload]) -> Reading | None:
    for payload, values in objects(payloads):
        if values.get("software") == "RuinedFooocus":
            return Reading(RUINED, _ruined(values), payload.place)
        plain = {_plain(key): value for key, value in values.items()}
        if _is_fooocus(plain):
            tool = PLUS if "FooocusPlus" in str(plain.get("version")) or plain.get("user") == "FooocusPlus" else TOOL
            return Reading(tool, _fooocus(plain), payload.place)
    return _text(payloads)


def _plain(key: str) -> str:
    """`Guidance Scale` and `guidance_scale` are one key; a name within it stays as it is."""
    if match := NAMED.match(key.strip()):
        return f"lora [{match[1]}]"
    return key.strip().lower().replace(" ", "_")


def _is_fooocus(values: Mapping[str, Any]) -> bool:
    """The keys that no other tool has, as the scheme itself is not written everywhere."""
    if str(values.get("metadata_scheme", "")).lower() in ("fooocus", "simple") and "prompt" in values:
        return True
    return (
        "base_model" in values
        and len({"performance", "adm_guidance", "sharpness", "styles", "resolution"} & values.keys()) >= 2
    )


def _fooocus(values: Mapping[str, Any]) -> Foreign:
    width, height = size_of(values.get("resolution"))
    version = text_of(values.get("version"))
    return foreign(
        prompt=text_of(values.get("prompt")),
        negative_prompt=text_of(values.get("negative_prompt")),
        seed=seed_of(values.get("seed")),
        steps=count_of(values.get("steps")),
        guidance_scale=number_of(first(values, "guidance_scale", "cfg")),
        sampler=name_of(values.get("sampler")),
        schedule=name_of(values.get("scheduler")),
        width=width or count_of(values.get("width")),
        height=height or count_of(values.get("height")),
        model=model_of(values.get("base_model"), values.get("base_model_hash")),
        loras=loras_of(_loras(values)),
        extras={
            "version": version,
            "clip_skip": _clip_skip(values),
            "vae": None if str(values.get("vae", "")).startswith("Default") else model_of(values.get("vae")),
            "refiner": model_of(values.get("refiner_model"), values.get("refiner_model_hash")),
            "refiner_switch": number_of(values.get("refiner_switch")) if name_of(values.get("refiner_model")) else None,
            "full_prompt": text_of(first(values, "full_prompt", "real_prompt", "real_positive_prompt")),
            "full_negative_prompt": text_of(first(values, "full_negative_prompt", "real_negative_prompt")),
            "prompt_expansion": text_of(first(values, "prompt_expansion", "fooocus_v2_expansion")),
            "styles": text_of(values.get("styles")),
            "performance": text_of(values.get("performance")),
            "sharpness": number_of(values.get("sharpness")),
            "adm_guidance": text_of(values.get("adm_guidance")),
            "adaptive_cfg": number_of(first(values, "adaptive_cfg", "cfg_mimicking_from_tsnr")),
            "freeu": values.get("freeu") or None,
            "denoise": number_of(values.get("denoise")) if values.get("img2img") is True else None,
        },
    )


def _clip_skip(values: Mapping[str, Any]) -> int | None:
    """1 is the last layer; Fooocus-MRE counts from the end, as ComfyUI: -1 is the last."""
    from_end = integer_of(values.get("base_clip_skip"))
    return abs(from_end) if from_end else integer_of(values.get("clip_skip"))


def _loras(values: Mapping[str, Any]) -> Iterator[Lora | None]:
    """`loras` with [name, weight, hash], else the numbered texts `name : weight`, as the log has them."""
    listed = values.get("loras")
    if isinstance(listed, list) and listed:
        for item in listed:
            if isinstance(item, (list, tuple)) and item and (name := name_of(item[0])):
                weight = number_of(item[1]) if len(item) > 1 else None
                yield Lora(name, weight, name_of(item[2]) if len(item) > 2 else None)
        return
    for number in range(1, 6):  # Fooocus-MRE
        if name := name_of(values.get(f"l{number}")):
            yield Lora(name, number_of(values.get(f"w{number}")))
    for key, value in values.items():
        if NUMBERED.match(key) and isinstance(value, str) and (match := COMBINED.match(value)) and (name := name_of(match[2])):
            if match[1] != "False":
                yield Lora(name, number_of(match[3]))
        elif key.startswith("lora [") and (name := name_of(key[6:-1])):
            yield Lora(name, number_of(value))


def _ruined(values: Mapping[str, Any]) -> Foreign:
    return foreign(
        prompt=text_of(first(values, "Prompt", "prompt")),
        negative_prompt=text_of(first(values, "Negative", "negative")),
        seed=seed_of(values.get("seed")),
        steps=count_of(values.get("steps")),
        guidance_scale=number_of(values.get("cfg")),
        sampler=name_of(values.get("sampler_name")),
        schedule=name_of(values.get("scheduler")),
        width=count_of(values.get("width")),
        height=count_of(values.get("height")),
        model=model_of(values.get("base_model_name"), values.get("base_model_hash")),
        loras=loras_of(_ruined_loras(values.get("loras"))),
        extras={
            "clip_skip": integer_of(values.get("clip_skip")),
            "denoise": number_of(values.get("denoise")),
            "refiner": model_of(values.get("refiner_model_name")),
            "start_step": integer_of(values.get("start_step")) or None,
        },
    )


def _ruined_loras(value: Any) -> Iterator[Lora | None]:
    """[hash, "weight - name"] each, or the text `Loras:<name:weight>,…` of old versions."""
    if isinstance(value, str):
        for name, weight in RUINED_TEXT.findall(value):
            yield Lora(name, number_of(weight)) if name_of(name) else None
        return
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and (name := name_of(item.get("name"))):
            yield Lora(name, number_of(item.get("weight")), name_of(item.get("hash")))
        elif isinstance(item, list) and len(item) == 2 and isinstance(item[1], str):
            weight, dash, rest = item[1].partition(" - ")
            yield Lora(rest, number_of(weight), name_of(item[0])) if dash and name_of(rest) else None


def _text(payloads: Sequence[Payload]) -> Reading | None:
    """The A1111 scheme, known by the chunk beside it or by the version in the text."""
    scheme = find(payloads, "png:fooocus_scheme", "exif:MakerNote")
    software = find(payloads, "exif:Software")
    mine = (scheme is not None and scheme.text.strip() == "a1111") or (software and software.text.startswith("Fooocus"))
    text = find(payloads, "png:parameters", "exif:UserComment")
    if text is None or not (mine or "Version: Fooocus" in text.text):
        return None
    reading = a1111.read([text])
    return None if reading is None else replace(reading, tool=TOOL)


CLIPBOARD = "to_clipboard('"
LARGEST_ENTRY = 1 << 17
"""Characters of one image's part of the page; some thousand are usual."""
BOLD = re.compile(r"(?:<p>|, )([^<>:]{1,200}): <b>([^<]*)</b>")
ROW = re.compile(r"<td class='(?:key|label)'>([^<]{1,200})</td><td class='value'>([^<]*)")
"""The layouts of the oldest pages and of those after them."""


def log_entry(page: str, name: str) -> str | None:
    """The JSON that Fooocus' `log.html` has for the image of that file name; None where it has none.

    Older pages have the labels and values for people only, which are made into the same object.
    """
    start = page.find(f'<div id="{html.escape(name.replace(".", "_"))}"')
    if start < 0:
        return None
    after = page.find('<div id="', start + 1)
    entry = page[start : min(after if after >= 0 else len(page), start + LARGEST_ENTRY)]
    begin = entry.find(CLIPBOARD)
    if begin >= 0:
        return unquote(entry[begin + len(CLIPBOARD) :].partition("'")[0])
    entry = entry.replace(" </br> ", "\n")
    said = {label.strip(): value for label, value in [*ROW.findall(entry), *BOLD.findall(entry)]}
    return json.dumps(said, ensure_ascii=False) if "Prompt" in said else None
