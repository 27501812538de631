"""Components of the pack ComfyUI-Workflow-Component: whole graphs that stand as one node, `## NAME [digest]`, taken apart.

The workflow beside the executed graph has each of them under `components`, with its own executed form as `output`. Its inputs
are nodes `ComponentInput` without a class there, its outputs the `ComponentOutput`s in the order of their titles.
Source: ltdrdata/ComfyUI-Workflow-Component, `component_loader.py`, `workflow_execution.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from seedbank.formats.comfyui.graph import LONGEST_ID, Link, as_link
from seedbank.formats.comfyui.groups import dicts

MAX_NODES = 20_000
"""Nodes that all components of a graph may make together."""
MAX_COMPONENTS = 1_000
"""So many are taken apart: one can hold itself."""
MAX_HANDED_ON = 40
"""Components that hand a link on to each other."""
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
    known: dict[str, _Component] = {}
    for _ in range(MAX_COMPONENTS):
        if not waiting or len(said) > MAX_NODES:
            break
        key = waiting.pop()
        kind = said[key]["class_type"]
        component = components.get(kind)
        if isinstance(component, dict) and isinstance(component.get("output"), dict) and len(key) <= LONGEST_ID:
            known[kind] = known[kind] if kind in known else _component(component)
            inner, outputs = _inside(key, said.pop(key), known[kind])
            said |= inner
            given |= {Link(key, slot): value for slot, value in enumerate(outputs)}
            waiting += [name for name, node in inner.items() if _is_component(node)]
    return {key: _connected(node, given) for key, node in said.items()}


def _is_component(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and node["class_type"].startswith(_MARK)


class _Component(NamedTuple):
    """`inputs` are {node that stands for an input: its name}, `outputs` what each output is connected to."""

    nodes: Mapping[str, Mapping[str, Any]]
    inputs: Mapping[str, str]
    outputs: tuple[Any, ...]


def _component(given: Mapping[str, Any]) -> _Component:
    drawn = sorted(dicts(given.get("nodes")), key=lambda one: str(one.get("title") or ""))
    nodes = {
        name: one for name, one in given["output"].items() if isinstance(one, dict) and isinstance(one.get("inputs"), dict)
    }
    ends = [nodes.get(str(one.get("id")), {}).get("inputs") for one in drawn if one.get("type") == "ComponentOutput"]
    return _Component(
        {name: one for name, one in nodes.items() if "class_type" in one and len(name) <= LONGEST_ID},
        {str(one.get("id")): _name(one) for one in drawn if one.get("type") in _INPUTS},
        tuple(next(iter(end.values())) for end in ends if end),
    )


def _inside(key: str, node: Mapping[str, Any], component: _Component) -> tuple[dict[str, Any], list[Any]]:
    """(the nodes of a component, what its outputs bring), with what the node of the component is given."""
    inputs = node.get("inputs")

    def placed(value: Any) -> Any:
        link = as_link(value)
        if link is None:
            return value
        if link.node in component.inputs:
            return inputs.get(component.inputs[link.node]) if isinstance(inputs, dict) else None
        return [f"{key}:{link.node}", link.slot] if link.node in component.nodes else None

    inner = {
        f"{key}:{name}": {**one, "inputs": {port: placed(value) for port, value in one["inputs"].items()}}
        for name, one in component.nodes.items()
    }
    return inner, [placed(value) for value in component.outputs]


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
        for _ in range(MAX_HANDED_ON):
            link = as_link(value)
            if link is None or link not in given:
                break
            value = given[link]
        inputs[name] = value
    return {**node, "inputs": inputs}
