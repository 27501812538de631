"""Adapters that a user's script has put on its pipeline, read back from memory into what `adapters` loads again.

diffusers forgets the file that a LoRA or an embedding came from, so their tensors themselves are written to a file, with
the configuration that peft has of them. The file of an IP-Adapter is looked for beside its image encoder and recognised
by its content; a VAE or a ControlNet knows its folder. What cannot be told for certain is said as an obstacle.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .adapters import COMPONENTS, EMBEDDING, ENCODER_FOLDER, IP_ADAPTER, LORA
from .anatomy import Anatomy
from .digests import tensor_digest
from .live import Samples

LORA_FILE, EMBEDDING_FILE = "lora.safetensors", "embedding.safetensors"
TOKENS = "token_embedding.weight"
"""How the name of CLIP's table of word vectors ends."""
LAST_WORDS = 8
"""Of so many word vectors at the end of a table, where added ones are, it is noticed that they were trained further."""
IP_SUBFOLDERS = ("", "models", "sdxl_models")
"""Where IP-Adapters lie beside their image encoder, in the way in which they are published."""


@dataclass(frozen=True)
class Found:
    """One adapter: its kind, where its file or folder is, how strongly it acts, its word in the prompt.

    `content` holds the bytes of a file that exists in memory only; `path` is then None."""

    kind: str
    path: Path | None = None
    content: bytes | None = field(default=None, repr=False)
    weight: Any = None
    token: str | None = None
    name: str | None = None


class Unclear(Exception):
    """Something about the adapters cannot be told, in one sentence."""


def component_folders(taken: Anatomy, folder: Path) -> dict[str, Path]:
    """{component: folder} of a VAE or ControlNet that was loaded from elsewhere than the pipeline's own `folder`."""
    found = {}
    for name in COMPONENTS:
        config = getattr(taken.components.get(name), "config", None)
        place = config.get("_name_or_path") if isinstance(config, Mapping) else None
        if place and (Path(place) / "config.json").is_file() and Path(place).resolve() != (folder / name).resolve():
            found[name] = Path(place).resolve()
    return found


def state_of(pipe: Any, taken: Anatomy, samples: Samples) -> tuple[Any, ...]:
    """What says that nothing about the adapters changed since the last look, without reading a whole weight or a file.

    `samples` of the weights, since what is edited through `.data` changes neither version nor address.
    """
    found: list[Any] = [tuple(getattr(pipe, "fused_loras", None) or ())]
    for component in taken.modules:
        if getattr(component.module, "peft_config", None):
            layers = _tuner_layers(component.parts)
            found += [
                (
                    id(one),
                    tuple(getattr(one, "scaling", {}).items()),
                    tuple(one.active_adapters),
                    one.merged,
                    one.disable_adapters,
                )
                for one in layers
            ]
            sampled = samples[component.name]
            found += [
                (name, id(weight), weight._version, sampled.get(name))
                for name, weight in component.weights.items()
                if "lora_" in name
            ]
        if component.name.startswith("text_encoder"):
            found += [
                (component.name, id(weight), weight._version, tuple(weight.shape), tensor_digest(weight[-LAST_WORDS:]))
                for name, weight in component.weights.items()
                if name.endswith(TOKENS)
            ]
        config = getattr(component.module, "config", None)
        if component.name in COMPONENTS and isinstance(config, Mapping):
            found.append((component.name, config.get("_name_or_path")))
        if getattr(component.module, "encoder_hid_proj", None) is not None:
            processors = component.module.attn_processors.values()
            found += [(id(item), tuple(item.scale)) for item in processors if isinstance(getattr(item, "scale", None), list)]
    return tuple(found)


# -- LoRA -------------------------------------------------------------------------------------------------------------


