"""Images of one batch are replayed as that batch: a batch changes bits, so none of them is rendered alone."""

from dataclasses import replace

import pytest

from seedbank.records import NewEntry
from tests import tiny_models

pytestmark = pytest.mark.slow
CALL = {"height": 64, "width": 64, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def cohorts(bank, model, torch):
    """{name: (entries, images)} of batches of three, recorded as users make them."""
    from diffusers import DiffusionPipeline

    def loaded(family):
        pipe = DiffusionPipeline.from_pretrained(str(model(family)), dtype=torch.float32)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def seeded(seed):
        return torch.Generator("cpu").manual_seed(seed)

    painter, pixels = loaded(tiny_models.SD15), loaded(tiny_models.Z_IMAGE)
    torch.manual_seed(5)
    texts = ["a red circle", "a blue star", "a cat"]
    made = {
        "one generator": bank.record(painter, **CALL, prompt="a red circle", num_images_per_prompt=3, generator=seeded(7)),
        "a generator each": bank.record(pixels, **CALL, prompt=texts, generator=[seeded(7), seeded(2**40), seeded(9)]),
        "global": bank.record(painter, **CALL, prompt=texts, negative_prompt=["fog", "", "dog"]),
    }
    return {name: (recorded.entries, recorded.images) for name, recorded in made.items()}


@pytest.fixture(scope="module")
def outcomes(bank, cohorts):
    """Every entry rebuilt in new processes, one selection of all; and how many forward passes that took."""
    from seedbank.engine.process import Engine

    passes = []
    original = Engine.render_batch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "render_batch", lambda *args, **more: passes.append(1) or original(*args, **more))
        ids = [entry.id for entries, _ in cohorts.values() for entry in entries]
        found = {outcome.entry.id: outcome.regeneration for outcome in bank.regen(ids)}
    return found, len(passes)


@pytest.mark.parametrize("name", ["one generator", "a generator each", "global"])
def test_every_image_of_a_batch_is_exact_with_the_same_trace(cohorts, outcomes, name):
    entries, images = cohorts[name]
    assert len({entry.picture.digest for entry in entries}) == 3 == len(images)
    for entry in entries:
        assert entry.obstacles == ()
        found = outcomes[0][entry.id]
        assert (found.verdict, found.trace) == ("exact", "same"), found.explanation


def test_a_cohort_is_rendered_once_for_all_its_entries(outcomes):
    assert outcomes[1] == 3


def test_an_entry_knows_its_own_text_and_seed_and_its_place(cohorts):
    entries, _ = cohorts["a generator each"]
    assert [(entry.prompt, entry.seed) for entry in entries] == [("a red circle", 7), ("a blue star", 2**40), ("a cat", 9)]
    assert [entry.recipe.batch["index"] for entry in entries] == [0, 1, 2]
    assert len({entry.recipe.batch["cohort"] for entry in entries}) == 1


def planted(bank, entry, recipe):
    """The same picture under another recipe, as a faulty record would have it."""
    new = NewEntry(
        recipe=recipe, environment=bank.store.environment(entry.environment_digest), model=entry.model, picture=entry.picture
    )
    return bank.store.add_entry(new).id


def test_an_image_of_a_batch_is_not_called_exact_when_it_is_rendered_alone_nor_under_a_recipe_of_another(bank, cohorts):
    entries, _ = cohorts["one generator"]
    second, star = entries[1], cohorts["a generator each"][0][1]
    alone = planted(bank, second, replace(second.recipe, batch=None))
    lying = planted(bank, star, replace(star.recipe, conditioning={"prompt": "a blue cat"}))
    lost = planted(bank, star, replace(star.recipe, batch={**star.recipe.batch, "cohort": "0" * 64}))
    found = {outcome.entry.id: outcome.regeneration for outcome in bank.regen([alone, lying, lost])}
    assert found[alone].verdict == "different"
    assert found[lying].verdict == "blocked" and "does not belong" in found[lying].explanation["line"]
    assert found[lost].verdict == "blocked" and "batch of 3 cannot be read" in found[lost].explanation["line"]


def test_the_record_of_a_cohort_is_kept_as_long_as_one_of_its_entries(bank, cohorts):
    entries, _ = cohorts["global"]
    digest = entries[0].recipe.batch["cohort"]
    assert set(bank.store.entries_of_blob(digest)) == {entry.id for entry in entries}
