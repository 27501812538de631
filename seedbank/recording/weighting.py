"""Prompts with weights in a request: what is asked for becomes a part of the recipe, and what has no effect is said."""

from __future__ import annotations

from seedbank.errors import BadInput
from seedbank.formats.weights import COMPEL, WEIGHT, constructs, weighable, weighting
from seedbank.frozen import replace
from seedbank.recording.request import Plan
from seedbank.worker.emphasis import READERS


def weighted(plan: Plan, rules: str | None) -> Plan:
    """The plan with prompts that are read by `rules`. Raises `BadInput` for what cannot be followed."""
    first = plan.recipes[0]
    texts = [text for text in first.conditioning.values() if isinstance(text, str)]
    if rules is None:
        return Plan(plan.recipes, (*plan.remarks, *_plain(texts, str(first.pipeline))))
    if rules not in READERS:
        raise BadInput(f"There is no weighting {rules!r} of prompts.", f"Use one of {', '.join(READERS)}.")
    if not weighable(str(first.pipeline)):
        raise BadInput(f"Prompts with weights are not supported for {first.pipeline}.", "Leave --weighting away.")
    _, why = weighting(texts, rules, first.pipeline)
    if why is not None:
        raise BadInput(f"{why[0].upper()}{why[1:]}.", "Write the prompt without it.")
    value = f"{rules}/{COMPEL}"
    recipes = tuple(replace(each, conditioning={**each.conditioning, "weighting": value}) for each in plan.recipes)
    if any(constructs(text, rules) for text in texts):
        return Plan(recipes, plan.remarks)
    return Plan(
        recipes, (*plan.remarks, f"--weighting {rules} has no effect on these words: nothing in the prompt has a weight.")
    )


def _plain(texts: list[str], pipeline: str) -> list[str]:
    """One remark where a text seems to have weights that nobody asked to follow."""
    found = [each.text for text in texts for each in constructs(text, "a1111") if each.name == WEIGHT]
    if not found or not weighable(pipeline):
        return []
    return [f"{found[0]} in the prompt is read as plain text. With --weighting a1111 or comfyui it is a weight."]