def loras(pipe: Any, taken: Anatomy) -> Iterator[Found]:
    """The active LoRAs in the order in which they act. Raises `Unclear`."""
    if getattr(pipe, "fused_loras", None):
        raise Unclear("A LoRA is fused into the weights, which is not undone bit by bit. Load it without fusing it.")
    tuned = {component.name: _tuner_layers(component.parts) for component in taken.modules}
    tuned = {name: layers for name, layers in tuned.items() if layers}
    if any(layer.merged for layers in tuned.values() for layer in layers):
        raise Unclear("A LoRA is merged into the weights, which is not undone bit by bit. Load it without fusing it.")
    for other in (layer for layers in tuned.values() for layer in layers if not hasattr(layer, "lora_alpha")):
        raise Unclear(f"An adapter is of the kind {type(other).__module__.split('.')[-2]}, which is not recorded.")
    for name in _active(tuned):
        weights = {part: weight for part, layers in tuned.items() if (weight := _weight(layers, name)) is not None}
        shared = set(weights.values())
        content = _lora_file(pipe, name, sorted(weights))
        yield Found(LORA, content=content, weight=shared.pop() if len(shared) == 1 else weights, name=name)


def _tuner_layers(parts: Sequence[nn.Module]) -> list[Any]:
    return [part for part in parts if hasattr(part, "active_adapters") and hasattr(part, "base_layer")]


def _active(tuned: Mapping[str, Sequence[Any]]) -> list[str]:
    """The names of the active LoRAs in order; layers on which one does not lie say nothing about it."""
    orders = {tuple(layer.active_adapters) for layers in tuned.values() for layer in layers if not layer.disable_adapters}
    if any(layer.disable_adapters for layers in tuned.values() for layer in layers) and orders:
        raise Unclear("LoRAs are active on some layers and switched off on others.")
    if len(orders) > 1:
        raise Unclear("Different LoRAs are active on different layers.")
    present = {name for layers in tuned.values() for layer in layers for name in layer.scaling}
    return [name for name in next(iter(orders), ()) if name in present]


def _weight(layers: Sequence[Any], name: str) -> float | None:
    """The weight that was given to the LoRA `name` on one component, None where it does not lie on it."""
    found = {_given(layer, name) for layer in layers if name in layer.scaling}
    if len(found) > 1:
        raise Unclear(f"The LoRA {name} has several weights inside one component, which is not recorded.")
    return next(iter(found), None)


def _given(layer: Any, name: str) -> float:
    """The weight from which peft makes this layer's scaling: weight * alpha / r, or / sqrt(r) (``LoraLayer.set_scale``)."""
    alpha, rank, scaling = layer.lora_alpha[name], layer.r[name], layer.scaling[name]
    divisor = math.sqrt(rank) if getattr(layer, "use_rslora", {}).get(name) else rank
    exact = scaling * divisor / alpha
    for weight in (round(exact, 6), exact, math.nextafter(exact, 0.0), math.nextafter(exact, math.inf)):
        if weight * alpha / divisor == scaling:
            return float(weight)
    raise Unclear(f"The weight of the LoRA {name} cannot be read back.")


def _lora_file(pipe: Any, name: str, components: Sequence[str]) -> bytes:
    """The tensors of a LoRA and its configuration as diffusers writes them, in a file of its own."""
    import tempfile

    from peft.utils import get_peft_model_state_dict

    parts: dict[str, Any] = {}
    for component in components:
        module = getattr(pipe, component)
        state = get_peft_model_state_dict(module, adapter_name=name)
        parts[f"{component}_lora_layers"] = {key: value.detach().to("cpu") for key, value in state.items()}
        parts[f"{component}_lora_adapter_metadata"] = _plain_config(module.peft_config[name])
    with tempfile.TemporaryDirectory(prefix="seedbank-") as folder:
        type(pipe).save_lora_weights(folder, weight_name=LORA_FILE, **parts)
        return (Path(folder) / LORA_FILE).read_bytes()


def _plain_config(config: Any) -> dict[str, Any]:
    """The configuration as JSON values in a fixed order, without paths of this machine."""
    values = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    return dict(json.loads(json.dumps({**values, "base_model_name_or_path": None}, sort_keys=True, default=str)))


# -- embeddings -------------------------------------------------------------------------------------------------------


