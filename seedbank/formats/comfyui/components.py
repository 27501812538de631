"""Components of the pack ComfyUI-Workflow-Component: whole graphs that stand as one node, `## NAME [digest]`, taken apart.

The workflow beside the executed graph has each of them under `components`, with its own executed form as `output`. Its inputs
are nodes `ComponentInput` without a class there, its outputs the `ComponentOutput`s in the order of their titles.
Source: ltdrdata/ComfyUI-Workflow-Component, `component_loader.py`, `workflow_execution.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seedbank.formats.comfyui.graph import Link, as_link
from seedbank.formats.comfyui.groups import dicts

MAX_NODES = 20_000
"""Nodes that all components of a graph may make together."""
MAX_COMPONENTS = 1_000
"""So many are taken apart: one can hold itself."""
_MARK = "## "
_INPUTS = ("ComponentInput", "ComponentInputOptional")


def taken_apart(prompt: Mapping[str, Any], workflow: Callable[[], Mapping[str, Any] | None]) -> Mapping[str, Any]:
    """The prompt with the nodes of its components, called `12:3`; `workflow` is asked for where there are components."""
    waiting = [key for key, node in prompt.items() if _is_component(node)]
    flow = workflow() if waiting else None
    components = flow.get("components") if flow is not None else None
    if not isinstance(components, dict):
        return prompt
    said = dict(prompt)
    given: dict[Link, Any] = {}
    for _ in range(MAX_COMPONENTS):
        if not waiting or len(said) > MAX_NODES:
            break
        key = waiting.pop()
        component = components.get(said[key]["class_type"])
        if isinstance(component, dict) and isinstance(component.get("output"), dict):
            inner, outputs = _inside(key, said.pop(key), component)
            said |= inner
            given |= {Link(key, slot): value for slot, value in enumerate(outputs)}
            waiting += [name for name, node in inner.items() if _is_component(node)]
    return {key: _connected(node, given) for key, node in said.items()}


def _is_component(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and node["class_type"].startswith(_MARK)


def _inside(key: str, node: Mapping[str, Any], component: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """(the nodes of a component, what its outputs bring), with what the node of the component is given."""
    inputs, outputs = node.get("inputs"), []
    drawn = sorted(dicts(component.get("nodes")), key=lambda one: str(one.get("title") or ""))
    names = {str(one.get("id")): _name(one) for one in drawn if one.get("type") in _INPUTS}

    def placed(value: Any) -> Any:
        link = as_link(value)
        if link is None:
            return value
        if link.node in names:
            return inputs.get(names[link.node]) if isinstance(inputs, dict) else None
        return [f"{key}:{link.node}", link.slot]

    inner = {
        f"{key}:{name}": {**one, "inputs": {port: placed(value) for port, value in one["inputs"].items()}}
        for name, one in component["output"].items()
        if isinstance(one, dict) and "class_type" in one and isinstance(one.get("inputs"), dict)
    }
    for one in drawn:
        ends = component["output"].get(str(one.get("id"))) if one.get("type") == "ComponentOutput" else None
        if isinstance(ends, dict) and isinstance(ends.get("inputs"), dict) and ends["inputs"]:
            outputs.append(placed(next(iter(ends["inputs"].values()))))
    return inner, outputs


def _name(node: Mapping[str, Any]) -> str:
    """The input of the component that this node of it stands for."""
    port = next(iter(dicts(node.get("outputs"))), {})
    return str(port.get("label") or port.get("name"))


def _connected(node: Any, given: Mapping[Link, Any]) -> Any:
    """The node with what components bring in the place of links to them."""
    if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
        return node
    inputs = {}
    for name, value in node["inputs"].items():
        for _ in range(len(given)):
            link = as_link(value)
            if link is None or link not in given:
                break
            value = given[link]
        inputs[name] = value
    return {**node, "inputs": inputs}
