"""What the base sampler began with: the size of an empty latent, or a picture of which it starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seedbank.formats.comfyui.conditioning import LOADS
from seedbank.formats.comfyui.graph import Node
from seedbank.formats.comfyui.roles import RESIZES, has, is_picture
from seedbank.formats.comfyui.scalars import as_integer, as_number, size_for
from seedbank.formats.comfyui.values import Values

MAX_SIDE = 100_000
MAX_SCALE = 1_000

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
    masked = lost = False
    scaled: list[Callable[[int, int], tuple[int, int]]] = []
    for node in [*below] or [sampler]:
        if size is None and not lost:
            scale = scale_of(values, node)
            resizes = any(RESIZES.search(name) for name in node.inputs) and any(map(is_picture, node.wires))
            if scale is not None:
                scaled.append(scale)
            elif resizes:
                lost = True
            if scale in (None, _cropped) and not lost:
                size = _scaled(size_of(values, node), scaled)
        if (batch is None and not any(name in node for name in ("samples", "pixels"))) or node.kind == "RepeatLatentBatch":
            batch = values.integer(node, "batch") or batch
        if node.kind == "LatentFromBatch":
            index = as_integer(values.resolve(node.inputs.get("batch_index"), "number"))
        masked = masked or bool(_MASKS.search(node.kind))
        if LOADS.search(node.kind):
            loaded += [
                value
                for value in (node.inputs.get("image"), node.inputs.get("video"), node.inputs.get("url"))
                if isinstance(value, str)
            ]
    mode = None
    if below:
        last = below[-1]
        if LOADS.search(last.kind) or loaded:
            mode = "inpaint" if masked else "img2img"
        elif size is not None:
            mode = "txt2img"
    width, height = size or (None, None)
    return Start(width, height, batch, index, mode, tuple(loaded))


def scale_of(values: Values, node: Node) -> Callable[[int, int], tuple[int, int]] | None:
    """What a node of ComfyUI makes of the size of its picture or latent, where it goes by the size that there is.

    Latents are an eighth of the picture on each side, and an encoder leaves out what is over. What a model enlarges to is in
    its file only.
    """
    if node.kind.startswith("VAEEncode"):
        return _cropped
    factor = as_number(values.resolve(node.inputs.get("scale_by"), "number"))
    if node.kind in ("ImageScaleBy", "LatentUpscaleBy") and factor is not None and 0 < factor <= MAX_SCALE:
        unit = 8 if node.kind == "LatentUpscaleBy" else 1
        return lambda width, height: (round(width // unit * factor) * unit, round(height // unit * factor) * unit)
    area = as_number(values.resolve(node.inputs.get("megapixels"), "number"))
    if node.kind == "ImageScaleToTotalPixels" and area is not None and 0 < area <= MAX_SCALE:
        unit = as_integer(node.inputs.get("resolution_steps")) or 1
        return lambda width, height: size_for(width, height, area, unit) or (width, height)
    return None


def _cropped(width: int, height: int) -> tuple[int, int]:
    return width // 8 * 8, height // 8 * 8


def _scaled(
    size: tuple[int | None, int | None] | None, scaled: Sequence[Callable[[int, int], tuple[int, int]]]
) -> tuple[int | None, int | None] | None:
    """The size after all that lies before a node of that size, the farthest first."""
    if size is None or all(scale is _cropped for scale in scaled):
        return size  # as the file says it
    width, height = size
    for scale in reversed(scaled):
        if not width or not height:
            return None, None
        width, height = scale(width, height)
    return (width, height) if width and height and max(width, height) <= MAX_SIDE else (None, None)


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
    if setting is not None and ("custom" not in preset or "swap_dimensions" in node) and "width_override" not in node:
        return setting
    if setting is not None:
        width, height = width or setting[0], height or setting[1]
    width, height = (side if side and 0 < side <= MAX_SIDE else None for side in (width, height))
    changes = any(map(is_picture, node.wires))
    known = (width and height) if changes else (width or height)
    return (width, height) if known else None
