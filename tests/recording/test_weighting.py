"""What `--weighting` makes of a plan, before anything is rendered."""

from __future__ import annotations

import pytest

from seedbank.errors import BadInput
from seedbank.recipe import Recipe
from seedbank.recording.request import Plan
from seedbank.recording.weighting import weighted


def plan(prompt: str, pipeline: str = "StableDiffusionPipeline", negative: str = "") -> Plan:
    texts = {"prompt": prompt, "negative_prompt": negative}
    return Plan((Recipe(conditioning=texts, noise={"seed": 1}, call={}, pipeline=pipeline),), ("before",))


def test_the_recipe_says_whose_rules_and_what_weighs() -> None:
    found = weighted(plan("a (red:1.2) cat"), "a1111")
    assert found.recipes[0].conditioning["weighting"] == "a1111/compel"
    assert found.recipes[0].digest != plan("a (red:1.2) cat").recipes[0].digest
    assert found.remarks == ("before",)


def test_rules_without_a_weight_are_recorded_and_said_to_have_no_effect() -> None:
    found = weighted(plan("a red cat"), "comfyui")
    assert found.recipes[0].conditioning["weighting"] == "comfyui/compel"
    assert "no effect" in found.remarks[-1]


def test_a_weight_that_nobody_asked_for_is_plain_text_and_said() -> None:
    found = weighted(plan("a cat", negative="(blue:1.2) and (dark)"), None)
    assert "weighting" not in found.recipes[0].conditioning
    assert found.remarks[1:] == (
        "(blue:1.2) in the prompt is read as plain text. With --weighting a1111 or comfyui it is a weight.",
    )
    assert weighted(plan("a (plain) cat"), None).remarks == ("before",)
    assert weighted(plan("a (red:1.2) cat", "ZImagePipeline"), None).remarks == ("before",)


@pytest.mark.parametrize(
    ("prompt", "pipeline", "rules", "told"),
    [
        ("a [cat:dog:0.5]", "StableDiffusionPipeline", "a1111", r"not supported is: prompt editing \[cat:dog:0.5\]"),
        ("sky AND (sea:1.2)", "StableDiffusionXLPipeline", "a1111", "not supported is: AND"),
        ("a (cat:-1)", "FluxPipeline", "comfyui", "a weight below zero"),
        ("a (cat:2)", "ZImagePipeline", "a1111", "not supported for ZImagePipeline"),
        ("a cat", "StableDiffusion3Pipeline", "a1111", "not supported for StableDiffusion3Pipeline"),
        ("a cat", "StableDiffusionPipeline", "invokeai", "no weighting 'invokeai'"),
    ],
)
def test_what_cannot_be_followed_is_refused_before_anything_is_rendered(
    prompt: str, pipeline: str, rules: str, told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        weighted(plan(prompt, pipeline), rules)
