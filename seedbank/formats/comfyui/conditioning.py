"""The texts that a sampler was conditioned on, found by walking back from its `positive` or `negative` input."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seedbank.formats.comfyui.graph import MAX_HOPS, Link, Node, as_link
from seedbank.formats.comfyui.roles import CONDITIONINGS, ENCODERS, TEXTS, is_picture, is_pipe, names
from seedbank.formats.comfyui.scalars import as_integer, as_number
from seedbank.formats.comfyui.strings import MAX_TEXT, joined
from seedbank.formats.comfyui.values import Values
from seedbank.formats.reading import CERTAIN, LIKELY

_CONTROL = re.compile(r"control_?net", re.I)
_ENCODES = re.compile(r"encode|prompt|cutoff|text|wildcard|loader|chatglm", re.I)
LOADS = re.compile(r"load.*(image|video|img)|image.*(load|input)|^image url|base64", re.I)
"""Nodes that load a picture."""
_SEES = re.compile(r"QwenImageEdit|ReferenceLatent|OmniGen|StyleModelApply|unCLIPConditioning|Kontext", re.I)
_WAY_TO_FILE = 10
_OWN_SIDE = 7
"""So many of the names of a side are of that side only."""
_EMBEDDING = re.compile(r"embedding:\s*([^\s,():]+)", re.I)


_OWN: Mapping[str, tuple[str, ...]] = {
    "positive": ("positive_prompt", "positive", "text_positive", "prompt", "text"),
    "negative": ("negative_prompt", "negative", "text_negative", "neg_prompt"),
}
"""Inputs in which a node that does everything takes its prompts."""


@dataclass
class Conditioning:
    """What was found behind one input of a sampler.

    texts       in the order in which the graph combines them
    encoders    the texts by the names of the encoder's inputs, where they are not one text
    pictures    that stand beside a text: what an edit model is given to see
    clip        where the text encoder came from: the link that leads to clip skip
    sure        how sure the texts are
    """

    texts: list[str] = field(default_factory=list)
    encoders: dict[str, str] = field(default_factory=dict)
    guidance: float | None = None
    controlnets: list[Mapping[str, Any]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    clip: Link | None = None
    clip_skip: int | None = None
    zero: bool = False
    sure: float = CERTAIN
    room: int = MAX_TEXT

    @property
    def text(self) -> str | None:
        """The prompt; texts that are combined stand one under the other. None where the graph holds none."""
        return joined("\n", self.texts) if self.texts else None

    def add(self, texts: Iterable[str]) -> None:
        """Notes texts as long as all together are not longer than any may be."""
        for text in texts:
            if self.room > 0:
                self.texts.append(text)
                self.room -= len(text) + 1

    @property
    def embeddings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for text in self.texts for name in _EMBEDDING.findall(text)))


def collect(values: Values, start: Link | None, role: str) -> Conditioning:
    """All that conditions a sampler through this link; `role` is `positive` or `negative`."""
    found = Conditioning()
    waiting = [(start, role)] if start is not None else []
    seen: set[tuple[str, str]] = set()
    while waiting and len(seen) < MAX_HOPS:
        link, role = waiting.pop()
        end = values.router.follow(link, role)
        if end is None:
            continue
        link, said = end
        role = said if said in ("positive", "negative") else role
        if (link.node, role) in seen:
            continue
        seen.add((link.node, role))
        waiting.extend(reversed(_at(values, values.graph[link], role, found)))
    values.router.cut |= bool(waiting)
    return found


def own(values: Values, node: Node, role: str) -> Conditioning:
    """The prompt that a sampler holds itself, as nodes do that call a service or a whole pipeline."""
    values.sure = CERTAIN
    found = Conditioning()
    for name in _OWN[role]:
        if name in node and (text := values.text(node.inputs[name], role)) is not None:
            found.texts.append(text)
            break
    found.sure = values.sure
    return found


def _at(values: Values, node: Node, role: str, found: Conditioning) -> list[tuple[Link, str]]:
    """Notes what a node says and gives the links that lead on."""
    if node.kind == "ConditioningZeroOut":
        found.zero = True
        return []
    if "guidance" in node and found.guidance is None and ("conditioning" in node.wires or "t5xxl" in node):
        found.guidance = as_number(values.resolve(node.inputs["guidance"], "number"))
    if _CONTROL.search(node.kind) or "control_net" in node:
        found.controlnets.append(_controlnet(values, node))
    found.pictures += _pictures(values, node)
    sides = _sides(node, role)
    if sides:
        return sides
    links = _combined(values, node)
    if links:
        return [(link, role) for link in links]
    if _texts(values, node, role, found):
        return []
    pipe = next((link for name, link in node.wires.items() if is_pipe(name)), None)
    if pipe is not None:
        return [(pipe, role)]
    found.sure = min(found.sure, LIKELY)
    return [
        (link, role) for name, link in node.wires.items() if re.search(r"cond|positive|negative|embeds?$|prompt", name, re.I)
    ]


def _pictures(values: Values, node: Node) -> list[str]:
    """The files that an encoder of texts and pictures, or a reference beside a text, is given."""
    if not _SEES.search(node.kind):
        return []
    found = []
    for link in node.wires.values():
        for _ in range(_WAY_TO_FILE):
            end = values.router.follow(link, "image")
            if end is None:
                break
            made = values.graph[end[0]]
            if LOADS.search(made.kind):
                found += [name for name in (made.inputs.get("image"), made.inputs.get("url")) if isinstance(name, str)]
                break
            onward = next((other for name, other in made.wires.items() if is_picture(name)), None)
            if onward is None:
                break
            link = onward
    return found


def _sides(node: Node, role: str) -> list[tuple[Link, str]]:
    """Of a node that carries both prompts: the link of the one that is asked for."""
    if node.link(*names("positive")[:_OWN_SIDE]) is None or node.link(*names("negative")[:_OWN_SIDE]) is None:
        return []
    for name in names(role):
        link = as_link(node.inputs.get(name))
        if link is not None:
            return [(link, role)]
    return []


def _combined(values: Values, node: Node) -> list[Link]:
    """The conditionings that a node combines or changes."""
    if node.kind == "ConditioningAverage":
        strength = as_number(values.resolve(node.inputs.get("conditioning_to_strength"), "number"))
        if strength in (0.0, 1.0):
            only = node.link("conditioning_to" if strength else "conditioning_from")
            return [only] if only is not None else []
    return [link for name, link in node.wires.items() if CONDITIONINGS.search(name)]


def _texts(values: Values, node: Node, role: str, found: Conditioning) -> bool:
    """The texts of a text encoder; False where the node is none."""
    sided = [name for stem in (role, role[:3]) for name in (f"{stem}_g", f"{stem}_l") if name in node]
    parts = sided or [name for name in ENCODERS if name in node]
    encodes = bool(sided) or (bool(parts) and (any(name in node for name in names("clip")) or bool(_ENCODES.search(node.kind))))
    named = any(name in node for name in TEXTS[role])
    if not encodes and (not named or any("cond" in name.lower() for name in node.wires)):
        return False
    values.sure = CERTAIN
    several = [name for name in parts if name != "text"]
    if "text" in node and (not several or node.inputs.get("with_SDXL") is not True):
        parts = ["text"]
    elif several:
        parts = several
    texts = {
        f"text{name[-2:]}" if sided else name: text
        for name in parts
        if (text := values.text(node.inputs[name], role)) is not None
    }
    if not parts and (text := values.text_of(node, role)) is not None:
        texts = {"text": text}
    filled = list(dict.fromkeys(text for text in texts.values() if text.strip()))
    found.add(filled or list(texts.values())[:1])
    if len(filled) > 1:
        found.encoders.update(texts)
    found.sure = min(found.sure, values.sure if encodes else min(values.sure, LIKELY))
    if found.clip is None:
        found.clip = node.link(*names("clip"))
        found.clip_skip = clip_skip_of(values, node)
    return True


def clip_skip_of(values: Values, node: Node) -> int | None:
    """A1111's count of the last layer that is used, where a node sets it: ComfyUI's -2 is 2 there."""
    layer = as_integer(values.of(node, "clip_skip"))
    return -layer if layer is not None and -24 <= layer < 0 else None


def clip_skip(values: Values, found: Conditioning) -> int | None:
    """The same, set on the way from the text encoder back to its loader; 1 is what there is without it."""
    layer, link = found.clip_skip, found.clip
    seen: set[Link] = set()
    while layer is None and link is not None and len(seen) < MAX_HOPS:
        end = values.router.follow(link, "clip")
        if end is None or end[0] in seen:
            break
        seen.add(end[0])
        node = values.graph[end[0]]
        layer, link = clip_skip_of(values, node), node.link(*names("clip"))
    return layer


def _controlnet(values: Values, node: Node) -> Mapping[str, Any]:
    """A ControlNet as the graph names it: model, weight, the part of the steps where it acts."""
    said: dict[str, Any] = {}
    loader = values.router.follow(node.link("control_net", "controlnet"), "control_net")
    places = [node] if loader is None else [node, values.graph[loader[0]]]
    if loader is not None and (inner := places[-1].link("control_net")) is not None:
        end = values.router.follow(inner, "control_net")
        places += [values.graph[end[0]]] if end is not None else []
    for key, inputs in {
        "model": ("control_net_name", "controlnet_name", "model_name", "name"),
        "weight": ("strength", "cn_strength"),
        "start": ("start_percent", "start_at"),
        "end": ("end_percent", "end_at"),
    }.items():
        raw = next((place.inputs[name] for place in places for name in inputs if name in place), None)
        value = values.resolve(raw, "number") if raw is not None else None
        if value is not None:
            said[key] = value if isinstance(value, str) else as_number(value)
    return said