def embeddings(pipe: Any, taken: Anatomy, files: Mapping[str, Sequence[Path]]) -> Iterator[Found]:
    """The words that were added to the text encoders, in the order of their numbers. Raises `Unclear`.

    `files` are the weights of each component: whatever a table has beyond them is an embedding.
    """
    added = {}
    for component in taken.modules:
        tables = [(name, weight) for name, weight in component.weights.items() if name.endswith(TOKENS)]
        if component.name.startswith("text_encoder") and tables:
            name, weight = tables[0]
            stored = _stored_tensor(name, files.get(component.name, ()), shorter_than=weight.shape[0])
            if stored is not None:
                if not torch.equal(stored.to(weight.dtype), weight.detach()[: stored.shape[0]].to("cpu")):
                    raise Unclear(f"The word vectors of {component.name} are not those of the files.")
                tokenizer = taken.components[component.name.replace("text_encoder", "tokenizer")]
                added[component.name] = _added(tokenizer, weight, stored.shape[0])
    words = next(iter(added.values()), {})
    if any(list(other) != list(words) for other in added.values()):
        raise Unclear("The text encoders have different embeddings.")
    for word in words:
        keys = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"} if len(added) > 1 else dict.fromkeys(added, word)
        content = _packed({keys[name]: vectors[word] for name, vectors in added.items()})
        yield Found(EMBEDDING, content=content, token=word, name=word)


def _added(tokenizer: Any, weight: Any, first: int) -> dict[str, Any]:
    """{word: its vectors} of the words numbered from `first` on; a word of several vectors is followed by word_1 …"""
    numbers = {number: word for word, number in tokenizer.added_tokens_encoder.items() if number >= first}
    grouped: dict[str, list[int]] = {}
    for number in sorted(numbers):
        word = numbers[number]
        base = word.rpartition("_")[0]
        if base in grouped and word == f"{base}_{len(grouped[base])}":
            grouped[base].append(number)
        else:
            grouped[word] = [number]
    return {word: weight.detach()[indices].to("cpu") for word, indices in grouped.items()}


def _stored_tensor(name: str, paths: Sequence[Path], shorter_than: int) -> Any:
    """The table `name` of the files, None when it has as many rows as the one in memory or is not there."""
    from safetensors import safe_open

    for path in paths:
        with safe_open(path, framework="pt") as opened:
            for key in opened.keys():  # noqa: SIM118  (safe_open is no mapping)
                if key.removeprefix("text_model.") == name.removeprefix("text_model."):
                    return opened.get_tensor(key) if opened.get_slice(key).get_shape()[0] < shorter_than else None
    return None


def _packed(tensors: Mapping[str, Any]) -> bytes:
    from safetensors.torch import save

    return save({key: tensor.contiguous() for key, tensor in tensors.items()})


# -- IP-Adapter -------------------------------------------------------------------------------------------------------


def ip_adapter(pipe: Any, taken: Anatomy) -> Found | None:
    """The IP-Adapter on the denoiser, None when there is none. Raises `Unclear`."""
    denoiser = taken.components.get("unet")
    processors = [item for item in getattr(denoiser, "attn_processors", {}).values() if isinstance(item, nn.Module)]
    if not processors or getattr(denoiser, "encoder_hid_proj", None) is None:
        return None
    scales = {tuple(item.scale) for item in processors if hasattr(item, "scale")}
    if len(scales) != 1 or len(next(iter(scales))) != 1 or not isinstance(next(iter(scales))[0], (int, float)):
        raise Unclear("Several IP-Adapters, or one with a weight for each block, are not recorded.")
    keys = [item.to_k_ip[0].weight for item in processors]
    config = getattr(taken.components.get("image_encoder"), "config", None)
    encoder = Path(str(getattr(config, "_name_or_path", "") or ""))
    for folder in (encoder / sub for sub in IP_SUBFOLDERS):
        for path in sorted(folder.glob("*.safetensors")) if (folder / ENCODER_FOLDER).is_dir() else ():
            if _holds(path, keys):
                return Found(IP_ADAPTER, path=path, weight=float(next(iter(scales))[0]), name=path.stem)
    raise Unclear("It is not known from which file the IP-Adapter was loaded.")


def _holds(path: Path, keys: Sequence[Any]) -> bool:
    """Whether the file has exactly these key projections, after rounding to their dtype."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as opened:
        names = [name for name in opened.keys() if name.startswith("ip_adapter.") and name.endswith("to_k_ip.weight")]  # noqa: SIM118
        if len(names) != len(keys):
            return False
        stored = [opened.get_tensor(name) for name in sorted(names, key=lambda name: int(name.split(".")[1]))]
    return all(torch.equal(a.to(b.dtype), b.detach().to("cpu")) for a, b in zip(stored, keys, strict=True))
