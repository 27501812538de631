"""Mochi Diffusion (Core ML on macOS): labels and values in the picture's caption.

    Include in Image: a cat; Exclude from Image: blurry; Model: m; Steps: 20; Guidance Scale: 7.5; Seed: 5; Size: 512x512;
    Scheduler: DPM-Solver++; ML Compute Unit: CPU & Neural Engine; Generator: Mochi Diffusion 5.2

It stands on one line. macOS writes the IPTC caption into the Exif or PNG description, too. Source: `SDImage.swift`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from seedbank.formats.reading import Payload, Reading
from seedbank.formats.values import count_of, find, foreign, model_of, name_of, number_of, seed_of, size_of, text_of

TOOL = "mochi"
PLACES = ("iptc:Caption", "exif:ImageDescription", "png:Description", "xmp:description")
LABELS = (
    *("Include in Image", "Exclude from Image", "Model", "Steps", "Guidance Scale", "Seed", "Size", "Upscaler", "Scheduler"),
    *("ML Compute Unit", "Generator"),
)
FIELD = re.compile(rf"(?:\A|;\s)({'|'.join(LABELS)}): ")
GENERATOR = "Generator: Mochi Diffusion"


def read(payloads: Sequence[Payload]) -> Reading | None:
    for place in PLACES:
        payload = find(payloads, place)
        if payload is not None and GENERATOR in payload.text and payload.text.lstrip().startswith(LABELS[0]):
            return _reading(payload.text.strip(), place)
    return None


def _reading(text: str, place: str) -> Reading:
    found = list(FIELD.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    said: dict[str, str] = {}
    for match, end in zip(found, ends, strict=False):
        said.setdefault(match[1], text[match.end() : end])
    width, height = size_of(said.get("Size"))
    return Reading(
        TOOL,
        foreign(
            prompt=text_of(said.get("Include in Image")),
            negative_prompt=text_of(said.get("Exclude from Image")),
            seed=seed_of(said.get("Seed")),
            steps=count_of(said.get("Steps")),
            guidance_scale=number_of(said.get("Guidance Scale")),
            sampler=name_of(said.get("Scheduler")),
            width=width,
            height=height,
            model=model_of(said.get("Model")),
            extras={
                "version": said.get("Generator", "").removeprefix("Mochi Diffusion").strip(),
                "upscaler": name_of(said.get("Upscaler")),
                "compute_unit": name_of(said.get("ML Compute Unit")),
            },
        ),
        place,
    )
