"""From the node that saved a picture back through all that the picture went through, to where it began."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from seedbank.formats.comfyui.graph import MAX_HOPS, Graph, Link, Node
from seedbank.formats.comfyui.roles import REMEMBERED, has, is_picture, is_pipe, names
from seedbank.formats.comfyui.routing import Router, is_sampler
from seedbank.formats.comfyui.values import Values
from seedbank.formats.reading import CERTAIN, LIKELY

MAX_SAVERS = 64

_KNOWN = frozenset((*names("latent"), *names("image")))

_SAVES = re.compile(r"save|VideoCombine|websocket|^SendImage|export|upload.*image|image.*sender|write.*image", re.I)
_PREVIEWS = re.compile(r"preview|show.?image|compare|display", re.I)
_TEXT_ONLY = re.compile(r"text|any$|audio|latent|checkpoint|model|lora|json|string", re.I)


@dataclass
class Trail:
    """The way of one picture, read backwards.

    saver    the node that saved it
    nodes    all nodes on the way, the saver first
    samplers of these the samplers: the last pass first, the base sampler last
    dead     whether a node on it cannot have run
    sure     how sure the way is: less behind an input that is only called like a picture
    """

    saver: Node
    nodes: list[Node] = field(default_factory=list)
    samplers: list[Node] = field(default_factory=list)
    dead: bool = False
    sure: float = CERTAIN

    @property
    def below(self) -> list[Node]:
        """What the base sampler began with: the nodes behind it."""
        return self.nodes[self.nodes.index(self.samplers[-1]) + 1 :] if self.samplers else self.nodes


def trails(values: Values) -> list[Trail]:
    """The ways of the pictures that the graph saves, the likeliest first.

    A branch that cannot have run comes last, saved pictures before previews, and of two ways the one with more passes.
    """
    graph = values.graph
    dead = graph.dead()
    sampled = graph.fed_by((node.id for node in graph.nodes.values() if is_sampler(node) and node.id not in dead), _carries)
    used = {link.node for node in graph.nodes.values() for link in node.wires.values()}
    ranked: list[list[Node]] = [[], [], []]
    for node in graph.nodes.values():
        rank = _rank(node, node.id in used)
        if rank is not None:
            ranked[rank].append(node)
    found: list[tuple[tuple[bool, bool, int, int], Trail]] = []
    for rank, nodes in enumerate(ranked):
        if any(not way.dead and way.samplers for _, way in found):
            break
        live = [node for node in nodes if node.id not in dead and node.id in sampled] or nodes
        ways = [_trail(values.router, graph, node, sampled, node.id in dead) for node in live[:MAX_SAVERS]]
        found += [((way.dead, not way.samplers, rank, -len(way.samplers)), way) for way in ways]
    return [way for _, way in sorted(found, key=lambda pair: pair[0])]


def _rank(node: Node, used: bool) -> int | None:
    """0 for a node that saves, 1 for a preview, 2 for one whose picture nobody takes; None for all others."""
    pictures = is_sampler(node) or any(is_picture(name) for name in node.wires)
    if not pictures:
        return None
    if _SAVES.search(node.kind) and not _TEXT_ONLY.search(node.kind.split("Save")[-1]):
        return 0
    if _PREVIEWS.search(node.kind):
        return 1
    return None if used else 2


@lru_cache(REMEMBERED)
def _carries(name: str) -> bool:
    return is_picture(name) or is_pipe(name) or bool(re.search(r"any|input|on_|value|ctx|^\*?$", name))


def _trail(router: Router, graph: Graph, saver: Node, sampled: frozenset[str], dead: bool) -> Trail:
    trail = Trail(saver, [saver], dead=dead)
    if is_sampler(saver):
        trail.samplers.append(saver)
    link = _onward(graph, saver, sampled, "image")
    role = "image"
    seen: set[str] = {saver.id}
    while link is not None and len(seen) < MAX_HOPS:
        end = router.follow(link[0], link[1])
        if end is None or end[0].node in seen:
            break
        made, role = end
        node = graph[made]
        seen.add(node.id)
        trail.nodes.append(node)
        if is_sampler(node):
            trail.samplers.append(node)
        link = _first_stage(router, node) or _onward(graph, node, sampled, role)
        if link is not None and not trail.samplers and not _by_name(node, link[0]):
            trail.sure = LIKELY
    router.cut |= len(seen) >= MAX_HOPS
    if not trail.samplers and generates(trail.nodes[-1]):
        trail.samplers.append(trail.nodes[-1])
    return trail


def _by_name(node: Node, link: Link) -> bool:
    """Whether an input that brought the picture is one that is known to."""
    return any(other == link and (name in _KNOWN or is_pipe(name)) for name, other in node.wires.items())


def _first_stage(router: Router, node: Node) -> tuple[Link, str] | None:
    """Of a sampler of Stable Cascade's stage B: the latents of stage C, which it is conditioned on."""
    end = router.follow(node.link("positive"), "positive") if is_sampler(node) else None
    stage = router.graph[end[0]].link("stage_c") if end is not None else None
    return (stage, "latent") if stage is not None else None


def generates(node: Node) -> bool:
    """Whether a node makes a picture of a prompt by itself, as those do that call a service."""
    return has(node, "seed") and any(isinstance(node.inputs.get(name), (str, list)) for name in ("prompt", "positive_prompt"))


def _onward(graph: Graph, node: Node, sampled: frozenset[str], role: str) -> tuple[Link, str] | None:
    """The input by which the picture came: one behind which there is a sampler, before all others."""
    order = (*names("latent"), *names("image")) if is_sampler(node) or role == "latent" else (*names("image"), *names("latent"))
    links = node.wires
    known = [name for name in order if name in links]
    unknown = [name for name in links if name not in known and is_picture(name)]
    pipes = [name for name in links if is_pipe(name)]
    choices = [*known, *unknown, *pipes]
    name = next((name for name in choices if links[name].node in sampled), choices[0] if choices else None)
    if name is None:
        return None
    return links[name], "latent" if name in names("latent") or (name in pipes and is_sampler(node)) else "image"
