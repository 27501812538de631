"""Are the modules of a component those that its configuration builds? Their classes, and the settings of torch's own.

Scripts take layers out of a text encoder, make convolutions wrap around, quantize or prune a component in place. What the
files build is made without memory for weights, once for each component and whenever its modules are others; the settings
of torch's modules are looked at every time.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .anatomy import LORA_BASE, Component

ADDED = frozenset({"processor", "encoder_hid_proj", "to_qkv", "to_kv", "to_added_qkv"})
"""Modules that an IP-Adapter or fused projections add, which are recorded."""
SIZES = frozenset({"num_embeddings"})
"""Settings that grow with added words, which are compared as weights."""

Setting = tuple[weakref.ref[nn.Module], str, Any]
"""(a module, the name of an attribute, its value): a reference that would hold it might hold the whole component."""


@dataclass(frozen=True)
class _Looked:
    """What was found of a component: how it departs, and else what its modules are set to."""

    parts: tuple[int, ...]
    place: str
    departure: str | None
    settings: list[Setting]


_known: weakref.WeakKeyDictionary[nn.Module, _Looked] = weakref.WeakKeyDictionary()


def rebuilt(component: Component, folder: Path, config: Mapping[str, Any]) -> str | None:
    """How the modules of `component` depart from those that its files in `folder` build, in words; None where they do not.

    None also where nothing can be built from the files alone: then only the weights tell.
    """
    module = component.module
    if getattr(module, "hf_quantizer", None) is not None:
        return None
    parts = (*map(id, component.parts), hash(tuple(component.weights)))
    place = f"{folder} {json.dumps(config, sort_keys=True, default=str)}"
    known = _known.get(module)
    if known is None or (known.parts, known.place) != (parts, place):
        settings: list[Setting] = []
        fresh = _built(type(module), folder, config)
        departure = None if fresh is None else next(_departures(module, fresh, "", settings), None)
        known = _known[module] = _Looked(parts, place, departure, settings)
    return known.departure or next(_changed(known.settings), None)


def _changed(settings: Sequence[Setting]) -> Iterator[str]:
    for reference, name, value in settings:
        part = reference()
        if part is not None and part.__dict__.get(name) != value:
            yield f"{name} is {part.__dict__.get(name)!r} instead of {value!r}"


def _built(cls: Any, folder: Path, config: Mapping[str, Any]) -> nn.Module | None:
    """What the files of a component build, without weights; None for a class that cannot be built like this."""
    state = torch.get_rng_state()
    try:
        with torch.device("meta"):
            if cls.__module__.startswith("diffusers."):
                return cls.from_config({key: value for key, value in config.items() if key != "quantization_config"})
            if cls.__module__.startswith("transformers."):
                return cls(cls.config_class.from_pretrained(folder, local_files_only=True))
    except Exception:  # a model's own code, which may raise anything, and must not cost the user's picture its entry
        return None
    finally:
        torch.set_rng_state(state)
    return None


def _departures(live: nn.Module, fresh: nn.Module, path: str, settings: list[Setting]) -> Iterator[str]:
    while (base := live._modules.get(LORA_BASE)) is not None:
        live = base
    if type(live) is not type(fresh):
        yield f"{path} is a {type(live).__name__} instead of a {type(fresh).__name__}"
        return
    if weights := live._parameters.keys() ^ fresh._parameters.keys():
        yield f"{path}.{min(weights)} {'is missing' if min(weights) in fresh._parameters else 'was added'}".lstrip(".")
        return
    if type(fresh).__module__.startswith("torch.nn."):
        reference = weakref.ref(live)
        for name in getattr(type(fresh), "__constants__", ()):
            if name in fresh.__dict__ and name not in SIZES:
                settings.append((reference, name, fresh.__dict__[name]))
    for name, part in fresh._modules.items():
        place = f"{path}.{name}".lstrip(".")
        other = live._modules.get(name)
        if part is None or other is None:
            if part is not other:
                yield f"{place} is missing" if other is None else f"{place} was added"
            continue
        yield from _departures(other, part, place, settings)
    for name in live._modules.keys() - fresh._modules.keys() - ADDED:
        yield f"{path}.{name} was added".lstrip(".")
