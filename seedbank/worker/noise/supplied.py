"""Latents that were supplied instead of being drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..refusal import BAD_INPUT, Refusal


def check_latents(pipe: Any, arguments: Mapping[str, Any]) -> None:
    """Raise `Refusal` when supplied latents do not hold the numbers of one picture of the size that is asked for.

    Some pipelines pack latents into another shape, but none changes how many numbers there are. A batch is not checked:
    its latents were accepted when it was recorded.
    """
    latents: Any = arguments.get("latents")
    width: Any = arguments.get("width")
    height: Any = arguments.get("height")
    channels = getattr(getattr(getattr(pipe, "vae", None), "config", None), "latent_channels", None)
    factor: Any = getattr(pipe, "vae_scale_factor", None)
    if latents is None or None in (channels, factor, width, height) or latents.shape[0] != 1:
        return
    shape = (channels, height // factor, width // factor)
    if latents.numel() != math.prod(shape):
        raise Refusal(
            BAD_INPUT,
            f"The latents have the shape {_text(latents.shape)}, and {type(pipe).__name__} needs {_text((1, *shape))} "
            f"or the same numbers packed for {width}x{height} pixels.",
            "Ask for the size that they were made for.",
        )


def _text(shape: Any) -> str:
    return "x".join(str(side) for side in shape)
