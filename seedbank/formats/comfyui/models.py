"""The weights behind a sampler's `model` input: the checkpoint, and the LoRAs in the order in which they act."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seedbank.formats.comfyui.graph import MAX_HOPS, Link, Node, as_link
from seedbank.formats.comfyui.roles import is_pipe, names
from seedbank.formats.comfyui.routing import is_sampler
from seedbank.formats.comfyui.scalars import as_integer, as_number, literal
from seedbank.formats.comfyui.values import Values
from seedbank.formats.reading import CERTAIN, LIKELY, Lora

LOADED = (
    "ckpt_name",
    "unet_name",
    "base_ckpt_name",
    "model_name",
    "gguf_name",
    "checkpoint",
    "checkpoint_name",
    "diffusion_model",
    "diffusion_name",
    "model_path",
    "model",
    "stage_c",
    "transformer",
    "repo_id",
    "pretrained_model",
    "model_id",
    "ckpt_path",
    "unet_path",
)
"""Inputs in which a loader names its file."""

_TAGS = re.compile(r"<lora:([^:>]+)(?::(-?[\d.]+))?(?::(-?[\d.]+))?[^>]*>", re.I)
_READS_TAGS = re.compile(
    r"^(SDXL )?Power Prompt( - Positive)? \(rgthree\)|WildcardEncode|loraPrompt|LoraTag|FromPrompt|LoraLoaderPrompt|"
    r"PCLazy|PromptControl|"
    r"^(easy|ttN) .*loader",
    re.I,
)
_INDEX = re.compile(r"^(?:lora_name_|lora_|lora|lora_name)0*(\d+)(?:_name)?$", re.I)
_MODEL_WEIGHTS = (
    "strength_model",
    "lora_model_strength",
    "model_strength",
    "strength",
    "lora_strength",
    "weight",
    "lora_weight",
    "strength_1",
    "model_weight",
)
_CLIP_WEIGHTS = ("strength_clip", "lora_clip_strength", "clip_strength", "clip_weight", "strengthTwo", "clipStrength")
_NO_PATCH = re.compile(
    r"lora|hypernet|power prompt|wildcard|merge|compile|sage.?attention|torch|cache|reroute|loader|pipe", re.I
)
"""Nodes that put on LoRAs, merge, or change only how quickly a model works."""
_OFF = ("off", "false", "disable", "disabled", "no")
_NO_FILE = ("", "none", "null", "baked vae", "undefined")


@dataclass
class Weights:
    """`loras` in the order in which they act; `sure` says how sure the model's name is."""

    name: str | None = None
    loras: list[Lora] = field(default_factory=list)
    merged: bool = False
    hypernetwork: str | None = None
    patches: list[Node] = field(default_factory=list)
    """Nodes that change how the model is used, the last one first."""
    sure: float = CERTAIN


def weights(values: Values, start: Link | None, role: str = "model") -> Weights:
    """The model and LoRAs that a link of type MODEL brings."""
    found = Weights()
    link = start
    seen: set[Link] = set()
    while link is not None and len(seen) < MAX_HOPS:
        end = values.router.follow(link, role)
        if end is None or end[0] in seen:
            break
        seen.add(end[0])
        node = values.graph[end[0]]
        found.loras[:0] = loras_of(values, node)
        found.merged |= "model2" in node or "model_2" in node
        if "hypernetwork_name" in node and as_number(values.resolve(node.inputs.get("strength", 1), "number")) != 0:
            found.hypernetwork = found.hypernetwork or loaded(values, node, ("hypernetwork_name",))
        found.name = loaded(values, node)
        if found.name is not None:
            break
        if _patches(node):
            found.patches.append(node)
        link, certain = _onward(node)
        if not certain:
            found.sure = min(found.sure, LIKELY)
    values.router.cut |= len(seen) >= MAX_HOPS
    return found


def _patches(node: Node) -> bool:
    """Whether a node changes a model that it is given, and does nothing else that is read elsewhere."""
    return (
        "model" in node.wires
        and not _NO_PATCH.search(node.kind)
        and not is_sampler(node)
        and not any(map(is_pipe, node.inputs))
    )


def loaded(values: Values, node: Node, inputs: Sequence[str] = LOADED) -> str | None:
    """The file that a loader names; None where the node loads none."""
    if node.link("model") is not None and "ckpt_name" not in node and inputs is LOADED:
        return None
    for name in inputs:
        value = node.inputs.get(name)
        if value is None or (name == "model" and as_link(value) is not None):
            continue
        text = values.resolve(value, name)
        if isinstance(text, str) and text.strip().lower() not in _NO_FILE:
            return text
    return None


def own(values: Values, node: Node) -> Weights:
    """The model that a sampler names itself, and its LoRAs."""
    return Weights(loaded(values, node), loras_of(values, node))


def _onward(node: Node) -> tuple[Link | None, bool]:
    """(where a model came from, whether the input says so by its name)."""
    link = node.link(*names("model"))
    if link is not None:
        return link, True
    for name, other in node.wires.items():
        if "model" in name.lower() and not re.search(r"upscale|clip|vision|control|style|detector", name, re.I):
            return other, False
    return next((other for name, other in node.wires.items() if is_pipe(name)), None), False


