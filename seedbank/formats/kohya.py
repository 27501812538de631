"""kohya's sd-scripts: `gen_img` writes a PNG chunk for each field (`prompt`, `negative-prompt`, `scale` …).

Neither size nor model is among them. Source: `gen_img.py` of sd-scripts and its ancestors `gen_img_diffusers.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from seedbank.formats.reading import Payload, Reading
from seedbank.formats.values import count_of, foreign, name_of, number_of, seed_of, text_of

TOOL = "kohya"
NEEDED = {"prompt", "seed", "sampler", "steps", "scale"}


def read(payloads: Sequence[Payload]) -> Reading | None:
    chunks = {payload.place.removeprefix("png:"): payload.text for payload in payloads if payload.place.startswith("png:")}
    if NEEDED - chunks.keys():
        return None
    return Reading(
        TOOL,
        foreign(
            prompt=text_of(chunks["prompt"]),
            negative_prompt=text_of(chunks.get("negative-prompt")),
            seed=seed_of(chunks["seed"]),
            steps=count_of(chunks["steps"]),
            guidance_scale=number_of(chunks["scale"]),
            sampler=name_of(chunks["sampler"]),
            extras={
                "negative_scale": number_of(chunks.get("negative-scale")),
                "clip_prompt": text_of(chunks.get("clip-prompt")),
                "original_prompt": text_of(chunks.get("raw-prompt")),
                "original_width": count_of(chunks.get("original-width")),
                "original_height": count_of(chunks.get("original-height")),
            },
        ),
        "png:prompt",
    )
