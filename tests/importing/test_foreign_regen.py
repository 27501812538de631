"""Imports are regenerated from what their files say: weights by hash, the rest by the tables, the verdict by the digests."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import seedbank
from seedbank import images
from seedbank.regen import Options
from tests import tiny_adapters, tiny_checkpoint, tiny_models
from tests.rendering import shared_cache

pytestmark = pytest.mark.slow

TEXT = """a red <lora:Some LoRA:0.75>circle
Negative prompt: blurry
Steps: 3, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 4.5, Seed: 7, Size: 64x64, Model hash: {model}, Model: tiny v1,
 VAE hash: {vae}, VAE: soft.safetensors,
 Variation seed: 8, Variation seed strength: 0.25, Clip skip: 2, RNG: CPU, Lora hashes: "Some LoRA: {lora}", Version: v1.10.1"""


@pytest.fixture(scope="module")
def world(tmp_path_factory, kept):
    """A folder of weights, a picture rendered with them, and another bank that has imported it in several forms."""
    root = tmp_path_factory.mktemp("foreign")
    folder = tiny_models.build(tiny_models.SD15, root / "sd15")
    weights = root / "weights"
    (weights / "lora").mkdir(parents=True)
    checkpoint = tiny_checkpoint.checkpoint(folder, weights / "renamed.safetensors")
    config = tiny_checkpoint.configuration(folder, root / "config")
    lora = tiny_adapters.lora(weights / "lora" / "Some LoRA.safetensors", folder, 1)
    vae = tiny_checkpoint.single_vae(tiny_adapters.vae(root / "vae", 5), weights / "soft.safetensors")
    with kept.lent(), pytest.MonkeyPatch.context() as patched:
        patched.setenv("SEEDBANK_CACHE", str(shared_cache()))
        with seedbank.open(root / "made.db", create=True) as made:
            entry = made.generate(
                "a red circle",
                negative="blurry",
                seed=7,
                steps=3,
                cfg=4.5,
                width=64,
                height=64,
                model=str(checkpoint),
                model_config=str(config),
                sampler="dpm++_2m",
                schedule="karras",
                loras=[(str(lora), 0.75)],
                vae=str(vae),
                clip_skip=1,
                variation_seed=8,
                variation_strength=0.25,
                variation_form="a1111",
            )[0]
            pixels = made.pixels(entry)
        digests = {"model": checkpoint, "vae": vae}
        short = {name: hashlib.sha256(path.read_bytes()).hexdigest()[:10] for name, path in digests.items()}
        text = TEXT.replace(",\n ", ", ").format(lora=_autov3(lora), **short)
        pictures = root / "pictures"
        pictures.mkdir()
        _png(pictures / "plain.png", pixels, text)
        _png(pictures / "hires.png", pixels, f"{text}, Hires upscale: 2, Hires upscaler: Latent, Denoising strength: 0.5")
        _png(pictures / "sampler.png", pixels, text.replace("DPM++ 2M", "Restart"))
        _png(pictures / "larger.png", pixels, text.replace("64x64", "32x32"))
        _jpeg(pictures / "lossy.jpg", pixels, text)
        with seedbank.open(root / "theirs.db", create=True) as bank:
            reports = list(bank.importing([str(pictures)]))
            ids = {Path(report.path).stem: report.entry for report in reports}
            yield SimpleNamespace(
                bank=bank, ids=ids, weights=weights, config=config, checkpoint=checkpoint, root=root, lora=lora
            )


def _autov3(path):
    data = path.read_bytes()
    return hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()[:12]


def _png(path, pixels, text):
    path.write_bytes(images.encode_png(pixels.mode, pixels.width, pixels.height, pixels.rows, text={"parameters": text}))


def _jpeg(path, pixels, text):
    from PIL import Image

    image = Image.frombytes(pixels.mode, (pixels.width, pixels.height), pixels.rows)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    image.save(path, quality=95, subsampling=0, exif=exif)


def regen(world, name, **options):
    return world.bank.regen(world.ids[name], Options(**options))[0].regeneration


# The tests of this module stand in the order of a user's day: nothing is known first, then the weights are added.


def test_before_the_weights_are_known_each_missing_part_is_named(world):
    entry = world.bank.store.entry(world.ids["plain"])
    found = regen(world, "plain")
    assert found.verdict == "blocked"
    assert "The model tiny v1 (sha256 " in found.explanation["line"] and "The lora Some LoRA" in found.explanation["line"]
    assert "seedbank models add" in found.explanation["hint"]
    parts = world.bank.check_parts(entry)
    assert [what for what, here, _ in parts if not here] == ["model tiny v1", "vae soft", "lora Some LoRA"]
    assert parts[1][2].startswith("missing, sha256 ") and parts[2][2].startswith("missing, AutoV3 ")
    assert len(world.bank.lacks(entry)) == 3
    assert world.ids["plain"] in world.bank.resolve("regenerable:no")
    assert {(named.model.name, named.meaning) for named in world.bank.named_weights()} == {
        ("tiny v1", None),
        ("soft", None),
        ("Some LoRA", None),
    }


def test_a_checkpoint_without_its_configs_is_found_and_said_to_be_half(world):
    added = list(world.bank.add_models(world.weights / "renamed.safetensors"))
    assert [one.model.pipeline for one in added] == ["checkpoint"] and "--model-config" in added[0].reason
    assert "single file; add it again with --model-config" in regen(world, "plain").explanation["line"]


def test_after_adding_the_weights_an_old_import_is_exact_because_the_digest_says_so(world):
    added = list(world.bank.add_models(world.weights, configs=[world.config]))
    assert sorted(one.model.pipeline for one in added) == ["StableDiffusionPipeline", "lora", "vae"]
    entry = world.bank.store.entry(world.ids["plain"])
    assert world.bank.lacks(entry) == [] and all(here for _, here, _ in world.bank.check_parts(entry))
    assert world.ids["plain"] not in world.bank.resolve("regenerable:no")
    found = regen(world, "plain")
    assert found.verdict == "exact" and not found.experiment, found.explanation
    assert found.explanation["line"] == "exact: made by a1111 v1.10.1, and diffusers renders the same image"
    rendered = found.evidence["recipe"]
    assert rendered["call"]["clip_skip"] == 1 and rendered["call"]["guidance_scale"] == 4.5
    assert rendered["noise"]["variation"] == {"seed": "8", "strength": 0.25, "form": "a1111"}
    assert world.bank.store.entry(entry.id).recipe == entry.recipe  # the record stays what the file says


def test_generate_from_an_import_asks_for_what_its_file_says(world):
    from seedbank.exchange.asked import asked

    wanted = asked(world.bank, world.bank.store.entry(world.ids["plain"]), {})
    assert wanted.prompt == "a red circle"
    assert wanted.options["model"] == str(world.checkpoint) and wanted.options["model_config"] == str(world.config)
    assert wanted.options["seed"] == 7 and wanted.options["steps"] == 3
    assert (wanted.options["sampler"], wanted.options["schedule"]) == ("dpm++_2m", "karras"), wanted.options
    assert wanted.options["loras"][0][0] == str(world.lora), wanted.options


def test_what_comes_in_after_its_weights_has_the_pipelines_own_arguments_from_the_start(world):
    path = world.root / "pictures" / "later.png"
    path.write_bytes((world.root / "pictures" / "plain.png").read_bytes() + b"\0")
    (report,) = [one for one in world.bank.importing([str(path)]) if one.outcome == "imported"]
    entry = world.bank.store.entry(report.entry)
    assert entry.model.pipeline == tiny_models.SD15 and entry.recipe.model == entry.model.digest
    assert entry.recipe.guidance == 4.5 and "cfg" not in entry.recipe.call
    assert world.bank.lacks(entry) == []
    assert world.bank.regen(entry.id)[0].regeneration.verdict == "exact"


def test_a_graph_of_comfyui_with_cfg_8_is_guidance_7_of_z_image(world):
    from seedbank.formats.comfyui import api_prompt

    folder = shared_cache() / "models" / "embedded-0"
    with seedbank.open(world.root / "z.db", create=True) as bank:
        made = bank.generate("a red circle", seed=7, steps=2, guidance=7, width=64, height=64, model="embedded@0")[0]
        pixels = bank.pixels(made)
        graph = api_prompt(
            model="embedded-0.safetensors",
            positive="a red circle",
            seed=7,
            steps=2,
            cfg=8.0,
            sampler_name="euler",
            scheduler="simple",
            width=64,
            height=64,
            vae="ae.safetensors",
        )
        path = world.root / "graph.png"
        text = {"prompt": json.dumps(graph)}
        path.write_bytes(images.encode_png(pixels.mode, pixels.width, pixels.height, pixels.rows, text=text))
        list(bank.add_models(folder))
        (report,) = list(bank.importing([str(path)]))
        found = bank.regen(report.entry)[0].regeneration
    assert found.evidence["recipe"]["call"]["guidance_scale"] == 7
    assert found.verdict == "exact", found.explanation
    assert any("by its name only" in note for note in found.explanation["notes"])


def test_invokeais_hash_of_a_folder_finds_an_sdxl_model_and_both_of_its_prompts_are_carried(world):
    folder = tiny_models.build(tiny_models.SDXL, world.root / "sdxl")
    with seedbank.open(world.root / "xl.db", create=True) as bank:
        made = bank.generate(
            "a red circle",
            negative="blurry",
            prompt_2="a drawing",
            negative_2="a photo",
            seed=7,
            steps=2,
            cfg=4.0,
            width=64,
            height=64,
            model=str(folder),
            sampler="euler",
        )[0]
        pixels = bank.pixels(made)
        (added,) = bank.add_models(folder)
        metadata = {
            "generation_mode": "sdxl_txt2img",
            "positive_prompt": "a red circle",
            "negative_prompt": "blurry",
            "positive_style_prompt": "a drawing",
            "negative_style_prompt": "a photo",
            "width": 64,
            "height": 64,
            "seed": 7,
            "rand_device": "cpu",
            "cfg_scale": 4.0,
            "steps": 2,
            "scheduler": "euler",
            "model": {"name": "called otherwise", "hash": f"blake3:{dict(added.model.hashes)['blake3']}", "base": "sdxl"},
            "app_version": "6.9.0",
        }
        path = world.root / "invoke.png"
        text = {"invokeai_metadata": json.dumps(metadata)}
        path.write_bytes(images.encode_png(pixels.mode, pixels.width, pixels.height, pixels.rows, text=text))
        (report,) = list(bank.importing([str(path)]))
        assert bank.store.entry(report.entry).model.digest == made.model.digest
        found = bank.regen(report.entry)[0].regeneration
    assert found.verdict == "exact", found.explanation
    assert found.explanation["line"].startswith("exact: made by invokeai")


def test_hires_fix_is_blocked_with_its_sentence(world):
    found = regen(world, "hires")
    assert found.verdict == "blocked"
    assert "Hires fix (a second pass at a larger size) is not supported." in found.explanation["line"]
    assert world.ids["hires"] in world.bank.resolve("regenerable:no")


def test_an_unknown_sampler_is_blocked_by_its_name(world):
    assert "The sampler 'Restart' of a1111 has no counterpart here." in regen(world, "sampler").explanation["line"]


def test_a_picture_of_another_size_than_its_record_is_not_compared(world):
    assert "makes 32x32 and the picture is 64x64" in regen(world, "larger").explanation["line"]


def test_of_a_lossy_picture_it_is_said_that_exact_cannot_be_judged(world):
    found = regen(world, "lossy")
    assert found.verdict in ("close", "different")
    assert "the original is lossy, so exact cannot be judged" in found.explanation["line"]
    assert "a1111 v1.10.1 made, an attempt of another engine (PSNR" in found.explanation["line"]
    assert found.explanation["foreign"]["lossy"] is True
    assert found.drift["psnr"] > 25
    assert regen(world, "lossy", tolerance=bench_tolerance("psnr=20")).verdict == "close"


def bench_tolerance(text):
    from seedbank.regen import Tolerance

    return Tolerance.parse(text)


def test_other_weights_than_the_file_names_are_an_experiment(world):
    # A folder has none of the hashes that the file could be compared by, so the user's word counts.
    told = regen(world, "plain", model=str(world.root / "sd15"))
    assert told.verdict == "exact" and not told.experiment
    assert "The model is the one that you named" in " ".join(told.explanation["notes"])
    changed = world.root / "changed.safetensors"
    data = bytearray(world.checkpoint.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    list(world.bank.add_models(changed, configs=[world.config]))
    refused = regen(world, "plain", model=str(changed))
    assert refused.verdict == "blocked" and "is not the model that the file names" in refused.explanation["line"]
    allowed = regen(world, "plain", model=str(changed), allow_other_weights=True)
    assert allowed.experiment and "experiment: other weights" in allowed.explanation["line"]


def test_weights_that_are_gone_again_are_named(world):
    world.lora.rename(world.lora.with_suffix(".away"))
    try:
        line = regen(world, "plain").explanation["line"]
        assert "The lora Some LoRA is not where it was last seen" in line
        assert world.ids["plain"] in world.bank.resolve("regenerable:no")
    finally:
        world.lora.with_suffix(".away").rename(world.lora)
