"""What a picture's metadata says, in one shape for all tools.

A file carries `Payload`s: texts at named places, in any number. A format reads the payloads that are its own into a
`Foreign` recipe: every field as the file says it, not normalised, None where it says nothing. What a field means for
diffusers is decided elsewhere (`seedbank.importing.convert`), so that a reading stays true to its file for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seedbank.errors import BadInput
from seedbank.records import Payload as Payload

CERTAIN = 1.0
"""The file says it in a field of that name, in the tool's own format."""
LIKELY = 0.8
"""Read through a rule that can be wrong: a graph walked through unknown nodes, an encoding that was guessed."""
GUESSED = 0.5
"""Taken from a place that is not meant for it: a file name, a caption, a default of the tool."""


class FormatError(BadInput):
    """A payload that claims to be of a format and is not; the only error that a reader raises."""


@dataclass(frozen=True)
class ModelName:
    """A model, VAE or refiner as a file names it. `hash` is written as there; its kind follows from its form."""

    name: str | None = None
    hash: str | None = None


@dataclass(frozen=True)
class Lora:
    """A LoRA as a file names it. `weight` is that of the denoiser, `weight_text` that of the text encoder if it differs."""

    name: str
    weight: float | None = None
    hash: str | None = None
    weight_text: float | None = None


@dataclass(frozen=True)
class Foreign:
    """A recipe in another tool's words.

    seed            0 to 2^64 - 1; None where the file holds none (also for a `-1` that was never resolved)
    guidance_scale  the number that the tool calls CFG or guidance
    sampler, schedule   in the tool's own words: `DPM++ 2M` and `Karras`, `dpmpp_2m` and `karras`
    width, height   what the metadata says; the size of the file's picture may be another
    extras          whatever else it says, under the names of `EXTRAS` where there is one, else under its own
    confidence      0 to 1 for every field that is not None
    """

    prompt: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None
    schedule: str | None = None
    width: int | None = None
    height: int | None = None
    model: ModelName | None = None
    loras: tuple[Lora, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)


EXTRAS = (
    "version",  # of the tool
    "mode",  # txt2img, img2img, inpaint, upscale …
    "clip_skip",  # as A1111 counts: 1 uses the last layer
    "vae",  # ModelName
    "refiner",  # ModelName
    "refiner_switch",
    "noise",  # A1111's RNG: GPU, CPU, NV; `cpu` for ComfyUI
    "ensd",
    "variation_seed",
    "variation_strength",
    "denoise",  # strength of image to image, 0 to 1
    "hires",  # {scale | width and height, steps, upscaler, denoise …}: a second pass
    "distilled_guidance",  # FLUX: `Distilled CFG Scale`, FluxGuidance
    "guidance_is_distilled",  # True: the file has no CFG, and `guidance_scale` is the distilled guidance
    "batch_size",
    "batch_index",
    "embeddings",  # (ModelName, …): textual inversions
    "controlnets",  # (mapping, …)
    "inputs",  # (name or digest of an input picture, …)
    "style_prompt",  # second prompts
    "negative_style_prompt",
    "resources",  # Civitai's list
)
"""Names of extras that more than one tool has."""


@dataclass(frozen=True)
class Reading:
    """What one format made of the payloads of a file. `place` is that of the payload that decided."""

    tool: str
    recipe: Foreign
    place: str
    remarks: tuple[str, ...] = ()
    """What the reader could not follow or left out, one sentence each."""
