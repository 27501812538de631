"""The whole recipe surface: recorded, rebuilt in a new process from the record alone, exact; and never a false exact."""

from dataclasses import replace

import pytest

from seedbank.records import NewEntry
from tests.tiny_adapters import Pieces
from tests.tiny_models import FLUX, SD15, SDXL, Z_IMAGE

pytestmark = pytest.mark.slow
PROMPT = "a red circle"
SMALL = {"steps": 3, "width": 64, "height": 64, "device": "cpu", "seed": 7}
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
        "inpaint sdxl": (SDXL, photo | mask),
        "inpaint z-image": (Z_IMAGE, photo | mask),
        "inpaint flux": (FLUX, photo | mask),
        "controlnet": (SD15, {"controlnet": pieces["control"], "control_image": pieces["drawing.png"]}),
        "ip-adapter": (SD15, {"ip_adapter": (pieces["ip"], 0.6), "ip_image": pieces["photo.jpg"]}),
        "loras": (SD15, {"loras": loras}),
        "embedding": (SD15, {"embeddings": [(pieces["thing.safetensors"], "<thing>")], "clip_skip": 1}),
        "vae": (SD15, {"vae": pieces["vae"], "sampler": "DPM++ 2M SDE Karras"}),
        "flow sampler": (Z_IMAGE, {"sampler": "lcm"}),
        "everything": (
            SD15,
            photo
            | mask
            | {"controlnet": pieces["control"], "control_image": pieces["drawing.png"], "loras": loras, "sampler": "euler_a"}
            | {"ip_adapter": (pieces["ip"], 0.6), "ip_image": pieces["photo.jpg"], "vae": pieces["vae"]},
        ),
    }


CASES = (
    *("img2img", "img2img sdxl", "img2img z-image", "img2img flux", "inpaint", "inpaint sdxl", "inpaint z-image"),
    *("inpaint flux", "controlnet", "ip-adapter", "loras", "embedding", "vae", "flow sampler", "everything"),
)


@pytest.fixture(scope="module")
def entries(bank, model, pieces):
    """One entry of each case."""
    recorded = {}
    for name, (family, extras) in asked(pieces).items():
        prompt = f"{PROMPT} <thing>" if name == "embedding" else PROMPT
        (recorded[name],) = bank.generate(prompt, model=str(model(family)), tags=["surface"], **SMALL, **extras)
    return recorded


@pytest.fixture(scope="module")
def rebuilt(bank, entries):
    """All of them rebuilt in a process that has seen none of them."""
    return {outcome.entry.id: outcome.regeneration for outcome in bank.regen("tag:surface")}


@pytest.mark.parametrize("case", CASES)
def test_what_was_recorded_is_rebuilt_exactly_with_the_same_trace(entries, rebuilt, case):
    found = rebuilt[entries[case].id]
    assert (found.verdict, found.trace) == ("exact", "same"), found.explanation
    assert entries[case].obstacles == ()


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
    ("img2img", "strength", lambda recipe, stored: call(recipe, strength=0.4)),
    ("img2img", "another picture", lambda recipe, stored: inputs(recipe, "image", digest=stored["drawing.png"])),
    ("img2img sdxl", "second prompt", lambda recipe, _: {"conditioning": {**recipe.conditioning, "prompt_2": "a blue stars"}}),
    ("inpaint", "the other half", lambda recipe, stored: inputs(recipe, "mask_image", digest=stored["mask_right.png"])),
    ("controlnet", "another control image", lambda recipe, stored: inputs(recipe, "image", digest=stored["photo.jpg"])),
    ("controlnet", "its scale", lambda recipe, _: call(recipe, controlnet_conditioning_scale=0.9)),
    ("ip-adapter", "its weight", lambda recipe, _: adapters(recipe, "ip-adapter", weight=0.7)),
    ("ip-adapter", "another picture", lambda recipe, stored: inputs(recipe, "ip_adapter_image", digest=stored["drawing.png"])),
    ("loras", "their weights", lambda recipe, _: adapters(recipe, "lora", weight=0.5)),
    ("loras", "their order", lambda recipe, _: {"adapters": recipe.adapters[::-1]}),
    ("loras", "one left out", lambda recipe, _: {"adapters": recipe.adapters[:1]}),
    ("embedding", "clip skip", lambda recipe, _: {"call": {k: v for k, v in recipe.call.items() if k != "clip_skip"}}),
    ("embedding", "another word", lambda recipe, _: adapters(recipe, "embedding", token="<other>")),
    ("vae", "the model's own", lambda recipe, _: {"adapters": ()}),
    ("vae", "another schedule", lambda recipe, _: {"scheduler": karras_off(recipe)}),
]


def karras_off(recipe):
    return {**recipe.scheduler, "config": {**recipe.scheduler["config"], "use_karras_sigmas": False}}


@pytest.fixture(scope="module")
def mutated(bank, entries, rebuilt, pieces):
    """{(case, change): regeneration} of records that claim the picture of a case for a recipe with one thing changed."""
    stored = {}
    for name in ("drawing.png", "photo.jpg", "mask_right.png"):
        with open(pieces[name], "rb") as file:
            stored[name] = bank.blobs.put(file.read(), "image/png").digest
    planted = {}
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
        planted[bank.store.add_entry(new).id] = (case, what)
    return {planted[outcome.entry.id]: outcome.regeneration for outcome in bank.regen(list(planted))}


@pytest.mark.parametrize(("case", "what"), [(case, what) for case, what, _ in MUTATIONS])
def test_one_thing_changed_is_never_called_exact(mutated, case, what):
    found = mutated[case, what]
    assert found.verdict in ("different", "close"), found.explanation
