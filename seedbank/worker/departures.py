"""How a loaded pipeline departs from its folder in other ways than by its weights: what a regeneration would not have.

Only what can be told for certain is said, since every sentence here keeps an image from being regenerated. Components of
transformers are compared by class alone: that library rewrites its own configurations while it loads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

LIBRARIES = ("diffusers", "transformers")
PROCESSING = ("do_normalize", "do_binarize", "do_convert_rgb", "do_convert_grayscale", "do_resize")
"""Settings of the image processor; the pipelines of this table leave all of them at their defaults."""


def departures(pipe: Any, folder: Path, device: torch.device) -> list[str]:
    """One sentence for each departure of `pipe`, which is on `device`, from the pipeline folder that it was loaded from."""
    index = _json(folder / "model_index.json")
    return [
        *_classes(pipe, index),
        *_configs(pipe, index, folder),
        *_processors(pipe, folder),
        *_hooks(pipe),
        *_autocast(device.type),
    ]


def _classes(pipe: Any, index: Mapping[str, Any]) -> Iterator[str]:
    if type(pipe).__module__.split(".")[0] != "diffusers":
        yield f"The pipeline class {type(pipe).__name__} is the script's own."
    for name, component in pipe.components.items():
        known = index.get(name)
        listed = known[1] if isinstance(known, list) and len(known) == 2 else None
        if component is None:
            if listed is not None:
                yield f"The component {name} was left out; the folder has one."
        elif type(component).__module__.split(".")[0] not in LIBRARIES:
            yield f"The component {name} is a class of the script's own: {type(component).__name__}."
        elif isinstance(component, nn.Module) and listed is not None and type(component).__name__ != listed:
            yield f"The component {name} is a {type(component).__name__}, in the folder it is a {listed}."


def _configs(pipe: Any, index: Mapping[str, Any], folder: Path) -> Iterator[str]:
    plain = {name: value for name, value in index.items() if not isinstance(value, list)}
    for key in _differing(pipe.config, plain):
        yield f"The pipeline's setting {key} is not that of the folder."
    for name, component in pipe.components.items():
        if isinstance(component, nn.Module) and type(component).__module__.startswith("diffusers."):
            for key in _differing(component.config, _json(folder / name / "config.json")):
                yield f"The setting {key} of {name} is not that of the folder."


def _differing(live: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    shared = [key for key in stored if not key.startswith("_") and key in live]
    return [key for key in shared if json.loads(json.dumps(live[key], default=str)) != stored[key]]


def _processors(pipe: Any, folder: Path) -> Iterator[str]:
    processor = getattr(pipe, "image_processor", None)
    if processor is not None:
        usual = type(processor)().config
        for key in PROCESSING:
            if processor.config.get(key) != usual.get(key):
                yield f"The setting {key} of the image processor is not the pipeline's own."
    for name, component in pipe.components.items():
        live, stored = getattr(component, "chat_template", None), _template(folder / name)
        if isinstance(live, str) and stored is not None and live != stored:
            yield f"The chat template of {name} is not that of the folder."


def _template(folder: Path) -> str | None:
    """The chat template of a tokenizer's folder, which lies in a file of its own or among its settings."""
    if (path := folder / "chat_template.jinja").is_file():
        return path.read_text("utf-8")
    stored = _json(folder / "tokenizer_config.json").get("chat_template")
    return stored if isinstance(stored, str) else None


def _hooks(pipe: Any) -> Iterator[str]:
    """Hooks that a script has put on modules. Libraries put their own: transformers captures outputs from the first call on."""
    for name, component in pipe.components.items():
        if isinstance(component, nn.Module) and any(
            _is_foreign(hook) for part in component.modules() for hook in _all_hooks(part)
        ):
            yield f"A hook of the script's own is on {name}."


def _all_hooks(part: nn.Module) -> tuple[Any, ...]:
    return (*part._forward_hooks.values(), *part._forward_pre_hooks.values())


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
