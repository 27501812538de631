"""A recipe as `parameters` text.

The layout has no way to quote a prompt: a line in it that begins with ``Negative prompt:`` is read as what it says. The
recipe itself, which stands beside this text in every file, has no such limits. No ``Version`` is written, since readers
take one for A1111's own and change what the other fields mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from seedbank.pipelines import DISTILLED, FACTS, TRUE_CFG
from seedbank.recipe import Recipe

SAMPLERS: Mapping[str, str] = {
    "DDIMScheduler": "DDIM",
    "DEISMultistepScheduler": "DEIS",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "EulerDiscreteScheduler": "Euler",
    "FlowMatchEulerDiscreteScheduler": "Euler",
    "FlowMatchHeunDiscreteScheduler": "Heun",
    "HeunDiscreteScheduler": "Heun",
    "KDPM2AncestralDiscreteScheduler": "DPM2 a",
    "KDPM2DiscreteScheduler": "DPM2",
    "LCMScheduler": "LCM",
    "LMSDiscreteScheduler": "LMS",
    "PNDMScheduler": "PLMS",
    "UniPCMultistepScheduler": "UniPC",
}
"""Scheduler classes of diffusers whose method has a name there; any other class is written by its own name."""

SCHEDULES: Mapping[str, str] = {
    "use_karras_sigmas": "Karras",
    "use_exponential_sigmas": "Exponential",
    "use_beta_sigmas": "Beta",
}


def sampler_of(scheduler: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """(sampler, schedule type) as other tools call them; None where they have no word for it."""
    if scheduler is None or "class" not in scheduler:
        return None, None
    name, config = scheduler["class"], scheduler.get("config") or {}
    sampler = SAMPLERS.get(name, name)
    if name == "DPMSolverMultistepScheduler":
        order = "3M" if config.get("solver_order") == 3 else "2M"
        sampler = f"DPM++ {order} SDE" if config.get("algorithm_type") == "sde-dpmsolver++" else f"DPM++ {order}"
    return sampler, next((word for flag, word in SCHEDULES.items() if config.get(flag)), None)


def write_parameters(
    recipe: Recipe, *, model_name: str | None = None, model_hash: str | None = None, cfg: float | None = None
) -> str:
    """The recipe as `parameters` text; what is not known is left out.

    `cfg` is the guidance in the common form, see `seedbank.pipelines.cfg_of`. `model_hash` is the first 10 digits of
    the SHA-256 of a single-file model; a model in a folder has none.
    """
    lines = [recipe.prompt or ""]
    if recipe.negative_prompt:
        lines.append(f"Negative prompt: {recipe.negative_prompt}")
    fields = _fields(recipe, model_name, model_hash, cfg)
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in fields.items() if value is not None))
    return "\n".join(line for line in lines if line)


def _fields(recipe: Recipe, model_name: str | None, model_hash: str | None, cfg: float | None) -> dict[str, object]:
    """The fields in the order in which A1111 writes them."""
    sampler, schedule = sampler_of(recipe.scheduler)
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
        # diffusers counts the layers that are left out, A1111 the one that is used: 1 there is 2 here.
        "Clip skip": skipped + 1 if skipped else None,
        "ENSD": recipe.noise.get("ensd"),
        "RNG": {"torch-cpu": "CPU", "a1111-nv": "NV"}.get(str(recipe.noise.get("kind"))),
    }


def _number(value: float | None) -> str | None:
    """7.0 as 7, 3.5 as 3.5, as people type them."""
    return None if value is None else str(int(value)) if float(value).is_integer() else str(value)


def _quoted(value: object) -> str:
    """The value itself, or a JSON string where a reader would cut it short."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ',:\n"') else text
