"""From an input back to the node that makes what arrives there: through reroutes, switches, contexts and pipes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from seedbank.formats.comfyui.graph import MAX_HOPS, MAX_HOPS_IN_ALL, Graph, Link, Node, as_link
from seedbank.formats.comfyui.roles import PIPED, REMEMBERED, has, is_pipe, names, role_of

Resolve = Callable[[Any, str], Any]
"""Gives the value of an input: its literal, or what its link leads to; the second argument is the role."""

_REROUTE = re.compile(
    r"reroute|^(PreviewBridge.*|easy cleanGpuUsed|easy clearCacheAll|UnloadModel|UnloadAllModels|VRAM_Debug)$", re.I
)
_SWITCH = re.compile(r"switch|ConditionalBranch|ifElse|^easy if$|If ANY|anythingIndex", re.I)
_BOOLEANS = ("switch", "boolean", "boolean_number", "cond", "condition", "boolean_value", "any", "value", "expr", "bool")
_TRUE = ("on_true", "tt_value", "if_true", "true_value", "TRUE_IN", "if", "true", "input_true", "A")
_FALSE = ("on_false", "ff_value", "if_false", "false_value", "FALSE_IN", "else", "false", "input_false", "B")
SIDES = (*_TRUE, *_FALSE)
"""Inputs of a switch between two."""
_INDICES = ("select", "index", "Input", "input", "selected", "choice", "selection")
_NO_SAMPLER = re.compile(
    r"noisy|noise$|sav(e|er)|metadata|scheduler$|provider$|^RandomNoise|xy ?input|hook|script$|params$", re.I
)
_SAMPLED_WITH = re.compile(
    r"^(?!upscale_|detector_|sam_)\w*model|pipe|guider|unet|transformer|^latent|^samples$|^base_ctx$|tuple", re.I
)
_NUMBER = re.compile(r"(\d+)$")


class Router:
    """Walks back through nodes that hand on what they are given. `resolve` is asked for the settings of switches."""

    def __init__(self, graph: Graph, resolve: Resolve) -> None:
        self.graph = graph
        self.hops = 0
        """Nodes passed in this reading, so that many long ways are bounded too."""
        self.cut = False
        """Whether a way was given up because it is too long."""
        self._resolve = resolve

    def follow(self, link: Link | None, role: str) -> tuple[Link, str] | None:
        """(the output that makes it, its role), or None where the way ends: a gap, a circle, a link to no node."""
        seen: set[tuple[Link, str]] = set()
        while link is not None and link.node in self.graph.nodes and (link, role) not in seen:
            if len(seen) >= MAX_HOPS or self.hops >= MAX_HOPS_IN_ALL:
                self.cut = True
                return None
            seen.add((link, role))
            self.hops += 1
            node = self.graph[link]
            role = self.role(node, link.slot, role)
            if not hands_on(node):
                onward = self._through_pipe(node, role)
                if onward is None:
                    return link, role
                link = onward
            else:
                link = self.chosen(node)
        return None

    def role(self, node: Node, slot: int, role: str) -> str:
        """The role of an output: what the slot says, else what is looked for."""
        said = role_of(self.graph, node, slot)
        return role if said is None or said == "pipe" else said

    def chosen(self, node: Node) -> Link | None:
        """The input that a reroute or a switch hands on."""
        if not _SWITCH.search(node.kind):
            return next((link for link in node.wires.values()), None)
        name = self.chosen_name(node)
        return as_link(node.inputs.get(name)) if name is not None else None

    def chosen_name(self, node: Node) -> str | None:
        """The name of the input that a switch hands on; None where its setting is made at run time."""
        true, false = (next((name for name in side if name in node), None) for side in (_TRUE, _FALSE))
        if true is None and false is None and ("boolean" in node or "boolean_number" in node):
            # WAS: `text_a` and `text_b`, `model_a` and `model_b` …
            true, false = (next((name for name in node.inputs if name.endswith(end)), None) for end in ("_a", "_b"))
        if true is not None or false is not None:
            setting = next((node.inputs[name] for name in _BOOLEANS if name in node), None)
            value = self._resolve(setting, "boolean")
            if isinstance(value, str):
                value = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}.get(value.lower())
            if value is None:
                return _either(node, true, false)
            return true if value else false
        index = next((name for name in _INDICES if name in node), None)
        options = {name: int(number[1]) for name in node.inputs if name != index and (number := _NUMBER.search(name))}
        if index is not None and options:
            value = self._resolve(node.inputs[index], "index")
            wanted = int(value) if isinstance(value, (int, float)) else None
            if isinstance(value, str):
                number = _NUMBER.search(value)
                wanted = int(number[1]) if number else None
            return next((name for name, number in options.items() if number == wanted), None)
        # Without a setting the first that is there is taken (`Any Switch (rgthree)`, `Context Switch`).
        return next((name for name, link in node.wires.items() if link.node in self.graph.nodes), None)

    def _through_pipe(self, node: Node, role: str) -> Link | None:
        """What a node with a pipe takes out of it, or was given beside it; None where it makes the thing itself."""
        pipes = [name for name in node.wires if is_pipe(name)]
        if not pipes or not (role in PIPED or role.startswith("text")) or makes(node, role):
            return None
        given = next((name for name in names(role) if node.inputs.get(name) is not None), None)
        if given is not None:
            return as_link(node.inputs[given])
        return as_link(node.inputs[pipes[-1 if "Merge" in node.kind else 0]])


def _either(node: Node, true: str | None, false: str | None) -> str | None:
    """The side of a switch whose setting is not known, where there is only one or both are the same."""
    sides = [name for name in (true, false) if name is not None and node.inputs[name] is not None]
    return sides[0] if len({repr(node.inputs[name]) for name in sides}) == 1 else None


def hands_on(node: Node) -> bool:
    """Whether a node gives out one of its inputs unchanged."""
    reroutes, switches = _handing(node.kind)
    return reroutes or (switches and not any(is_pipe(name) for name in node.inputs))


@lru_cache(REMEMBERED)
def _handing(kind: str) -> tuple[bool, bool]:
    """Whether a class of node is a reroute, and whether it is a switch."""
    return bool(_REROUTE.search(kind)), bool(_SWITCH.search(kind))


def makes(node: Node, role: str) -> bool:
    """Whether a node with a pipe makes a thing of this role itself: samples a picture, puts LoRAs on a model."""
    if role == "model":
        return any(name.startswith("lora") and value not in ("None", "none", "") for name, value in node.inputs.items())
    if role not in ("latent", "image"):
        return False
    return is_sampler(node)


def is_sampler(node: Node) -> bool:
    """Whether a node samples, by the names of its inputs: a seed and steps, or the parts of a custom sampler."""
    if "sigmas" in node and ("guider" in node or "noise_seed" in node):
        return True
    if "latent_image" in node and (node.kind.startswith(("KSampler", "SamplerCustom")) or "base_sampler" in node):
        return True
    if not has(node, "seed") or not has(node, "steps") or _NO_SAMPLER.search(node.kind):
        return False
    return any(_SAMPLED_WITH.search(name) for name in node.inputs)
