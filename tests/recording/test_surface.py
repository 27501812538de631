"""The whole recipe surface: recorded, rebuilt in a new process from the record alone, exact; and never a false exact."""

import shutil

import pytest

from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.records import NewEntry
from tests.tiny_adapters import Pieces
from tests.tiny_models import FLUX, SD15, SDXL, Z_IMAGE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first test of each fixture waits for all renderings
PROMPT = "a red circle"
SMALL = {"steps": 3, "width": 64, "height": 64, "device": "cpu", "seed": 7}
WEIGHTED = "a (red:1.4) [circle]"
PROMPTS = {"embedding": f"{PROMPT} <thing>", "weighted": WEIGHTED, "weighted xl": WEIGHTED, "weighted flux": WEIGHTED}
"""The text of the cases that have another."""
LORAS = ("first.safetensors:0.7", "second.safetensors:0.3")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory, model):
    return Pieces(tmp_path_factory.mktemp("pieces"), model)


def asked(pieces):
    """{name: (family, what is asked for)}"""
    photo, mask = {"image": pieces["photo.jpg"], "strength": 0.7}, {"mask": pieces["mask.png"]}
    loras = [(pieces[name], float(weight)) for name, _, weight in (lora.partition(":") for lora in LORAS)]
    return {
        "img2img": (SD15, photo),
        "img2img sdxl": (SDXL, photo | {"prompt_2": "a blue star", "negative_2": "fog"}),
        "img2img z-image": (Z_IMAGE, photo),
        "img2img flux": (FLUX, photo),
        "inpaint": (SD15, photo | mask),
        "inpaint z-image": (Z_IMAGE, photo | mask),
        "controlnet": (SD15, {"controlnet": pieces["control"], "control_image": pieces["drawing.png"]}),
        "ip-adapter": (SD15, {"ip_adapter": (pieces["ip"], 0.6), "ip_image": pieces["photo.jpg"]}),
        "loras": (SD15, {"loras": loras}),
        "embedding": (SD15, {"embeddings": [(pieces["thing.safetensors"], "<thing>")], "clip_skip": 1}),
        "vae": (SD15, {"vae": pieces["vae"], "sampler": "DPM++ 2M SDE Karras"}),
        "flow sampler": (Z_IMAGE, {"sampler": "lcm"}),
        "weighted": (SD15, {"weighting": "a1111", "negative": "(blue:1.2) BREAK fog"}),
        "weighted xl": (SDXL, {"weighting": "a1111"}),
        "weighted flux": (FLUX, {"weighting": "comfyui"}),
        "everything": (
            SD15,
            photo
            | mask
            | {"controlnet": pieces["control"], "control_image": pieces["drawing.png"], "loras": loras, "sampler": "euler_a"}
            | {"ip_adapter": (pieces["ip"], 0.6), "ip_image": pieces["photo.jpg"], "vae": pieces["vae"]},
        ),
    }


CASES = (
    *("img2img", "img2img sdxl", "img2img z-image", "img2img flux", "inpaint", "inpaint z-image"),
    *("controlnet", "ip-adapter", "loras", "embedding", "vae", "flow sampler", "everything"),
    *("weighted", "weighted xl", "weighted flux", "base", "refined", "kept"),
)


@pytest.fixture(scope="module")
def entries(bank, model, pieces):
    """One entry of each case."""
    recorded = {}
    for name, (family, extras) in asked(pieces).items():
        (recorded[name],) = bank.generate(
            PROMPTS.get(name, PROMPT), model=str(model(family)), tags=["surface"], **SMALL, **extras
        )
    refined = {"refiner": pieces["refiner"], "refiner_strength": 0.7}
    recorded["base"], recorded["refined"] = bank.generate(PROMPT, model=str(model(SDXL)), tags=["surface"], **SMALL, **refined)
    folder, lora = pieces.root / "travelling", pieces.root / "travelling.safetensors"
    shutil.copytree(model(SD15), folder)
    shutil.copy(pieces["second.safetensors"], lora)
    (recorded["kept"],) = bank.generate(
        PROMPT, model=str(folder), tags=["surface"], **SMALL, loras=[f"{lora}:0.5"], sampler="ddim"
    )
    bank.keep_models(str(recorded["kept"].id))
    shutil.rmtree(folder)
    lora.unlink()
    return recorded


@pytest.mark.parametrize("case", CASES)
def test_what_was_recorded_is_rebuilt_exactly_with_the_same_trace(entries, rebuilt, case):
    found = rebuilt[entries[case].id]
    assert (found.verdict, found.trace) == ("exact", "same"), found.explanation
    assert entries[case].obstacles == ()


def test_what_does_not_fit_the_model_is_refused_with_what_does(bank, model, pieces):
    with pytest.raises(BadInput, match="flow-matching model, which does not take the sampler 'dpm\\+\\+_2m'") as caught:
        bank.generate(PROMPT, model=str(model(Z_IMAGE)), sampler="dpm++_2m", **SMALL)
    assert caught.value.hint == "Use one of: euler, lcm."
    with pytest.raises(BadInput, match="has no weights for ZImagePipeline"):
        bank.generate(PROMPT, model=str(model(Z_IMAGE)), loras=[pieces["first.safetensors"]], **SMALL)


