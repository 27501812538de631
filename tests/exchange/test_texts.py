"""Texts of a recipe, written and received without rendering anything."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seedbank
from seedbank.environment import Environment
from seedbank.errors import BadInput
from seedbank.exchange.profile import ORDINARY, taken_profile, unusual
from seedbank.exchange.receive import receive
from seedbank.exchange.received import accept
from seedbank.exchange.texts import FORMS, SCRIPT, Texts, language
from seedbank.formats import detect
from seedbank.formats.comfyui import api_prompt
from seedbank.formats.reading import Foreign, Payload
from seedbank.formats.remainder import remainder, together
from seedbank.formats.stamp import find_stamp
from seedbank.frozen import replace
from seedbank.importing.convert import convert
from seedbank.recipe import Recipe
from seedbank.records import Model, ModelFile, NewEntry, Picture

FILE = ModelFile("single.safetensors", 12, "d" * 64)
PROFILE = {**ORDINARY, "device": "cpu", "threads": 2, "variables": {}, "cudnn.benchmark": True}
SD = Recipe(
    conditioning={"prompt": "a red circle, 猫", "negative_prompt": "blurry"},
    noise={"kind": "torch-cpu", "seed": str(2**64 - 1)},
    call={
        "width": 512,
        "height": 768,
        "num_inference_steps": 20,
        "guidance_scale": 7.5,
        "guidance_rescale": 0.0,
        "clip_skip": 1,
    },
    pipeline="StableDiffusionPipeline",
    scheduler={"class": "DPMSolverMultistepScheduler", "config": {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}},
    dtypes={"unet": "float16", "vae": "float32"},
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    with seedbank.open(tmp_path_factory.mktemp("bank") / "a.db", create=True) as opened:
        yield opened


@pytest.fixture
def other(tmp_path):
    with seedbank.open(tmp_path / "b.db", create=True) as opened:
        yield opened


def added(bank, recipe=SD, image="e" * 64, **more):
    from seedbank.hashing import json_digest

    digest = json_digest({FILE.path: FILE.sha256})
    model = Model(
        digest, "dream, v8", (FILE,), "StableDiffusionPipeline", "/home/ann/dream v8.safetensors", config="/home/ann/c"
    )
    recipe = replace(recipe, model=digest)
    picture = Picture(image, "RGB", recipe.width, recipe.height)
    environment = Environment({"profile": PROFILE, "distributions": {"torch": {"version": "1.0"}}})
    return bank.store.add_entry(NewEntry(recipe=recipe, model=model, picture=picture, environment=environment, **more))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_brings_the_whole_recipe_and_its_settings(form, bank, other):
    entry = added(bank)
    text = Texts(bank, "zh")(entry, form)
    assert "/home" not in text, "where the sender's files lie does not travel"
    received = receive(text)
    assert (received.trusted, received.recipe.digest, received.stamp.image) == (True, entry.recipe.digest, "e" * 64)
    assert received.profile["threads"] == 2 and received.profile["cudnn.benchmark"] is True
    assert any("torch 1.0" in remark for remark in received.remarks), "other versions are said beforehand"
    came, new = accept(other, received)
    assert new and (came.recipe.digest, came.picture.digest, came.blob) == (entry.recipe.digest, "e" * 64, None)
    name = "dream v8.safetensors" if form == "comfyui" else "dream, v8"
    assert (came.model.name, came.origin, came.obstacles) == (name, "received", ())
    assert came.details["received"]["text"] == text
    assert accept(other, receive(text)) == (came, False)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60) | st.sampled_from(
    [
        "Negative prompt: x",
        "a\nSteps: 3, Seed: 4, Size: 8x8",
        "<lora:x:1>",
        "(a:1.2), [b]",
        "seedbank:",
        "【x】\nSeed: 5",
        '{"1": {}}',
        " x\n",
        "seedbank: y",
    ]
)


@pytest.mark.parametrize("form", [form for form in FORMS if form != SCRIPT])
def test_prompts_survive_every_form(form, bank):
    @settings(max_examples=25, deadline=None)
    @given(TEXTS, TEXTS, st.floats(1, 30))
    def survives(prompt, negative, guidance):
        conditioning = {"prompt": prompt, "negative_prompt": negative}
        recipe = replace(entry.recipe, conditioning=conditioning, call={**SD.call, "guidance_scale": guidance})
        text = texts(replace(entry, recipe=recipe, recipe_digest=recipe.digest), form)
        received = receive(text)
        assert received.trusted and received.recipe.digest == recipe.digest

    entry, texts = added(bank), Texts(bank, "en")
    survives()


def test_a_comfyui_graph_that_was_changed_is_told(bank):
    text = Texts(bank)(added(bank), "comfyui")
    graph = json.loads(text)
    sampler = next(node for node in graph.values() if node["class_type"] == "KSampler")
    assert (sampler["inputs"]["sampler_name"], sampler["inputs"]["scheduler"]) == ("dpmpp_2m", "karras")
    for field, value in (("seed", 5), ("cfg", 3.0), ("sampler_name", "euler")):
        changed = json.loads(text)
        next(node for node in changed.values() if node["class_type"] == "KSampler")["inputs"][field] = value
        received = receive(json.dumps(changed))
        assert not received.trusted and any("was changed" in remark for remark in received.remarks)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pipeline": "QwenImagePipeline"}, "QwenImagePipeline"),
        ({"pipeline": "FluxPipeline"}, "scheduler of a FluxPipeline is a DPMSolver"),
        ({"noise": {"kind": "a1111-nv", "seed": "1"}}, "noise is of the kind a1111-nv"),
        ({"call": {**SD.call, "guidance_rescale": 0.7}}, "guidance_rescale is 0.7"),
        ({"inputs": ({"role": "image", "digest": "a" * 64, "kind": "picture"},)}, "input image"),
        ({"scheduler": {"class": "DDIMInverseScheduler", "config": {}}}, "DDIMInverseScheduler"),
    ],
)
def test_what_is_not_plain_has_no_graph(change, words, bank):
    entry = added(bank)
    with pytest.raises(BadInput, match=words.replace(".", r"\.")):
        Texts(bank)(replace(entry, recipe=replace(entry.recipe, **change)), "comfyui")


def test_the_inputs_of_a_script_have_names_by_which_it_finds_them(bank):
    from seedbank.records import Blob

    kept = bank.blobs.put(b"\x89PNG and so on", "image/png")
    assert isinstance(kept, Blob)
    inputs = (
        {"role": "image", "digest": kept.digest, "kind": "picture"},
        {"role": "latents", "digest": "a" * 64, "kind": "tensor"},
        {"role": "rng-state", "digest": "b" * 64},
    )
    entry = added(bank, replace(SD, inputs=inputs), "f" * 64)
    names = [
        f"circle.image-{kept.digest[:12]}.png",
        "circle.latents-aaaaaaaaaaaa.safetensors",
        "circle.rng-state-bbbbbbbbbbbb.json",
    ]
    assert next(name for name, _, _ in bank.files_beside(entry, "comfyui")) == f"seedbank-{kept.digest[:12]}.png"
    assert bank.files_beside(entry, "block") == []
    assert bank.files_beside(entry, "script", "circle") == [
        (name, data, item["digest"]) for name, data, item in zip(names, (b"\x89PNG and so on", None, None), inputs, strict=True)
    ]


def test_texts_of_other_tools_are_received_without_digests(other):
    received = receive(
        "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, Model: dream"
    )
    assert (received.form, received.stamp, received.trusted) == ("a1111", None, False)
    entry, _ = accept(other, received)
    assert (entry.prompt, entry.seed, entry.picture) == ("a cat", 5, None) and entry.obstacles


@pytest.mark.parametrize(
    "text",
    [
        "Seed: 4711, Prompt: a cabin in fog, watercolor, Steps: 50, CFG: 8.0, Size: 1024x576",
        "Prompt:\na cabin in fog, watercolor\n\nNegative prompt:\nblurry\n\nSeed: 4711\nSteps: 50",
        "Seed: 4711\nSteps: 50\nPrompt: a cabin in fog, watercolor\nModel: dream\nSampler: Euler\nScheduler: simple",
    ],
)
def test_a_typed_block_is_not_taken_for_parameters(text):
    received = receive(text)
    found = received.reading.recipe
    assert (received.form, found.prompt, found.seed, found.steps) == ("block", "a cabin in fog, watercolor", 4711, 50)


def test_a_pipeline_that_is_not_on_the_list_is_an_obstacle(bank, other):
    entry = added(bank, replace(SD, pipeline="EvilPipeline"))
    came, _ = accept(other, receive(Texts(bank)(entry, "json")))
    assert "EvilPipeline" in came.obstacles[0]


def test_a_plain_profile_is_not_said():
    assert unusual(PROFILE) == {"device": "cpu", "threads": 2, "cudnn.benchmark": True}
    strict = {**PROFILE, "fp32_precision.cuda.conv": "ieee"}
    assert unusual(strict)["fp32_precision"] == "none", "settings that change each other travel together"


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_a_profile_from_outside_never_breaks_anything(value):
    for given_profile in (value, {"pipeline": value, "variables": value, "threads": value, "sdpa.order": value}):
        taken, left = taken_profile(given_profile)
        Environment({"profile": taken})
        assert all(isinstance(name, str) for name in left)


@pytest.mark.parametrize(
    ("environ", "lang"),
    [({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "zh_TW", "LC_ALL": "en_US.UTF-8"}, "en"), ({"LANG": "de_DE.UTF-8"}, "en")],
)
def test_the_language_is_that_of_the_locale(environ, lang):
    assert language(environ) == lang


def test_an_entry_without_a_recipe_has_no_text(bank):
    entry = bank.store.add_entry(NewEntry(picture=Picture("e" * 64)))
    with pytest.raises(seedbank.errors.NotFound, match="has no recipe"):
        bank.recipe_text(entry)


def imported(bank, *payloads):
    """An entry of a picture that another tool wrote, whose weights nobody knows."""
    reading = detect.examine(payloads).readings[0]
    converted = convert(reading)
    new = NewEntry(
        recipe=converted.recipe,
        model=converted.model,
        picture=Picture("c" * 64, "RGB", 640, 512),
        origin="imported",
        payloads=payloads,
        details=dict(converted.details),
    )
    return bank.store.add_entry(new)


FOREIGN = "a cat <lora:paws:0.5>\nSteps: 20, Sampler: Res Multistep, Schedule type: Karras, CFG scale: 7, Seed: 5, "
FOREIGN += "Size: 640x512, Model hash: 45a21ea00a, Model: dream, Denoising strength: 0.4, Hires upscale: 2, Version: neo"


@pytest.mark.parametrize("form", ["a1111", "block", "json"])
def test_what_the_file_of_an_import_says_reaches_the_colleague(form, bank, other):
    entry = imported(bank, Payload("png:parameters", FOREIGN))
    text = Texts(bank)(entry, form)
    received = receive(text)
    assert received.trusted and received.recipe == entry.recipe, received.remarks
    theirs, _ = accept(other, received)
    assert (theirs.model.name, theirs.picture.digest) == ("dream", "c" * 64)
    if form != "json":
        assert (received.reading.recipe.sampler, received.reading.recipe.schedule) == ("Res Multistep", "Karras")
    if form == "a1111":
        assert text.startswith(FOREIGN), "also what no recipe here can say"


def test_the_hash_of_weights_that_nobody_knows_travels_as_json(bank, other):
    entry = imported(bank, Payload("png:parameters", FOREIGN))
    text = Texts(bank)(entry, "json")
    theirs, _ = accept(other, receive(text))
    assert theirs.model.digest == entry.model.digest
    (known,) = other.store.bundles.models([theirs.model.digest])
    assert known.hashes == (("name", "dream"), ("sha256", "45a21ea00a"))
    claimed = receive(text.replace("45a21ea00a", "0" * 10)).new_entry(other).model
    assert claimed.digest != entry.model.digest, "which is that of its own hash"
    schema = json.loads((Path(__file__).parents[2] / "docs" / "recipe.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))


@pytest.mark.parametrize("pipeline", ["LatentConsistencyModelPipeline", "Flux2Pipeline"])
def test_a_file_may_say_a_cfg_for_a_pipeline_that_has_none(pipeline, bank):
    entry = imported(bank, Payload("png:parameters", FOREIGN))
    call = {name: value for name, value in entry.recipe.call.items() if name != "cfg"}
    recipe = replace(entry.recipe, pipeline=pipeline, model="b" * 64, call=call)
    text = Texts(bank)(replace(entry, recipe=recipe), "a1111")
    assert "CFG scale: 7" in text
    for given_text in (text, text.replace("CFG scale: 7", "CFG scale: 8")):
        assert receive(given_text).recipe == recipe, "no CFG changes it"


@pytest.mark.parametrize("form", ["a1111", "block"])
def test_a_picture_larger_than_is_taken_in_can_be_told(form, bank):
    entry = imported(bank, Payload("png:parameters", FOREIGN.replace("640x512", "20000x512")))
    text = Texts(bank)(entry, form)
    assert "20000" in text
    with pytest.raises(BadInput, match="its width is no whole number"):
        receive(text)


def test_a_text_of_before_lists_what_its_recipe_does_not_say():
    reading = Foreign(prompt="", seed=5)
    recipe = Recipe(conditioning={}, noise={"kind": "torch-cpu", "seed": "5"}, call={})
    rest = remainder(recipe, reading)
    assert rest["unsaid"] == {"prompt": ""}
    assert together(rest | {"unsaid": ["prompt"]}, reading, None) == (recipe, [])


def test_a_user_whom_a_file_names_does_not_travel(bank):
    entry = imported(bank, Payload("png:parameters", f"{FOREIGN}, User: ann"))
    text = Texts(bank)(entry, "a1111")
    assert "ann" not in text and "Sampler: Res Multistep" in text


LITTLE = {"1": {"class_type": "KSampler", "inputs": {"model": ["2", 0], "seed": 5, "steps": 20, "sampler_name": "dpmpp_2m"}}}
LITTLE |= {"2": {"class_type": "LoraLoader", "inputs": {"lora_name": "paws.safetensors", "strength_model": 1.0}}}


@pytest.mark.parametrize("form", ["a1111", "block", "json"])
@pytest.mark.parametrize(
    "payload",
    [
        Payload("png:parameters", FOREIGN.replace("CFG scale: 7", "CFG scale: 1, Distilled CFG Scale: 3.5")),
        Payload("png:prompt", json.dumps(LITTLE)),
        Payload("png:Dream", '"a cat" -s20 -S5 -W640 -H512 -C7.5 -Ak_lms'),
        Payload("png:Description", f"a fox --ar 16:9 --v 6 Job ID: {UUID(int=7)}"),
    ],
    ids=["distilled guidance", "no prompt and a LoRA", "a line of InvokeAI", "a description"],
)
def test_whatever_an_import_says_or_not_comes_back_as_it_was(payload, form, bank):
    entry = imported(bank, payload)
    received = receive(Texts(bank)(entry, form))
    assert received.trusted and received.recipe == entry.recipe, received.remarks


@pytest.mark.parametrize("sampler", ["uni_pc", "res_multistep"], ids=["one that is known here", "one that is not"])
def test_a_graph_of_an_import_leaves_as_it_came(sampler, bank):
    graph = api_prompt(
        model="dream.safetensors", positive="a cat", negative="", seed=5, steps=20, cfg=7.0, sampler_name=sampler,
        scheduler="karras", width=640, height=512,
    )  # fmt: skip
    entry = imported(bank, Payload("png:prompt", json.dumps(graph | {"extraMetadata": '{"steps": 20}'})))
    text = Texts(bank)(entry, "comfyui")
    written = json.loads(text)
    assert "extraMetadata" not in written, "what Civitai writes between the nodes stays here"
    assert {key: (node["class_type"], node["inputs"]) for key, node in written.items()} == {
        key: (node["class_type"], node["inputs"]) for key, node in graph.items()
    }
    assert receive(text).trusted and receive(text).recipe == entry.recipe


def test_a_graph_of_an_import_leaves_without_what_lets_others_in(bank):
    graph = api_prompt(
        model="dream.safetensors", positive="a cat", negative="", seed=5, steps=20, cfg=7.0, sampler_name="euler",
        scheduler="karras", width=640, height=512,
    )  # fmt: skip
    kept = {"token_normalization": "none", "max_tokens": 512, "token": ["1", 0], "folder": "out"}
    inputs = {"openai_api_key": "sk-1", "apiKey": "sk-2", "hf_token": "sk-3", "Password": {"content": "sk-4"}, **kept}
    entry = imported(bank, Payload("png:prompt", json.dumps(graph | {"99": {"class_type": "Caption", "inputs": inputs}})))
    text = Texts(bank)(entry, "comfyui")
    assert "sk-" not in text
    assert json.loads(text)["99"]["inputs"] == {**inputs, **dict.fromkeys(inputs.keys() - kept.keys(), "")}
    assert receive(text).trusted and receive(text).recipe == entry.recipe
    assert bank.sends_graph_of_file(entry, "comfyui") and not bank.sends_graph_of_file(entry, "block")
    assert not bank.sends_graph_of_file(added(bank), "comfyui")


def test_the_block_names_samplers_of_other_tools_as_people_know_them(bank):
    graph = api_prompt(
        model="dream.safetensors", positive="a cat", negative="", seed=5, steps=20, cfg=7.0, sampler_name="dpmpp_2m_sde_gpu",
        scheduler="karras", width=640, height=512,
    )  # fmt: skip
    entry = imported(bank, Payload("png:prompt", json.dumps(graph)))
    entry = replace(entry, recipe=replace(entry.recipe, scheduler=None))
    assert {"Sampler: DPM++ 2M SDE", "Schedule: Karras"} <= set(Texts(bank, "en")(entry).splitlines())


def test_the_last_stamp_counts(bank):
    entry = added(bank)
    recipe = replace(entry.recipe, conditioning={"prompt": f"seedbank: recipe {'b' * 64}"})
    text = Texts(bank)(replace(entry, recipe=recipe), "block")
    assert find_stamp(text).recipe == recipe.digest
    assert receive(text).trusted


# -- texts that somebody broke ----------------------------------------------------------------------------------------

BROKEN = ('"', "\\", "{", "null", "-1", "1e999", "\n", "：", "9" * 30, "\\ud800", "[]", ",", "' +", "$float")
VALUES = (None, [], {}, "x", -1, True, 10**400, {"$float": "x"}, {"$int": "9" * 5000}, [[]], "\ud800")


def cut(random: Random, text: str) -> str:
    """The text with a piece taken out, doubled, or something put in."""
    at, other = random.randrange(len(text)), random.randrange(len(text))
    piece = random.choice(("", text[other : other + 40], random.choice(BROKEN)))
    return text[:at] + piece + text[at + random.randrange(30) :]


def bent(random: Random, value: object) -> object:
    """JSON values with a few others in the place of some."""
    if random.random() < 0.02:
        return random.choice(VALUES)
    if isinstance(value, dict):
        return {name: bent(random, item) for name, item in value.items() if random.random() > 0.01}
    return [bent(random, item) for item in value] if isinstance(value, list) else value


def test_a_broken_text_is_a_recipe_or_refused_with_a_sentence(bank, other):
    random = Random(4711)
    entry = added(bank)
    texts = {form: Texts(bank, "zh")(entry, form) for form in FORMS}
    tries = [cut(random, text) for text in texts.values() for _ in range(25)]
    tries += [json.dumps(bent(random, json.loads(texts["json"]))) for _ in range(50)]
    for text in tries:
        try:
            accept(other, receive(text))
        except BadInput as error:
            assert error.message
    assert other.count_about("").number > 10
