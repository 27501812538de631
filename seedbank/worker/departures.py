"""How a loaded pipeline departs from its folder in other ways than by its weights: what a regeneration would not have.

Only what can be told for certain is said, since every sentence here keeps an image from being regenerated. Components of
transformers are compared by class alone: that library rewrites its own configurations while it loads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .anatomy import Anatomy
from .edits import edits
from .patches import patches
from .structure import rebuilt

LIBRARIES = ("diffusers", "transformers")
WARNING = "requires_safety_checker"
"""A setting of pipelines that decides about a warning alone."""


@dataclass(frozen=True)
class Stored:
    """What the files of a pipeline folder say: its index, and by component the configuration and the chat template."""

    folder: Path
    index: Mapping[str, Any]
    configs: Mapping[str, Mapping[str, Any]]
    templates: Mapping[str, str]


def read_stored(folder: Path) -> Stored:
    """Read a pipeline folder; a file that is missing or damaged says nothing."""
    index = _json(folder / "model_index.json")
    names = [name for name, value in index.items() if isinstance(value, list)]
    templates = {name: _template(folder / name) for name in names}
    return Stored(
        folder,
        index,
        {name: _json(folder / name / "config.json") for name in names},
        {name: template for name, template in templates.items() if template is not None},
    )


def departures(pipe: Any, taken: Anatomy, stored: Stored, device: torch.device, *, grown: bool = False) -> list[str]:
    """One sentence for each departure of `pipe`, which computes on `device`, from the folder that it was loaded from.

    `grown`: words were added to tokenizers and text encoders, which is recorded.
    """
    return [
        *_classes(pipe, taken, stored.index),
        *_configs(pipe, taken, stored),
        *_templates(taken, stored),
        *_structure(taken, stored),
        *edits(pipe, taken, stored.folder, grown=grown),
        *patches(pipe, taken),
        *_hooks(taken),
        *_autocast(device.type),
    ]


def _classes(pipe: Any, taken: Anatomy, index: Mapping[str, Any]) -> Iterator[str]:
    if type(pipe).__module__.split(".")[0] != "diffusers":
        yield f"The pipeline class {type(pipe).__name__} is the script's own."
    for name, component in taken.components.items():
        known = index.get(name)
        listed = known[1] if isinstance(known, list) and len(known) == 2 else None
        if component is None:
            continue  # a setting, which is put back
        if type(component).__module__.split(".")[0] not in LIBRARIES:
            yield f"The component {name} is a class of the script's own: {type(component).__name__}."
        elif isinstance(component, nn.Module) and listed is not None and type(component).__name__ != listed:
            yield f"The component {name} is a {type(component).__name__}, in the folder it is a {listed}."


def _configs(pipe: Any, taken: Anatomy, stored: Stored) -> Iterator[str]:
    plain = {name: value for name, value in stored.index.items() if not isinstance(value, list) and name != WARNING}
    for key in _differing(pipe.config, plain):
        yield f"The pipeline's setting {key} is not that of the folder."
    for component in taken.modules:
        config = getattr(component.module, "config", None)
        if type(component.module).__module__.startswith("diffusers.") and isinstance(config, Mapping):
            for key in _differing(config, stored.configs.get(component.name, {})):
                yield f"The setting {key} of {component.name} is not that of the folder."


def _differing(live: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    shared = [key for key in stored if not key.startswith("_") and key in live]
    return [key for key in shared if not _same(live[key], stored[key])]


def _same(live: Any, stored: Any) -> bool:
    # Most values are plain and need no detour over JSON, which turns tuples into lists.
    if isinstance(live, (bool, int, float, str)) or live is None:
        return bool(live == stored)
    return bool(json.loads(json.dumps(live, default=str)) == stored)


def _templates(taken: Anatomy, stored: Stored) -> Iterator[str]:
    for name, template in stored.templates.items():
        live = getattr(taken.components.get(name), "chat_template", None)
        if isinstance(live, str) and live != template:
            yield f"The chat template of {name} is not that of the folder."


def _structure(taken: Anatomy, stored: Stored) -> Iterator[str]:
    for component in taken.modules:
        listed = stored.index.get(component.name)
        if isinstance(listed, list) and listed[-1] != type(component.module).__name__:
            continue  # which is said
        config = stored.configs.get(component.name)
        if config and (departure := rebuilt(component, stored.folder / component.name, config)) is not None:
            yield f"The modules of {component.name} are not those of the files: {departure}."


def _template(folder: Path) -> str | None:
    """The chat template of a tokenizer's folder, which lies in a file of its own or among its settings."""
    if (path := folder / "chat_template.jinja").is_file():
        return path.read_text("utf-8")
    stored = _json(folder / "tokenizer_config.json").get("chat_template")
    return stored if isinstance(stored, str) else None


def _hooks(taken: Anatomy) -> Iterator[str]:
    """Hooks that a script has put on modules. Libraries put their own: transformers captures outputs from the first call on."""
    for component in taken.modules:
        hooked = [part for part in component.parts if part._forward_hooks or part._forward_pre_hooks]
        if any(
            _is_foreign(hook) for part in hooked for hook in (*part._forward_hooks.values(), *part._forward_pre_hooks.values())
        ):
            yield f"A hook of the script's own is on {component.name}."


def _is_foreign(hook: Any) -> bool:
    function = getattr(hook, "func", hook)
    return (getattr(function, "__module__", None) or "").split(".")[0] not in (*LIBRARIES, "accelerate", "peft", "torch")


def _autocast(device: str) -> Iterator[str]:
    if torch.is_autocast_enabled(device):
        yield f"Autocast to {torch.get_autocast_dtype(device)} was on around the call."


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