def test_the_refined_image_has_the_latents_of_the_base_as_its_input(bank, entries):
    base, refined = entries["base"], entries["refined"]
    assert refined.recipe.pipeline == "StableDiffusionXLImg2ImgPipeline"
    assert [(item["role"], item["kind"]) for item in refined.recipe.inputs] == [("image", "tensor")]
    parents, _ = bank.store.lineage(refined.id)
    assert [(edge.parent, edge.kind) for edge in parents] == [(base.id, "refined-from")]
    assert refined.seed == base.seed


def test_kept_weights_are_found_when_their_folder_is_gone(bank, entries, rebuilt):
    entry = entries["kept"]
    assert bank.lacks(entry) == []
    uses = {use.model.name: use for use in bank.models()}
    assert (uses["travelling"].kept, uses["travelling"].here) == (True, False)
    assert rebuilt[entry.id].verdict == "exact"


def test_names_and_paths_stand_beside_the_recipe(bank, entries, pieces):
    entry = entries["everything"]
    assert str(pieces.root) not in str(entry.recipe.to_dict())
    assert entry.details["inputs"]["image"] == pieces["photo.jpg"]
    sources = {bank.store.model(item["digest"]).source for item in entry.recipe.adapters}
    assert pieces["control"] in sources


def test_every_case_makes_another_picture_than_the_plain_text(bank, entries, model):
    digests = {entry.picture.digest for entry in entries.values()}
    assert len(digests) == len(entries)
    for family in (SD15, Z_IMAGE):
        (plain,) = bank.generate(PROMPT, model=str(model(family)), **SMALL)
        assert plain.picture.digest not in digests


def inputs(recipe, role, **changes):
    return {"inputs": tuple({**item, **changes} if item["role"] == role else item for item in recipe.inputs)}


def adapters(recipe, kind, **changes):
    return {"adapters": tuple({**item, **changes} if item["kind"] == kind else item for item in recipe.adapters)}


def call(recipe, **changes):
    return {"call": {**recipe.call, **changes}}


MUTATIONS = [
    ("img2img", "another picture", lambda recipe, stored: inputs(recipe, "image", digest=stored["drawing.png"])),
    ("img2img sdxl", "second prompt", lambda recipe, _: {"conditioning": {**recipe.conditioning, "prompt_2": "a blue stars"}}),
    ("inpaint", "the other half", lambda recipe, stored: inputs(recipe, "mask_image", digest=stored["mask_right.png"])),
    ("controlnet", "its scale", lambda recipe, _: call(recipe, controlnet_conditioning_scale=0.9)),
    ("ip-adapter", "its weight", lambda recipe, _: adapters(recipe, "ip-adapter", weight=0.7)),
    ("ip-adapter", "another picture", lambda recipe, stored: inputs(recipe, "ip_adapter_image", digest=stored["drawing.png"])),
    ("loras", "their weights", lambda recipe, _: adapters(recipe, "lora", weight=0.5)),
    ("loras", "their order", lambda recipe, _: {"adapters": recipe.adapters[::-1]}),
    ("embedding", "clip skip", lambda recipe, _: {"call": {k: v for k, v in recipe.call.items() if k != "clip_skip"}}),
    ("vae", "the model's own", lambda recipe, _: {"adapters": ()}),
    ("weighted", "other rules", lambda recipe, _: {"conditioning": {**recipe.conditioning, "weighting": "comfyui/compel"}}),
    (
        "weighted",
        "another weight",
        lambda recipe, _: {"conditioning": {**recipe.conditioning, "prompt": "a (red:1.41) [circle]"}},
    ),
    ("vae", "another schedule", lambda recipe, _: {"scheduler": karras_off(recipe)}),
]


def karras_off(recipe):
    return {**recipe.scheduler, "config": {**recipe.scheduler["config"], "use_karras_sigmas": False}}


@pytest.fixture(scope="module")
def planted(bank, entries, pieces):
    """{entry id: (case, change)} of records that claim the picture of a case for a recipe with one thing changed."""
    stored = {}
    for name in ("drawing.png", "photo.jpg", "mask_right.png"):
        with open(pieces[name], "rb") as file:
            stored[name] = bank.blobs.put(file.read(), "image/png").digest
    found = {}
    for case, what, change in MUTATIONS:
        entry = entries[case]
        recipe = replace(entry.recipe, **change(entry.recipe, stored))
        assert recipe.digest != entry.recipe.digest
        new = NewEntry(
            recipe=recipe,
            environment=bank.store.environment(entry.environment_digest),
            model=entry.model,
            picture=entry.picture,
            blob=entry.blob,
        )
        found[bank.store.add_entry(new).id] = (case, what)
    return found


@pytest.fixture(scope="module")
def rebuilt(bank, entries, planted):
    """{entry id: regeneration} of everything, in a process that has seen none of it."""
    ids = [entry.id for entry in entries.values()] + list(planted)
    return {outcome.entry.id: outcome.regeneration for outcome in bank.regen(ids)}


@pytest.mark.parametrize(("case", "what"), [(case, what) for case, what, _ in MUTATIONS])
def test_one_thing_changed_is_never_called_exact(planted, rebuilt, case, what):
    (number,) = [number for number, planned in planted.items() if planned == (case, what)]
    found = rebuilt[number]
    assert found.verdict in ("different", "close"), found.explanation
