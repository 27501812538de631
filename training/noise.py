"""Where the noise decides: linear functionals of the latent noise, turned into uniform numbers.

Eleven orthonormal patterns - the mean of a channel, or the slope of channel 0 along x or y - are laid over the noise.
Their inner products with N(0, 1) noise are independent N(0, 1) numbers, so the normal distribution function makes
independent uniforms of them. Training renders, for each noise, the scene that these uniforms choose, and then learns
the flow between exactly this pair. The noise stays N(0, 1) and independent of the caption.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from training.scenes import UNIFORMS

CHANNELS, SIDE = 16, 8  # latents (n, 16, 8, 8) for pictures of 128 x 128


@lru_cache(maxsize=4)
def patterns(device: torch.device) -> Tensor:
    """Orthonormal patterns (11, 16 * 8 * 8), one per name in ``UNIFORMS``."""
    ramp = torch.arange(SIDE, dtype=torch.float32) - (SIDE - 1) / 2
    flat = torch.ones(SIDE, SIDE)
    out = torch.zeros(len(UNIFORMS), CHANNELS, SIDE, SIDE)
    for i, name in enumerate(UNIFORMS):
        if name == "x":
            out[i, 0] = ramp[None, :] * flat
        elif name == "y":
            out[i, 0] = ramp[:, None] * flat
        else:
            out[i, i] = flat
    out = out.flatten(1)
    return (out / out.norm(dim=1, keepdim=True)).to(device)


def uniforms(noise: Tensor) -> Tensor:
    """What noise (n, 16, 8, 8) decides: (n, 11) in (0, 1), in the order of ``UNIFORMS``."""
    return torch.special.ndtr(noise.flatten(1) @ patterns(noise.device).T).clamp(1e-6, 1 - 1e-6)


def with_uniforms(noise: Tensor, u: Tensor) -> Tensor:
    """The same noise, moved along the patterns so that it decides ``u``; still N(0, 1) where ``u`` is uniform."""
    basis = patterns(noise.device)
    flat = noise.flatten(1)
    return (flat + (torch.special.ndtri(u) - flat @ basis.T) @ basis).view_as(noise)
