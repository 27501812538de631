"""Are the weights in memory still those of the files? Fusing a LoRA or training changes them behind any file's back.

The middle element of every weight is sampled: enough to notice what touches whole tensors, in half a millisecond. A single
changed number can slip through; a regeneration, which always loads the files, would show it. What else a script can change
on a loaded pipeline is in `departures`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .anatomy import Anatomy, Component

Samples = dict[str, dict[str, float]]
"""{component: {name of a weight: its middle element}}, as the live dtype holds it."""


def sample_live(taken: Anatomy) -> Samples:
    """The samples of every component; one copy from the device for each device and dtype, whatever the components."""
    values: Samples = {component.name: {} for component in taken.modules}
    here: dict[torch.dtype, list[tuple[dict[str, float], str, bytes]]] = {}
    elsewhere: dict[tuple[torch.device, torch.dtype], list[tuple[dict[str, float], str, torch.Tensor]]] = {}
    with torch.no_grad():
        for component in taken.modules:
            found = values[component.name]
            for name, weight in component.weights.items():
                if not weight.is_floating_point() or weight.is_meta or not weight.numel():
                    continue
                if weight.is_cpu and _is_plain(weight):
                    here.setdefault(weight.dtype, []).append((found, name, _middle_bytes(weight)))
                else:
                    elsewhere.setdefault((weight.device, weight.dtype), []).append((found, name, _middle(weight)))
        for dtype, samples in here.items():
            _fill(samples, torch.frombuffer(bytearray(b"".join(sample for *_, sample in samples)), dtype=dtype))
        for views in elsewhere.values():
            _fill(views, torch.stack([view for *_, view in views]))
    return values


def _fill(samples: Sequence[tuple[dict[str, float], str, Any]], numbers: torch.Tensor) -> None:
    for (found, name, _), value in zip(samples, numbers.double().tolist(), strict=True):
        found[name] = value


def _is_plain(weight: torch.Tensor) -> bool:
    """Whether its elements lie in memory one after the other."""
    return type(weight) is nn.Parameter and weight.layout is torch.strided and weight.is_contiguous()


def _middle_bytes(weight: torch.Tensor) -> bytes:
    """The middle element of a plain weight as it lies in the CPU's memory: a view takes four times as long, and lets go of
    the GIL for each, which a thread that stores the picture before then takes."""
    size = weight.element_size()
    return ctypes.string_at(weight.data_ptr() + weight.numel() // 2 * size, size)


def _middle(weight: torch.Tensor) -> torch.Tensor:
    """The middle element as a view, so that thousands of weights cost no kernel."""
    if _is_plain(weight):
        return weight.as_strided((), (), weight.storage_offset() + weight.numel() // 2)
    return weight.detach().reshape(-1)[weight.numel() // 2]


def differing(taken: Anatomy, samples: Samples, files: Mapping[str, Iterable[Path]]) -> list[str]:
    """The components whose sampled weights are not those of their files. `files` are the `.safetensors` of each
    component.

    Values are compared after rounding to the live dtype. Names that a library maps while loading are passed over.
    """
    return [
        component.name
        for component in taken.modules
        if component.name in files and _differs(component, samples[component.name], files[component.name])
    ]


def _differs(component: Component, samples: Mapping[str, float], paths: Iterable[Path]) -> bool:
    from safetensors import safe_open

    for path in paths:
        with safe_open(path, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118  (safe_open is no mapping)
                if name in samples and _file_sample(opened, name, component.weights[name].dtype) != samples[name]:
                    return True
    return False


def _file_sample(opened: Any, name: str, dtype: torch.dtype) -> float:
    """The same element, read without loading the whole tensor."""
    part = opened.get_slice(name)
    if not part.get_shape():
        return float(opened.get_tensor(name).to(dtype).double())
    rows, *others = part.get_shape()
    row = 1
    for size in others:
        row *= size
    middle = rows * row // 2
    value = part[middle // row : middle // row + 1].reshape(-1)[middle % row]
    return float(value.to(dtype).double())
