"""The graph of the front end (`workflow`) made into the form that is executed.

Reroutes, primitives and set/get pairs exist in the front end only; a muted node (mode 2) takes its links with it, a
bypassed one (mode 4) hands its inputs on by type; subgraphs and group nodes are taken apart, their nodes called `12:3`.
What the front end would have changed before it ran (wildcards, seeds drawn anew) cannot be known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from seedbank.formats.comfyui.graph import LONGEST_ID, MAX_HOPS
from seedbank.formats.comfyui.groups import INSIDE, dicts, placed
from seedbank.formats.comfyui.widgets import fits, promoted, widgets_of

MAX_NODES = 200_000
MAX_NESTING = 8

_MUTED, _BYPASSED = 2, 4
_NOTES = ("Note", "MarkdownNote", "Label (rgthree)", "Fast Groups Bypasser (rgthree)", "Fast Groups Muter (rgthree)")


@dataclass(frozen=True)
class Drawn:
    """`prompt` in the executed form; names of outputs and texts on show by node."""

    prompt: Mapping[str, Any] = field(default_factory=dict)
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)


class _Source(NamedTuple):
    """Where a link comes from."""

    node: Any
    slot: int


@dataclass
class _Scope:
    """One level of nodes: the workflow, or a subgraph in one place. `outer` is the instance and the level it stands in."""

    prefix: str
    nodes: dict[Any, dict[str, Any]]
    links: dict[Any, _Source]
    outer: tuple[_Scope, dict[str, Any]] | None = None
    definition: dict[str, Any] = field(default_factory=dict)
    depth: int = 0


def executable(workflow: Mapping[str, Any]) -> Drawn:
    """The workflow as it would be executed, as far as it says so by itself."""
    return _Reader(workflow).read()


class _Reader:
    def __init__(self, workflow: Mapping[str, Any]) -> None:
        self._top = _scope(workflow, "")
        self._subgraphs = _subgraphs(workflow)
        self._scopes: dict[str, _Scope] = {}
        self._room = 2 * MAX_NODES  # nodes and links in all levels together: one definition can have many instances
        self._set = {
            str(values[0]): node
            for node in self._top.nodes.values()
            if node.get("type") == "SetNode" and isinstance(values := node.get("widgets_values"), list) and values
        }

        self._sent = _sent(workflow, self._top)
        self._everywhere = {} if self._sent else self._broadcasts()

    def _broadcasts(self) -> dict[tuple[str, str | None], Any]:
        """Links that `cg-use-everywhere` gives to every open input of a type, by type and name of the input (None: any)."""
        found: dict[tuple[str, str | None], Any] = {}
        for node in self._top.nodes.values():
            if "Everywhere" not in node["type"] or node.get("mode") in (_MUTED, _BYPASSED):
                continue
            for place, port in enumerate(dicts(node.get("inputs"))):
                source = self._top.links.get(port.get("link")) if _hashable(port.get("link")) else None
                outputs = dicts(self._top.nodes.get(source.node, {}).get("outputs")) if source is not None else []
                if source is not None and 0 <= source.slot < len(outputs):
                    side = ("positive", "negative")[place] if node["type"] == "Prompts Everywhere" and place < 2 else None
                    found.setdefault((str(outputs[source.slot].get("type")), side), port["link"])
        return found

    def read(self) -> Drawn:
        prompt: dict[str, Any] = {}
        ports: dict[str, tuple[str, ...]] = {}
        shown: dict[str, str] = {}
        for scope, node in self._all(self._top):
            key = f"{scope.prefix}{node['id']}"
            kind = node["type"]
            ports[key] = tuple(str(port.get("name") or "") for port in dicts(node.get("outputs")))
            texts = [text for value in _flat(node.get("widgets_values")) if isinstance(text := value, str) and text]
            if texts:
                shown[key] = texts[0]
            if (
                node.get("mode") in (_MUTED, _BYPASSED)
                or kind in _NOTES
                or kind in ("Reroute", "PrimitiveNode", "SetNode", "GetNode")
            ):
                continue
            prompt[key] = {"class_type": kind, "inputs": self._inputs(scope, node)}
        return Drawn(prompt, ports, shown)

    def _all(self, scope: _Scope) -> Iterator[tuple[_Scope, dict[str, Any]]]:
        waiting = [scope]
        count = 0
        while waiting:
            current = waiting.pop()
            for node in current.nodes.values():
                count += 1
                if count > MAX_NODES:
                    return
                inner = self._inside(current, node)
                if inner is None:
                    yield current, node
                elif node.get("mode") not in (_MUTED, _BYPASSED):
                    waiting.append(inner)

    def _inside(self, scope: _Scope, node: dict[str, Any]) -> _Scope | None:
        """The level inside an instance of a subgraph or a group node; None for any other node."""
        definition = self._subgraphs.get(str(node.get("type")))
        if definition is None or scope.depth >= MAX_NESTING:
            return None
        prefix = f"{scope.prefix}{node['id']}:"
        if prefix not in self._scopes:
            graph = definition.get("group", definition)
            self._room -= 1 + sum(len(graph[name]) for name in ("nodes", "links") if isinstance(graph.get(name), list))
            if self._room < 0:
                return None
            if "group" in definition:
                definition = placed(definition["group"], node)
            inner = _scope(definition, prefix)
            inner.outer, inner.definition, inner.depth = (scope, node), definition, scope.depth + 1
            self._scopes[prefix] = inner
        return self._scopes[prefix]

    def _inputs(self, scope: _Scope, node: dict[str, Any]) -> dict[str, Any]:
        """The inputs of a node: its widgets by name, then what is connected, which counts more."""
        inputs: dict[str, Any] = dict(widgets_of(node))
        if scope.outer is not None:
            shown = promoted(scope.outer[1])
            inputs |= {name: value for (inner, name), value in shown.items() if inner == str(node["id"]) and fits(name, value)}
        for place, port in enumerate(dicts(node.get("inputs"))):
            link = port.get("link")
            if link is None and scope is self._top:
                link = self._sent.get((str(node["id"]), place))
            if link is None and not port.get("widget") and scope is self._top:
                of, name = str(port.get("type")), str(port.get("name"))
                link = self._everywhere.get((of, name), self._everywhere.get((of, None)))
            if link is not None and isinstance(port.get("name"), str):
                found = self._origin(scope, link) if _hashable(link) else None
                if found is None:
                    if not port.get("widget"):
                        inputs.pop(port["name"], None)
                else:
                    inputs[port["name"]] = found
        return inputs

    def _origin(self, scope: _Scope, link: Any) -> Any:
        """What a link brings: `[id, slot]` of a node that runs, a literal of a primitive, or None."""
        for _ in range(MAX_HOPS):
            source = scope.links.get(link)
            if source is None:
                return None
            if source.node == INSIDE and scope.outer is not None:
                port_name = _named_at(scope.definition, "inputs", source.slot)
                scope, node = scope.outer
                port = _port(node, port_name, source.slot)
                if port is None or port.get("link") is None:
                    shown = promoted(node).get(("-1", str(port_name)))
                    return shown if shown is not None else _instance_value(node, port)
                link = port["link"]
                continue
            node = scope.nodes.get(source.node, {})
            inner = self._inside(scope, node) if node else None
            if inner is not None and node.get("mode") not in (_MUTED, _BYPASSED):
                scope, link = inner, _result(inner, source.slot)
                continue
            kind, values = node.get("type"), node.get("widgets_values")
            if not node or node.get("mode") == _MUTED:
                return None
            if kind == "PrimitiveNode":
                return values[0] if isinstance(values, list) and values else None
            if kind == "GetNode":
                node = self._set.get(str(values[0]) if isinstance(values, list) and values else "", {})
                scope = self._top
            elif kind not in ("Reroute", "SetNode") and node.get("mode") != _BYPASSED:
                return [f"{scope.prefix}{source.node}", source.slot]
            link = _handed_on(node, source.slot)
            if link is None:
                return None
        return None


def _scope(graph: Mapping[str, Any], prefix: str) -> _Scope:
    nodes = {
        node["id"]: node
        for node in dicts(graph.get("nodes"))
        if _hashable(node.get("id")) and isinstance(node.get("type"), str)
    }
    links: dict[Any, _Source] = {}
    for link in graph.get("links") or () if isinstance(graph.get("links"), list) else ():
        if isinstance(link, list) and len(link) >= 5:
            key, node, slot = link[0], link[1], link[2]
        elif isinstance(link, dict):
            key, node, slot = link.get("id"), link.get("origin_id"), link.get("origin_slot")
        else:
            continue
        if _hashable(key) and _hashable(node) and isinstance(slot, int):
            links[key] = _Source(node, slot)
    return _Scope(prefix, nodes, links)


def _sent(workflow: Mapping[str, Any], top: _Scope) -> dict[tuple[str, int], str]:
    """The links that newer versions of `cg-use-everywhere` write down: by the id of a node and the place of its input."""
    extra = workflow.get("extra")
    ids = {str(key): key for key in top.nodes}
    found: dict[tuple[str, int], str] = {}
    for number, link in enumerate(dicts(extra.get("ue_links") if isinstance(extra, dict) else None)):
        source, slot, place = ids.get(str(link.get("upstream"))), link.get("upstream_slot"), link.get("downstream_slot")
        if source is not None and isinstance(slot, int) and isinstance(place, int):
            key = f"sent {number}"
            top.links[key] = _Source(source, slot)
            found.setdefault((str(link.get("downstream")), place), key)
    return found


def _subgraphs(workflow: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Definitions by the type that their instances have: subgraphs by id, group nodes by `workflow>NAME`."""
    definitions = workflow.get("definitions")
    found = {
        str(entry.get("id")): entry for entry in dicts(definitions.get("subgraphs") if isinstance(definitions, dict) else None)
    }
    extra = workflow.get("extra")
    groups = extra.get("groupNodes") if isinstance(extra, dict) else None
    for name, group in groups.items() if isinstance(groups, dict) else ():
        if isinstance(group, dict):
            found[f"workflow>{name}"] = found[f"workflow/{name}"] = {"group": group}
    return found


