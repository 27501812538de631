"""imaginAIry: JSON in the UserComment and a line of text in the ImageDescription, with the model in `Software`.

Three schemas: `prompts` with [weight, text] pairs, `prompt` with {text, weight} objects, and texts. For image to image the
seed stands in the description only, which may hold colours for terminals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.formats.reading import LIKELY, Foreign, FormatError, Payload, Reading
from seedbank.formats.values import (
    count_of,
    find,
    first,
    foreign,
    json_object,
    model_of,
    name_of,
    number_of,
    seed_of,
    size_of,
    text_of,
)

TOOL = "imaginairy"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
DESCRIBED = re.compile(r"(?:^|\s)([a-z][a-z-]*): ?(\S+)")
SIZED = re.compile(r'" (\d+)x(\d+)px\b')
"""The end of the prompt, which stands in quotes that nothing escapes."""
MODEL = re.compile(r"Imaginairy / Stable Diffusion\s+(.+)", re.IGNORECASE)


def read(payloads: Sequence[Payload]) -> Reading | None:
    software = find(payloads, "exif:Software")
    comment = find(payloads, "exif:UserComment", "text")
    description = find(payloads, "exif:ImageDescription")
    values = None if comment is None else json_object(comment.text)
    inner = values.get("prompt") if values is not None else None
    mine = software is not None and software.text.lower().startswith("imaginairy")
    if isinstance(inner, dict) and (mine or str(inner.get("software", "")).lower() == "imaginairy") and comment is not None:
        return Reading(TOOL, _recipe(inner, *_described(description), software), comment.place)
    if mine and description is not None:
        said, prompt = _described(description)
        return Reading(TOOL, _recipe({"prompt": prompt}, said, None, software), description.place)
    if mine and comment is not None:
        raise FormatError("imaginAIry's comment is no JSON object.")
    return None


def _described(payload: Payload | None) -> tuple[Mapping[str, str], str | None]:
    """({name: value}, prompt) of the description."""
    if payload is None:
        return {}, None
    text = COLOURS.sub("", payload.text)
    start = text.find('"') + 1
    end = SIZED.search(text, start) if start else None
    if end is None:
        return dict(DESCRIBED.findall(text)), None
    said = dict(DESCRIBED.findall(text, end.end()))
    return {"width": end[1], "height": end[2], **said}, text[start : end.start()]


def _recipe(
    values: Mapping[str, Any], said: Mapping[str, str], described_prompt: str | None, software: Payload | None
) -> Foreign:
    named = MODEL.match(software.text) if software is not None else None
    weights = values.get("model_weights")
    model = name_of(values.get("model")) or name_of(weights.get("name") if isinstance(weights, dict) else weights)
    architecture = values.get("model_architecture")
    width, height = size_of(values.get("size"))
    seed, noted = seed_of(values.get("seed")), seed_of(said.get("seed"))
    prompt = _weighted(first(values, "prompts", "prompt"))
    image = name_of(values.get("init_image"))
    return foreign(
        prompt=described_prompt if prompt is None else prompt,
        negative_prompt=_weighted(values.get("negative_prompt")),
        seed=noted if seed is None else seed,
        steps=count_of(first(values, "steps")) or count_of(said.get("steps")),
        guidance_scale=number_of(first(values, "prompt_strength")) or number_of(said.get("prompt-strength")),
        sampler=name_of(first(values, "sampler_type", "solver_type"))
        or name_of(said.get("sampler-type", said.get("solver-type"))),
        width=count_of(values.get("width")) or width or count_of(said.get("width")),
        height=count_of(values.get("height")) or height or count_of(said.get("height")),
        model=model_of(model or (named[1].strip() if named and named[1].strip() != "custom weights" else None)),
        extras={
            "denoise": 1 - strength
            if image and (strength := number_of(values.get("init_image_strength"))) is not None
            else None,
            "inputs": (image,) if image else (),
            "mode": "img2img" if image else "txt2img",
            "architecture": name_of(architecture.get("name")) if isinstance(architecture, dict) else name_of(architecture),
            "controlnets": tuple(values["control_inputs"]) if isinstance(values.get("control_inputs"), list) else (),
            "mask_prompt": name_of(values.get("mask_prompt")),
            "tile_mode": name_of(values.get("tile_mode")),
        },
        doubts={"seed": LIKELY} if seed is None else {},
    )


def _weighted(value: Any) -> str | None:
    """The text of [[1, "a"]], [{"text": "a", "weight": 1}] or "a"; of several, `1*(a)|0.5*(b)`, as its description has them."""
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, dict):
        value = [value]
    pieces: list[tuple[Any, str]] = []
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            weight, text = item.get("weight", 1), text_of(item.get("text"))
        elif isinstance(item, list) and len(item) == 2:
            weight, text = item[0], text_of(item[1])
        else:
            weight, text = 1, text_of(item)
        if text is not None:
            pieces.append((weight if isinstance(weight, (int, float)) else 1, text))
    if len(pieces) == 1:
        return pieces[0][1]
    return "|".join(f"{weight}*({text})" for weight, text in pieces) if pieces else None
