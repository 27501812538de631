"""Sweeps of what has to be loaded anew or computed by the pipeline's own library: LoRAs and samplers, on another family."""

from __future__ import annotations

import hashlib
import shutil
from itertools import islice
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from seedbank import images
from seedbank.errors import BadInput, Blocked
from seedbank.regen import regenerate
from tests import tiny_models
from tests.rendering import shared_cache
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


# -- models, VAEs and dtypes ------------------------------------------------------------------------------------------

CHEAP = {"width": 64, "height": 64, "steps": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Folders that hold a second Stable Diffusion, `sd-b`, and another VAE for it, `vae-b`."""
    import torch

    from tests import tiny_models

    root = tmp_path_factory.mktemp("others")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        tiny_models.stable_diffusion(root / "tokens").save_pretrained(root / "sd-b")
        tiny_models.vae(latent_channels=4).save_pretrained(root / "vae-b")
    return root


@pytest.mark.slow
def test_models_and_dtypes_combine_with_loras_and_texts_and_every_cell_rebuilds_exactly(bank, model, given, others):
    axes = ["lora.first=0,1", "prompt/red/blue", f"model={model(SD15)},{others / 'sd-b'}", "dtype=float32,bfloat16"]
    asked = {name: value for name, value in given.items() if name != "model"} | CHEAP
    with bank.sweeping("a red circle", axes=axes, **asked) as sweep:
        assert [part.label for part in sweep.plan.parts] == [
            f"{name} {dtype}" for name in ("StableDiffusionPipeline", "sd-b") for dtype in ("float32", "bfloat16")
        ]
        cells = list(sweep)
    made = [cell.entry for cell in cells]
    assert len(made) == 16 and len({entry.recipe_digest for entry in made}) == 16
    assert len({entry.picture.digest for entry in made}) == 16
    loaded = [(cell.labels["model"], cell.labels["dtype"]) for cell in cells]
    assert [pair for index, pair in enumerate(loaded) if pair not in loaded[:index]] == list(dict.fromkeys(loaded))
    assert all(pair == loaded[index // 4 * 4] for index, pair in enumerate(loaded)), "each is loaded once"
    assert {entry.model.name for entry in made} == {"StableDiffusionPipeline", "sd-b"}
    outcomes = list(regenerate(bank, [made[0].id, made[-1].id], bench=bank.bench))
    assert [outcome.regeneration.verdict for outcome in outcomes] == ["exact"] * 2


@pytest.mark.slow
def test_what_a_model_lacks_and_what_has_no_effect_is_judged_for_each(bank, model):
    axes = [f"model=embedded@0,{model(SD15)}", "guidance=0,1", "eta=0,0.5"]
    with bank.sweeping("a red circle", axes=axes, device="cpu", seed=3, width=64, height=64) as sweep:
        said = list(sweep.plan.remarks)
        guidance = {start.label: start.base.guidance for start in sweep.starts}
        planned = [sweep._planner.planned(indexes) for indexes in sweep.grid.walk()]
    assert guidance == {"embedded@0": 5.0, "StableDiffusionPipeline": 7.5}, "each as its own pipeline says"
    assert "embedded@0: Cells of eta 0.5 will fail: ZImagePipeline has no argument 'eta' that can be set here." in said
    assert [one for one in said if "same picture" in one] == [
        "StableDiffusionPipeline: Guidance 0, 1 give the same picture: StableDiffusionPipeline sees no difference there."
    ]
    assert [one.problem is None for one in planned] == [False] * 4 + [True] * 4


@pytest.mark.slow
def test_an_entry_goes_to_other_weights_with_everything_else_as_it_is(bank, model, others):
    (parent,) = bank.generate("a red circle", model=str(model(SD15)), seed=4, negative="blue", guidance=3.0, **CHEAP)
    said = []
    (on_b,) = bank.vary(parent.id, model=str(others / "sd-b"), say=said.append)
    assert said == ["The composition will change: sd-b makes another picture of the same noise than StableDiffusionPipeline."]
    same = ("conditioning", "noise", "call", "scheduler", "dtypes", "pipeline")
    assert all(getattr(on_b.recipe, name) == getattr(parent.recipe, name) for name in same)
    (decoded,) = bank.vary(parent.id, vae=str(others / "vae-b"), dtype="bfloat16", say=said.append)
    assert decoded.recipe.adapters[0]["kind"] == "vae" and set(decoded.recipe.dtypes.values()) == {"bfloat16"}
    (back,) = bank.vary(decoded.id, vae="none", dtype="float32")
    assert back.recipe_digest == parent.recipe_digest and back.picture == parent.picture
    with pytest.raises(BadInput, match="is like that already"):
        bank.vary(parent.id, dtype="float32")
    (carried,) = bank.vary(parent.id, model="embedded@0", say=said.append)
    assert (carried.recipe.seed, carried.recipe.steps, carried.recipe.guidance) == (4, 2, 2.0)
    assert "ZImagePipeline does not take PNDMScheduler; its own FlowMatchEulerDiscreteScheduler is used." in said
    with bank.sweeping(of=parent.id, axes=[f"vae=none,{others / 'vae-b'}", f"model={model(SD15)},{others / 'sd-b'}"]) as sweep:
        cells = list(sweep)
    assert [cell.reused for cell in cells] == [True, False, True, False], "the recorded one, and the one that was varied"
    _, children = bank.store.lineage(parent.id)
    assert {edge.child for edge in children if edge.kind == "swept-from"} == {cells[1].entry.id, cells[3].entry.id}
    ids = [on_b.id, decoded.id, carried.id, cells[3].entry.id]
    assert [found.regeneration.verdict for found in regenerate(bank, ids, bench=bank.bench)] == ["exact"] * 4


@pytest.mark.slow
def test_a_sweep_of_models_goes_on_elsewhere_before_its_first_cell_is_finished(bank, model, others, monkeypatch, tmp_path):
    monkeypatch.chdir(others)
    with bank.sweeping("a blue star", axes=["model=sd-b,embedded@0"], seed=9, **CHEAP) as sweep:
        run = sweep.begin()
    monkeypatch.chdir(tmp_path)
    with bank.sweeping(resume=run.id) as sweep:
        assert (sweep.plan.cells, sweep.plan.reused) == (2, 0)
        made = [cell.entry for cell in sweep]
    assert [entry.model.name for entry in made] == ["sd-b", "embedded@0"]
    with bank.sweeping(resume=run.id) as sweep:
        assert all(cell.reused for cell in sweep)


# -- pictures, adapters and modes ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pieces(tmp_path_factory, model):
    return Pieces(tmp_path_factory.mktemp("given"), model)


@pytest.mark.slow
def test_pictures_are_an_axis_and_go_on_without_their_files(bank, model, pieces, tmp_path):
    for name in ("photo.jpg", "drawing.png"):
        shutil.copy(pieces[name], tmp_path)
    shutil.copy(tmp_path / "photo.jpg", tmp_path / "copy.jpg")
    places = [str(tmp_path / name) for name in ("photo.jpg", "drawing.png", "copy.jpg")]
    asked = {"model": str(model(SD15)), "seed": 5, **CHEAP}
    said = []
    axes = ["strength=0.5,1", f"image={','.join(places)}"]
    with bank.sweeping("a red circle", axes=axes, say=said.append, **asked) as sweep:
        assert "photo.jpg and copy.jpg have the same content: their cells are the same pictures." in sweep.plan.remarks
        assert [(part.label, part.cells) for part in sweep.plan.parts] == [
            ("photo.jpg", 2), ("drawing.png", 2), ("copy.jpg", 2),
        ]  # fmt: skip
        run = sweep.begin()
        assert len(list(islice(sweep, 2))) == 2
    assert any(sentence.startswith("photo.jpg is resized from 80x60 to 64x64") for sentence in said)
    for place in places:
        Path(place).unlink()
    with bank.sweeping(resume=run.id) as sweep:
        cells = list(sweep)
    made = [cell.entry for cell in cells]
    digests = [hashlib.sha256(Path(pieces[name]).read_bytes()).hexdigest() for name in ("photo.jpg", "drawing.png")]
    assert [entry.recipe.inputs[0]["digest"] for entry in made[:4]] == [digests[0]] * 2 + [digests[1]] * 2
    assert [cell.labels for cell in cells[1:3]] == [
        {"strength": "1", "image": "photo.jpg"}, {"strength": "0.5", "image": "drawing.png"},
    ]  # fmt: skip
    assert [entry.id for entry in made[4:]] == [entry.id for entry in made[:2]], "the same bytes are the same cells"
    assert made[2].details["inputs"]["image"] == places[1]
    ids = [entry.id for entry in made[:4]]
    assert [found.regeneration.verdict for found in regenerate(bank, ids, bench=bank.bench)] == ["exact"] * 4


@pytest.mark.slow
def test_an_entry_is_given_pictures_and_a_controlnet_and_keeps_everything_else(bank, model, pieces):
    (parent,) = bank.generate("a red circle", model=str(model(SD15)), seed=6, sampler="euler", schedule="karras", **CHEAP)
    control = ["controlnet=" + pieces["control"], f"control_image={pieces['mask.png']},{pieces['mask_right.png']}"]
    with bank.sweeping(of=parent.id, axes=control) as sweep:
        followed = [cell.entry for cell in sweep]
    recipes = [entry.recipe for entry in followed]
    assert [recipe.pipeline for recipe in recipes] == ["StableDiffusionControlNetPipeline"] * 2
    assert len({recipe.inputs[0]["digest"] for recipe in recipes}) == len({entry.picture.digest for entry in followed}) == 2
    kept = ("conditioning", "noise", "scheduler", "model")
    assert all(getattr(recipe, name) == getattr(parent.recipe, name) for recipe in recipes for name in kept)
    axes = [f"image={pieces['drawing.png']}", "strength=1", f"ip_adapter={pieces['ip']}", f"ip_image={pieces['photo.jpg']}"]
    with bank.sweeping(of=followed[0].id, axes=[*axes, f"embedding=none,{pieces['thing.safetensors']}"]) as sweep:
        beside = [cell.entry for cell in sweep]
    roles = {item["role"]: item["digest"] for item in beside[1].recipe.inputs}
    assert list(roles) == ["image", "control_image", "ip_adapter_image"]
    assert roles["control_image"] == recipes[0].inputs[0]["digest"]
    assert [[item["kind"] for item in entry.recipe.adapters] for entry in beside] == [
        ["controlnet", "ip-adapter"], ["controlnet", "embedding", "ip-adapter"],
    ]  # fmt: skip
    with bank.sweeping(of=beside[0].id, axes=["ip_adapter=0.5,1"]) as sweep:
        assert [cell.reused for cell in sweep] == [False, True], "its weight is an axis beside its folder"
    ids = [followed[0].id, beside[0].id, beside[1].id]
    assert [found.regeneration.verdict for found in regenerate(bank, ids, bench=bank.bench)] == ["exact"] * 3


@pytest.mark.slow
def test_what_a_pipeline_does_not_take_is_said_before_anything_is_rendered(bank, model, pieces, tmp_path):
    asked = {"model": str(model(SD15)), "seed": 5, **CHEAP}
    before = bank.store.count()
    for axis, words in {
        f"mask={pieces['mask.png']}": "--mask has no effect without --image",
        f"controlnet={pieces['control']}": "--controlnet has no effect without --control-image",
        "strength=0.5": "has no argument 'strength'",
    }.items():
        with pytest.raises(BadInput, match=words), bank.sweeping("a circle", axes=[axis], **asked):
            pass
    tiny_models.vae(latent_channels=8).save_pretrained(tmp_path / "eight")
    with pytest.raises(BadInput, match="The VAE eight is of another family than the model: it has 8 latent channels"):
        bank.sweeping("a circle", axes=[f"vae={tmp_path / 'eight'}"], **asked)
    assert bank.store.count() == before


@pytest.mark.slow
def test_latents_and_modes_are_axes_too(bank, model, tmp_path):
    asked = {"model": str(model(SD15)), "seed": 5, **CHEAP}
    for seed in (1, 2):
        noise = numpy.random.default_rng(seed).standard_normal((1, 4, 16, 16), dtype=numpy.float32)
        save_file({"latents": noise}, tmp_path / f"{seed}.safetensors")
    axes = [f"latents={tmp_path / '1.safetensors'},{tmp_path / '2.safetensors'}", "mode=as-is,strict"]
    with bank.sweeping("a red circle", axes=axes, **asked) as sweep:
        cells = list(sweep)
    labels = [tuple(cell.labels.values()) for cell in cells]
    assert labels == [("1", "as-is"), ("2", "as-is"), ("1", "strict"), ("2", "strict")]
    recipes = [cell.entry.recipe for cell in cells]
    assert [recipe.mode for recipe in recipes] == ["as-is"] * 2 + ["strict"] * 2
    assert len({recipe.inputs[0]["digest"] for recipe in recipes}) == 2
    assert len({cell.entry.environment_digest for cell in cells}) == 2
    (found,) = regenerate(bank, [cells[3].entry.id], bench=bank.bench)
    assert found.regeneration.verdict == "exact"


# -- imports ----------------------------------------------------------------------------------------------------------

TEXT = (
    "a red circle\nSteps: 2, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Seed: 7, Size: 64x64, RNG: CPU, "
    "Model: embedded-0, Hires upscale: 2, Hires upscaler: Latent, Denoising strength: 0.5, Version: v1.10.1"
)


@pytest.mark.slow
def test_variants_and_sweeps_begin_from_the_picture_of_another_tool_and_say_what_is_left_out(bank, tmp_path):
    data = images.encode_png("RGB", 128, 128, bytes(128 * 128 * 3), text={"parameters": TEXT})
    (tmp_path / "theirs.png").write_bytes(data)
    (report,) = bank.importing([str(tmp_path / "theirs.png")])
    with pytest.raises(Blocked, match=r"The model embedded-0 .*is not among the weights that this bank knows"):
        bank.vary(report.entry, prompt="a blue circle")
    list(bank.add_models(shared_cache() / "models" / "embedded-0"))
    said = []
    (variant,) = bank.vary(report.entry, prompt="a blue circle", say=said.append)
    assert "Hires fix (a second pass at a larger size) is left out." in said
    assert (variant.recipe.seed, variant.recipe.width, variant.prompt) == (7, 64, "a blue circle")
    with bank.sweeping(of=report.entry, axes=["prompt/red/blue", "seed=7,8"], say=said.append) as sweep:
        cells = list(sweep)
        assert [cell.entry.id for cell in cells if cell.reused] == [variant.id]
    for entry, kind in ((variant, "variant-of"), (cells[0].entry, "swept-from")):
        assert [(edge.parent, edge.kind) for edge in bank.store.lineage(entry.id)[0]] == [(report.entry, kind)]
    outcomes = list(regenerate(bank, [variant.id, cells[0].entry.id], bench=bank.bench))
    assert [outcome.regeneration.verdict for outcome in outcomes] == ["exact"] * 2
