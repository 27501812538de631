"""A recipe as `parameters` text.

The layout has no way to quote a prompt: a line in it that begins with ``Negative prompt:`` is read as what it says. The
recipe itself, which stands beside this text in every file, has no such limits. No ``Version`` is written, since readers
take one for A1111's own and change what the other fields mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.dialects import A1111, named
from seedbank.formats.reading import Lora
from seedbank.pipelines import DISTILLED, FACTS, TRUE_CFG
from seedbank.recipe import Recipe


def sampler_of(scheduler: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """(sampler, schedule type) as A1111 calls them; a class that it has no name for is written by its own."""
    if scheduler is None or "class" not in scheduler:
        return None, None
    sampler, schedule = named(A1111, scheduler)
    return sampler or str(scheduler["class"]), schedule


def write_parameters(
    recipe: Recipe,
    *,
    model_name: str | None = None,
    model_hash: str | None = None,
    cfg: float | None = None,
    loras: Sequence[Lora] = (),
    sampler: tuple[str | None, str | None] | None = None,
) -> str:
    """The recipe as `parameters` text; what is not known is left out.

    `cfg` is the guidance in the common form, see `seedbank.pipelines.cfg_of`. `model_hash` is the first 10 digits of
    the SHA-256 of a single-file model; a model in a folder has none. `loras` become tags behind the prompt, which is the one
    place from which these tools load them. `sampler` are its words for the sampler and the schedule, where the recipe has none.
    """
    lines = ["".join([recipe.prompt or "", *map(_tag, loras)])]
    if recipe.negative_prompt:
        lines.append(f"Negative prompt: {recipe.negative_prompt}")
    fields = _fields(recipe, model_name, model_hash, cfg, sampler or sampler_of(recipe.scheduler))
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in fields.items() if value is not None))
    return "\n".join(line for line in lines if line)


def loras_of(recipe: Recipe, names: Mapping[str, str]) -> tuple[Lora, ...]:
    """The LoRAs of a recipe by the names {digest: name}, else by their digests; in the order in which they act."""
    found = []
    for item in recipe.adapters:
        if item.get("kind") != "lora":
            continue
        weight, digest = item.get("weight", 1.0), str(item.get("digest"))
        by_part = weight if isinstance(weight, Mapping) else {}
        text = by_part.get("text_encoder")
        denoiser = by_part.get("unet", by_part.get("transformer")) if by_part else weight
        found.append(Lora(names.get(digest, digest[:12]), denoiser, None, text if text != denoiser else None))
    return tuple(found)


def _tag(lora: Lora) -> str:
    """`<lora:name:weight>`, with a weight for the text encoder before it where it has its own."""
    name = re.sub("[:<>\n]", "_", lora.name)
    weights = (lora.weight_text, lora.weight) if lora.weight_text is not None else (lora.weight,)
    return f"<lora:{':'.join([name, *(_number(weight) or '1' for weight in weights)])}>"


def _fields(
    recipe: Recipe, model_name: str | None, model_hash: str | None, cfg: float | None, words: tuple[str | None, str | None]
) -> dict[str, object]:
    """The fields in the order in which A1111 writes them."""
    sampler, schedule = words
    facts = FACTS.get(recipe.pipeline or "")
    distilled = facts is not None and facts.guidance in (DISTILLED, TRUE_CFG)
    skipped = recipe.call.get("clip_skip")
    variation = recipe.noise.get("variation") or {}
    return {
        "Steps": recipe.steps,
        "Sampler": sampler,
        "Schedule type": schedule,
        "CFG scale": _number(cfg),
        "Distilled CFG Scale": _number(recipe.guidance) if distilled else None,
        "Seed": recipe.seed,
        "Size": f"{recipe.width}x{recipe.height}" if recipe.width and recipe.height else None,
        "Model hash": model_hash,
        "Model": model_name,
        "Variation seed": variation.get("seed"),
        "Variation seed strength": _number(variation.get("strength")),
        "Blend": _blend(recipe),  # no other tool has a word for it, and without it the seed would promise another picture
        # diffusers counts the layers that are left out, A1111 the one that is used: 1 there is 2 here.
        "Clip skip": skipped + 1 if skipped else None,
        "ENSD": recipe.noise.get("ensd"),
        "RNG": {"torch-cpu": "CPU", "a1111-nv": "NV"}.get(str(recipe.noise.get("kind"))),
    }


def _blend(recipe: Recipe) -> str | None:
    """How far the noise lies from that of the seed, and towards which other; None for noise of one seed."""
    blend = recipe.noise.get("blend")
    return None if blend is None else f"{blend['alpha']:.3g} towards seed {blend['noise'].get('seed')} ({blend['curve']})"


def _number(value: float | None) -> str | None:
    """7.0 as 7, 3.5 as 3.5, as people type them."""
    return None if value is None else str(int(value)) if float(value).is_integer() else str(value)


def _quoted(value: object) -> str:
    """The value itself, or a JSON string where a reader would cut it short."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ',:\n"') else text
