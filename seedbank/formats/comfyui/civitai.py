"""What Civitai writes beside the graph of a picture that it made: `extraMetadata`, JSON inside a JSON string."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seedbank.formats.comfyui.scalars import MAX_SEED, as_integer, as_number
from seedbank.formats.reading import LIKELY, Foreign


def completed(recipe: Foreign, graph: Mapping[str, Any]) -> Foreign:
    """The recipe with what only `extraMetadata` says; where the graph says it too, the graph counts."""
    said = _said(graph.get("extraMetadata"))
    if not said:
        return recipe
    seed, steps = as_integer(said.get("seed")), as_integer(said.get("steps"))
    found: dict[str, Any] = {
        "prompt": _text(said.get("prompt")),
        "negative_prompt": _text(said.get("negativePrompt")),
        "seed": seed if seed is not None and 0 <= seed <= MAX_SEED else None,
        "steps": steps,
        "guidance_scale": as_number(said.get("cfgScale")),
        "sampler": _text(said.get("sampler")),
    }
    new = {name: value for name, value in found.items() if value is not None and getattr(recipe, name) is None}
    extras = dict(recipe.extras)
    resources = said.get("resources")
    if isinstance(resources, list) and resources and "resources" not in extras:
        extras["resources"] = resources
    return replace(recipe, **new, extras=extras, confidence={**recipe.confidence, **dict.fromkeys(new, LIKELY)})


def _said(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
