"""What of a difference a rerun can put back: changes made on purpose, another environment, a candidate, a smaller CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seedbank.regen.bench import Setting
from seedbank.regen.causes import ENVIRONMENT, INSTRUCTION_SET, WEIGHTS, Differences
from seedbank.regen.elsewhere import MODEL

SMALLER_CPU: dict[str, Mapping[str, Any]] = {
    "AVX2": {"cpu_capability": "avx2", "onednn_isa": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "DEFAULT": {"cpu_capability": "default", "onednn_isa": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
"""By torch's word for an instruction set, the variables that keep the libraries of a larger CPU to it."""


@dataclass(frozen=True)
class Undoing:
    """One difference, and how to put it back in a setting that has it."""

    name: str
    undo: Callable[[Setting], Setting]


def undoings(setting: Setting, found: Differences) -> list[Undoing]:
    """Every difference that can be put back, those first that can reach the first stage that differs."""
    changes = [Undoing(name, _without(name)) for name in setting.changed]
    if setting.elsewhere.python is not None or setting.elsewhere.env is not None:
        changes.append(Undoing(ENVIRONMENT, _here))
    changes += [Undoing(_cause(name), _without_candidate(name)) for name in setting.elsewhere.candidate]
    for cause in found.causes:
        if cause.name == INSTRUCTION_SET and cause.recorded in SMALLER_CPU:
            changes.append(Undoing(INSTRUCTION_SET, _on_smaller_cpu(cause.recorded)))
    order = {cause.name: rank for rank, cause in enumerate(found.causes)}
    return sorted(changes, key=lambda one: order.get(one.name, len(order)))


def _cause(candidate: str) -> str:
    return WEIGHTS if candidate == MODEL else candidate


def _without(name: str) -> Callable[[Setting], Setting]:
    return lambda setting: replace(setting, changes={key: value for key, value in setting.changes.items() if key != name})


def _here(setting: Setting) -> Setting:
    return replace(setting, elsewhere=replace(setting.elsewhere, python=None, env=None, find_links=()))


def _without_candidate(name: str) -> Callable[[Setting], Setting]:
    def undo(setting: Setting) -> Setting:
        others = {key: value for key, value in setting.elsewhere.candidate.items() if key != name}
        kept = replace(setting, elsewhere=replace(setting.elsewhere, candidate=others))
        return replace(kept, place=None, allow_other_weights=False) if name == MODEL else kept

    return undo


def _on_smaller_cpu(capability: str) -> Callable[[Setting], Setting]:
    return lambda setting: replace(setting, changes={**SMALLER_CPU[capability], **setting.changes})
