"""InvokeAI's node graph and its editor's workflow: the fields of the node that denoises, followed back over the edges.

A workflow holds the values of the fields as they stood in the editor, so what is read of it is less sure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from seedbank.formats.invokeai.metadata import named, of_metadata
from seedbank.formats.reading import GUESSED, LIKELY, Foreign, Lora
from seedbank.formats.values import count_of, first, foreign, loras_of, name_of, number_of, seed_of, text_of

MOST_STEPS = 1000
"""Nodes that one search walks through."""
MOST_SAMPLERS = 16
"""Nodes that denoise among which the first is looked for."""
EARLIER = {"t2l", "l2l", "t2l_sdxl", "l2l_sdxl", "inpaint"}
"""Nodes that denoise, as 3.0 named them."""
PROMPTS = ("prompt", "value", "text", "string", "string_left")


@dataclass(frozen=True)
class Graph:
    """nodes {id: (type, {field: value})}, links {(id, field): id of the node that gives it}."""

    nodes: Mapping[str, tuple[str, Mapping[str, Any]]]
    links: Mapping[tuple[str, str], tuple[str, ...]]

    def behind(self, node: str, *fields: str) -> list[str]:
        """The nodes behind the fields, nearest first, each once."""
        waiting = [source for name in fields for source in self.links.get((node, name), ())]
        seen: dict[str, None] = {}
        while waiting and len(seen) < MOST_STEPS:
            current = waiting.pop(0)
            if current not in seen and current in self.nodes:
                seen[current] = None
                waiting += [source for name in self.nodes[current][1] for source in self.links.get((current, name), ())]
        return list(seen)

    def value(self, node: str, *names: str) -> Any:
        """The value of the first of the fields that has one, here or in a node that is linked to it.

        A linked field's own value is a leftover of the editor and counts for nothing.
        """
        for name in names:
            linked = self.behind(node, name)
            for source in linked:
                found = first(self.nodes[source][1], "value", "seed", "a", name)
                if found is not None and not isinstance(found, (dict, list)):
                    return found
            own = self.nodes[node][1].get(name)
            if own is not None and not linked:
                return own
        return None


def of_graph(values: Mapping[str, Any]) -> Foreign | None:
    """The graph that was run: nodes by id, edges with `source` and `destination`."""
    nodes = values.get("nodes")
    if not isinstance(nodes, dict):
        return None
    fields = {key: (str(node.get("type")), dict(node)) for key, node in nodes.items() if isinstance(node, dict)}
    links: dict[tuple[str, str], tuple[str, ...]] = {}
    for edge in _list(values.get("edges")):
        source, target = _dict(edge).get("source"), _dict(edge).get("destination")
        if isinstance(source, dict) and isinstance(target, dict):
            _link(fields, links, source.get("node_id"), target.get("node_id"), target.get("field"))
    graph = Graph(fields, links)
    walked, said = _recipe(graph, LIKELY), _said(graph)
    return walked if said is None else said if walked is None else _filled(said, walked)


def _said(graph: Graph) -> Foreign | None:
    """The metadata that the graph was told to write: a node of its own, into which seed and prompts are linked."""
    node = next((key for key, (kind, _) in graph.nodes.items() if kind == "core_metadata"), None)
    return None if node is None else of_metadata({name: graph.value(node, name) for name in graph.nodes[node][1]})


def _filled(said: Foreign, walked: Foreign) -> Foreign:
    """The one with the fields of the other where it has none."""
    more = {name: getattr(walked, name) for name in walked.confidence if name not in said.confidence}
    confidence = {**{name: walked.confidence[name] for name in more}, **dict.fromkeys(said.confidence, LIKELY)}
    return replace(said, **more, extras={**walked.extras, **said.extras}, confidence=confidence)


def of_workflow(values: Mapping[str, Any]) -> Foreign | None:
    """The editor's workflow: a list of nodes whose inputs have values, edges with handles."""
    fields: dict[str, tuple[str, dict[str, Any]]] = {}
    for node in _list(values.get("nodes")):
        data = _dict(_dict(node).get("data"))
        inputs = {name: _dict(item).get("value") for name, item in _dict(data.get("inputs")).items()}
        if isinstance(key := _dict(node).get("id"), str):
            fields[key] = (str(data.get("type")), inputs)
    links: dict[tuple[str, str], tuple[str, ...]] = {}
    for edge in _list(values.get("edges")):
        edge = _dict(edge)
        _link(fields, links, edge.get("source"), edge.get("target"), edge.get("targetHandle"))
    return _recipe(Graph(fields, links), GUESSED)


def _link(
    nodes: Mapping[str, tuple[str, dict[str, Any]]],
    links: dict[tuple[str, str], tuple[str, ...]],
    source: Any,
    to: Any,
    at: Any,
) -> None:
    if isinstance(source, str) and isinstance(to, str) and isinstance(at, str) and source in nodes and to in nodes:
        links[(to, at)] = (*links.get((to, at), ()), source)
        nodes[to][1].setdefault(at, None)


def _recipe(graph: Graph, confidence: float) -> Foreign | None:
    sampler = _first_sampler(graph)
    if sampler is None:
        return None
    around = graph.behind(sampler, *graph.nodes[sampler][1])
    noise = next((key for key in around if graph.nodes[key][0] == "noise"), sampler)
    models = [named(graph.nodes[key][1].get("model")) for key in around if "model_loader" in graph.nodes[key][0]]
    recipe = foreign(
        prompt=_prompt(graph, sampler, "positive_conditioning", "positive_text_conditioning"),
        negative_prompt=_prompt(graph, sampler, "negative_conditioning", "negative_text_conditioning"),
        seed=seed_of(graph.value(noise, "seed")),
        steps=count_of(graph.value(sampler, "steps", "num_steps")),
        guidance_scale=number_of(graph.value(sampler, "cfg_scale", "guidance_scale", "guidance")),
        sampler=name_of(graph.value(sampler, "scheduler")),
        width=count_of(graph.value(noise, "width")),
        height=count_of(graph.value(noise, "height")),
        model=next((model for model in models if model is not None), None),
        loras=loras_of(_lora(graph.nodes[key][1]) for key in reversed(around) if "lora" in graph.nodes[key][0]),
        extras={
            "denoise": 1 - start if (start := number_of(graph.value(sampler, "denoising_start"))) else None,
            "distilled_guidance": number_of(graph.nodes[sampler][1].get("guidance")),
        },
        confidence=confidence,
    )
    return recipe if recipe.confidence else None


def _first_sampler(graph: Graph) -> str | None:
    """The node that denoises first: a refiner or a second pass has another one behind its latents."""
    samplers = [key for key, (kind, _) in graph.nodes.items() if "denoise" in kind or kind in EARLIER][:MOST_SAMPLERS]
    others = (key for key in samplers if not set(samplers) & set(graph.behind(key, "latents", "init_latents")) - {key})
    return next(others, samplers[0] if samplers else None)


def _prompt(graph: Graph, sampler: str, *fields: str) -> str | None:
    """The text of the nearest node behind the conditioning; a text that is linked to it comes before its own."""
    for key in graph.behind(sampler, *fields):
        if not any(name in graph.nodes[key][1] for name in PROMPTS):
            continue
        for source in [*graph.behind(key, *PROMPTS), key]:
            text = text_of(first(graph.nodes[source][1], *PROMPTS))
            if text is not None:
                return text
    return None


def _lora(fields: Mapping[str, Any]) -> Lora | None:
    model = named(fields.get("lora"))
    return Lora(model.name, number_of(fields.get("weight")), model.hash) if model is not None and model.name else None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
