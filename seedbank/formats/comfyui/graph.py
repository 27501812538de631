"""The executed graph of ComfyUI as a value: nodes by id, links as pairs of node and output slot.

The API form is `{"<id>": {"class_type": …, "inputs": {name: literal | ["<id>", slot]}, "_meta": {"title": …}}}`. Ids are
numbers or words, `12:3` inside a subgraph. Nothing here is trusted: links lead anywhere, also in circles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

MAX_HOPS = 10_000
"""Nodes that one walk visits at most; real graphs have some hundreds."""
MAX_HOPS_IN_ALL = 20 * MAX_HOPS
"""Nodes that all walks of one reading pass at most."""
LONGEST_ID = 200
"""Characters of the id of a node that is taken apart: each node in it begins with that id."""

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "CLIPTextEncode": ("clip",),
    "ImageScale": ("image",),
    "ImageScaleBy": ("image",),
    "ImageUpscaleWithModel": ("upscale_model", "image"),
    "KSampler": ("model", "positive", "negative", "latent_image"),
    "KSamplerAdvanced": ("model", "positive", "negative", "latent_image"),
    "LatentUpscale": ("samples",),
    "LatentUpscaleBy": ("samples",),
    "PreviewImage": ("images",),
    "SamplerCustom": ("model", "positive", "negative", "sampler", "sigmas", "latent_image"),
    "SamplerCustomAdvanced": ("noise", "guider", "sampler", "sigmas", "latent_image"),
    "SaveImage": ("images",),
    "VAEDecode": ("samples", "vae"),
    "VAEDecodeTiled": ("samples", "vae"),
    "VAEEncode": ("pixels", "vae"),
}
"""Inputs without which ComfyUI refuses to run a node; a muted node leaves such a gap behind."""


class Link(NamedTuple):
    """An output of a node: what an input is connected to."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    id: str
    kind: str
    """ComfyUI's `class_type`."""
    inputs: Mapping[str, Any]

    def __contains__(self, name: str) -> bool:
        return name in self.inputs

    @cached_property
    def wires(self) -> Mapping[str, Link]:
        """The connected inputs, in the order in which they stand there."""
        return {name: link for name, value in self.inputs.items() if (link := as_link(value)) is not None}

    def link(self, *names: str) -> Link | None:
        """What the first connected input of these names is connected to."""
        return next((self.wires[name] for name in names if name in self.wires), None)


@dataclass(frozen=True)
class Graph:
    """`ports` gives the names of a node's outputs, as far as the workflow beside the graph tells them."""

    nodes: Mapping[str, Node]
    ports: Callable[[str], Sequence[str]] = lambda _: ()

    @classmethod
    def parse(cls, data: Mapping[str, Any], ports: Callable[[str], Sequence[str]] = lambda _: ()) -> Graph:
        """The nodes of an API graph; what is no node is left out."""
        nodes = {}
        for key, value in data.items():
            if isinstance(value, dict) and isinstance(value.get("class_type"), str):
                inputs = value.get("inputs")
                nodes[str(key)] = Node(str(key), value["class_type"], inputs if isinstance(inputs, dict) else {})
        return cls(nodes, ports)

    def __getitem__(self, link: Link) -> Node:
        return self.nodes[link.node]

    def dead(self) -> frozenset[str]:
        """Ids of the nodes that cannot have run: what they need is not there, or comes from such a node."""
        broken = [node.id for node in self.nodes.values() if self._broken(node)]
        return frozenset(self._downstream(broken))

    def fed_by(self, ids: Iterable[str], through: Callable[[str], bool]) -> frozenset[str]:
        """Ids of these nodes and of all that they feed through inputs whose names `through` accepts."""
        return frozenset(self._downstream(ids, through))

    def _broken(self, node: Node) -> bool:
        needed = REQUIRED.get(node.kind, ())
        return any(node.link(name) is None for name in needed) or any(
            link.node not in self.nodes for link in node.wires.values()
        )

    def _downstream(self, start: Iterable[str], through: Callable[[str], bool] = lambda _: True) -> set[str]:
        users: dict[str, list[str]] = {}
        for node in self.nodes.values():
            for name, link in node.wires.items():
                if through(name):
                    users.setdefault(link.node, []).append(node.id)
        queue = deque(start)
        found = set(queue)
        while queue:
            for user in users.get(queue.popleft(), ()):
                if user not in found:
                    found.add(user)
                    queue.append(user)
        return found


def as_link(value: Any) -> Link | None:
    """`["12", 0]` as a link; None for a literal. ComfyUI wraps lists that are none in `{"__value__": […]}`."""
    if isinstance(value, list) and len(value) == 2:
        node, slot = value
        if isinstance(node, (str, int)) and isinstance(slot, int) and not isinstance(node, bool) and not isinstance(slot, bool):
            return Link(str(node), slot)
    return None
