"""`parameters` text as a foreign recipe, in the words of each tool of the family."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedbank.formats.a1111 import prompts_from_file, read, write_parameters
from seedbank.formats.a1111.loras import tagged
from seedbank.formats.a1111.meaning import version_of
from seedbank.formats.reading import CERTAIN, LIKELY, Foreign, FormatError, Lora, ModelName, Payload, Reading
from seedbank.recipe import Recipe

LINE = (
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 5, Size: 512x640, "
    "Model hash: 15012c538f, Model: best_v1"
)


def said(text: str, place: str = "png:parameters") -> Foreign:
    return reading(text, place).recipe


def reading(text: str, place: str = "png:parameters") -> Reading:
    found = read([Payload(place, text)])
    assert found is not None
    return found


def test_every_field_is_read_as_the_file_says_it() -> None:
    found = said(f"a cat\nNegative prompt: bad\n{LINE}")
    assert (found.prompt, found.negative_prompt) == ("a cat", "bad")
    assert (found.seed, found.steps, found.guidance_scale) == (5, 20, 7.5)
    assert (found.sampler, found.schedule, found.width, found.height) == ("DPM++ 2M", "Karras", 512, 640)
    assert found.model == ModelName("best_v1", "15012c538f")
    assert found.loras == ()
    named = {each.name for each in fields(Foreign)} - {"loras", "extras", "confidence"}
    assert found.confidence == dict.fromkeys(named, CERTAIN)


def test_what_the_file_does_not_say_stays_unknown() -> None:
    found = said("Steps: 20, Seed: 0, Size: 64x64")
    assert (found.prompt, found.negative_prompt, found.guidance_scale, found.sampler, found.model) == (None,) * 5
    assert found.seed == 0
    assert set(found.confidence) == {"steps", "seed", "width", "height"}


@pytest.mark.parametrize(
    ("written", "seed", "remark"),
    [
        ("0", 0, ""),
        (str(2**64 - 1), 2**64 - 1, ""),
        ("-1", None, "asked for one"),
        (str(2**64), None, "is none"),
        ("x", None, ""),
    ],
)
def test_seeds_go_from_zero_to_the_largest(written: str, seed: int | None, remark: str) -> None:
    found = reading(LINE.replace("Seed: 5", f"Seed: {written}"))
    assert found.recipe.seed == seed
    assert remark in " ".join(found.remarks)
    assert bool(remark) == bool(found.remarks)


@pytest.mark.parametrize(
    ("line", "tool"),
    [
        ("Version: v1.10.1", "a1111"),
        ("Version: f2.0.1v1.10.1-previous-636-gb835f24a", "forge"),
        ("Version: f1.0.0v2-v1.10.1RC-latest-2498-g5120e679", "reforge"),
        ("Version: neo", "forge-neo"),
        ("App: SD.Next, Version: 56a8aea", "sdnext"),
        ("Version: stable-diffusion.cpp", "sd.cpp"),
        ("Version: Fooocus v2.5.5", "fooocus"),
        ("Version: ComfyUI", "comfyui"),
        ("Civitai resources: []", "civitai"),
        ("Civitai resources: [], Version: v1.10.1", "a1111"),
        ("Clip skip: 2", "a1111"),
    ],
)
def test_the_tool_is_told_by_what_it_says_of_itself(line: str, tool: str) -> None:
    assert reading(f"{LINE}, {line}").tool == tool


@pytest.mark.parametrize(
    ("line", "vae"),
    [
        ("VAE: a.pt, VAE hash: 1234567890", ModelName("a.pt", "1234567890")),
        ("Module 1: clip_l, Module 2: ae, Version: f2.0.1", ModelName("ae")),
        ("Module 1: t5xxl_fp16, Module 2: clip_l, Version: f2.0.1", None),
        ("VAE: Default (model), Version: Fooocus v2.5.5", None),
    ],
)
def test_a_vae_is_told_by_its_field_or_among_the_modules_of_forge(line: str, vae: ModelName | None) -> None:
    assert reading(f"{LINE}, {line}").recipe.extras.get("vae") == vae


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("Model: , Unet: z_image.safetensors", ModelName("z_image.safetensors")),
        ("Model: D7DB018506, Model hash: D7DB018506", ModelName("D7DB018506", "D7DB018506")),
        ("Model hash: 7460a6fa", ModelName(None, "7460a6fa")),
        ("model: Deliberate", ModelName("Deliberate")),
        ('Hashes: {"Model:flux1-dev-fp8": "2f3c"}', ModelName("flux1-dev-fp8", "2f3c")),
        ('Hashes: {"model": "6ce0161689", "lora:x": "1"}', ModelName(None, "6ce0161689")),
        ('Model: a, Model hash: b, Hashes: {"model": "c"}', ModelName("a", "b")),
        ("VAE: x", None),
    ],
)
def test_the_model_stands_in_one_of_several_fields(text: str, model: ModelName | None) -> None:
    assert said(f"Steps: 4, Seed: 1, Size: 8x8, {text}").model == model


@pytest.mark.parametrize(
    ("tag", "lora"),
    [
        ("<lora:name:0.8>", Lora("name", 0.8)),
        ("<lora:name>", Lora("name", 1.0)),
        ("<lora:name:0.5:0.9>", Lora("name", 0.9, None, 0.5)),
        ("<lora:name:te=0.5:unet=0.9>", Lora("name", 0.9, None, 0.5)),
        ("<lora:name:0.7:unet=0.9>", Lora("name", 0.9, None, 0.7)),
        ("<lora:name:-1>", Lora("name", -1.0)),
        ("<lyco:名字 v1.0:1>", Lora("名字 v1.0", 1.0)),
    ],
)
def test_a_tag_names_a_lora_and_its_weights(tag: str, lora: Lora) -> None:
    assert tagged(f"a {tag} cat") == [lora]


def test_other_tags_are_no_loras() -> None:
    assert tagged("<hypernet:x:1> <b> a<b:c <lora:>") == []


@pytest.mark.parametrize(
    ("text", "loras"),
    [
        ('<lora:a:0.5>\n{}, Lora hashes: "a: 1234567890ab, b: 0987654321ab"', (Lora("a", 0.5, "1234567890ab"),)),
        ('<lora:a, b:0.5>\n{}, Lora hashes: "a b: 1234567890ab"', (Lora("a, b", 0.5, "1234567890ab"),)),
        ('<lora:a:1>\n{}, Hashes: {{"lora:a": "7c6b"}}', (Lora("a", 1.0, "7c6b"),)),
        ('x\n{}, Lora hashes: "a: 12345678", Lora weights: "a: 0.1"', (Lora("a", 0.1, "12345678"),)),
        ('x\n{}, Lora hashes: "a: 12345678: 0.3"', (Lora("a", 0.3, "12345678"),)),
        ('x\n{}, Lora hashes: "a: 12345678"', (Lora("a", None, "12345678"),)),
        ('x\n{}, Hashes: {{"lora:a": "7c6b"}}', (Lora("a", None, "7c6b"),)),
        ('x\n{}, Civitai resources: [{{"type":"lora","weight":1,"modelVersionId":2}}]', (Lora("", 1.0),)),
        (
            'x\n{}, Civitai resources: [{{"modelName":"N","weight":0.4,"air":"urn:air:sd1:lora:civitai:1@2"}}]',
            (Lora("N", 0.4),),
        ),
        (
            "x\n{}, AddNet Enabled: True, AddNet Module 1: LoRA, AddNet Model 1: a(1234567890ab), "
            "AddNet Weight A 1: 0.8, AddNet Weight B 1: 0.5",
            (Lora("a", 0.8, "1234567890ab", 0.5),),
        ),
        (
            "x\n{}, Lora_0 Model name: a.safetensors, Lora_0 Model hash: 12, "
            "Lora_0 Strength model: 0.7, Lora_0 Strength clip: 0.7",
            (Lora("a.safetensors", 0.7, "12"),),
        ),
    ],
)
def test_loras_stand_in_tags_or_in_fields(text: str, loras: tuple[Lora, ...]) -> None:
    assert said(text.format(LINE)).loras == loras


@pytest.mark.parametrize(
    ("text", "extras"),
    [
        ("Clip skip: 2, RNG: CPU, ENSD: 31337", {"clip_skip": 2, "noise": "CPU", "ensd": 31337}),
        ("Variation seed: 0, Variation seed strength: 0.3", {"variation_seed": 0, "variation_strength": 0.3}),
        ("Denoising strength: 0.4", {"denoise": 0.4, "mode": "img2img"}),
        ("Denoising strength: 0.4, Mask blur: 4", {"denoise": 0.4, "mode": "inpaint", "Mask blur": "4"}),
        (
            "Denoising strength: 0.4, Hires upscale: 2, Hires steps: 15, Hires upscaler: Latent, Hires CFG Scale: 6",
            {"hires": {"scale": 2.0, "steps": 15, "upscaler": "Latent", "guidance": 6.0, "denoise": 0.4}},
        ),
        ("Hires resize: 1024x1280", {"hires": {"width": 1024, "height": 1280}}),
        ("Refiner: xl [8ab12cd34e], Refiner switch at: 0.8", {"refiner": ModelName("xl", "8ab12cd34e"), "refiner_switch": 0.8}),
        ("Refiner: xl, Refiner hash: 8ab12cd34e", {"refiner": ModelName("xl", "8ab12cd34e")}),
        ("VAE hash: 12ab34cd56, VAE: x.pt", {"vae": ModelName("x.pt", "12ab34cd56")}),
        ('TI hashes: "easy: c74b4e810b03, b: 1"', {"embeddings": (ModelName("easy", "c74b4e810b03"), ModelName("b", "1"))}),
        ("Used embeddings: easy [119b]", {"embeddings": (ModelName("easy", "119b"),)}),
        ("Used embeddings: easy [119b2a9c]", {"embeddings": (ModelName("easy", "119b2a9c"),)}),
        ('Hashes: {"embed:easy": "12"}', {"embeddings": (ModelName("easy", "12"),), "Hashes": {"embed:easy": "12"}}),
        ("Distilled CFG Scale: 3.5", {"distilled_guidance": 3.5}),
        ("Guidance: 3.500000", {"distilled_guidance": 3.5}),
        ("Batch size: 4, Batch pos: 0", {"batch_size": 4, "batch_index": 0}),
        ("Batch: 2x4, Index: 2x7", {"batch_size": 4, "batch_index": 2}),
        ("Init image hash: 9e42a6be", {"inputs": ("9e42a6be",), "mode": "img2img"}),
        (
            'ControlNet 0: "Module: canny, Model: control [d14c016b], Weight: 1, Pixel Perfect: True"',
            {"controlnets": ({"Module": "canny", "Model": "control [d14c016b]", "Weight": "1", "Pixel Perfect": "True"},)},
        ),
        ("ControlNet Enabled: True, ControlNet Module: canny", {"controlnets": ({"Enabled": "True", "Module": "canny"},)}),
        ("ADetailer model: face.pt, X: 3", {"ADetailer model": "face.pt", "X": "3"}),
        ("TE: one.gguf, TE: two.gguf", {"TE": "one.gguf, two.gguf"}),
        ('SDCPP: {"seed":42,"eta":null}', {"SDCPP": {"seed": 42, "eta": None}}),
        ("Operations: txt2img; upscale, App: SD.Next", {"mode": "txt2img", "App": "SD.Next"}),
        ("X: 3\nTemplate: a {b|c}", {"X": "3", "Template": "a {b|c}"}),
    ],
)  # fmt: skip
def test_everything_else_is_an_extra_under_its_common_name(text: str, extras: dict) -> None:
    assert said(f"a cat\n{LINE}, {text}").extras == extras


def test_a_text_on_one_line_is_read_with_less_confidence() -> None:
    found = reading(f"a cat.Negative prompt: bad.{LINE}")
    assert found.recipe.prompt == "a cat"
    assert found.recipe.confidence["prompt"] == LIKELY
    assert found.recipe.confidence["seed"] == CERTAIN
    assert found.remarks


def test_two_marks_of_a_negative_prompt_are_a_doubt() -> None:
    found = reading(f"a\nNegative prompt: b\nNegative prompt: c\n{LINE}")
    assert found.recipe.prompt == "a"
    assert found.recipe.confidence["negative_prompt"] == LIKELY


def test_the_version_tells_what_was_done_in_an_older_way() -> None:
    (remark,) = reading(f"a [cat:dog:3]\n{LINE.replace('DPM++ 2M', 'DDIM')}, Version: v1.5.2").remarks
    assert (
        remark == "v1.5.2 did some things in an older way: Old prompt editing timelines, Pad conds v0, Downcast alphas_cumprod."
    )
    assert not reading(f"a [cat]\n{LINE}, Version: v1.10.1").remarks
    assert version_of("v1.7.0-225-gabc") == (1, 7, 0, 225)
    assert version_of("1.9.4") == (1, 9, 4, 0)
    assert version_of("neo") is None


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("png:prompt", '{"1": {"inputs": {"text": "a. Steps: 20, Sampler: Euler, CFG scale: 7"}}}'),
        ("xmp", "<x>a. Steps: 20, Sampler: Euler, CFG scale: 7</x>"),
        ("png:parameters", '{"sui_image_params": {"steps": 3}}'),
        ("sidecar:.txt", "a cat, sitting"),
        ("exif:UserComment", "shot with: love, on: film, at: noon"),
        ("png:parameters", ""),
    ],
)
def test_what_other_tools_wrote_is_left_to_them(place: str, text: str) -> None:
    assert read([Payload(place, text)]) is None


def test_a_prompt_alone_is_one_where_nothing_else_is_written() -> None:
    found = reading("a cat")
    assert (found.recipe.prompt, found.recipe.confidence) == ("a cat", {"prompt": LIKELY})
    assert found.remarks


def test_the_surest_place_counts() -> None:
    payloads = [Payload("png:Description", LINE.replace("Seed: 5", "Seed: 6")), Payload("png:parameters", LINE)]
    found = read(payloads)
    assert found is not None
    assert (found.place, found.recipe.seed) == ("png:parameters", 5)


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 2**64 - 1))
def test_what_we_write_is_read_again(prompt: str, negative: str, seed: int) -> None:
    lines = ("".join(text.split("\0")) for text in (prompt, negative))
    prompt, negative = (" ".join(text.split()).strip("\ufeff ") for text in lines)
    if any(text.casefold().startswith("negative prompt:") for text in (prompt, negative)):
        return
    recipe = Recipe(
        conditioning={"prompt": prompt, "negative_prompt": negative},
        noise={"kind": "torch-cpu", "seed": seed},
        call={"num_inference_steps": 8, "width": 128, "height": 96},
    )
    found = said(write_parameters(recipe, model_name='a "b", c: d', cfg=4.0))
    assert (found.prompt or "", found.negative_prompt or "") == (prompt, negative)
    assert (found.seed, found.steps, found.width, found.height) == (seed, 8, 128, 96)
    assert (found.guidance_scale, found.model, found.extras) == (4.0, ModelName('a "b", c: d'), {"noise": "CPU"})


def test_lines_of_a_prompt_file_are_plain_values() -> None:
    text = 'a plain cat\n\n--prompt "a cat, \\"big\\"" --negative_prompt dark and grim --seed 1 --cfg_scale 7.5 --tiling true'
    assert prompts_from_file(text) == [
        {"prompt": "a plain cat"},
        {"prompt": 'a cat, "big"', "negative_prompt": "dark and grim", "seed": 1, "cfg_scale": 7.5, "tiling": True},
    ]


def test_a_line_of_options_is_a_recipe() -> None:
    line = (
        '--prompt "a cat <lora:x:0.5>" --negative_prompt "dark" --seed 0 --subseed 2 --subseed_strength 0.1 '
        '--sampler_name "Euler a" --steps 20 --cfg_scale 7 --width 512 --height 640 --sd_model name'
    )
    found = said(line, "text")
    assert (found.prompt, found.negative_prompt, found.seed, found.steps) == ("a cat <lora:x:0.5>", "dark", 0, 20)
    assert (found.guidance_scale, found.sampler, found.width, found.height) == (7.0, "Euler a", 512, 640)
    assert (found.model, found.loras) == (ModelName("name"), (Lora("x", 0.5),))
    assert found.extras == {"variation_seed": 2, "variation_strength": 0.1}
    with pytest.raises(FormatError, match="has 2 lines"):
        read([Payload("text", f"{line}\n{line}")])
    assert read([Payload("text", "-- a remark")]) is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('--prompt "a', "Line 1 has a quote without an end"),
        ("--promt a", "Line 1 has no option '--promt'"),
        ("--seed", "--seed no value"),
        ("--seed x", "--seed no value"),
        ("--steps 1 2", "--steps no value"),
        ("a --seed 1", "no option 'a'"),
    ],
)
def test_a_broken_line_of_a_prompt_file_is_named(line: str, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        prompts_from_file(line)


@pytest.mark.parametrize(
    ("fields", "seed", "scale", "loras"),
    [
        ("Parser: full, Steps: 20, Sampler: Default, Seed: 1, CFG scale: 6, App: SD.Next", 1, 6.0, ()),
        ("steps: 20, sampler: Euler a, cfg_scale: 7, seed: 2", 2, 7.0, ()),
        ('Steps: 20, Seed: 3, CFG scale: 5\nHashes: {"model": "ab",\n "lora:x": "cd"}', 3, 5.0, (Lora("x", hash="cd"),)),
    ],
)
def test_fields_are_found_behind_unknown_ones_with_other_gaps_and_on_further_lines(fields, seed, scale, loras):
    said = read([Payload("png:parameters", f"Photo: a cat, Steps: 9, Seed: none\nNegative prompt: dog\n{fields}")]).recipe
    assert (said.prompt, said.negative_prompt) == ("Photo: a cat, Steps: 9, Seed: none", "dog")
    assert (said.seed, said.guidance_scale, said.loras) == (seed, scale, loras)
