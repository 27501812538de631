"""Stability Matrix: `png:parameters-json` beside A1111 text, the ComfyUI graph that ran, and its project.

The JSON has the prompts whole (the graph has lost what is a comment in them) and the model with its hash; the graph says
sampler and schedule in ComfyUI's words, the JSON in one word of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.formats import comfyui
from seedbank.formats.reading import Foreign, FormatError, Payload, Reading
from seedbank.formats.values import count_of, find, foreign, json_object, model_of, name_of, number_of, seed_of, text_of

TOOL = "stability-matrix"
PLACE = "png:parameters-json"


def read(payloads: Sequence[Payload]) -> Reading | None:
    payload = find(payloads, PLACE)
    if payload is None:
        return None
    values = json_object(payload.text)
    if values is None:
        raise FormatError(f"{PLACE} is no JSON object.")
    return Reading(TOOL, _recipe(values, executed(payloads)), payload.place)


def executed(payloads: Sequence[Payload]) -> Foreign:
    """What the ComfyUI graph in the same file says; nothing where there is none that can be read."""
    try:
        reading = comfyui.read(payloads)
    except FormatError:
        reading = None
    return Foreign() if reading is None else reading.recipe


def _recipe(values: Mapping[str, Any], graph: Foreign) -> Foreign:
    seed = seed_of(values.get("Seed"))
    cfg = number_of(values.get("CfgScale"))
    return foreign(
        prompt=text_of(values.get("PositivePrompt")),
        negative_prompt=text_of(values.get("NegativePrompt")),
        seed=graph.seed if seed is None else seed,
        steps=count_of(values.get("Steps")) or graph.steps,
        guidance_scale=graph.guidance_scale if cfg is None else cfg,
        sampler=graph.sampler or name_of(values.get("Sampler")),
        schedule=graph.schedule,
        width=count_of(values.get("Width")) or graph.width,
        height=count_of(values.get("Height")) or graph.height,
        model=model_of(values.get("ModelName"), values.get("ModelHash")) or graph.model,
        loras=graph.loras,
        extras={**graph.extras, "sampler_name": name_of(values.get("Sampler"))},
        doubts={name: graph.confidence[name] for name in ("sampler", "schedule", "loras") if name in graph.confidence},
    )
