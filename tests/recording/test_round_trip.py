"""Record, forget everything, rebuild from the database alone: exact, for every family; and never a false exact."""

import shutil

import pytest

from seedbank.errors import BadInput
from seedbank.regen import Options
from tests import tiny_models

PROMPT = "a red circle on a blue background"
SMALL = {"steps": 3, "width": 64, "height": 64, "device": "cpu"}


@pytest.fixture(scope="module")
def entries(bank, model):
    """One entry of each family."""
    recorded = {}
    for family in tiny_models.FAMILIES:
        (recorded[family],) = bank.generate(PROMPT, seed=7, model=str(model(family)), tags=["family"], **SMALL)
    return recorded


@pytest.fixture(scope="module")
def rebuilt(bank, entries):
    """All of them rebuilt in a process that has seen none of them."""
    return {outcome.entry.recipe.pipeline: outcome for outcome in bank.regen("tag:family")}


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_every_family_is_exact_with_the_same_trace_in_a_new_process(rebuilt, family):
    found = rebuilt[family].regeneration
    assert (found.verdict, found.trace) == ("exact", "same"), found.explanation


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_the_recipe_is_whole(entries, family):
    recipe = entries[family].recipe
    assert recipe.missing() == []
    assert (recipe.seed, recipe.steps, recipe.width, recipe.height) == (7, 3, 64, 64)
    assert entries[family].obstacles == ()
    assert recipe.model == entries[family].model.digest


def test_a_flipped_byte_in_the_weights_blocks_with_both_digests_before_anything_is_rendered(bank, model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model(tiny_models.Z_IMAGE), folder)
    (entry,) = bank.generate(PROMPT, seed=1, model=str(folder), **SMALL)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-2] ^= 0x40
    weights.write_bytes(data)
    (outcome,) = bank.regen(entry.id)
    line = outcome.regeneration.explanation["line"]
    assert outcome.regeneration.verdict == "blocked"
    assert entry.recipe.model in line
    assert "transformer/diffusion_pytorch_model.safetensors" in line

    (other,) = bank.regen(entry.id, Options(allow_other_weights=True))
    assert other.regeneration.experiment
    assert "other weights" in other.regeneration.explanation["line"]
    assert bank.store.entry(entry.id).verdict == "blocked", "an experiment never becomes the entry's verdict"

    (elsewhere,) = bank.regen(entry.id, Options(model=str(model(tiny_models.Z_IMAGE))))
    assert elsewhere.regeneration.verdict == "exact", "the same files at another place are the recorded ones"
    assert bank.store.entry(entry.id).verdict == "exact"


def test_a_model_that_is_gone_blocks(bank, model, tmp_path):
    folder = tmp_path / "gone"
    shutil.copytree(model(tiny_models.Z_IMAGE), folder)
    (entry,) = bank.generate(PROMPT, seed=2, model=str(folder), **SMALL)
    shutil.rmtree(folder)
    (outcome,) = bank.regen(entry.id)
    assert outcome.regeneration.verdict == "blocked"
    assert str(folder) in outcome.regeneration.explanation["line"]


def test_a_wrong_digest_is_never_called_exact(bank, entries):
    """A record with one digit changed: the same rendering is different, and the explanation does not invent a cause."""
    from dataclasses import replace

    from seedbank.records import NewEntry

    entry = entries[tiny_models.Z_IMAGE]
    false = replace(entry.picture, digest="0" * 64)
    environment = bank.store.environment(entry.environment_digest)
    planted = bank.store.add_entry(
        NewEntry(recipe=entry.recipe, environment=environment, model=entry.model, picture=false, blob=None)
    )
    (outcome,) = bank.regen(planted.id)
    assert outcome.regeneration.verdict == "different"
    assert outcome.regeneration.explanation["grade"] == "unexplained"
    assert bank.store.blob(outcome.regeneration.blob.digest), "the new image is kept"


def test_a_recipe_with_a_known_digest_and_no_bytes_gets_its_picture_back(bank, entries):
    entry = entries[tiny_models.Z_IMAGE]
    from seedbank.records import NewEntry

    received = bank.store.add_entry(NewEntry(recipe=entry.recipe, model=entry.model, picture=entry.picture))
    assert received.blob is None
    assert bank.regen(received.id)[0].regeneration.verdict == "exact"
    assert bank.pixels(bank.store.entry(received.id)) == bank.pixels(entry)


def test_a_durable_run_resumes_and_does_nothing_twice(bank, entries):
    ids = [entry.id for entry in entries.values()]
    going = bank.regenerating(ids, Options(name="night"))
    done = [next(going).entry.id, next(going).entry.id]
    going.close()  # interrupted
    rest = [outcome.entry.id for outcome in bank.regenerating(ids, Options(name="night"))]
    assert sorted(done + rest) == sorted(ids)
    assert bank.store.run("night").done == len(ids)


def test_a_size_is_refused_beforehand_with_the_nearest_ones(bank, model):
    before = bank.store.count()
    with pytest.raises(BadInput, match="multiples of 8") as caught:
        bank.generate(PROMPT, model=str(model(tiny_models.FLUX)), steps=1, width=68, height=64, device="cpu")
    assert caught.value.hint == "Use 64x64 or 72x64."
    assert bank.store.count() == before


def test_the_common_form_of_guidance_becomes_each_pipelines_own(bank, model):
    wanted = {
        tiny_models.Z_IMAGE: ("guidance_scale", 3.0),
        tiny_models.SD15: ("guidance_scale", 4.0),
        tiny_models.FLUX: ("true_cfg_scale", 4.0),
    }
    for family, (name, value) in wanted.items():
        (entry,) = bank.generate(PROMPT, cfg=4.0, negative="blue", seed=5, model=str(model(family)), **SMALL)
        assert entry.recipe.call[name] == value


def test_strict_mode_is_recorded_and_exact(bank, model):
    (entry,) = bank.generate(PROMPT, seed=9, mode="strict", model=str(model(tiny_models.Z_IMAGE)), **SMALL)
    assert entry.recipe.mode == "strict"
    assert bank.regen(entry.id)[0].regeneration.verdict == "exact"
