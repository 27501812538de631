"""Settings of a loaded pipeline that can change bits: attention, VAE slicing and tiling, memory format, offload, FreeU.

They are read after loading and restored after loading; a setting that cannot be restored is returned by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from .anatomy import Anatomy, Component, anatomy, dtype_of
from .attention_settings import (
    attention_default,
    attention_implementation,
    attention_settings,
    restore_attention,
    restore_attention_default,
    restore_implementation,
)
from .digests import dtype_name

TILES = (
    "tile_sample_min_size",
    "tile_latent_min_size",
    "tile_overlap_factor",
    "tile_sample_min_height",
    "tile_sample_min_width",
    "tile_sample_stride_height",
    "tile_sample_stride_width",
)
NONE, MODEL, SEQUENTIAL, GROUP = "none", "model", "sequential", "group"


def modules_of(pipe: Any) -> Iterator[tuple[str, nn.Module]]:
    """(name, module) of the components that hold weights."""
    for name, component in pipe.components.items():
        if isinstance(component, nn.Module):
            yield name, component


def pipeline_settings(pipe: Any, taken: Anatomy | None = None) -> dict[str, Any]:
    """The settings of a loaded pipeline as JSON values: {offload, attention_default, left_out: [component], other_dtypes:
    {name: [tensor and dtype]}, components: {name: {setting: value}}}.

    `taken` is its anatomy where the caller has it already.
    """
    taken = taken or anatomy(pipe)
    return {
        "offload": offload(taken),
        "attention_default": attention_default(),
        "left_out": sorted(name for name, item in taken.components.items() if item is None),
        "other_dtypes": {component.name: other_dtypes(component) for component in taken.modules},
        "components": {component.name: _component_settings(component) for component in taken.modules},
    }


def _brought(pipe: Any) -> tuple[str, ...]:
    """Components that an adapter on the pipeline brings, whatever an entry without it left out."""
    on = getattr(pipe.components.get("unet"), "encoder_hid_proj", None) is not None
    return ("image_encoder", "feature_extractor") if on else ()


def restore_pipeline(pipe: Any, wanted: Mapping[str, Any] | None, device: str) -> list[list[Any]]:
    """Put a freshly loaded pipeline to `wanted` and return what did not take, as [name, wanted, got]."""
    if wanted is None:
        return []
    left_out = [name for name in wanted.get("left_out") or () if name not in _brought(pipe)]
    if left_out := [name for name in left_out if pipe.components.get(name) is not None]:
        pipe.register_modules(**dict.fromkeys(left_out))
    for name, module in modules_of(pipe):
        _restore_component(module, wanted.get("components", {}).get(name, {}))
    for component in anatomy(pipe).modules:
        if (others := (wanted.get("other_dtypes") or {}).get(component.name)) is not None:
            _restore_dtypes(component, dict(item.rsplit(" ", 1) for item in others))
    if wanted.get("offload") == MODEL and device != "cpu":
        pipe.enable_model_cpu_offload(device=device)
    elif wanted.get("offload") == SEQUENTIAL and device != "cpu":
        pipe.enable_sequential_cpu_offload(device=device)
    restore_attention_default(wanted.get("attention_default"))
    wanted = {name: value for name, value in wanted.items() if name != "left_out"}
    before, after = _leaves(wanted), _leaves(pipeline_settings(pipe))
    # Only what the record names: settings that are known since, and sizes that a default decided, are no departure.
    return [[f"pipeline.{name}", before[name], after.get(name)] for name in sorted(before) if before[name] != after.get(name)]


def make_strict(pipe: Any) -> None:
    """The documented strict settings of a pipeline: the VAE decodes image by image."""
    vae = getattr(pipe, "vae", None)
    if vae is not None and hasattr(vae, "enable_slicing"):
        vae.enable_slicing()


def offload(taken: Anatomy) -> str:
    """How components move between memory and device: ``none``, ``model``, ``sequential`` or ``group``."""
    for component in taken.modules:
        module = component.module
        registry = getattr(module, "_diffusers_hook", None)
        if registry is not None and any("group_offloading" in name for name in registry.hooks):
            return GROUP
        hook = getattr(module, "_hf_hook", None)
        if hook is not None:
            return MODEL if type(hook).__name__ == "CpuOffload" else SEQUENTIAL
    return NONE


def other_dtypes(component: Component) -> list[str]:
    """``name dtype`` of each floating-point tensor that is not in the dtype of the component, in order.

    Loading a model in a dtype leaves some in float32 that casting it afterwards takes along. LoRAs have names of their own.
    """
    main = dtype_of(component)
    tensors = [*component.weights.items(), *component.buffers.items()]
    others = [(name, tensor.dtype) for name, tensor in tensors if tensor.dtype != main and tensor.is_floating_point()]
    return [f"{name} {dtype_name(dtype)}" for name, dtype in others if "lora_" not in name]


def _restore_dtypes(component: Component, others: Mapping[str, str]) -> None:
    """Cast what a script has cast after loading. A weight that was loaded in a shorter dtype stays as it is: what it has
    lost does not come back."""
    main = dtype_of(component)
    owners = {id(tensor): (part, key) for part in component.parts for key, tensor in part._buffers.items()}
    for name, tensor in [*component.weights.items(), *component.buffers.items()]:
        dtype = getattr(torch, others[name]) if name in others else main
        if dtype is None or tensor.dtype == dtype or not tensor.is_floating_point() or "lora_" in name:
            continue
        if name in component.buffers:
            part, key = owners[id(tensor)]
            part._buffers[key] = tensor.to(dtype)
        elif dtype.itemsize < tensor.dtype.itemsize:
            tensor.data = tensor.data.to(dtype)


def _component_settings(component: Component) -> dict[str, Any]:
    module, parts = component.module, component.parts
    settings: dict[str, Any] = {"memory_format": _memory_format(component.weights.values()), "training": module.training}
    if hasattr(module, "use_slicing"):
        settings["slicing"] = bool(module.use_slicing)
    if hasattr(module, "use_tiling"):
        settings["tiling"] = bool(module.use_tiling)
        if module.use_tiling:
            settings |= {name: getattr(module, name) for name in TILES if getattr(module, name, None) is not None}
    settings |= attention_settings(module, parts, attention_processors(parts))
    if (implementation := attention_implementation(module)) is not None:
        settings["attention_implementation"] = implementation
    if hooks := _hooks(parts):
        settings["hooks"] = hooks
    if freeu := _freeu(module):
        settings["freeu"] = freeu
    if (devices := getattr(module, "hf_device_map", None)) and len(devices) > 1:
        settings["device_map"] = {name: str(device) for name, device in devices.items()}
    if (quantizer := getattr(module, "hf_quantizer", None)) is not None:
        settings["quantizer"] = type(quantizer).__name__
    if component.compiled or any(part.__dict__.get("_compiled_call_impl") for part in parts) or _compiled_forward(module):
        settings["compiled"] = True
    return settings


def _compiled_forward(module: nn.Module) -> bool:
    """Whether the script has compiled the method alone: ``unet.forward = torch.compile(unet.forward)``."""
    return hasattr(module.__dict__.get("forward"), "_torchdynamo_orig_callable")


def _restore_component(module: nn.Module, wanted: Mapping[str, Any]) -> None:
    if wanted.get("training") is not None and module.training != wanted["training"]:
        module.train(wanted["training"])
    if wanted.get("slicing") is not None and hasattr(module, "use_slicing"):
        module.use_slicing = wanted["slicing"]
    if wanted.get("tiling") is not None and hasattr(module, "use_tiling"):
        module.use_tiling = wanted["tiling"]
        for name in TILES:
            if name in wanted:
                setattr(module, name, wanted[name])
    if wanted.get("memory_format") == "channels_last":
        module.to(memory_format=torch.channels_last)
    restore_attention(module, wanted)
    restore_implementation(module, wanted.get("attention_implementation"))
    if wanted.get("freeu") and hasattr(module, "enable_freeu"):
        module.enable_freeu(**{name: float(value) for name, value in wanted["freeu"].items()})


def attention_processors(parts: Iterable[nn.Module]) -> list[Any]:
    """The attention processors among the parts of a component, in order."""
    # Attributes of a module that are no modules lie in its `__dict__`; `getattr` would search three tables first.
    return [part.__dict__["processor"] for part in parts if part.__dict__.get("processor") is not None]


def _memory_format(weights: Iterable[torch.Tensor]) -> str:
    for weight in weights:
        if weight.dim() == 4 and weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous():
            return "channels_last"
    return "contiguous"


def _hooks(parts: Iterable[nn.Module]) -> list[str]:
    """Names of the cache and casting hooks of diffusers (first block cache, layerwise casting …) inside a component."""
    registries = (part.__dict__.get("_diffusers_hook") for part in parts)
    return sorted({name for registry in registries if registry is not None for name in registry.hooks})


def _freeu(module: nn.Module) -> dict[str, float]:
    for block in getattr(module, "up_blocks", None) or []:
        values = {name: getattr(block, name, None) for name in ("s1", "s2", "b1", "b2")}
        if all(isinstance(value, (int, float)) for value in values.values()):
            return {name: float(value) for name, value in values.items() if value is not None}
    return {}


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {key: leaf for item in value for key, leaf in _leaves(value[item], f"{name}.{item}".lstrip(".")).items()}
    return {} if value is None else {name: value}
