"""Are the weights in memory still those of the files? Fusing a LoRA or training changes them behind any file's back.

The middle element of every weight is sampled: enough to notice what touches whole tensors, in a few milliseconds. A
single changed number can slip through; a regeneration, which always loads the files, would show it. What else a script
can change on a loaded pipeline is in `departures`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

Samples = dict[str, dict[str, float]]
"""{component: {name of a weight: its middle element}}, as the live dtype holds it."""


def sample_live(pipe: Any) -> Samples:
    """The samples of every module of a pipeline; one copy from the device for each module and dtype."""
    return {name: _sample_module(module) for name, module in pipe.components.items() if isinstance(module, nn.Module)}


def _sample_module(module: nn.Module) -> dict[str, float]:
    by_dtype: dict[torch.dtype, dict[str, torch.Tensor]] = {}
    for name, parameter in module.named_parameters():
        if parameter.numel() and parameter.is_floating_point() and not parameter.is_meta:
            # Views only, so that thousands of weights cost thousands of microseconds and no kernel.
            middle = parameter.detach().reshape(-1)[parameter.numel() // 2]
            by_dtype.setdefault(parameter.dtype, {})[name] = middle
    values: dict[str, float] = {}
    for tensors in by_dtype.values():
        values |= zip(tensors, torch.stack(list(tensors.values())).double().tolist(), strict=True)
    return values


def differing(pipe: Any, samples: Samples, files: Mapping[str, Iterable[Path]]) -> list[str]:
    """The components whose sampled weights are not those of their files. `files` are the `.safetensors` of each
    component.

    Values are compared after rounding to the live dtype. Names that a library maps while loading are passed over.
    """
    return [name for name, paths in files.items() if name in samples and _differs(pipe.components[name], samples[name], paths)]


def _differs(module: nn.Module, samples: Mapping[str, float], paths: Iterable[Path]) -> bool:
    from safetensors import safe_open

    dtypes = {name: parameter.dtype for name, parameter in module.named_parameters()}
    for path in paths:
        with safe_open(path, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118  (safe_open is no mapping)
                if name in samples and _file_sample(opened, name, dtypes[name]) != samples[name]:
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


def adapters_of(pipe: Any) -> list[str]:
    """The names of adapters (LoRA and the like) that are loaded or fused into the pipeline."""
    names: set[str] = set(getattr(pipe, "fused_loras", None) or ())
    for module in pipe.components.values():
        if isinstance(module, nn.Module):
            names |= set(getattr(module, "peft_config", None) or ())
    return sorted(names)
