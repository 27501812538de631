"""Sweeps of what has to be loaded anew or computed by the pipeline's own library: LoRAs and samplers, on another family."""

from __future__ import annotations

import pytest

from seedbank.regen import regenerate
from tests.tiny_adapters import Pieces
from tests.tiny_models import SD15


@pytest.fixture(scope="module")
def given(bank, model, tmp_path_factory):
    """What is rendered, with a LoRA that is called `first`."""
    lora = Pieces(tmp_path_factory.mktemp("pieces"), model)["first.safetensors"]
    size = {"width": 64, "height": 64, "steps": 4}
    return {"model": str(model(SD15)), "device": "cpu", "seed": 5, "loras": [f"{lora}:0.5"], **size}


@pytest.fixture(scope="module")
def cells(bank, given):
    """Every cell of a sweep over weights of the LoRA, samplers and schedules."""
    axes = ["lora.first=0..1[3]", "sampler=euler,ddim", "schedule=normal,karras"]
    with bank.sweeping("a red circle", axes=axes, **given) as sweep:
        assert (sweep.plan.cells, sweep.plan.reused) == (12, 0)
        return list(sweep)


@pytest.mark.slow
def test_a_sampler_without_such_a_schedule_is_marked_and_the_rest_is_rendered(cells):
    refused = [cell for cell in cells if cell.problem is not None]
    assert {(cell.labels["sampler"], cell.labels["schedule"]) for cell in refused} == {("ddim", "karras")}
    assert "DDIMScheduler takes no schedule 'karras'" in str(refused[0].problem)
    made = [cell.entry for cell in cells if cell.entry is not None]
    assert len(made) == len({entry.picture.digest for entry in made}) == 9


@pytest.mark.slow
def test_what_has_to_be_loaded_changes_least_often(cells):
    weights = [cell.entry.recipe.adapters[0]["weight"] for cell in cells if cell.entry is not None]
    assert weights == sorted(weights) and set(weights) == {0, 0.5, 1}


@pytest.mark.slow
def test_variants_keep_what_is_not_named_and_all_rebuild_exactly(bank, cells):
    made = [cell.entry for cell in cells if cell.entry is not None]
    (parent,) = [cell.entry for cell in cells if cell.labels == {"lora.first": "0.5", "sampler": "euler", "schedule": "karras"}]
    said = []
    (variant,) = bank.vary(parent.id, sampler="dpm++_2m", loras={"first": 1.0}, say=said.append)
    assert variant.recipe.scheduler_class == "DPMSolverMultistepScheduler"
    assert variant.recipe.scheduler["config"]["use_karras_sigmas"] is True
    assert variant.recipe.adapters == ({**parent.recipe.adapters[0], "weight": 1},)
    assert (variant.recipe.noise, variant.recipe.call) == (parent.recipe.noise, parent.recipe.call)
    (without,) = bank.vary(parent.id, sampler="ddim", say=said.append)
    assert said == ["DDIMScheduler has no karras schedule: it goes its own way."]
    assert without.picture in [entry.picture for entry in made], "the same recipe is the same picture"
    ids = [*(entry.id for entry in made[::4]), variant.id, without.id]
    outcomes = list(regenerate(bank, ids, bench=bank.bench))  # not the process of the sweep
    assert [outcome.regeneration.verdict for outcome in outcomes] == ["exact"] * 5
