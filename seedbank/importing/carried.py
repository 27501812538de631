"""What of another tool's record diffusers cannot follow here, and what it follows only nearly: sentences, no decisions.

An obstacle stands for a step that made the picture and that seedbank has no form for: without it, another picture comes
out. A remark stands for a setting that moves the picture a little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from seedbank.formats.reading import Foreign, ModelName

ANOTHER_PICTURE = (
    "img2img",
    "image to image",
    "image2image",
    "inpaint",
    "outpaint",
    "upscale",
    "controlnet",
    "edit",
    "kontext",
)
"""Words in a mode that mean a picture was given."""

GIVEN_PICTURE = ("init image", "mask mode", "mask blur", "masked content", "inpaint area")
"""How the names of fields begin that A1111 and SD.Next write when a picture was given."""

STEPS: Mapping[str, str] = {
    "adetailer": "ADetailer (a second pass over faces and hands)",
    "animatediff": "AnimateDiff",
    "controlnet": "ControlNet",
    "dynamic thresholding": "dynamic thresholding",
    "extra noise": "extra noise",
    "face restoration": "face restoration",
    "freeu": "FreeU",
    "hypernetwork": "a hypernetwork",
    "ip adapter": "an IP-Adapter",
    "ipadapters": "an IP-Adapter",
    "kohya hrfix": "Kohya's hires fix",
    "latent couple": "Latent Couple",
    "latent modifier": "a latent modifier",
    "multidiffusion": "MultiDiffusion",
    "neutral prompt": "Neutral Prompt",
    "perp neg": "perpendicular negative prompts",
    "postprocess": "post-processing",
    "pag": "perturbed attention guidance",
    "prompt expansion": "a prompt that the tool expands (Fooocus)",
    "ref images": "reference pictures",
    "regional prompter": "Regional Prompter",
    "regions": "regional prompts",
    "rp active": "Regional Prompter",
    "script": "a script (a grid or another loop)",
    "sd upscale": "an upscaler",
    "seamless x": "tiling",
    "seamless y": "tiling",
    "second pass": "a second pass",
    "seed resize from": "a seed resized from another size",
    "smea": "SMEA",
    "styles": "a style that writes into the prompt (Fooocus)",
    "t2i adapter": "a T2I-Adapter",
    "t2iadapters": "a T2I-Adapter",
    "tiled diffusion": "Tiled Diffusion",
    "tiling": "tiling",
    "token merging ratio": "token merging",
    "ultimate sd upscale": "an upscaler",
    "upscale": "an upscaler",
}
"""{how the name of a field begins: what it stands for}; a field whose value is off or zero stands for nothing."""

HARMLESS = (
    *(
        "batch pos",
        "batch size",
        "civitai metadata",
        "civitai resources",
        "created date",
        "date",
        "emphasis",
        "hashes",
        "hypernet",
    ),
    *("lora hashes", "model hash", "preset", "ti", "ti hashes", "user", "vae hash", "workflow", "downcast alphas_cumprod"),
    *("pad conds", "pad conds v0", "scheduler", "source", "template", "negative template", "wildcard", "backend", "app"),
    *(
        "pipeline",
        "te",
        "sampler sigma",
        "sampler name",
        "original prompt",
        "full prompt",
        "full negative prompt",
        "performance",
    ),
    *("sdcpp", "raw prompt", "raw negative prompt", "aesthetic score"),
    *("operations", "parser", "hashes_of", "resources", "version", "size", "key", "created", "title", "author", "nsfw"),
)
"""Fields that say nothing about the picture, or say again what was read already."""

ETA = "Eta DDIM"
UNDERSTOOD = frozenset(
    (
        ETA,
        *("mode", "clip_skip", "vae", "refiner", "refiner_switch", "noise", "ensd", "variation_seed", "variation_strength"),
        *("denoise", "hires", "distilled_guidance", "guidance_is_distilled", "batch_size", "batch_index", "embeddings"),
        *("controlnets", "inputs"),
        *("style_prompt", "negative_style_prompt", "encoders", "negative_encoders"),
    )
)
"""Extras that have a place in a recipe or an obstacle of their own."""

OFF = ("", "0", "0.0", "none", "false", "off", "no", "0x0", "[]", "{}", "()")
ZERO = re.compile(r"0+(\.0*)?")
NAMED = 6
"""How many fields are named in a remark."""


def obstacles(said: Foreign) -> Iterator[str]:
    """What cannot be followed, one sentence each."""
    extras = said.extras
    if extras.get("hires"):
        yield "Hires fix (a second pass at a larger size) is not supported."
    if extras.get("refiner"):
        yield f"The refiner {_name(extras['refiner'])} is not supported for an import."
    if extras.get("controlnets"):
        yield "ControlNet is not supported for an import."
    if _another_picture(said):
        yield "It was made from another picture, which the file does not hold."
    found = {what for name, value in extras.items() if name not in UNDERSTOOD and is_on(value) for what in _steps(name)}
    yield from (f"{what[0].upper()}{what[1:]} {_verb(what)} not supported." for what in sorted(found))
    if extras.get("batch_index") is None and number(extras.get("batch_size")) > 1:
        yield f"It is one of {int(number(extras['batch_size']))} pictures of one batch, and the file does not say which."


def without(said: Foreign) -> dict[str, str]:
    """{obstacle: what to say of a variant that is made without that step}, of the steps that another picture can do without."""
    ends = (" is not supported.", " are not supported.", " is not supported for an import.")
    return {
        sentence: f"{sentence.removesuffix(end)} {end.split()[0]} left out."
        for sentence in obstacles(said)
        for end in ends
        if sentence.endswith(end)
    }


def _verb(what: str) -> str:
    """`is` or `are`, for what `STEPS` names: of these, only those in the plural end with an s."""
    return "are" if what.endswith("s") else "is"


def left_out(said: Foreign) -> Iterator[str]:
    """Settings that are not carried over, in one sentence; nothing where there are none."""
    names = [
        f"{name} {value}" if isinstance(value, (str, int, float)) and len(str(value)) <= 24 else name
        for name, value in said.extras.items()
        if name not in UNDERSTOOD and _plain(name) not in HARMLESS and is_on(value) and not _steps(name)
    ]
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield f"Not carried over: {', '.join(names[:NAMED])}{more}."


def is_on(value: Any) -> bool:
    """Whether the value of a field stands for something that was done."""
    if value is None or value is False or str(value).strip().casefold() in OFF:
        return False
    return not isinstance(value, str) or ZERO.fullmatch(value.strip()) is None


def _another_picture(said: Foreign) -> bool:
    extras = said.extras
    mode = str(extras.get("mode") or "").casefold().replace("_", " ")
    denoise = extras.get("denoise")
    return (
        bool(extras.get("inputs"))
        or any(is_on(value) and name.casefold().startswith(GIVEN_PICTURE) for name, value in extras.items())
        or any(word in mode for word in ANOTHER_PICTURE)
        or (denoise is not None and not extras.get("hires") and 0 < number(denoise) < 1)
    )


@lru_cache(1024)
def _steps(name: str) -> tuple[str, ...]:
    """What a field stands for that is called so; fields have few names, whichever file they are in."""
    known = _plain(name)
    return tuple(what for begin, what in STEPS.items() if known in (begin, f"{begin}s") or known.startswith(f"{begin} "))


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ")


def number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _name(model: Any) -> str:
    return str((model.name or model.hash) if isinstance(model, ModelName) else model)
