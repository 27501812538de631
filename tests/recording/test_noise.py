"""Every kind of noise is replayed bit for bit in a new process, and a batch as the batch that it was.

All entries of this module are recorded first and rebuilt together: starting a render process costs seconds.
"""

import json

import pytest

from seedbank.engine.process import Engine
from seedbank.errors import BadInput, Blocked
from seedbank.frozen import replace
from seedbank.recording.noise import noise_line
from seedbank.records import NewEntry
from tests import tiny_models
from tests.tiny_models import FLUX, SD15, SDXL, Z_IMAGE

pytestmark = pytest.mark.slow
CALL = {"height": 64, "width": 64, "num_inference_steps": 2}
SMALL = {"width": 64, "height": 64, "steps": 2, "device": "cpu", "seed": 2**40 + 7}
PROMPT = "a red circle"
TEXTS = ["a red circle", "a blue star", "a cat"]
VARIED = {"variation_seed": 8, "variation_strength": 0.25}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def latents(torch, tmp_path_factory):
    """A file with latents for Z-Image at 64x64, under a name and with metadata of the user's own."""
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("latents") / "start.safetensors"
    numbers = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(3))
    save_file({"mine": numbers}, path, metadata={"made": "by me"})
    return path


@pytest.fixture(scope="module")
def generated(bank, model, latents):
    """{what it shows: entry} of `generate` with other noise than torch's."""
    wanted = {
        "z-image, ours": (Z_IMAGE, {"noise": "seedbank-v1"}),
        "sd, ours, drawing in every step": (SD15, {"noise": "seedbank-v1", "sampler": "euler_a"}),
        "sdxl, ours, varied": (SDXL, {"noise": "seedbank-v1", **VARIED}),
        "flux, ours": (FLUX, {"noise": "seedbank-v1"}),
        "sd, a1111, another seed in the steps": (SD15, {"noise": "a1111-nv", "sampler": "euler_a", "ensd": 31337}),
        "sdxl, a1111, varied as there": (SDXL, {"noise": "a1111-nv", **VARIED, "variation_form": "a1111"}),
        "flux, torch, varied": (FLUX, VARIED),
        "z-image, supplied": (Z_IMAGE, {"latents": latents}),
    }
    return {
        name: bank.generate(PROMPT, model=str(model(family)), **SMALL, **options)[0]
        for name, (family, options) in wanted.items()
    }


@pytest.fixture(scope="module")
def cohorts(bank, model, torch):
    """{how the generators were given: (entries, images)} of batches of three, recorded as users make them."""
    from diffusers import DiffusionPipeline

    def loaded(family):
        pipe = DiffusionPipeline.from_pretrained(str(model(family)), dtype=torch.float32)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def seeded(seed):
        return torch.Generator("cpu").manual_seed(seed)

    painter, pixels = loaded(SD15), loaded(Z_IMAGE)
    torch.manual_seed(5)
    made = {
        "one": bank.record(painter, **CALL, prompt=PROMPT, num_images_per_prompt=3, generator=seeded(7)),
        "one each": bank.record(pixels, **CALL, prompt=list(TEXTS), generator=[seeded(7), seeded(2**40), seeded(9)]),
        "none": bank.record(painter, **CALL, prompt=list(TEXTS), negative_prompt=["fog", "", "dog"]),
    }
    return {name: (recorded.entries, recorded.images) for name, recorded in made.items()}


@pytest.fixture(scope="module")
def planted(bank, generated, cohorts):
    """{what is wrong: id} of entries whose picture is real and whose recipe is not the one that made it."""

    def plant(entry, **changes):
        environment = bank.store.environment(entry.environment_digest)
        recipe = replace(entry.recipe, **changes)
        new = NewEntry(recipe=recipe, environment=environment, model=entry.model, picture=entry.picture)
        return bank.store.add_entry(new).id

    second, star, varied = cohorts["one"][0][1], cohorts["one each"][0][1], generated["sdxl, ours, varied"]
    nearer = {**varied.recipe.noise, "variation": {**varied.recipe.noise["variation"], "strength": 0.26}}
    return {
        "alone": plant(second, batch=None),
        "another text": plant(star, conditioning={"prompt": "a blue cat"}),
        "no record": plant(star, batch={**star.recipe.batch, "cohort": "0" * 64}),
        "another strength": plant(varied, noise=nearer),
    }


