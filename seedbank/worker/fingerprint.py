"""The numerics fingerprint: digests of what this machine computes, one for each class of operations.

Two machines, two versions or two settings that round differently somewhere have different digests there; equal digests
say that these shapes come out equal, no more. The inputs are dyadic fractions made by integer arithmetic, so that every
machine starts from the same bits and no random generator is involved. Shapes are those of real models, chosen where they
showed an effect: the 1x1 convolutions and the 77x32x37 product depend on the number of threads, the odd ones on how a
kernel treats the rest of a row.

It runs with the settings of the process as they are, once for each device and profile. No global random state is touched
(``randn`` draws from a generator of its own), so the CPU's is also taken in a user's own process, at the first recorded
call; the GPU's only in seedbank's own processes.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F

from .digests import nested_digest

VERSION = 1
"""Stands in the fingerprint; another number means other probes, whose digests must not be compared."""
VALUES = 1 << 19
NOISE = 1 << 19
"""Elements of ``randn``: more than any GPU draws in one pass, so that its number of processors shows."""

Probe = Callable[["Inputs"], Any]
_taken: dict[str, dict[str, Any]] = {}


class Inputs:
    """`VALUES` multiples of 2^-20 in [-1, 1) on a device, in a fixed scattered order, handed out in pieces."""

    def __init__(self, device: str) -> None:
        self.device = device
        # A multiplicative hash of the index; no product reaches 2^63.
        k = torch.arange(VALUES, dtype=torch.int64, device="cpu") * 2654435761 & 0xFFFFFFFF
        k = (k ^ (k >> 15)) * 668265263 & 0xFFFFFFFF
        self._values = ((k >> 11) - (1 << 20)).to(torch.float32).div_(1 << 20).to(device)

    def __call__(self, *shape: int, at: int = 0) -> torch.Tensor:
        """A float32 tensor of this shape; different `at` give different numbers."""
        size = torch.Size(shape).numel()
        piece = self._values[at : at + size].view(shape)
        # Attention kernels of a GPU fault on memory that does not begin at 16 bytes, and take the whole process with them.
        return piece if self.device == "cpu" else piece.clone()


def fingerprint(device: str, profile: Mapping[str, Any]) -> dict[str, Any]:
    """{v, cpu: {operation: digest}, and the same for the GPU that renders}, taken once for each device and profile.

    The CPU always: prompts, schedules and noise are made there. A probe that this torch or device cannot run is left out.
    """
    key = json.dumps([device, profile], sort_keys=True)
    if key not in _taken:
        devices = ["cpu"] if device == "cpu" else ["cpu", device]
        _taken[key] = {"v": VERSION, **{name.split(":")[0]: _probe(name) for name in devices}}
    return _taken[key]


def _probe(device: str) -> dict[str, str]:
    inputs = Inputs(device)
    found = {}
    with _undisturbed(device):
        for name, probe in PROBES.items():
            try:
                digest = nested_digest(probe(inputs))
            except (RuntimeError, TypeError, AttributeError):  # NotImplementedError is a RuntimeError
                continue
            assert digest is not None
            found[name] = digest
    return found


@contextmanager
def _undisturbed(device: str) -> Iterator[None]:
    """What surrounds the call in a user's process (autocast, gradients) must not reach the probes."""
    with (
        warnings.catch_warnings(),
        torch.inference_mode(),
        torch.autocast(device.split(":")[0], enabled=False),
        torch.autocast("cpu", enabled=False),
    ):
        warnings.simplefilter("ignore")
        yield


# -- the probes, by class of operations ------------------------------------------------------------------------------


