"""What a ComfyUI graph says of the picture that it is stored in.

The sampler that made the picture is found by walking back from the node that saved it; the first sampler on that way is
the base whose values are given, later passes stand in the extras. The noise is drawn on the CPU there, one generator for
a whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from seedbank.formats.comfyui import conditioning, models
from seedbank.formats.comfyui.civitai import completed
from seedbank.formats.comfyui.components import taken_apart
from seedbank.formats.comfyui.conditioning import Conditioning, collect
from seedbank.formats.comfyui.extras import extras_of
from seedbank.formats.comfyui.graph import Graph
from seedbank.formats.comfyui.latents import start_of
from seedbank.formats.comfyui.models import weights
from seedbank.formats.comfyui.payloads import Found, find
from seedbank.formats.comfyui.picture import Trail, trails
from seedbank.formats.comfyui.routing import is_sampler
from seedbank.formats.comfyui.sampling import Pass, read_pass, with_noise_of
from seedbank.formats.comfyui.scripts import varied, without_varied
from seedbank.formats.comfyui.searge import plain
from seedbank.formats.comfyui.values import Values
from seedbank.formats.comfyui.workflow import Drawn, executable
from seedbank.formats.reading import CERTAIN, GUESSED, LIKELY, Foreign, ModelName, Payload, Reading

TOOL = "comfyui"


def read(payloads: Sequence[Payload]) -> Reading | None:
    """The reading of the payloads that are ComfyUI's, or None where there are none; raises FormatError."""
    found = find(payloads)
    if found is None:
        return None
    beside = _Beside(found)
    if found.prompt is not None:
        values = Values(Graph.parse(_plain(found, found.prompt), beside.ports), beside.shown)
        recipe = completed(_recipe(values, CERTAIN), found.prompt)
        return Reading(TOOL, recipe, found.place, tuple(values.remarks))
    values = Values(Graph.parse(_plain(found, beside.drawn.prompt), beside.ports), beside.shown)
    recipe = _recipe(values, GUESSED)
    remarks = ["The file holds the graph of the front end only, as it was drawn; what was executed is not in it."]
    if found.problem is not None:
        remarks.append(found.problem)
    return Reading(TOOL, recipe, found.place, (*remarks, *values.remarks))


def _plain(found: Found, prompt: Mapping[str, Any]) -> Mapping[str, Any]:
    """The prompt in nodes that each do one thing."""
    return plain(taken_apart(prompt, lambda: found.workflow))


class _Beside:
    """The workflow in the file, taken apart when it is first asked for."""

    def __init__(self, found: Found) -> None:
        self._found = found

    @cached_property
    def drawn(self) -> Drawn:
        workflow = self._found.workflow
        return executable(workflow) if workflow is not None else Drawn()

    def ports(self, node: str) -> tuple[str, ...]:
        return self.drawn.ports.get(node, ())

    def shown(self, node: str) -> str | None:
        return self.drawn.shown.get(node)


def _recipe(values: Values, most: float) -> Foreign:
    """The recipe of the graph; `most` bounds the confidence of every field."""
    trail, sure = _chosen(values)
    if trail is None:
        return Foreign()
    passes = [read_pass(values, node) for node in trail.samplers]
    base = passes[-1] = with_noise_of(values, passes[-1], trail.below)
    positive, negative = (_conditioned(values, passes, role) for role in ("positive", "negative"))
    if base.cfg is None and positive.guidance is None:
        positive.guidance = values.number(base.node, "guidance")
    model = weights(values, base.model) if base.model is not None else models.own(values, base.node)
    start = start_of(values, base.node, trail.below)
    extras = extras_of(values, trail, passes, model, positive, negative, start)
    fields: dict[str, tuple[Any, float]] = {
        "prompt": (positive.text, positive.sure),
        "negative_prompt": (negative.text, negative.sure),
        "seed": (base.seed, base.seed_sure),
        "steps": (base.steps, base.sure),
        "guidance_scale": (base.cfg, base.sure) if base.cfg is not None else (positive.guidance, LIKELY),
        "sampler": (base.sampler, base.sure),
        "schedule": (base.scheduler, base.sure),
        "width": (start.width, CERTAIN if start.mode == "txt2img" else LIKELY),
        "height": (start.height, CERTAIN if start.mode == "txt2img" else LIKELY),
        "model": (ModelName(model.name) if model.name else None, model.sure),
        "loras": (tuple(model.loras), model.sure),
    }
    said = {name: value for name, (value, _) in fields.items() if value is not None}
    if grid := varied(values, base.node):
        extras = without_varied(values, said, extras, grid)
    confidence = {name: min(level, sure, most) for name, (value, level) in fields.items() if said.get(name, ()) != ()}
    if values.router.cut:
        values.remarks.append("The graph is too large; some of its links were not followed to their ends.")
    if model.merged:
        values.remarks.append("The model is merged from several; the file's first one is named.")
    return Foreign(**said, extras=extras, confidence=confidence)


def _conditioned(values: Values, passes: Sequence[Pass], role: str) -> Conditioning:
    """What the base sampler was conditioned on; of one that only turns a picture into noise, what the next one was."""
    base = passes[-1]
    found: Conditioning | None = None
    for taken in reversed(passes):
        link = taken.positive if role == "positive" else taken.negative
        said = collect(values, link, role) if link is not None else conditioning.own(values, taken.node, role)
        found = found or said
        if link is not None or said.texts:
            if taken is not base:
                said.sure = min(said.sure, LIKELY)
            return said
        if base.positive is not None or base.negative is not None:
            break
    return found or Conditioning()


def _chosen(values: Values) -> tuple[Trail | None, float]:
    """The way of this picture and how sure that is, when the graph saves several."""
    ways = [way for way in trails(values) if way.samplers]
    if not ways:
        return _alone(values)
    best = ways[0]
    if best.dead:
        values.remarks.append(
            "The node that saves lacks an input or is fed by one that does; the graph was read as if it had run."
        )
        return best, LIKELY
    rivals = {
        way.samplers[-1].id
        for way in ways
        if not way.dead and ("save" in way.saver.kind.lower()) == ("save" in best.saver.kind.lower())
    }
    if len(rivals) > 1:
        values.remarks.append(
            f"The graph saves pictures of {len(rivals)} samplers; the values are those of node {best.samplers[-1].id}."
        )
        return best, LIKELY
    return best, best.sure


def _alone(values: Values) -> tuple[Trail | None, float]:
    """Without a way from a saving node: the only sampler of the graph, if there is one."""
    samplers = [node for node in values.graph.nodes.values() if is_sampler(node)]
    if len(samplers) == 1:
        values.remarks.append("No node of the graph saves a picture; the values are those of its only sampler.")
        return Trail(samplers[0], [samplers[0]], [samplers[0]]), GUESSED
    if samplers:
        values.remarks.append(f"No node of the graph saves a picture, and it has {len(samplers)} samplers; none was chosen.")
    else:
        values.remarks.append("The graph has no sampler that a picture could come from.")
    return None, GUESSED
