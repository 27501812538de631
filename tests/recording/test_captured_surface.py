"""A user's own script with pictures and adapters: recorded from memory alone, rebuilt exactly, and never a false exact."""

import pytest

from seedbank.bank import pixels_of
from seedbank.frozen import replace
from seedbank.records import NewEntry
from tests.tiny_adapters import Pieces, load, picture
from tests.tiny_models import SD15, Z_IMAGE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first test of each fixture waits for all renderings
torch = pytest.importorskip("torch")
CALL = {"prompt": "a red circle", "num_inference_steps": 3}
SIZE = {"height": 64, "width": 64}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory, model):
    return Pieces(tmp_path_factory.mktemp("captured"), model)


def seeded():
    return torch.Generator("cpu").manual_seed(7)


def dressed(pipe, pieces, *loras):
    """`pipe` with LoRAs (file, name) loaded as scripts do it."""
    for file, name in loras:
        folder, _, weights = pieces[file].rpartition("/")
        pipe.load_lora_weights(folder, weight_name=weights, adapter_name=name)
    return pipe


@pytest.fixture(scope="module")
def recorded(bank, model, pieces):
    """{case: entry} of calls as scripts make them."""
    import numpy
    from diffusers import (
        AutoencoderKL,
        ControlNetModel,
        StableDiffusionControlNetPipeline,
        StableDiffusionImg2ImgPipeline,
        StableDiffusionInpaintPipeline,
        ZImageImg2ImgPipeline,
    )
    from PIL import Image

    found = {}

    def record(case, pipe, **call):
        (found[case],) = bank.record(pipe, **{**CALL, **call}, generator=seeded(), tags=["captured"]).entries

    plain = load(model(SD15))
    photo, mask = picture(64, 64), Image.open(pieces["mask.png"])
    start = StableDiffusionImg2ImgPipeline(**plain.components, requires_safety_checker=False)
    record("img2img", start, image=photo, strength=0.7)
    record("img2img of another size and mode", start, image=picture(72, 60).convert("L").convert("RGBA"), strength=0.7)
    record("img2img of an array", start, image=numpy.asarray(photo)[None] / numpy.float32(255), strength=0.7)
    call = {**CALL, "image": photo, "strength": 0.7, "num_images_per_prompt": 2}
    found["first of two"], found["second of two"] = bank.record(start, **call, generator=seeded()).entries
    inpaint = StableDiffusionInpaintPipeline(**plain.components, requires_safety_checker=False)
    record("inpaint", inpaint, image=photo, mask_image=mask, strength=0.7, **SIZE)
    drawn = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    record("latents", plain, latents=drawn, **SIZE)
    with torch.no_grad():
        embeds, negative = plain.encode_prompt("a blue star", "cpu", 1, True)
    record("embeds", plain, prompt=None, prompt_embeds=embeds, negative_prompt_embeds=negative, **SIZE)
    flow = load(model(Z_IMAGE))
    record("img2img z-image", ZImageImg2ImgPipeline(**flow.components), image=photo, strength=0.7, **SIZE)
    control = ControlNetModel.from_pretrained(pieces["control"])
    followed = StableDiffusionControlNetPipeline(**plain.components, controlnet=control, requires_safety_checker=False)
    record("controlnet", followed, image=picture(64, 64), controlnet_conditioning_scale=0.8, **SIZE)

    other = load(model(SD15))
    other.vae = AutoencoderKL.from_pretrained(pieces["vae"])
    record("vae", other, **SIZE)
    other = dressed(load(model(SD15)), pieces, ("first.safetensors", "one"), ("second.safetensors", "two"))
    other.set_adapters(["two", "one"], [0.3, 0.7])
    record("loras", other, **SIZE)
    other.set_adapters(["one", "two"], [0.7, {"unet": 0.3, "text_encoder": 0.9}])
    record("loras with weights for each component", other, **SIZE)
    record("lora scale of the call", other, cross_attention_kwargs={"scale": 0.5}, **SIZE)
    other.disable_lora()
    record("loras switched off", other, **SIZE)
    other = load(model(SD15))
    other.load_textual_inversion(pieces["thing.safetensors"], token="<thing>")
    record("embedding", other, prompt="a red <thing>", **SIZE)
    other = load(model(SD15))
    other.load_ip_adapter(pieces["ip"], subfolder="", weight_name="ip-adapter_tiny.safetensors")
    other.set_ip_adapter_scale(0.6)
    record("ip-adapter", other, ip_adapter_image=picture(50, 40), **SIZE)
    return found


CASES = (
    *("img2img", "img2img of another size and mode", "img2img of an array", "inpaint", "latents", "embeds"),
    *("img2img z-image", "controlnet", "vae", "loras", "loras with weights for each component", "lora scale of the call"),
    *("loras switched off", "embedding", "ip-adapter", "first of two", "second of two"),
)


