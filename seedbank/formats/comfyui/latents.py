"""What the base sampler began with: the size of an empty latent, or a picture of which it starts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seedbank.formats.comfyui.graph import Node
from seedbank.formats.comfyui.roles import RESIZES, has, is_picture
from seedbank.formats.comfyui.scalars import as_integer
from seedbank.formats.comfyui.values import Values

MAX_SIDE = 100_000

_LOADS = re.compile(r"load.*(image|video|img)|image.*(load|input)|^image url|base64", re.I)
_MASKS = re.compile(r"inpaint|SetLatentNoiseMask", re.I)


@dataclass(frozen=True)
class Start:
    """`inputs` are the names of the pictures that were loaded; sizes are None where the graph does not say them."""

    width: int | None = None
    height: int | None = None
    batch_size: int | None = None
    batch_index: int | None = None
    mode: str | None = None
    inputs: tuple[str, ...] = ()


def start_of(values: Values, sampler: Node, below: Sequence[Node]) -> Start:
    """What lies behind the base sampler, its nearest node first."""
    size: tuple[int | None, int | None] | None = None
    batch = index = None
    loaded: list[str] = []
    masked = known = False
    for node in [*below] or [sampler]:
        known = known or (any(RESIZES.search(name) for name in node.inputs) and any(map(is_picture, node.wires)))
        if size is None and not known:
            size = size_of(values, node)
        if (batch is None and not any(name in node for name in ("samples", "pixels"))) or node.kind == "RepeatLatentBatch":
            batch = values.integer(node, "batch") or batch
        if node.kind == "LatentFromBatch":
            index = as_integer(values.resolve(node.inputs.get("batch_index"), "number"))
        masked = masked or bool(_MASKS.search(node.kind))
        if _LOADS.search(node.kind):
            loaded += [
                value
                for value in (node.inputs.get("image"), node.inputs.get("video"), node.inputs.get("url"))
                if isinstance(value, str)
            ]
    mode = None
    if below:
        last = below[-1]
        if _LOADS.search(last.kind) or loaded:
            mode = "inpaint" if masked else "img2img"
        elif size is not None:
            mode = "txt2img"
    width, height = size or (None, None)
    return Start(width, height, batch, index, mode, tuple(loaded))


def size_of(values: Values, node: Node) -> tuple[int | None, int | None] | None:
    """(width, height) that a node gives to its picture or latent; where it makes one anew, a side can be unknown."""
    setting = values.size_at(node)
    if setting is None and not has(node, "width"):
        return None
    width, height = values.integer(node, "width"), values.integer(node, "height")
    for side in ("width_override", "height_override"):
        override = as_integer(values.resolve(node.inputs.get(side), "number"))
        if override and side == "width_override":
            width = override
        elif override:
            height = override
    preset = str(node.inputs.get("aspect_ratio", node.inputs.get("resolution", ""))).lower()
    if setting is not None and "custom" not in preset and "width_override" not in node:
        return setting
    if setting is not None:
        width, height = width or setting[0], height or setting[1]
    width, height = (side if side and 0 < side <= MAX_SIDE else None for side in (width, height))
    changes = any(map(is_picture, node.wires))
    known = (width and height) if changes else (width or height)
    return (width, height) if known else None