def _linear(take: Inputs, rows: int, inside: int, outside: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return F.linear(take(rows, inside).to(dtype), take(outside, inside, at=5).to(dtype), take(outside, at=9).to(dtype))


def _convolution(take: Inputs, size: int, inside: int, outside: int, kernel: int, **options: Any) -> torch.Tensor:
    dtype = options.pop("dtype", torch.float32)
    weight = take(outside, inside, kernel, kernel, at=7).to(dtype)
    return F.conv2d(take(1, inside, size, size).to(dtype), weight, take(outside, at=3).to(dtype), **options)


def _attention(take: Inputs, heads: int, tokens: int, width: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    query, key, value = (take(1, heads, tokens, width, at=at).to(dtype) for at in (0, 33, 77))
    return F.scaled_dot_product_attention(query, key, value)


def _masked_attention(take: Inputs) -> torch.Tensor:
    query, key, value = (take(1, 4, 77, 40, at=at) for at in (0, 33, 77))
    mask = (torch.arange(77, device=take.device) < 70).view(1, 1, 1, 77).expand(1, 1, 77, 77)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def _rms_norm(take: Inputs) -> torch.Tensor:
    values = take(160, 768, at=3)
    return values * torch.rsqrt(values.pow(2).mean(-1, keepdim=True) + 1e-5) * take(768)


def _rope(take: Inputs) -> list[torch.Tensor]:
    """Rotary tables in float64 and the complex product, as Z-Image makes them."""
    frequencies = 1.0 / 256.0 ** (torch.arange(0, 64, 2, dtype=torch.float64, device=take.device) / 64)
    angles = torch.outer(torch.arange(160, dtype=torch.float64, device=take.device), frequencies)
    table = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)
    return [table, torch.view_as_complex(take(160, 8, 32, 2)) * table[:, None]]


def _reductions(take: Inputs) -> torch.Tensor:
    values = take(1 << 17)
    return torch.stack([values.sum(), values.mean(), values.std(), values.square().sum().sqrt()])


def _randn(take: Inputs) -> torch.Tensor:
    return torch.randn(NOISE, generator=torch.Generator(take.device).manual_seed(7), device=take.device)


PROBES: dict[str, Probe] = {
    "gemm": lambda take: [_linear(take, 160, 768, 512), _linear(take, 77, 771, 333), _linear(take, 77, 32, 37)],
    "gemm.bf16": lambda take: _linear(take, 128, 512, 256, torch.bfloat16),
    "gemv": lambda take: _linear(take, 1, 256, 1024),
    "conv1x1": lambda take: [_convolution(take, 64, 16, 16, 1), _convolution(take, 16, 320, 320, 1)],
    "conv3x3": lambda take: [
        _convolution(take, 32, 64, 64, 3, padding=1),
        _convolution(take, 33, 32, 64, 3, stride=2),
        _convolution(take, 64, 8, 3, 3, padding=1),
    ],
    "conv3x3.bf16": lambda take: _convolution(take, 32, 64, 64, 3, padding=1, dtype=torch.bfloat16),
    "attention": lambda take: _attention(take, 8, 160, 64),
    "attention.bf16": lambda take: _attention(take, 8, 160, 64, torch.bfloat16),
    "attention.masked": _masked_attention,
    "group_norm": lambda take: F.group_norm(take(1, 64, 32, 32), 32, take(64, at=5), take(64, at=90), 1e-6),
    "layer_norm": lambda take: F.layer_norm(take(160, 768), (768,), take(768, at=5), take(768, at=900), 1e-6),
    "rms_norm": _rms_norm,
    "silu": lambda take: F.silu(take(1 << 16) * 8),
    "gelu": lambda take: [F.gelu(take(1 << 16) * 8), F.gelu(take(1 << 16) * 8, approximate="tanh")],
    "softmax": lambda take: torch.softmax(take(64, 1024) * 8, -1),
    "exp": lambda take: torch.log1p(torch.exp(take(1 << 15) * 8)),
    "sin": lambda take: [torch.sin(take(1 << 15) * 100), torch.cos(take(1 << 15) * 100)],
    "rope": _rope,
    "bicubic": lambda take: F.interpolate(take(1, 3, 48, 48), size=(71, 61), mode="bicubic", antialias=True),
    "bilinear": lambda take: F.interpolate(take(1, 8, 32, 32), scale_factor=2.0, mode="bilinear"),
    "reductions": _reductions,
    "cumsum": lambda take: torch.cumsum(take(1 << 15), 0),
    "randn": _randn,
    "embedding": lambda take: F.embedding(torch.arange(77, device=take.device) % 64, take(64, 256)).sum(0),
}
"""{class of operations: probe}. The names are those that `seedbank env` prints."""
