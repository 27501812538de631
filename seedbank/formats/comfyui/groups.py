"""Group nodes of ComfyUI's front end: several nodes drawn as one, taken apart into the form that a subgraph has.

A group is defined once, its nodes numbered by their place, its links without ids. Each of its instances has values of its
own: those of all widgets of its nodes in their order. Its inputs are what no link of the group brings, its outputs what
none takes or the group names as `external`. Source: `groupNode.ts` of ComfyUI's front end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbank.formats.comfyui.widgets import AFTER_RUN

INSIDE = -10
"""The node that stands for the inputs of a subgraph in its links."""


def placed(group: Mapping[str, Any], instance: Mapping[str, Any]) -> dict[str, Any]:
    """The group as a subgraph whose widgets have the values of one instance."""
    nodes = [{**node, "id": place} for place, node in enumerate(dicts(group.get("nodes")))]
    _set_values(nodes, instance.get("widgets_values"))
    ends = [end for link in listed(group.get("links")) if (end := _ends(link, len(nodes))) is not None]
    links: list[dict[str, Any]] = []
    for source, slot, target, place in ends:
        links.append({"id": f"in group {len(links)}", "origin_id": source, "origin_slot": slot})
        _connect(nodes[target], place, links[-1])
    outer = [{"name": port.get("name")} for port in dicts(instance.get("inputs")) if not port.get("widget")]
    brought = {(target, place) for _, _, target, place in ends}
    opened = [
        (node, place)
        for node in nodes
        for place, port in enumerate(dicts(node.get("inputs")))
        if not port.get("widget") and (node["id"], place) not in brought
    ]
    if len(opened) == len(outer):
        for slot, (node, place) in enumerate(opened):
            links.append({"id": f"into group {slot}", "origin_id": INSIDE, "origin_slot": slot})
            _connect(node, place, links[-1])
    taken = {(source, slot) for source, slot, _, _ in ends} - _external(group)
    given = [(node["id"], slot) for node in nodes for slot, _ in enumerate(dicts(node.get("outputs")))]
    outputs: list[dict[str, Any]] = []
    for source, slot in given:
        if (source, slot) not in taken:
            links.append({"id": f"out of group {len(outputs)}", "origin_id": source, "origin_slot": slot})
            outputs.append({"linkIds": [links[-1]["id"]]})
    return {"nodes": nodes, "links": links, "inputs": outer, "outputs": outputs}


def _set_values(nodes: list[dict[str, Any]], values: Any) -> None:
    """Shares out the values of an instance; where they are others than those that the group has, they are not known."""
    if not isinstance(values, list) or not values:
        return
    own = [listed(node.get("widgets_values")) for node in nodes]
    fits = list(map(_sort, values)) == [_sort(value) for there in own for value in there]
    start = 0
    for node, there in zip(nodes, own, strict=True):
        node["widgets_values"] = values[start : start + len(there)] if fits else None
        start += len(there)


def _sort(value: Any) -> str:
    """What can stand for what in a list of widgets: the word behind a seed for another, a number for a number."""
    if isinstance(value, str) and value in AFTER_RUN:
        return "after run"
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def _ends(link: Any, count: int) -> tuple[int, int, int, int] | None:
    """(node, output, node, input) of a link within the group."""
    ends = tuple(link[:4]) if isinstance(link, list) and len(link) >= 4 else ()
    if len(ends) != 4 or not all(isinstance(end, int) for end in ends) or not (0 <= ends[0] < count and 0 <= ends[2] < count):
        return None
    return ends


def _connect(node: dict[str, Any], place: int, link: Mapping[str, Any]) -> None:
    ports = [dict(port) for port in dicts(node.get("inputs"))]
    if 0 <= place < len(ports):
        ports[place]["link"] = link["id"]
        node["inputs"] = ports


def _external(group: Mapping[str, Any]) -> set[tuple[Any, Any]]:
    """The outputs that are taken within the group and given out as well; older groups name them by the node itself."""
    found = set()
    for entry in listed(group.get("external")):
        if isinstance(entry, list) and len(entry) >= 2:
            node = entry[0].get("index") if isinstance(entry[0], dict) else entry[0]
            if isinstance(node, int) and isinstance(entry[1], int):
                found.add((node, entry[1]))
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [entry for entry in listed(value) if isinstance(entry, dict)]
