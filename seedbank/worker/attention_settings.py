"""Settings of a component's attention: which kernels, fused projections, slices, cached blocks.

Read and restored beside the other settings of a loaded pipeline; see `pipeline_settings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

from torch import nn

PLAIN_PROCESSORS = ("AttnProcessor", "AttnProcessor2_0", "XFormersAttnProcessor")
"""Processors without weights or settings, which can be put back by name."""
SLICED = "SlicedAttnProcessor"


def attention_default() -> str | None:
    """The attention backend of diffusers for components that name none; `None` before diffusers has one."""
    registry = _registry()
    active = getattr(registry, "_active_backend", None)
    return None if active is None else str(getattr(active, "value", active))


def restore_attention_default(name: str | None) -> None:
    """Put the default back. diffusers changes it for every pipeline of the process when one component is told another."""
    registry = _registry()
    if name is None or registry is None or name == attention_default():
        return
    from diffusers.models.attention_dispatch import AttentionBackendName

    if name in {item.value for item in AttentionBackendName}:
        registry.set_active_backend(AttentionBackendName(name))


def attention_settings(module: nn.Module, parts: Sequence[nn.Module], processors: Sequence[Any]) -> dict[str, Any]:
    """The settings of one component as JSON values; `parts` are all its modules, `processors` their attention processors."""
    settings: dict[str, Any] = {}
    if processors:
        settings["attention_processors"] = sorted({type(processor).__name__ for processor in processors})
        backends = {getattr(processor, "_attention_backend", None) for processor in processors}
        settings["attention_backend"] = ",".join(sorted(str(getattr(item, "value", item)) for item in backends if item)) or None
        sizes = [getattr(processor, "slice_size", None) for processor in processors]
        if any(sizes):
            settings["attention_slices"] = sizes
    if any(part.__dict__.get("fused_projections") for part in parts):
        settings["fused_qkv"] = True
    if (config := getattr(module, "_cache_config", None)) is not None:
        settings["cache"] = _cache(config)
    return settings


def restore_attention(module: Any, wanted: Mapping[str, Any]) -> None:
    """Put the attention of a freshly loaded component to `wanted`. What does not take is seen by reading it again."""
    import diffusers

    processors = wanted.get("attention_processors") or []
    if wanted.get("fused_qkv") and hasattr(module, "fuse_qkv_projections"):
        module.fuse_qkv_projections()
    elif hasattr(module, "attn_processors") and (slices := wanted.get("attention_slices")):
        made = getattr(diffusers.models.attention_processor, SLICED)
        if processors == [SLICED] and len(slices) == len(module.attn_processors):
            names = list(module.attn_processors)
            module.set_attn_processor({name: made(int(size)) for name, size in zip(names, slices, strict=True)})
    elif hasattr(module, "attn_processors") and len(processors) == 1 and processors[0] in PLAIN_PROCESSORS:
        present = {type(processor).__name__ for processor in module.attn_processors.values()}
        weighted = any(isinstance(processor, nn.Module) for processor in module.attn_processors.values())
        if present != set(processors) and not weighted:  # an IP-Adapter's processors have weights and stay
            module.set_attn_processor(getattr(diffusers.models.attention_processor, processors[0])())
    backend = wanted.get("attention_backend")
    if backend and "," not in backend and hasattr(module, "set_attention_backend"):
        module.set_attention_backend(backend)
    if (cache := wanted.get("cache")) and hasattr(module, "enable_cache") and "values" in cache:
        made = getattr(diffusers.hooks, cache["class"], None)
        if made is not None:
            module.enable_cache(made(**cache["values"]))


def attention_implementation(module: Any) -> str | None:
    """What computes the attention of a model of transformers (sdpa, eager …); None for others."""
    found = getattr(getattr(module, "config", None), "_attn_implementation", None)
    return None if found is None else str(found)


def restore_implementation(module: Any, name: str | None) -> None:
    """Put a model of transformers to that implementation; one that is not installed does not take."""
    if name is not None and name != attention_implementation(module) and hasattr(module, "set_attn_implementation"):
        with suppress(ImportError, ValueError):
            module.set_attn_implementation(name)


def _cache(config: Any) -> dict[str, Any]:
    """{class, values} of a cache configuration; without values when one of them is code, which cannot be restored."""
    values = {item.name: getattr(config, item.name) for item in fields(config)} if is_dataclass(config) else {}
    plain = {name: value for name, value in values.items() if value is None or isinstance(value, (bool, int, float, str))}
    return {"class": type(config).__name__} | ({"values": plain} if plain == values else {})


def _registry() -> Any:
    try:
        from diffusers.models.attention_dispatch import _AttentionBackendRegistry
    except ImportError:
        return None
    return _AttentionBackendRegistry