@pytest.fixture(scope="module")
def rebuilt(bank, generated, cohorts, planted):
    """({id: regeneration} of all of them in one new process, {size of a batch: how often one was rendered})."""
    sizes = []
    original = Engine.render_batch

    def counted(engine, recipe, *arguments, **more):
        sizes.append((recipe.batch or {}).get("size", 1))
        return original(engine, recipe, *arguments, **more)

    batched = [entry.id for entries, _ in cohorts.values() for entry in entries]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "render_batch", counted)
        ids = [*(entry.id for entry in generated.values()), *batched, *planted.values()]
        found = {outcome.entry.id: outcome.regeneration for outcome in bank.regen(ids)}
    return found, {size: sizes.count(size) for size in sizes}


def test_every_kind_of_noise_is_exact_with_the_same_trace_in_a_new_process(generated, rebuilt):
    for name, entry in generated.items():
        found = rebuilt[0][entry.id]
        assert entry.obstacles == () and entry.output.flags == {}, name
        assert (found.verdict, found.trace) == ("exact", "same"), (name, found.explanation)
    assert len({entry.picture.digest for entry in generated.values()}) == len(generated)


def test_the_recipe_says_what_kind_of_noise_it_was(bank, generated):
    seed = str(2**40 + 7)
    assert generated["flux, ours"].recipe.noise == {"kind": "seedbank-v1", "seed": seed, "dtype": "float32"}
    assert generated["flux, torch, varied"].recipe.noise == {
        "kind": "torch-cpu", "seed": seed, "variation": {"seed": "8", "strength": 0.25, "form": "sane"},
    }  # fmt: skip
    assert generated["sd, a1111, another seed in the steps"].recipe.noise["ensd"] == 31337


def test_people_are_told_what_kind_of_noise_it_was(generated):
    told = {name: noise_line(entry.recipe) for name, entry in generated.items()}
    assert told["flux, torch, varied"] == "torch-cpu, varied 0.25 towards seed 8 (sane)"
    assert told["sd, a1111, another seed in the steps"] == "a1111-nv, ENSD 31337"
    digest = generated["z-image, supplied"].recipe.inputs[0]["digest"]
    assert told["z-image, supplied"] == f"torch-cpu, starting from latents {digest}"


def test_the_pipeline_starts_from_the_numbers_that_the_documentation_defines(bank, generated, torch):
    from seedbank.worker.digests import tensor_digest
    from seedbank.worker.noise.portable import normal

    stages = dict(bank.trace_of(generated["z-image, ours"].output))
    assert stages["noise"] == tensor_digest(torch.from_numpy(normal(2**40 + 7, (1, 16, 8, 8))))


def test_supplied_latents_are_an_input_by_the_digest_of_their_numbers(bank, generated, latents, torch):
    from safetensors.torch import load

    entry = generated["z-image, supplied"]
    (item,) = entry.recipe.inputs
    assert (item["role"], item["kind"]) == ("latents", "tensor")
    (kept,) = load(bank.blobs.get(item["digest"])).values()
    assert torch.equal(kept, torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(3)))
    assert b"by me" not in bank.blobs.get(item["digest"])


def test_another_strength_of_the_variation_is_seen_from_the_noise_on(planted, rebuilt):
    found = rebuilt[0][planted["another strength"]]
    assert found.verdict != "exact"


@pytest.mark.parametrize("given", ["one", "one each", "none"])
def test_every_image_of_a_batch_is_exact_with_the_same_trace(cohorts, rebuilt, given):
    entries, images = cohorts[given]
    assert len({entry.picture.digest for entry in entries}) == 3 == len(images)
    for entry in entries:
        assert entry.obstacles == ()
        found = rebuilt[0][entry.id]
        assert (found.verdict, found.trace) == ("exact", "same"), found.explanation


def test_a_cohort_is_rendered_once_for_all_its_entries(rebuilt):
    assert rebuilt[1][3] == 3