def _handed_on(node: Mapping[str, Any], slot: int) -> Any:
    """The link of the input that a reroute or a bypassed node gives out at an output: the one of the same type."""
    ports, outputs = dicts(node.get("inputs")), dicts(node.get("outputs"))
    wanted = outputs[slot].get("type") if 0 <= slot < len(outputs) and node.get("mode") == _BYPASSED else None
    if wanted is None:
        return ports[0].get("link") if ports else None
    same = [port for port in ports if port.get("type") == wanted]
    if 0 <= slot < len(ports) and ports[slot] in same:
        return ports[slot].get("link")
    return same[0].get("link") if same else None


def _named_at(definition: Mapping[str, Any], side: str, slot: int) -> str | None:
    entries = dicts(definition.get(side))
    return str(entries[slot].get("name")) if 0 <= slot < len(entries) else None


def _port(node: Mapping[str, Any], name: str | None, slot: int) -> dict[str, Any] | None:
    """The input of an instance that stands for an input of its subgraph."""
    ports = dicts(node.get("inputs"))
    return next((port for port in ports if port.get("name") == name), ports[slot] if 0 <= slot < len(ports) else None)


def _instance_value(node: Mapping[str, Any], port: Mapping[str, Any] | None) -> Any:
    """The value of a widget that a subgraph shows on its instance."""
    values = node.get("widgets_values")
    named = [entry for entry in dicts(node.get("inputs")) if entry.get("widget")]
    if port is None or port not in named or not isinstance(values, list) or len(values) != len(named):
        return None
    return values[named.index(dict(port))]


def _result(inner: _Scope, slot: int) -> Any:
    """The link inside a subgraph that leads to one of its outputs."""
    outputs = dicts(inner.definition.get("outputs"))
    if 0 <= slot < len(outputs) and isinstance(ids := outputs[slot].get("linkIds"), list) and ids and _hashable(ids[0]):
        return ids[0]
    return None


def _flat(value: Any) -> Iterator[Any]:
    for entry in value if isinstance(value, list) else ():
        yield from entry if isinstance(entry, list) else (entry,)


def _hashable(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= LONGEST_ID)
