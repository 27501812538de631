"""What of a difference a rerun can put back: changes made on purpose, and the instruction set of a smaller CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seedbank.regen.bench import Setting
from seedbank.regen.causes import INSTRUCTION_SET, Differences

SMALLER_CPU: dict[str, Mapping[str, Any]] = {
    "AVX2": {"cpu_capability": "avx2", "onednn_isa": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "DEFAULT": {"cpu_capability": "default", "onednn_isa": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
"""By torch's word for an instruction set, the variables that keep the libraries of a larger CPU to it."""


@dataclass(frozen=True)
class Undoing:
    """One difference: the changes of the profile with which it is there, and those with which it is put back."""

    name: str
    made: Mapping[str, Any] = field(default_factory=dict)
    undone: Mapping[str, Any] = field(default_factory=dict)


def undoings(setting: Setting, found: Differences) -> list[Undoing]:
    """Every difference that can be put back, those first that can reach the first stage that differs."""
    changes = [Undoing(name, made={name: value}) for name, value in setting.changed.items()]
    for cause in found.causes:
        if cause.name == INSTRUCTION_SET and cause.recorded in SMALLER_CPU:
            changes.append(Undoing(INSTRUCTION_SET, undone=SMALLER_CPU[cause.recorded]))
    order = {cause.name: rank for rank, cause in enumerate(found.causes)}
    return sorted(changes, key=lambda one: order.get(one.name, len(order)))