@pytest.fixture(scope="module")
def planted(bank, recorded):
    """Entries that claim the picture of a case for a recipe with one thing changed."""
    loras, started = recorded["loras"].recipe, recorded["img2img"].recipe
    turned = bank.put_image(pixels_of(picture(64, 64).rotate(90)))[1].digest
    changed = {
        "loras": [
            {"adapters": loras.adapters[::-1]},
            {"adapters": ({**loras.adapters[0], "weight": 0.4}, loras.adapters[1])},
        ],
        "embedding": [{"conditioning": {"prompt": "a red thing"}}],
        "img2img": [{"inputs": ({**started.inputs[0], "digest": turned},)}],
        "latents": [{"inputs": ()}],
    }
    found = []
    for case, changes in changed.items():
        entry = recorded[case]
        environment = bank.store.environment(entry.environment_digest)
        for change in changes:
            recipe = replace(entry.recipe, **change)
            new = NewEntry(recipe=recipe, environment=environment, model=entry.model, picture=entry.picture, blob=entry.blob)
            found.append(bank.store.add_entry(new).id)
    return found


@pytest.fixture(scope="module")
def rebuilt(bank, recorded, planted):
    """{entry id: regeneration} of everything, in a process that has seen none of it."""
    ids = [entry.id for entry in recorded.values()] + planted
    return {outcome.entry.id: outcome.regeneration for outcome in bank.regen(ids)}


@pytest.mark.parametrize("case", CASES)
def test_a_call_of_a_script_is_rebuilt_exactly_with_the_same_trace(recorded, rebuilt, case):
    entry = recorded[case]
    assert entry.obstacles == ()
    found = rebuilt[entry.id]
    assert (found.verdict, found.trace) == ("exact", "same"), found.explanation


def test_the_cases_are_different_pictures_but_for_loras_that_are_switched_off(recorded):
    digests = {case: entry.picture.digest for case, entry in recorded.items()}
    assert digests.pop("img2img of an array") == digests["img2img"]
    assert len(set(digests.values())) == len(digests)
    assert recorded["loras switched off"].recipe.adapters == ()


def test_what_is_in_memory_only_is_kept_with_the_entry(bank, recorded):
    for case, kinds in (("loras", ["lora", "lora"]), ("embedding", ["embedding"])):
        items = recorded[case].recipe.adapters
        assert [item["kind"] for item in items] == kinds
        for item in items:
            model = bank.store.model(item["digest"])
            assert model.source is None
            assert all(bank.blobs.has(file.sha256) for file in model.files)
    assert [item["weight"] for item in recorded["loras"].recipe.adapters] == [0.3, 0.7]


def test_one_thing_changed_is_never_called_exact(planted, rebuilt):
    verdicts = [rebuilt[number].verdict for number in planted]
    assert len(verdicts) == 5
    assert set(verdicts) <= {"different", "close"}


def test_a_fused_lora_is_an_obstacle_that_is_said_also_when_it_was_unfused(bank, model, pieces):
    pipe = dressed(load(model(SD15)), pieces, ("first.safetensors", "one"))
    pipe.fuse_lora(components=["unet"], lora_scale=0.7)
    (fused,) = bank.record(pipe, **CALL, **SIZE, generator=seeded()).entries
    assert "fused into the weights, which is not undone bit by bit" in fused.obstacles[0]
    pipe.unfuse_lora(components=["unet"])
    pipe.unload_lora_weights()
    (left,) = bank.record(pipe, **CALL, **SIZE, generator=seeded()).entries
    assert any("not those of the files: unet" in obstacle for obstacle in left.obstacles), left.obstacles


def test_what_cannot_be_told_is_an_obstacle(bank, model, pieces):
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

    pipe = dressed(load(model(SD15)), pieces, ("first.safetensors", "one"))
    pipe.set_adapters(["one"], [{"unet": {"down": 0.2, "mid": 0.9, "up": 0.5}}])
    (blocks,) = bank.record(pipe, **CALL, **SIZE, generator=seeded()).entries
    assert "several weights inside one component" in blocks.obstacles[0]

    plain = load(model(SD15))
    control = ControlNetModel.from_unet(plain.unet, conditioning_embedding_out_channels=(8, 16, 16))
    followed = StableDiffusionControlNetPipeline(**plain.components, controlnet=control, requires_safety_checker=False)
    (unknown,) = bank.record(followed, **CALL, **SIZE, image=picture(64, 64), generator=seeded()).entries
    assert "from which folder the ControlNet" in unknown.obstacles[0]
    (odd,) = bank.record(followed, **CALL, **SIZE, image=picture(64, 64).convert("CMYK"), generator=seeded()).entries
    assert any("(CMYK), which cannot be kept" in obstacle for obstacle in odd.obstacles)
