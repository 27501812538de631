"""dgenerate: the configuration that renders the picture again, in the words of a shell.

    #! dgenerate 5.0.0
    stabilityai/stable-diffusion-xl-base-1.0 --model-type sdxl --inference-steps 30 --guidance-scales 5 --seeds 1 \\
    --output-size 1024x1024 --prompts "a cat; blurry"

The text can do anything that dgenerate can when it is run. It is taken apart here and never run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from seedbank.formats.reading import Foreign, FormatError, Lora, ModelName, Payload, Reading
from seedbank.formats.values import count_of, find, foreign, loras_of, model_of, name_of, number_of, seed_of, size_of, text_of

TOOL = "dgenerate"
HEAD = re.compile(r"\A\s*(?:#![^\n]*\bdgenerate\b|dgenerate\s+\S)")
VERSION = re.compile(r"^#!\s*dgenerate\s+([\d.]+)", re.MULTILINE)
SECOND_PROMPTS = ("second-prompts", "sdxl-second-prompts", "sd3-second-prompts", "flux-second-prompts")
LARGEST = 1 << 18
"""Characters of a configuration that are looked at."""


def read(payloads: Sequence[Payload]) -> Reading | None:
    payload = find(payloads, "png:DgenerateConfig")
    if payload is None:
        payload = next((other for other in payloads if HEAD.match(other.text) and "--" in other.text), None)
    if payload is None:
        return None
    if len(payload.text) > LARGEST:
        raise FormatError(f"The configuration of dgenerate is longer than {LARGEST:,} characters.")
    version = VERSION.search(payload.text)
    try:
        words = shlex.split(_call(payload.text), comments=False)
    except ValueError:
        raise FormatError("The configuration of dgenerate has a quote that is not closed.") from None
    return Reading(TOOL, _recipe(words, version[1] if version else None), payload.place)


def _call(text: str) -> str:
    """The call without comments and directives (`\\import …`), on one line.

    Long prompts are wrapped within their quotes: a line end behind a backslash, with the blanks around it, is one blank.
    """
    kept: list[str] = []
    goes_on = False
    for line in (line.strip() for line in text.split("\n")):
        if goes_on or (line and not line.startswith(("#", "\\", "{"))):
            goes_on = line.endswith("\\")
            kept.append(line.removesuffix("\\").strip())
    return " ".join(kept).removeprefix("dgenerate ").replace(r"\#", "#")


def _recipe(words: Sequence[str], version: str | None) -> Foreign:
    flags: dict[str, list[str]] = {}
    current, model = None, None
    for word in words:
        if word.startswith("--"):
            current = word[2:]
            flags.setdefault(current, [])
        elif current is None:
            model = model or word
        else:
            flags[current].append(word)

    def said(*names: str) -> str | None:
        """The first value of the first of the flags; a flag of several values made several pictures."""
        return next((flags[name][0] for name in names if flags.get(name)), None)

    prompt, semicolon, negative = (said("prompts") or "").partition(";")
    width, height = size_of(said("output-size"))
    if width is None and (side := said("output-size")):
        width = height = count_of(side)
    return foreign(
        prompt=text_of(prompt.strip()) if said("prompts") is not None else None,
        negative_prompt=text_of(negative.strip()) if semicolon else None,
        seed=seed_of(said("seeds")),
        steps=count_of(said("inference-steps")),
        guidance_scale=number_of(said("guidance-scales")),
        sampler=name_of((said("scheduler", "schedulers") or "").partition(";")[0]),
        width=width,
        height=height,
        model=model_of((model or "").partition(";")[0]),
        loras=loras_of(_loras(flags.get("loras", flags.get("lora", [])))),
        extras={
            "version": version,
            "clip_skip": None if (skip := number_of(said("clip-skips"))) is None else int(skip) + 1,
            "denoise": number_of(said("image-seed-strengths")),
            "vae": model_of((said("vae") or "").partition(";")[2].removeprefix("model=") or said("vae")),
            "inputs": tuple(flags.get("image-seeds", [])),
            "controlnets": tuple(flags.get("control-nets", [])),
            "refiner": model_of((said("sdxl-refiner") or "").partition(";")[0]),
            "style_prompt": text_of(said(*SECOND_PROMPTS)),
            "cfg_rescale": number_of(said("guidance-rescales")),
            "batch_size": count_of(said("batch-size")),
            "prompt_weighter": text_of(said("prompt-weighter")),
            "embeddings": tuple(ModelName(uri.partition(";")[0]) for uri in flags.get("textual-inversions", [])),
            "model_type": text_of(said("model-type")),
            "dtype": text_of(said("dtype")),
        },
    )


def _loras(values: Sequence[str]) -> Iterator[Lora]:
    """`path;scale=0.8` each."""
    for value in values:
        name, _, rest = value.partition(";")
        settings: dict[str, Any] = dict(item.split("=", 1) for item in rest.split(";") if "=" in item)
        if named := name_of(name):
            yield Lora(named, number_of(settings.get("scale")))
