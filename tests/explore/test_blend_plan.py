"""What a blend is going to do, and what it refuses: nothing is rendered, no bank is needed."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from seedbank.cohort import cohort_of
from seedbank.errors import BadInput, Blocked
from seedbank.explore.blend import plan_blend
from seedbank.explore.comparing import compare_stages
from seedbank.explore.opening import check_own_noise
from seedbank.explore.starting import open_sweep
from seedbank.explore.vary import vary
from seedbank.frozen import replace
from seedbank.hashing import canonical_json
from seedbank.recipe import Recipe
from seedbank.records import Entry, Model, Output

CALL = {"width": 64, "height": 64, "num_inference_steps": 3}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(number: int, seed: int, prompt: str = "a red circle", **recipe: Any) -> Entry:
    """An entry as a bank holds it."""
    whole: dict[str, Any] = {
        "conditioning": {"prompt": prompt},
        "noise": {"kind": "torch-cpu", "seed": seed},
        "call": CALL,
        "model": "0" * 64,
        "pipeline": "ZImagePipeline",
        "scheduler": {"class": "FlowMatchEulerDiscreteScheduler", "config": {}},
        "dtypes": {"transformer": "float32"},
    }
    made = Recipe(**whole | recipe)
    model = Model(made.model or "", f"model {(made.model or 'x')[0]}")
    return Entry(number, str(number), NOW, NOW, "ann", "generated", made, made.digest, "e", model, None, None, Output(), (), {})


A, B, C = entry(1, 7), entry(2, 8), entry(3, 9, "a blue star")


def test_the_frames_lie_evenly_between_and_the_ends_are_the_entries():
    plan = plan_blend([A, B], frames=5)
    assert [(frame.alpha, frame.recipe is None) for frame in plan.frames] == [
        (0, True), (0.25, False), (0.5, False), (0.75, False), (1, True),
    ]  # fmt: skip
    assert plan.film == (0, 1, 2, 3, 4)
    assert plan.frames[1].recipe == replace(
        A.recipe,
        noise={
            "kind": "torch-cpu",
            "seed": "7",
            "blend": {"noise": {"kind": "torch-cpu", "seed": "8"}, "alpha": 0.25, "curve": "slerp"},
        },
    )
    assert plan.remarks == ()


def test_the_film_of_three_is_a_loop_and_of_two_goes_there_and_back_on_request():
    assert plan_blend([A, B, C], frames=3).film == (0, 1, 2, 3, 4, 5)
    assert plan_blend([A, B, C], frames=3, loop=False).film == (0, 1, 2, 3, 4)
    assert plan_blend([A, B], frames=4, loop=True).film == (0, 1, 2, 3, 2, 1)


def test_of_different_texts_it_is_said_which_is_used_unless_they_are_blended():
    (remark,) = plan_blend([A, C]).remarks
    assert "between them the text is that of entry 1: 'a red circle'" in remark
    assert plan_blend([A, C], also_prompt=True).remarks == ()
    assert plan_blend([A, B], also_prompt=True).remarks == ("--also-prompt has no effect: the texts are the same.",)
    same_seed = plan_blend([A, entry(4, 7, "a blue star")], also_prompt=True).frames[1].recipe
    assert same_seed is not None and "blend" not in same_seed.noise


def test_a_frame_of_a_blend_can_be_blended_with_another_entry_but_not_with_a_frame():
    frames = plan_blend([A, B], frames=4).frames
    first, second = (replace(A, id=10 + number, recipe=frames[number].recipe) for number in (1, 2))
    between = plan_blend([first, C], frames=3).frames[1].recipe
    assert between is not None
    assert between.noise["seed"] == "9", "its own noise stands in the blend"
    assert between.noise["blend"]["noise"] == first.recipe.noise
    with pytest.raises(BadInput, match="frames of blends themselves"):
        plan_blend([first, second])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (entry(2, 8, model="1" * 64), r"differ in model \(model 0 and model 1\)"),
        (entry(2, 8, call=CALL | {"num_inference_steps": 4}), r"differ in steps \(3 and 4\)"),
        (entry(2, 8, call=CALL | {"width": 96}), r"differ in size \(64x64 and 96x64\)"),
        (entry(2, 8, adapters=({"kind": "lora", "digest": "2" * 64},)), "differ in lora.222222222222"),
        (entry(2, 7), "have the same noise, so nothing lies between"),
        (entry(2, 8, inputs=({"role": "latents", "digest": "3" * 64},)), "starts from latents of its own"),
        (entry(2, 8, noise={"kind": "global"}), "The noise of entry 2 has no seed"),
    ],
)
def test_entries_between_which_there_is_more_than_noise_and_texts_are_refused_by_name(other, said):
    with pytest.raises(BadInput, match=said):
        plan_blend([A, other])


def test_an_entry_that_cannot_be_rendered_again_is_blocked():
    with pytest.raises(Blocked, match="Its weights were fused"):
        plan_blend([A, replace(B, obstacles=("Its weights were fused.",))])
    with pytest.raises(Blocked, match="has no recipe"):
        plan_blend([A, replace(B, recipe=None)])


def test_an_image_whose_noise_its_seed_does_not_give_is_blocked():
    """Of a batch with one generator only the first image has the noise of the seed."""

    def check(index: int, seeds: list[int]) -> None:
        cohort = canonical_json(cohort_of({}, {"kind": "torch-cpu"}, seeds))
        bank: Any = SimpleNamespace(blobs=SimpleNamespace(get=lambda digest: cohort))
        check_own_noise(bank, entry(1, 7, batch={"size": 2, "index": index, "cohort": "4" * 64}))

    check(0, [7])
    check(1, [7, 8])
    with pytest.raises(Blocked, match="its seed does not give it"):
        check(1, [7])


@pytest.mark.parametrize(
    "begin", [lambda bank: next(vary(bank, 1, steps=4)), lambda bank: open_sweep(bank, of=1, axes=["steps=4"])]
)
def test_variants_and_sweeps_that_keep_the_seed_need_its_noise(begin: Any):
    cohort = canonical_json(cohort_of({}, {"kind": "torch-cpu"}, [7]))
    whole = entry(1, 7, batch={"size": 2, "index": 1, "cohort": "4" * 64})
    blobs = SimpleNamespace(get=lambda digest: cohort)
    bank = SimpleNamespace(blobs=blobs, entry=lambda which: whole, require_writable=lambda: None)
    with pytest.raises(Blocked, match="its seed does not give it"):
        begin(bank)


def test_traces_are_compared_part_by_part():
    one = [("prompt", "a"), ("noise", "b"), ("step.000", "c"), ("step.001", "d"), ("vae.in", "d"), ("pixels", "e")]
    other = [("prompt", "a"), ("noise", "b"), ("step.000", "c"), ("step.001", "x"), ("vae.in", "x"), ("pixels", "e")]
    found = compare_stages(one, other)
    assert found is not None
    assert (found.same, found.differs, found.first) == (
        ("text encoding", "initial noise", "pixels"), ("denoising",), "step.001",
    )  # fmt: skip
    assert compare_stages(one, []) is None
