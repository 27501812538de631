"""Kinds of initial noise: each turns the recipe's ``noise`` into arguments of the pipeline call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from .refusal import BAD_INPUT, BLOCKED, Refusal


def noise_arguments(noise: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that give a pipeline call the noise of the recipe. Raises `Refusal` for an unknown kind."""
    kind = noise.get("kind")
    if kind not in KINDS:
        raise Refusal(BLOCKED, f"Noise of the kind {kind!r} cannot be made here.", f"Known kinds: {', '.join(KINDS)}.")
    return KINDS[kind](noise)


def torch_cpu(noise: Mapping[str, Any]) -> dict[str, Any]:
    """A fresh CPU generator from the seed, so that no GPU decides the noise; the pipeline draws in its own dtype."""
    if unknown := sorted(set(noise) - {"kind", "seed"}):
        raise Refusal(BLOCKED, f"Noise of the kind 'torch-cpu' has no field {unknown[0]!r}.")
    if noise.get("seed") is None:
        raise Refusal(BAD_INPUT, "The recipe has no seed.", "Give one with --seed.")
    return {"generator": torch.Generator("cpu").manual_seed(int(noise["seed"]))}


def from_global_state(noise: Mapping[str, Any]) -> dict[str, Any]:
    """No generator at all, as the recorded call had it: the noise comes from the global state that is restored before."""
    if unknown := sorted(set(noise) - {"kind"}):
        raise Refusal(BLOCKED, f"Noise of the kind 'global' has no field {unknown[0]!r}.")
    return {}


KINDS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"torch-cpu": torch_cpu, "global": from_global_state}
