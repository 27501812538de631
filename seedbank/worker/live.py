"""Are the weights in memory still those of the files? Fusing a LoRA or training changes them behind any file's back.

Two elements of every tensor are sampled: enough to notice what touches whole matrices, in a few milliseconds. A single
changed number can slip through; a regeneration, which always loads the files, would show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

Samples = dict[str, dict[str, tuple[float, float]]]
"""{component: {tensor name: (first element, middle element)}}, as the live dtype holds them."""


def sample_live(pipe: Any) -> Samples:
    """The samples of every module of a pipeline; one copy from the device for each module."""
    return {name: _sample_module(module) for name, module in pipe.components.items() if isinstance(module, nn.Module)}


def _sample_module(module: nn.Module) -> dict[str, tuple[float, float]]:
    tensors = {name: tensor for name, tensor in module.state_dict().items() if tensor.numel() and tensor.is_floating_point()}
    if not tensors:
        return {}
    flat = [tensor.detach().reshape(-1) for tensor in tensors.values()]
    values = torch.stack([one[index].double() for one in flat for index in (0, one.numel() // 2)]).tolist()
    return dict(zip(tensors, zip(values[::2], values[1::2], strict=True), strict=True))


def differing(pipe: Any, samples: Samples, files: Mapping[str, Iterable[Path]]) -> list[str]:
    """The components whose sampled weights are not those of their files. `files` are the `.safetensors` of each
    component.

    Values are compared after rounding to the live dtype. Names that a library maps while loading are passed over.
    """
    return [name for name, paths in files.items() if name in samples and _differs(pipe.components[name], samples[name], paths)]


def _differs(module: nn.Module, samples: Mapping[str, tuple[float, float]], paths: Iterable[Path]) -> bool:
    from safetensors import safe_open

    dtypes = {name: tensor.dtype for name, tensor in module.state_dict().items()}
    for path in paths:
        with safe_open(path, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118  (safe_open is no mapping)
                if name in samples and _file_sample(opened, name, dtypes[name]) != samples[name]:
                    return True
    return False


def _file_sample(opened: Any, name: str, dtype: torch.dtype) -> tuple[float, float]:
    """The same two elements, read without loading the whole tensor."""
    part = opened.get_slice(name)
    shape = part.get_shape()
    count = 1
    for size in shape:
        count *= size
    if not shape:
        value = float(opened.get_tensor(name).to(dtype).double())
        return value, value
    row = count // shape[0]
    middle = count // 2
    first = part[0:1].reshape(-1)[0]
    centre = part[middle // row : middle // row + 1].reshape(-1)[middle % row]
    return float(first.to(dtype).double()), float(centre.to(dtype).double())


def adapters_of(pipe: Any) -> list[str]:
    """The names of adapters (LoRA and the like) that are loaded or fused into the pipeline."""
    names: set[str] = set(getattr(pipe, "fused_loras", None) or ())
    for module in pipe.components.values():
        if isinstance(module, nn.Module):
            names |= set(getattr(module, "peft_config", None) or ())
    return sorted(names)
