"""The recipe: a frozen value with one digest, whoever writes it and in whatever order."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.hashing import sha256
from seedbank.recipe import LARGEST_DRAWN_SEED, LARGEST_SEED, Recipe, checked_seed, differences, draw_seed, used_seed

WHOLE = Recipe(
    model="ab" * 32,
    pipeline="ZImagePipeline",
    conditioning={"prompt": "一只橘色的星星在夜空", "negative_prompt": ""},
    noise={"kind": "torch-cpu", "seed": 2**64 - 1},
    call={"width": 128, "height": 96, "num_inference_steps": 8, "guidance_scale": 3.0, "sigmas": None},
    scheduler={"class": "FlowMatchEulerDiscreteScheduler", "config": {"shift": 3.0}},
    dtypes={"transformer": "float32", "vae": "float32"},
)
SMALL = Recipe(conditioning={"prompt": "x"}, noise={}, call={})


def test_a_whole_recipe_has_the_golden_digest() -> None:
    assert WHOLE.digest == "567fd5ce3ee6d970565e0f1d70104af041a63fea9023d6ec50751fbf0366bad2"
    assert SMALL.digest == "f159c8142c65e0dae9168dac1a0318990e9829d6385cce5702a08730c5ef3da1"


def test_the_digest_is_that_of_the_canonical_text() -> None:
    assert sha256(WHOLE.canonical) == WHOLE.digest
    assert SMALL.canonical == b'{"call":{},"conditioning":{"prompt":"x"},"mode":"as-is","noise":{},"v":1}'


def test_a_recipe_survives_json_with_its_digest() -> None:
    again = Recipe.from_dict(json.loads(WHOLE.canonical))
    assert again == WHOLE
    assert again.digest == WHOLE.digest


@given(st.permutations(list(WHOLE.to_dict())), st.permutations(list(WHOLE.call)))
def test_the_order_of_keys_never_matters(names: list[str], arguments: list[str]) -> None:
    values = {name: WHOLE.to_dict()[name] for name in names}
    values["call"] = {name: WHOLE.call[name] for name in arguments}
    assert Recipe.from_dict(values).digest == WHOLE.digest


@pytest.mark.parametrize(
    "change",
    [
        {"model": "cd" * 32},
        {"pipeline": "FluxPipeline"},
        {"conditioning": {"prompt": "一只橘色的星星在夜空 ", "negative_prompt": ""}},
        {"conditioning": {"prompt": "一只橘色的星星在夜空"}},
        {"noise": {"kind": "torch-cpu", "seed": 0}},
        {"call": {**WHOLE.call, "guidance_scale": 3.0000000000000004}},
        {"call": {**WHOLE.call, "eta": 0}},
        {"scheduler": {"class": "FlowMatchEulerDiscreteScheduler", "config": {"shift": 1.0}}},
        {"dtypes": {"transformer": "bfloat16", "vae": "float32"}},
        {"inputs": ({"role": "image", "digest": "ef" * 32},)},
        {"adapters": ({"digest": "ef" * 32, "weight": 0.5},)},
        {"batch": {"size": 2, "index": 0, "cohort": ["ab" * 32]}},
        {"mode": "strict"},
        {"mode": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_value_matters(change: dict) -> None:
    assert replace(WHOLE, **change).digest != WHOLE.digest


def test_an_argument_that_is_none_changes_no_digest() -> None:
    assert replace(WHOLE, call={**WHOLE.call, "new_argument": None}).digest == WHOLE.digest
    assert replace(WHOLE, batch=None, inputs=()).digest == WHOLE.digest


def test_the_order_of_adapters_matters() -> None:
    first, second = {"digest": "ab" * 32}, {"digest": "cd" * 32}
    assert replace(WHOLE, adapters=(first, second)).digest != replace(WHOLE, adapters=(second, first)).digest


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, LARGEST_SEED])
def test_every_seed_is_kept_to_the_last_digit(seed: int) -> None:
    recipe = replace(WHOLE, noise={"kind": "torch-cpu", "seed": seed})
    assert recipe.seed == seed
    assert json.loads(recipe.canonical)["noise"]["seed"] == str(seed)
    assert recipe == replace(WHOLE, noise={"kind": "torch-cpu", "seed": str(seed)}) == WHOLE.with_seed(seed)


@pytest.mark.parametrize("seed", [-1, -2, LARGEST_SEED + 1, 1.5, "seven", "", None, math.nan, math.inf, [1]])
def test_what_is_no_seed_is_refused_in_a_sentence(seed) -> None:
    with pytest.raises(BadInput, match="seed"):
        checked_seed(seed)


def test_seed_zero_is_a_seed_and_no_seed_is_none() -> None:
    assert Recipe(conditioning={}, noise={"seed": 0}, call={}).seed == 0
    assert Recipe(conditioning={}, noise={}, call={}).seed is None


def test_minus_one_draws_a_seed_that_every_tool_takes() -> None:
    drawn = {used_seed(-1) for _ in range(50)}
    assert len(drawn) > 45
    assert all(0 <= seed <= LARGEST_DRAWN_SEED for seed in drawn | {draw_seed()})
    assert used_seed(0) == 0


def test_drawing_a_seed_touches_no_other_random_state() -> None:
    import random

    random.seed(7)
    before = random.getstate()
    draw_seed()
    assert random.getstate() == before


@pytest.mark.parametrize("part", ["conditioning", "noise", "call", "scheduler"])
@pytest.mark.parametrize("text", ["a\0b", "\ud83d"])
def test_text_that_no_file_can_carry_is_refused_with_the_name_of_its_part(part: str, text: str) -> None:
    with pytest.raises(BadInput, match=part):
        replace(WHOLE, **{part: {"x": text}})


def test_numbers_that_are_not_finite_are_kept() -> None:
    recipe = replace(WHOLE, call={"guidance_scale": math.inf, "eta": math.nan})
    assert recipe.guidance == math.inf
    assert Recipe.from_dict(json.loads(recipe.canonical)).digest == recipe.digest


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        WHOLE.model = "other"  # type: ignore[misc]


def test_what_the_caller_changes_later_does_not_reach_the_recipe() -> None:
    call = {"width": 64, "sigmas": [1.0, 0.5]}
    recipe = replace(WHOLE, call=call)
    digest = replace(WHOLE, call=call).digest
    call["sigmas"].append(0.0)
    call["width"] = 128
    assert recipe.digest == digest


def test_a_field_of_a_newer_seedbank_is_refused_and_not_dropped() -> None:
    with pytest.raises(BadInput, match="'colour'"):
        Recipe.from_dict({**SMALL.to_dict(), "colour": 1})
    with pytest.raises(BadInput, match="version 2"):
        Recipe.from_dict({**SMALL.to_dict(), "v": 2})
    with pytest.raises(BadInput, match="mode"):
        replace(SMALL, mode="fast")


def test_what_is_missing_for_a_rendering_is_listed() -> None:
    assert WHOLE.missing() == []
    assert SMALL.missing() == [
        "model", "pipeline", "scheduler", "dtypes", "noise", "width", "height", "num_inference_steps",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "A list is not a recipe"),
        ({"conditioning": {"prompt": 3}}, "The prompt of a recipe is a text, not 3"),
        ({"conditioning": "a cat"}, "The conditioning of a recipe is a mapping, not 'a cat'"),
        ({"pipeline": {"class": "FluxPipeline"}}, "pipeline is no text"),
        ({"dtypes": {"vae": 32}}, r"dtypes\.vae is no text"),
        ({"inputs": [{"digest": "ab" * 32}]}, r"inputs\[0\] has no role"),
        ({"adapters": [{"kind": "lora", "digest": "=1+1"}]}, r"adapters\[0\]\.digest is no digest"),
        ({"noise": {"blend": {"alpha": "half", "curve": "linear", "noise": {}}}}, r"noise\.blend\.alpha is no number"),
        ({"batch": {"index": True, "size": 2}}, r"batch\.index is no whole number"),
    ],
)
def test_what_a_program_gives_in_the_place_of_a_recipe_is_refused(values: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Recipe.from_dict(values)


def test_arguments_that_are_none_of_ours_are_kept_and_not_taken_for_numbers() -> None:
    odd = Recipe.from_dict({"call": {"guidance_scale": [1, 2], "width": "wide", "num_inference_steps": {"first": 4}}})
    assert (odd.guidance, odd.width, odd.steps) == (None, None, None)
    assert odd.call["width"] == "wide"


def test_differences_are_named_by_field_with_both_values() -> None:
    other = replace(WHOLE, call={**WHOLE.call, "num_inference_steps": 9}, mode="strict").with_seed(7)
    assert differences(WHOLE, other) == [
        ("call.num_inference_steps", 8, 9),
        ("mode", "as-is", "strict"),
        ("noise.seed", str(2**64 - 1), "7"),
    ]
    assert differences(WHOLE, WHOLE) == []


def test_the_fields_are_those_of_version_one() -> None:
    """A new field is optional and None by default, or every old digest changes."""
    assert [field.name for field in fields(Recipe)] == [
        "conditioning", "noise", "call", "model", "pipeline", "scheduler", "dtypes", "inputs", "adapters", "batch",
        "mode", "v",
    ]  # fmt: skip
