"""Scripts that are hung on a sampler: second passes, another source of noise, grids of pictures.

A grid makes many pictures with one graph, and all of them carry the same graph: what its axes vary is not in the file.
Sources: Efficiency (`XY Plot` and `XY Input: …`), Easy-Use (`easy XYPlot`, `easy XYInputs: …`), TinyTerra (`adv_xyPlot`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from seedbank.formats.comfyui.graph import Node
from seedbank.formats.comfyui.roles import is_pipe
from seedbank.formats.comfyui.scalars import as_integer, as_number
from seedbank.formats.comfyui.values import Values

_MOST = 10
"""Scripts, or nodes of a pipe, behind one sampler."""
_GRID = re.compile(r"xy ?plot", re.I)
_AXES = ("X", "Y", "XY_1", "XY_2", "XY_3", "XY_4", "XY_5")
_WRITTEN = re.compile(r"\[([^\[\]:]{1,40}):(\w{1,40})=")
"""What TinyTerra's axes write: `<1:label> [node:widget='value']`."""
_VARIES: tuple[tuple[str, str], ...] = (
    (r"seed", "seed"),
    (r"refiner|ascore|aesthetic|control|noise", ""),
    (r"steps$", "steps"),
    (r"cfg|guidance", "guidance_scale"),
    (r"^(?!scheduler).*sampler", "sampler"),
    (r"scheduler", "schedule"),
    (r"denoise", "denoise"),
    (r"negative", "negative_prompt"),
    (r"prompt|positive", "prompt"),
    (r"checkpoint|ckpt|model", "model"),
    (r"lora", "loras"),
    (r"vae", "vae"),
    (r"clip.?skip", "clip_skip"),
)
"""What a word of an axis says that it varies; the first that is known counts, but a sampler can come with its schedule."""


def scripts_of(values: Values, node: Node) -> list[Node]:
    """The scripts of the Efficiency pack that are hung on a sampler, one behind the other."""
    found: list[Node] = []
    while len(found) < _MOST and (end := values.router.follow(node.link("script"), "script")) is not None:
        node = values.graph[end[0]]
        found.append(node)
    return found


def second_pass(values: Values, node: Node) -> dict[str, object]:
    """A second pass that a script adds to a sampler."""
    for script in scripts_of(values, node):
        if "hires_steps" in script:
            kind = script.inputs.get("upscale_type")
            said = {
                "node": script.kind,
                "scale": as_number(script.inputs.get("upscale_by")),
                "steps": as_integer(script.inputs.get("hires_steps")),
                "denoise": values.number(script, "denoise"),
                "upscaler": script.inputs.get("pixel_upscaler" if kind == "pixel" else "latent_upscaler"),
            }
            return {name: value for name, value in said.items() if value is not None}
    return {}


def varied(values: Values, sampler: Node) -> dict[str, Any]:
    """{field: what its axis says} of all that a grid varies; `node` is the class of the grid. Empty without a grid."""
    said: dict[str, Any] = {}
    for grid in _behind(values, sampler):
        axes = [axis for axis in _axes(values, grid) if _counts(axis)]
        for axis in axes:
            given = {name: value for name, value in axis.inputs.items() if isinstance(value, (str, int, float))}
            for field in _fields(axis):
                said[field] = given
        for text in (grid.inputs.get(name) for name in ("x_plot", "y_plot", "z_plot")):
            for node, widget in _WRITTEN.findall(text) if isinstance(text, str) else ():
                at = values.graph.nodes.get(node)
                if at is sampler or at is None or "sampl" not in at.kind.lower():
                    said |= dict.fromkeys(_said_by(widget), widget)
        if said:
            return {"node": grid.kind, **said}
    return {}


def _behind(values: Values, sampler: Node) -> Iterator[Node]:
    """The grids behind a sampler: its script, or a node that its pipe came through."""
    waiting, seen = [sampler], {sampler.id}
    while waiting and len(seen) < _MOST:
        node = waiting.pop(0)
        if node is not sampler and _GRID.search(node.kind):
            yield node
        for name, link in node.wires.items():
            if (name == "script" or "xyplot" in name.lower() or is_pipe(name)) and link.node not in seen:
                seen.add(link.node)
                waiting += [values.graph[link]] if link.node in values.graph.nodes else []


def _axes(values: Values, grid: Node) -> Iterator[Node]:
    waiting = [grid]
    for _ in range(_MOST):
        if not waiting:
            return
        node = waiting.pop(0)
        ends = [values.router.follow(node.link(name), name) for name in _AXES if name in node.wires]
        found = [values.graph[end[0]] for end in ends if end is not None]
        yield from (axis for axis in found if not any(name in axis.wires for name in _AXES))
        waiting += [axis for axis in found if any(name in axis.wires for name in _AXES)]


def _counts(axis: Node) -> bool:
    """Whether an axis has values: one whose count is 0 is `Nothing`, unless it takes the files of a folder."""
    counts = [value for name, value in axis.inputs.items() if name.endswith("_count")]
    return not counts or any(counts) or str(axis.inputs.get("input_mode", "")).endswith("Batch")


def _fields(axis: Node) -> tuple[str, ...]:
    """What an axis varies, by its own choice, else by its name behind `XY Input: `."""
    for name in ("target_parameter", "plot_type", "target_prompt"):
        chosen = axis.inputs.get(name)
        if isinstance(chosen, str) and chosen not in ("", "Nothing"):
            return _said_by(chosen)
    return _said_by(axis.kind.rpartition(":")[2].strip())


def _said_by(words: str) -> tuple[str, ...]:
    found = [field for pattern, field in _VARIES if re.search(pattern, words.lower())]
    if found[:2] == ["sampler", "schedule"]:
        return "sampler", "schedule"
    return tuple(field for field in found[:1] if field)


def without_varied(
    values: Values, said: dict[str, Any], extras: Mapping[str, Any], grid: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Takes what a grid varies out of the fields and gives the extras with the grid in them."""
    for field in grid:
        said.pop(field, None)
    named = ", ".join(field.replace("_", " ") for field in grid if field != "node")
    values.remarks.append(f"The node {grid['node']} varies {named}; which values made this picture is not in the file.")
    return {name: value for name, value in extras.items() if name not in grid} | {"script": dict(grid)}
