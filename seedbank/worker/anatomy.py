"""The modules and weights of a loaded pipeline, found in one walk that everything which looks at a pipeline shares.

torch's own iterators build a name for every module on the way and are asked anew by each reader; on a small model five such
walks cost more than everything else that is looked at before a recorded call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .digests import dtype_name

LORA_BASE = "base_layer"
"""What peft calls the module around which it has put a LoRA."""


@dataclass(frozen=True)
class Component:
    """One component that holds weights. Every module and every weight occurs once, under the first name that reaches it."""

    name: str
    module: nn.Module
    parts: tuple[nn.Module, ...]
    """All modules, the component itself first."""
    weights: Mapping[str, nn.Parameter]
    """{dotted name: weight}, as ``named_parameters`` gives them without the layer that a LoRA puts around a module."""
    buffers: Mapping[str, torch.Tensor]
    """{dotted name: tensor} of what belongs to modules and is no weight, such as tables of positions."""
    compiled: bool = False
    """Whether ``torch.compile`` has put a module of its own around this one."""


@dataclass(frozen=True)
class Anatomy:
    """A pipeline's components at one moment: all of them by name, and those that hold weights taken apart."""

    components: Mapping[str, Any]
    modules: tuple[Component, ...]


def anatomy(pipe: Any) -> Anatomy:
    """Take a loaded pipeline apart."""
    wrapped = pipe.components
    components = {name: uncompiled(item) for name, item in wrapped.items()}
    modules = tuple(
        _component(name, item, compiled=item is not wrapped[name])
        for name, item in components.items()
        if isinstance(item, nn.Module)
    )
    return Anatomy(components, modules)


def uncompiled(component: Any) -> Any:
    """The module that ``torch.compile`` was given, where a component is what it gave back."""
    inside = component._modules.get("_orig_mod") if isinstance(component, nn.Module) else None
    return component if inside is None or type(component).__name__ != "OptimizedModule" else inside


def _component(name: str, module: nn.Module, *, compiled: bool) -> Component:
    parts: dict[nn.Module, None] = {}
    weights: dict[str, nn.Parameter] = {}
    buffers: dict[str, torch.Tensor] = {}
    seen: set[int] = set()  # by identity: a tensor's own hash is a slow function
    waiting = [("", module)]
    while waiting:
        prefix, part = waiting.pop()
        if part in parts:
            continue
        parts[part] = None
        for key, weight in part._parameters.items():
            if weight is not None and id(weight) not in seen:
                seen.add(id(weight))
                weights[f"{prefix}{key}"] = weight
        for key, buffer in part._buffers.items():
            if buffer is not None:
                buffers[f"{prefix}{key}"] = buffer
        for key, child in reversed(part._modules.items()):
            if child is not None:
                waiting.append((prefix if key == LORA_BASE else f"{prefix}{key}.", child))
    return Component(name, module, tuple(parts), weights, buffers, compiled)


def device_of(taken: Anatomy) -> torch.device:
    """Where the pipeline computes: what offloading hooks say, else where its weights are, a GPU before the CPU."""
    for component in taken.modules:
        for part in component.parts:
            attributes = part.__dict__
            if (device := getattr(attributes.get("_hf_hook"), "execution_device", None)) is not None:
                return torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
            registry = attributes.get("_diffusers_hook")
            for hook in () if registry is None else registry.hooks.values():
                if (device := getattr(getattr(hook, "config", None), "onload_device", None)) is not None:
                    return torch.device(device)
    devices = [next(iter(component.weights.values())).device for component in taken.modules if component.weights]
    return next((device for device in devices if device.type not in ("cpu", "meta")), torch.device("cpu"))


def dtypes_of(taken: Anatomy) -> dict[str, str]:
    """{component: dtype} by the dtype of most of its floating-point weights."""
    found = {component.name: dtype_of(component) for component in taken.modules}
    return {name: dtype_name(dtype) for name, dtype in found.items() if dtype is not None}


def dtype_of(component: Component) -> torch.dtype | None:
    """The dtype of most of its floating-point weights; None where it has none."""
    counts: dict[torch.dtype, int] = {}
    for weight in component.weights.values():
        if weight.is_floating_point():
            counts[weight.dtype] = counts.get(weight.dtype, 0) + weight.numel()
    return max(counts, key=lambda dtype: counts[dtype]) if counts else None
