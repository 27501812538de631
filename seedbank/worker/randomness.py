"""Global random states: which of them a pipeline call consumed, and the states before it, so that it can be replayed.

Many pipelines call ``scheduler.step`` without a generator, so some schedulers draw from torch's global generator
instead of the one that the user gave. The states are read and compared; they are only written by `restore` and
`seed_all`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from typing import Any

import numpy
import torch

PYTHON, NUMPY, CPU, CUDA = "python", "numpy", "torch", "cuda"


def snapshot() -> dict[str, Any]:
    """The state of every global generator: python, numpy, torch and, where CUDA is in use, its current device."""
    states: dict[str, Any] = {PYTHON: random.getstate(), CPU: torch.get_rng_state()}
    legacy: Any = numpy.random.get_state()
    if isinstance(legacy, tuple):
        # A mapping comes from another bit generator that somebody put in place of the usual one.
        states[NUMPY] = legacy
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states[CUDA] = torch.cuda.get_rng_state()
    return states


def consumed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of the generators whose state differs between two snapshots."""
    return [name for name in before if name in after and _encoded(name, before[name]) != _encoded(name, after[name])]


def pack(states: dict[str, Any], names: list[str]) -> bytes:
    """The named states as JSON, from which `restore` puts them back."""
    return json.dumps({name: _encoded(name, states[name]) for name in names}, sort_keys=True).encode("ascii")


def restore(packed: bytes) -> None:
    """Put back the states that `pack` wrote. Raises `ValueError` when `packed` is something else."""
    for name, state in json.loads(packed).items():
        if name == PYTHON:
            random.setstate((state[0], tuple(state[1]), state[2]))
        elif name == NUMPY:
            numpy.random.set_state((state[0], numpy.frombuffer(_bytes(state[1]), dtype="<u4"), state[2], state[3], state[4]))
        elif name == CPU:
            torch.set_rng_state(_tensor(state))
        elif name == CUDA:
            torch.cuda.set_rng_state(_tensor(state))
        else:
            raise ValueError(f"There is no global generator {name!r}.")


def seed_all(material: bytes) -> None:
    """Seed every global generator from the SHA-256 of `material`. Only for the strict mode and for replays."""
    seed = int.from_bytes(hashlib.sha256(material).digest()[:4], "little")
    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


def _encoded(name: str, state: Any) -> Any:
    if name == PYTHON:
        return [state[0], list(state[1]), state[2]]
    if name == NUMPY:
        return [state[0], _text(state[1].astype("<u4").tobytes()), int(state[2]), int(state[3]), float(state[4])]
    return _text(state.numpy().tobytes())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _tensor(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(_bytes(text)), dtype=torch.uint8)