def test_an_image_of_a_batch_knows_its_own_text_and_seed_and_place(cohorts):
    entries, _ = cohorts["one each"]
    assert [(entry.prompt, entry.seed) for entry in entries] == list(zip(TEXTS, [7, 2**40, 9], strict=True))
    assert [entry.recipe.batch["index"] for entry in entries] == [0, 1, 2]
    assert len({entry.recipe.batch["cohort"] for entry in entries}) == 1


def test_an_image_of_a_batch_is_never_called_exact_alone_or_under_a_recipe_that_is_not_its_own(planted, rebuilt):
    alone, lying, lost = (rebuilt[0][planted[name]] for name in ("alone", "another text", "no record"))
    assert alone.verdict == "different"
    assert lying.verdict == "blocked" and "does not belong" in lying.explanation["line"]
    assert lost.verdict == "blocked" and "batch of 3 cannot be read" in lost.explanation["line"]


def test_the_record_of_a_cohort_is_kept_as_long_as_one_of_its_entries(bank, cohorts):
    entries, _ = cohorts["none"]
    assert set(bank.store.entries_of_blob(entries[0].recipe.batch["cohort"])) == {entry.id for entry in entries}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise": "pink"}, "no noise of the kind 'pink'"),
        ({"variation_seed": 1}, "needs its strength"),
        ({"variation_strength": 1.5}, "out of range"),
        ({"variation_strength": 0.5, "variation_form": "round"}, "no form of variation"),
        ({"noise": "seedbank-v1", "ensd": 31337}, "no ENSD"),
        ({"noise": "seedbank-v1", "variation_strength": 0.5, "variation_seed": 2**64 - 1, "n": 2}, "out of range"),
    ],
)
def test_noise_that_makes_no_sense_is_refused_and_nothing_is_recorded(bank, model, generated, options, words):
    before = bank.store.count()
    with pytest.raises(BadInput, match=words):
        bank.generate(PROMPT, model=str(model(Z_IMAGE)), **{**SMALL, **options})
    assert bank.store.count() == before


def test_the_noise_of_a_gpu_is_refused_where_there_is_none(bank, model):
    with pytest.raises(Blocked, match="torch-cuda is drawn on a GPU, and cpu renders here"):
        bank.generate(PROMPT, model=str(model(Z_IMAGE)), noise="torch-cuda", **SMALL)


def test_a_series_of_variations_keeps_the_seed_and_counts_the_second_one(bank, model):
    entries = bank.generate(PROMPT, model=str(model(Z_IMAGE)), noise="seedbank-v1", n=2, **VARIED, **SMALL)
    assert [(entry.seed, entry.recipe.noise["variation"]["seed"]) for entry in entries] == [(2**40 + 7, "8"), (2**40 + 7, "9")]


def saved(tensor):
    """A safetensors file with four bytes of data."""
    header = json.dumps({"mine": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no safetensors file"),
        (b"\x80\x02}q\x00." * 40, "no safetensors file"),
        (b"\x02\0\0\0\0\0\0\0{}", "holds 0 tensors"),
        (saved({"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}), "damaged"),
        (saved({"dtype": "I32", "shape": [1], "data_offsets": [0, 4]}), "no floats"),
    ],
)
def test_a_file_that_holds_no_latents_is_refused(tmp_path, content, words):
    from seedbank.recording.latents import read_latents

    path = tmp_path / "latents.pt"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        read_latents(path)


def test_latents_that_do_not_fit_the_size_are_refused(bank, model, latents):
    with pytest.raises(BadInput, match="1x16x8x8, and ZImagePipeline needs 1x16x16x16"):
        bank.generate(PROMPT, model=str(model(Z_IMAGE)), latents=latents, **{**SMALL, "width": 128, "height": 128})
    for options, words in (({"n": 2}, "same latents every time"), ({"variation_strength": 0.5}, "no effect on supplied")):
        with pytest.raises(BadInput, match=words):
            bank.generate(PROMPT, model=str(model(Z_IMAGE)), latents=latents, **SMALL, **options)


def test_the_tiny_models_cover_all_four_families(generated):
    assert {entry.recipe.pipeline for entry in generated.values()} == set(tiny_models.FAMILIES)
