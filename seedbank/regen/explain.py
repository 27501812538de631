"""From a judgement to one line that a designer reads and the list of causes that an engineer checks.

Without further experiments a difference between environments is a *suspect*, never a proof; the grade says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seedbank.environment import Environment, environment_differences
from seedbank.records import CLOSE, DIFFERENT, EXACT, TRACE_DIFFERS, UNSTABLE
from seedbank.regen.judge import Judgement

SUSPECT, UNEXPLAINED = "suspect", "unexplained"
NAMED = 3
"""How many causes the line names; the rest is in the evidence."""
RENDERING = ("torch", "diffusers", "transformers", "tokenizers", "numpy", "pillow", "safetensors", "accelerate", "peft")
"""Distributions that take part in a rendering, the likeliest first; others are listed after the settings."""


def explanation(judgement: Judgement, causes: Sequence[dict[str, Any]], experiment: Sequence[str] = ()) -> dict[str, Any]:
    """{line, grade, stage, causes} of a rendering that was judged."""
    stage = judgement.first_difference
    grade = SUSPECT if causes else UNEXPLAINED
    line = _line(judgement, causes)
    if experiment:
        line = f"{line} (experiment: {', '.join(experiment)})"
    if judgement.verdict == EXACT and judgement.trace != TRACE_DIFFERS:
        return {"line": line}
    return {"line": line, "grade": grade, "stage": stage, "causes": list(causes)}


def _line(judgement: Judgement, causes: Sequence[dict[str, Any]]) -> str:
    where = stage_words(judgement.first_difference)
    if judgement.verdict == EXACT:
        if judgement.trace == TRACE_DIFFERS:
            return f"exact: the computation drifted from {where} on, the picture did not"
        return "exact: you can go on from this image"
    why = f"; what differs: {_names(causes)}" if causes else "; nothing recorded differs, so the cause is not known"
    since = f" from {where} on" if where else ""
    if judgement.verdict == UNSTABLE:
        return f"unstable: two renderings here disagree with each other{why}"
    if judgement.verdict == CLOSE:
        largest = judgement.drift.get("max", 0)
        return f"close: no eye sees it (at most {largest:g} of 255){since}{why}"
    assert judgement.verdict == DIFFERENT
    return f"different{since}: keep the PNG{why}"


def stage_words(stage: str | None) -> str:
    """A stage of the trace in words."""
    if stage is None:
        return ""
    if stage.startswith("step."):
        number = int(stage.removeprefix("step.")) + 1
        return "the first denoising step" if number == 1 else f"denoising step {number}"
    words = {
        "prompt": "the text encoding",
        "noise": "the initial noise",
        "vae.in": "the final latents",
        "vae.out": "the VAE decoding",
    }
    return words.get(stage, "the conversion to pixels" if stage == "pixels" else stage)


def causes_between(recorded: Environment | None, present: Environment) -> list[dict[str, Any]]:
    """What differs between the environments, the likeliest first: {name, recorded, present}."""
    if recorded is None:
        return []
    causes = [
        {"name": _name(key), "recorded": old, "present": new}
        for key, old, new in environment_differences(recorded, present)
        if not (key.startswith("distributions.") and key.endswith(".record") and _version_differs(key, recorded, present))
    ]
    return sorted(causes, key=_rank)


def _version_differs(key: str, recorded: Environment, present: Environment) -> bool:
    """A RECORD digest is news only where the version is the same."""
    name = key.removeprefix("distributions.").removesuffix(".record")
    return recorded.version(name) != present.version(name)


def _name(key: str) -> str:
    return key.removeprefix("distributions.").removesuffix(".version").removeprefix("profile.")


def _rank(cause: dict[str, Any]) -> tuple[int, str]:
    name = cause["name"]
    root = name.split(".")[0]
    if name in RENDERING:
        return RENDERING.index(name), name
    if root in ("hardware", "system", "variables"):
        return 50, name
    if root in RENDERING:
        return 40, name
    return (20, name) if "." in name or (name.islower() and cause["present"] is not None) else (60, name)


def _names(causes: Sequence[dict[str, Any]]) -> str:
    named = [f"{cause['name']} {_short(cause['recorded'])} to {_short(cause['present'])}" for cause in causes[:NAMED]]
    more = len(causes) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