def loras_of(values: Values, node: Node) -> list[Lora]:
    """The LoRAs of one node, those of a stack that it is given first."""
    found: list[Lora] = []
    seen: set[str] = set()
    current: Node | None = node
    while current is not None and current.id not in seen and len(seen) < MAX_HOPS:
        seen.add(current.id)
        found[:0] = _own(values, current)
        link = next(
            (other for name, other in current.wires.items() if re.search(r"lora.*stack|^loras$|^prev_lora|^lora$", name, re.I)),
            None,
        )
        end = values.router.follow(link, "lora_stack")
        current = values.graph[end[0]] if end is not None else None
    return found


def _own(values: Values, node: Node) -> list[Lora]:
    if (
        node.inputs.get("bypass") is True
        or node.inputs.get("toggle") is False
        or str(node.inputs.get("switch")).lower() == "off"
        or not any("lora" in name.lower() for name in node.inputs)
    ):
        return _tagged(values, node)
    listed = literal(node.inputs.get("loras"))
    if isinstance(listed, list):
        entries: Iterator[Mapping[str, Any]] = (entry for entry in listed if isinstance(entry, dict))
    else:
        entries = _entries(values, node)
    return [lora for entry in entries if (lora := _lora(values, entry)) is not None] + _tagged(values, node)


def _entries(values: Values, node: Node) -> Iterator[Mapping[str, Any]]:
    """One mapping for each LoRA of a node: of `lora_name`, of numbered inputs, of inputs that are mappings."""
    if "lora_name" in node or isinstance(literal(node.inputs.get("lora")), str):
        yield node.inputs
    counted = next((as_integer(node.inputs[name]) for name in ("lora_count", "num_loras") if name in node), None)
    simple = str(node.inputs.get("input_mode", node.inputs.get("mode", ""))).lower() == "simple"
    numbered = {name: int(index[1]) for name in node.inputs if (index := _INDEX.match(name))}
    numbered.pop("lora_name", None)
    for name, k in sorted(numbered.items(), key=lambda item: item[1]):
        value = node.inputs[name]
        if counted is not None and k > counted:
            continue
        yield value if isinstance(value, dict) and "lora" in value else _numbered(node.inputs, value, k, simple)


def _numbered(inputs: Mapping[str, Any], name: Any, k: int, simple: bool) -> Mapping[str, Any]:
    """The inputs of the k-th LoRA of a stack, under the names that a single one has."""

    def first(*patterns: str) -> Any:
        return next((inputs[key] for pattern in patterns if (key := pattern.format(k=k, kk=f"{k:02}")) in inputs), None)

    plain = (
        "lora_wt_{k}",
        "strength_{kk}",
        "strength_{k}",
        "lora_{k}_strength",
        "weight_{k}",
        "lora_weight_{k}",
        "lora_strength_{k}",
    )
    split = ("model_str_{k}", "model_weight_{k}", "strength_model_{k}", "lora_{k}_model_strength", "model_strength_{k}")
    clip = (
        None
        if simple
        else first("clip_str_{k}", "clip_weight_{k}", "strength_clip_{k}", "lora_{k}_clip_strength", "clip_strength_{k}")
    )
    return {
        "lora_name": name,
        "strength_model": first(*plain, *split) if simple else first(*split, *plain),
        "strength_clip": clip,
        "on": first("switch_{k}", "enabled_{k}", "on_{k}", "lora_{k}_on"),
    }


def _lora(values: Values, entry: Mapping[str, Any]) -> Lora | None:
    name = next((entry[key] for key in ("lora_name", "lora", "name") if entry.get(key) is not None), None)
    name = literal(values.resolve(name, "lora_name"))
    switch = next((entry[key] for key in ("on", "active", "enabled") if entry.get(key) is not None), True)
    if not isinstance(name, str) or name.strip().lower() in _NO_FILE:
        return None
    if switch is False or (isinstance(switch, str) and switch.lower() in _OFF):
        return None
    weight = _weight(values, entry, _MODEL_WEIGHTS)
    clip = _weight(values, entry, _CLIP_WEIGHTS)
    return Lora(name, weight, weight_text=clip if clip != weight else None)


def _weight(values: Values, entry: Mapping[str, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        if entry.get(key) is not None and (number := as_number(values.resolve(entry[key], "number"))) is not None:
            return number
    return None


def _tagged(values: Values, node: Node) -> list[Lora]:
    """`<lora:name:weight:weight of the text encoder>` in the text of a node that reads such tags."""
    if not _READS_TAGS.search(node.kind) or node.inputs.get("insert_lora") == "DISABLE LORAS":
        return []
    found = []
    texts = [values.text(node.inputs[name]) for name in ("prompt_g", "prompt_l") if name in node]
    own = (node.inputs.get("loras"), node.inputs.get("negative"))
    for text in texts or (values.text_of(node, "positive"), *(values.text(value, "negative") for value in own)):
        for name, weight, clip in _TAGS.findall(text or ""):
            both = as_number(weight) if weight else 1.0
            found.append(Lora(name, both, weight_text=as_number(clip) if clip else None))
    return found
