"""Record, forget everything, rebuild from the database alone: exact, for every family; and never a false exact."""

import shutil

import pytest

from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.records import NewEntry
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


def planted(bank, entry, **changes):
    """An entry with a changed recipe and an image digest that nothing meets."""
    recipe = replace(entry.recipe, **changes)
    environment = bank.store.environment(entry.environment_digest)
    picture = replace(entry.picture, digest="0" * 64)
    return bank.store.add_entry(NewEntry(recipe=recipe, environment=environment, model=entry.model, picture=picture)).id


def test_two_renderings_that_disagree_with_each_other_are_unstable(bank, entries):
    """A scheduler that draws its own noise from global random state, recorded without that state."""
    entry = entries[tiny_models.Z_IMAGE]
    scheduler = dict(entry.recipe.scheduler)
    scheduler["config"] = {**scheduler["config"], "stochastic_sampling": True}
    (outcome,) = bank.regen(planted(bank, entry, scheduler=scheduler))
    assert outcome.regeneration.verdict == "unstable"
    assert outcome.regeneration.explanation["line"].startswith("unstable: two renderings here disagree")


def test_the_same_scheduler_recorded_whole_is_exact(bank, model, tmp_path):
    """The random state that it drew from is kept with the entry and replayed."""
    import json

    folder = tmp_path / "stochastic"
    shutil.copytree(model(tiny_models.Z_IMAGE), folder)
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "stochastic_sampling": True}))
    (entry,) = bank.generate(PROMPT, seed=4, model=str(folder), **SMALL)
    assert entry.output.flags["global_random_state_consumed"]
    assert bank.regen(entry.id)[0].regeneration.verdict == "exact"


def test_a_rendering_that_breaks_is_failed_and_the_next_one_goes_on(bank, entries):
    entry = entries[tiny_models.Z_IMAGE]
    broken = planted(bank, entry, call={**entry.recipe.call, "sigmas": ["a", "b", "c"]})
    verdicts = {outcome.entry.id: outcome.regeneration for outcome in bank.regen([broken, entry.id])}
    assert verdicts[broken].verdict == "failed"
    assert "pipeline broke" in verdicts[broken].explanation["line"]
    assert verdicts[entry.id].verdict == "exact"


def test_a_device_that_is_not_here_blocks(bank, entries):
    (outcome,) = bank.regen(entries[tiny_models.Z_IMAGE].id, Options(device="cuda:7"))
    assert outcome.regeneration.verdict == "blocked"


def test_a_recipe_with_a_known_digest_and_no_bytes_gets_its_picture_back(bank, entries):
    entry = entries[tiny_models.Z_IMAGE]
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


def test_a_damaged_picture_and_a_lost_trace_are_no_obstacle_and_regen_mends_the_picture(bank, model):
    (entry,) = bank.generate(PROMPT, seed=31, model=str(model(tiny_models.Z_IMAGE)), **SMALL)
    picture, trace = (bank.blobs.path(blob.digest) for blob in (entry.blob, entry.output.trace))
    picture.chmod(0o644)
    picture.write_bytes(picture.read_bytes()[:-9] + b"123456789")
    trace.chmod(0o644)
    trace.unlink()
    assert [finding.kind for finding in bank.check(read_data=True) if entry.blob.digest in finding.message] == ["damaged"]
    (outcome,) = bank.regen(entry.id)
    assert (outcome.regeneration.verdict, outcome.regeneration.trace) == ("exact", "absent")
    assert not [finding for finding in bank.check(read_data=True) if entry.blob.digest in finding.message]


def test_files_and_traces_of_other_entries_are_seen_and_regen_puts_the_pictures_back(bank, model):
    one, other = bank.generate(PROMPT, seed=41, n=2, model=str(model(tiny_models.Z_IMAGE)), **SMALL)
    said = str((one.id, other.id))
    exchanged = """UPDATE entries SET blob_id = (SELECT blob_id FROM entries AS e WHERE e.id <> entries.id AND e.id IN {0}),
        trace_digest = (SELECT trace_digest FROM entries AS e WHERE e.id <> entries.id AND e.id IN {0}) WHERE id IN {0}"""
    with bank.store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE model_files SET sha256 = zeroblob(32) WHERE path = 'model_index.json'")
        connection.exec_driver_sql(exchanged.format(said))

    def found():
        return [finding.message for finding in bank.check(read_data=True) if f"entry {one.id} " in finding.message]

    pixels, trace = f"The pixels of entry {one.id} are not the recorded ones.", f"The trace of entry {one.id} is that of"
    assert [message.startswith((pixels, trace)) for message in found()] == [True, True]
    assert any("The files of the model" in finding.message for finding in bank.check())
    (outcome,) = bank.regen(one.id)
    assert (outcome.regeneration.verdict, outcome.regeneration.trace) == ("exact", "absent")
    listed, missed = outcome.regeneration.explanation["notes"]
    assert "is not that of its digest" in listed and "trace is missing, damaged or that of another picture" in missed
    assert [message.startswith(trace) for message in found()] == [True]
    assert bank.entry(one.id).blob == one.blob
    changed = {file.path: file.sha256 for file in one.model.files}["model_index.json"]
    with bank.store.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE model_files SET sha256 = x'{changed}' WHERE sha256 = zeroblob(32)")
    bank.regen(other.id)


@pytest.mark.parametrize("changes", [{"nonsense": 1}, {"threads": "abc"}, {"threads": 0}, {"pipeline": 1}, {"variables": 1}])
def test_a_change_that_makes_no_sense_is_refused_before_anything_is_tried(bank, entries, changes):
    entry = entries[tiny_models.Z_IMAGE]
    before = len(bank.store.regenerations(entry.id))
    with pytest.raises(BadInput):
        bank.regen(entry.id, Options(changes=changes))
    assert len(bank.store.regenerations(entry.id)) == before


def test_a_change_that_does_not_take_is_blocked_and_never_called_exact(bank, entries):
    (outcome,) = bank.regen(entries[tiny_models.Z_IMAGE].id, Options(changes={"offload": "model"}))
    assert outcome.regeneration.verdict == "blocked"
    assert "did not take" in outcome.regeneration.explanation["line"]
