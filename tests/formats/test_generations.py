"""What tools wrote in their other versions: each made up by the rules of its writer, as no file of it was at hand."""

from __future__ import annotations

import json

import pytest

from seedbank.formats.detect import examine
from seedbank.formats.fooocus import log_entry
from seedbank.formats.reading import Lora, ModelName, Payload
from tests.formats.tool_samples import A1111, BLAKE, EASY, FOOOCUS, LOG, NOVEL, NOVEL_AROUND, SWARM, sample

MFLUX = {
    **{"mflux_version": "0.16.9", "model": "Qwen/Qwen-Image", "base_model": "None", "seed": 42, "steps": 4, "guidance": 3.5},
    **{"height": 64, "width": 96, "quantize": 8, "lora_paths": ["/home/a/l.safetensors"], "lora_scales": [0.5]},
    **{"image_path": "a.png", "image_strength": 0.25, "prompt": "a cat", "negative_prompt": "blurry"},
}
MFLUX_OLD = {
    **{"mflux_version": "0.3.0", "model": "dev", "seed": "7", "steps": "20", "guidance": "3.5", "precision": "bfloat16"},
    **{"quantization": "None", "lora_paths": "a.safetensors, b.safetensors", "lora_scales": "0.80, 1.00", "prompt": "a cat"},
}
MOCHI = (
    "Include in Image: a cat; a dog: both; Exclude from Image: ; Model: m; Steps: 20; Guidance Scale: 7.5; Seed: 5; "
    "Size: 64x96; Scheduler: DPM-Solver++; ML Compute Unit: CPU & Neural Engine; Generator: Mochi Diffusion 5.2"
)
DGENERATE = """#! /usr/bin/env dgenerate --file
#! dgenerate 5.0.0

# a comment

org/model \\
--model-type sdxl \\
--inference-steps 30 \\
--seeds 1 \\
--output-size 64x96 \\
--prompts 'a long prompt that is wrapped \\
           within its quotes, with a \\# in it; \\
           blurry'
"""
WEBUI = {
    **{"prompt": "a cat", "negative_prompt": "", "seed": 0, "steps": 20, "cfg_scale": 7, "sampler_name": "Euler a"},
    **{"scheduler": "Karras", "width": 64, "height": 96, "sd_model_name": "m", "sd_model_hash": "0123456789"},
    **{"subseed": 9, "subseed_strength": 0.5},
}
CIVITAI = {
    **{"prompt": "a cat", "negativePrompt": "blurry", "seed": 5, "steps": 20, "cfgScale": 7, "sampler": "Euler a"},
    **{"Size": "64x96", "Model": "m", "Model hash": "0123456789", "clipSkip": 2},
    "resources": [
        {"type": "model", "name": "m", "hash": "0123456789"},
        {"type": "lora", "name": "l", "weight": 0.5, "hash": "ab12"},
    ],
}
EASY_LABELS = (
    "Prompt: a cat\nNegative Prompt: blurry\nStable Diffusion model: m\nSampler: dpmpp_2m\nScheduler: karras\nWidth: 64\n"
    "Height: 96\nSteps: 25\nGuidance Scale: 7.5\nDistilled Guidance: 3.5\nLoRA model: a, b\nLoRA Strength: 0.5, 1\nSeed: 42\n"
)
MRE = {
    **{"prompt": "a cat", "negative_prompt": "", "styles": ["x"], "seed": 5, "width": 64, "height": 96, "sampler": "s"},
    **{"scheduler": "karras", "performance": "Speed", "steps": 30, "cfg": 7.0, "base_clip_skip": -2, "base_model": "b.ckpt"},
    **{"refiner_model": "None", "l1": "l.safetensors", "w1": 0.5, "l2": "None", "w2": 0.5, "software": "Fooocus 2.0 MRE"},
}
SD_METADATA = {
    **{"model": "stable diffusion", "model_id": "anything-4.0", "model_hash": "cc" * 32, "app_version": "2.3.0"},
    "images": [
        {"prompt": [{"prompt": "a cat", "weight": 0.75}, {"prompt": "a dog", "weight": 0.25}], "seed": seed, "steps": 9}
        for seed in (11, 12)
    ],
}
FLUX = {
    **{"generation_mode": "flux_txt2img", "positive_prompt": "a cat", "seed": 3, "guidance": 4, "steps": 28, "width": 64},
    **{"model": {"name": "flux", "hash": BLAKE}, "vae": {"name": "ae"}, "t5_encoder": {"name": "t5"}, "dype_preset": "off"},
    "app_version": "6.8.0",
}
FLUX_GRAPH = {
    "nodes": {
        "second": {"type": "denoise_latents", "steps": 5, "cfg_scale": 2, "scheduler": "later"},
        "loader": {"type": "flux_model_loader", "model": {"name": "flux"}},
        "text": {"type": "flux_text_encoder", "prompt": "a cat"},
        "random": {"type": "rand_int", "low": 0, "high": 9},
        "first": {"type": "flux_denoise", "num_steps": 28, "cfg_scale": 1.0, "guidance": 3.5, "seed": 0, "scheduler": "euler"},
    },
    "edges": [
        {"source": {"node_id": a, "field": "value"}, "destination": {"node_id": b, "field": field}}
        for a, b, field in (
            ("text", "first", "positive_text_conditioning"),
            ("loader", "first", "transformer"),
            ("random", "first", "seed"),
            ("first", "second", "latents"),
        )
    ],
}
NOVEL_4 = {
    **NOVEL,
    "skip_cfg_above_sigma": 19.5,
    "v4_prompt": {
        "use_coords": True,
        "caption": {"base_caption": "a cat", "char_captions": [{"char_caption": "a boy", "centers": [{"x": 0.5, "y": 0.1}]}]},
    },
}
DRAW_TEXT = (
    "a cat\nSteps: 8, Sampler: Euler A, Guidance Scale: 1.0, Seed: 5, Size: 64x96, Model: m.ckpt, Strength: 1.0, "
    "LoRA 1 Model: a.ckpt, LoRA 1 Weight: 0.5, LoRA 2 Model: b.ckpt, LoRA 2 Weight: 1.0"
)
EASY_FIRST = (
    "a cat\nwith a hat\nWidth: 64\nHeight: 96\nSeed: 42\nSteps: 25\nGuidance Scale: 7.5\nPrompt Strength: 0.8\n"
    "Use Face Correction: None\nUse Upscaling: None\n"
)
NMKD = {
    **{"Model": "m.safetensors", "Prompt": "a cat", "NegativePrompt": "blurry", "Steps": 20, "Seed": 2**53 + 1, "Scale": 7.0},
    **{"BaseResolution": "64, 96", "Sampler": "EulerA", "Loras": [{"Key": "l.safetensors", "Value": 0.5}], "InitImg": ""},
}
CORE_GRAPH = {
    "nodes": {
        "core": {"type": "core_metadata", "cfg_scale": 6, "steps": 24, "model": {"name": "wai", "hash": BLAKE}, "width": 64},
        "seed": {"type": "integer", "value": 77},
        "text": {"type": "string", "value": "a cat"},
        "denoise": {"type": "denoise_latents", "steps": 24, "cfg_scale": 6, "scheduler": "euler_a"},
    },
    "edges": [
        {"source": {"node_id": a, "field": "value"}, "destination": {"node_id": "core", "field": field}}
        for a, field in (("seed", "seed"), ("text", "positive_prompt"))
    ],
}
KOHYA = {"prompt": "a cat", "seed": "0", "sampler": "euler_a", "steps": "20", "scale": "7.5", "negative-prompt": "blurry"}
CAT = {"prompt": "a cat", "negative_prompt": "blurry"}
TWO = (Lora("a", 0.5), Lora("b", 1.0))

FIELDS = {
    **{"prompt": "a cat", "negative_prompt": "blurry", "steps": "20", "cfg_scale": "7.5", "seed": "0", "sampler": "euler_a"},
    **{"schedule_type": "Karras", "resolution": "64x96", "sd_model_name": "m", "sd_model_hash": "0123456789", "clip_skip": "2"},
}
HUMPED = {
    **{"generator": "Image MetaHub", "prompt": "a cat", "negativePrompt": "blurry", "seed": 5, "steps": 20, "cfg": 7},
    **{"sampler_name": "euler", "modelHash": "0123456789"},
    "loras": [{"name": "a", "weight": 0.5}, {"lora": "b", "strength": 1}],
}
VOLTAML = {
    **{"prompt": "a cat", "negative_prompt": "blurry", "width": "64", "height": "96", "steps": "25", "guidance_scale": "7"},
    **{"seed": "5(2)", "model": "m", "procedure": "txt2img", "batch_size": "4"},
}
REFERENCE = [
    Payload("exif:Make", "Black Forest Labs"),
    Payload("exif:Model", "flux-dev"),
    Payload("exif:Software", "AI generated;img2img;flux"),
    Payload("exif:ImageDescription", "a cat"),
]
MIDJOURNEY = "a fox, with 2:1 --raw --sref 123 —ar 16:9 --no text --seed 7 --exp 10"

FILES = [
    ("mflux", [sample("exif:UserComment", MFLUX)], {**CAT, "seed": 42, "loras": (Lora("/home/a/l.safetensors", 0.5),)}),
    (
        "mflux",
        [sample("sidecar:.metadata.json", MFLUX_OLD)],
        {"seed": 7, "guidance_scale": 3.5, "loras": (Lora("a.safetensors", 0.8), Lora("b.safetensors", 1.0))},
    ),
    (
        "mflux",
        [
            Payload("xmp:CreatorTool", "MFLUX 0.15.0"),
            Payload("xmp:description", "a cat"),
            Payload("xmp:seed", "5"),
            Payload("xmp:guidance", "None"),
            Payload("xmp:loras", "l.safetensors:0.5"),
        ],
        {"prompt": "a cat", "seed": 5, "guidance_scale": None, "loras": (Lora("l.safetensors", 0.5),)},
    ),
    (
        "mochi",
        [Payload("iptc:Caption", MOCHI), Payload("exif:ImageDescription", MOCHI)],
        {"prompt": "a cat; a dog: both", "negative_prompt": "", "seed": 5, "height": 96, "sampler": "DPM-Solver++"},
    ),
    (
        "midjourney",
        [Payload("xmp:description", MIDJOURNEY)],
        {"prompt": "a fox, with 2:1", "negative_prompt": "text", "seed": 7},
    ),
    ("midjourney", [Payload("png:Description", "a fox --v 6.1")], {"prompt": "a fox"}),
    ("dall-e", [Payload("name", "DALL·E 2024-01-02 12.00.00 - a fox, red")], {"prompt": "a fox, red"}),
    (
        "fooocus",
        [sample("exif:UserComment", {"parameters": FOOOCUS, "fooocus_scheme": "fooocus"})],
        {"seed": 6952411511246973023, "loras": (Lora("offset", 0.1, "4852686128"),)},
    ),
    ("a1111", [sample("jpeg:comment", {"parameters": A1111})], {"prompt": "a cat", "seed": 5, "width": 64}),
    (
        "fooocus",
        [sample("text", {**LOG, "LoRA 1": "True : on : 0.5", "LoRA 2": "False : off : 0.5"})],
        {"loras": (Lora("on", 0.5),)},
    ),
    (
        "diffusers",
        [sample("text", {"meta": {"prompt": "a cat", "W": 64, "H": 96, "steps": 20, "guidance_scale": 7, "model_id": "m"}})],
        {"width": 64, "steps": 20, "model": ModelName("m")},
    ),
    ("kohya", [Payload(f"png:{key}", text) for key, text in KOHYA.items()], {**CAT, "seed": 0, "guidance_scale": 7.5}),
    (
        "dgenerate",
        [Payload("png:DgenerateConfig", DGENERATE)],
        {
            "prompt": "a long prompt that is wrapped within its quotes, with a # in it",
            "negative_prompt": "blurry",
            "seed": 1,
            "model": ModelName("org/model"),
        },
    ),
    ("a1111", [sample("text", WEBUI)], {"seed": 0, "schedule": "Karras", "model": ModelName("m", "0123456789")}),
    (
        "forge",
        [
            sample(
                "text",
                {"images": ["…"], "info": json.dumps({"infotexts": ["a\nSteps: 2, Seed: 1, Size: 8x8, Version: f2.0.1"]})},
            )
        ],
        {"prompt": "a", "seed": 1, "steps": 2},
    ),
    (
        "civitai",
        [sample("sidecar:.json", {"id": 1, "meta": CIVITAI})],
        {**CAT, "width": 64, "model": ModelName("m", "0123456789"), "loras": (Lora("l", 0.5, "ab12"),)},
    ),
    ("easydiffusion", [Payload("sidecar:.txt", EASY_LABELS)], {**CAT, "seed": 42, "schedule": "karras", "loras": TWO}),
    ("easydiffusion", [sample("text", {"numOutputsTotal": 1, "seed": 42, "reqBody": EASY})], {"seed": 42, "loras": TWO}),
    ("easydiffusion", [Payload("sidecar:.txt", EASY_FIRST)], {"prompt": "a cat\nwith a hat", "seed": 42, "model": None}),
    (
        "nmkd",
        [sample("png:GenerationInfoJson", NMKD)],
        {**CAT, "seed": 2**53 + 1, "width": 64, "sampler": "EulerA", "loras": (Lora("l.safetensors", 0.5),)},
    ),
    (
        "nmkd",
        [
            sample(
                "png:Nmkdiffusers", {"prompt": "a cat", "promptNeg": "", "w": "64", "h": "96", "seed": "5", "scaleTxt": "7.5"}
            )
        ],
        {"prompt": "a cat", "negative_prompt": "", "seed": 5, "guidance_scale": 7.5, "height": 96, "model": None},
    ),
    (
        "invokeai",
        [sample("png:invokeai_graph", CORE_GRAPH)],
        {"prompt": "a cat", "seed": 77, "width": 64, "sampler": "euler_a", "model": ModelName("wai", BLAKE)},
    ),
    (
        "invokeai",
        [Payload("png:Dream", "a cat, withLora(detail,0.5) -s 50 -S 7 -W 512 -H 768 -C 7.5 -A k_lms")],
        {"prompt": "a cat, withLora(detail,0.5)", "loras": (Lora("detail", 0.5),)},
    ),
    ("fooocus", [sample("jpeg:comment", MRE)], {"seed": 5, "guidance_scale": 7.0, "loras": (Lora("l.safetensors", 0.5),)}),
    (
        "invokeai",
        [sample("png:sd-metadata", SD_METADATA)],
        {"prompt": "a cat:0.75 a dog:0.25", "seed": 11, "model": ModelName("anything-4.0", "cc" * 32)},
    ),
    (
        "invokeai",
        [Payload("png:Dream", 'a "cat" -- here [blurry] -s 50 -S 7 -W 512 -H 768 -C 7.5 -A k_lms')],
        {"prompt": 'a "cat" -- here', "negative_prompt": "blurry", "seed": 7, "steps": 50, "sampler": "k_lms"},
    ),
    (
        "plain-fields",
        [sample("png:imagemetahub_data", HUMPED)],
        {**CAT, "seed": 5, "loras": TWO, "model": ModelName(None, "0123456789")},
    ),
    ("invokeai", [sample("png:invokeai_metadata", FLUX)], {"guidance_scale": 4.0, "negative_prompt": None, "sampler": None}),
    (
        "invokeai",
        [sample("png:invokeai_graph", FLUX_GRAPH)],
        {"prompt": "a cat", "seed": None, "steps": 28, "guidance_scale": 1.0, "sampler": "euler", "model": ModelName("flux")},
    ),
    (
        "swarmui",
        [Payload("sidecar:.metadata.js", f'all_metadata["x"] = {json.dumps(SWARM)}\n')],
        {"seed": 2**64 - 1, "steps": 20},
    ),
    (
        "drawthings",
        [Payload("png:Description", DRAW_TEXT), Payload("png:Software", "Draw Things")],
        {"prompt": "a cat", "negative_prompt": None, "loras": (Lora("a.ckpt", 0.5), Lora("b.ckpt", 1.0))},
    ),
]


@pytest.mark.parametrize(("tool", "payloads", "expected"), FILES)
def test_a_tool_is_read_in_all_that_it_has_written(tool, payloads, expected):
    found = examine(payloads)
    assert ([one.tool for one in found.readings], found.remarks) == ([tool], ())
    recipe = found.readings[0].recipe
    assert {field: getattr(recipe, field) for field in expected} == expected


def test_what_decides_the_picture_and_has_no_field_stands_in_the_extras():
    def extras(payload: Payload) -> dict[str, object]:
        return dict(examine([payload]).readings[0].recipe.extras)

    assert extras(sample("text", MFLUX)) == {
        **{"version": "0.16.9", "quantize": 8, "denoise": 0.75, "inputs": ("a.png",)},
    }
    assert extras(sample("text", MFLUX_OLD))["guidance_is_distilled"] is True
    assert extras(sample("text", WEBUI))["variation_seed"] == 9
    flux = extras(sample("png:invokeai_metadata", FLUX))
    assert (flux["text_encoders"], flux["vae"]) == ((ModelName("t5"),), ModelName("ae")) and "dype_preset" not in flux
    canvas = {"controlLayers": [{"id": 1, "isEnabled": False}, {"id": 2}], "referenceImages": []}
    invoke = extras(sample("png:invokeai_metadata", {**FLUX, "canvas_v2_metadata": canvas}))
    assert invoke["controlnets"] == ({"id": 2},) and "ref_images" not in invoke, "a layer that was off did nothing"
    assert extras(sample("png:invokeai_graph", FLUX_GRAPH))["distilled_guidance"] == 3.5
    assert extras(sample("png:sd-metadata", SD_METADATA))["batch_size"] == 2
    volta = extras(sample("exif:UserComment", VOLTAML))
    assert (volta["batch_index"], volta["batch_size"], volta["mode"]) == (2, 4, "txt2img")
    assert "denoise" not in extras(Payload("sidecar:.txt", EASY_FIRST)), "it was written without a picture, too"
    assert extras(sample("jpeg:comment", MRE))["clip_skip"] == 2
    novel = extras(sample("exif:UserComment", {**NOVEL_AROUND, "Comment": json.dumps(NOVEL_4)}))
    assert (novel["characters"], novel["character_centers"]) == (("a boy",), ([{"x": 0.5, "y": 0.1}],))
    assert novel["skip_cfg_above_sigma"] == 19.5
    control = {"sui_image_params": {**SWARM["sui_image_params"], "controlnetmodel": "canny", "controlnetstrength": "0.5"}}
    assert extras(sample("png:parameters", control))["controlnets"] == ({"model": "canny", "weight": 0.5},)


def test_the_pages_that_fooocus_kept_are_read_in_all_of_their_layouts():
    old = (
        '<div id="a_png"><hr>\n<p>a.png</p>\n<p>Prompt: <b>a cat,\nhere</b> </p>\n<p>Performance: <b>Speed</b>, '
        "Resolution: <b>(64, 96)</b></p>\n<p>Sharpness: <b>2.0</b>, Base Model: <b>m.safetensors</b></p>\n"
        "<p>Seed: <b>6515525224486854496</b>, LoRA [L.safetensors] weight: <b>0.5</b></p>\n</div>\n"
    )
    new = (
        '<div id="b_png" class="image-container"><hr><table><td><a href="b.png"></a><div>b.png</div></td>'
        "<button onclick=\"to_clipboard('%7B%22seed%22%3A%201%7D')\">Copy</button></table></div>\n\n"
    )
    middle = (
        '<div id="d_png" class="image-container"><table><td><div>d.png</div></td><td><table class=\'metadata\'>'
        "<tr><td class='key'>Prompt</td><td class='value'>a </br> dog</td></tr>\n"
        "<tr><td class='key'>Seed</td><td class='value'>7</td></tr></table></td></table></div>\n\n"
    )
    page = f"<html>{old}{middle}{new}</html>"
    assert json.loads(log_entry(page, "d.png") or "") == {"Prompt": "a\ndog", "Seed": "7"}
    assert log_entry(page, "b.png") == '{"seed": 1}' and log_entry(page, "c.png") is None
    (reading,) = examine([Payload("sidecar:log.html", log_entry(page, "a.png") or "")]).readings
    assert (reading.recipe.prompt, reading.recipe.seed) == ("a cat,\nhere", 6515525224486854496)
    assert (reading.recipe.loras, reading.recipe.width) == ((Lora("L.safetensors", 0.5),), 64)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("sidecar:.txt", "a\nGuidance Scale:x"),
        ("sidecar:.txt", "no Stable Diffusion model: here"),
        ("iptc:Caption", "Include in ImageGenerator: Mochi Diffusion"),
        ("png:DgenerateConfig", "\\"),
        ("png:Dream", " -s 5 -S 5"),
        ("sidecar:.metadata.js", 'all_metadata["x"] = {"sui_image_params": {}'),
        ("xmp:CreatorTool", "MFLUX"),
        ("png:GenerationInfo", "{}"),
        ("name", "DALL·E 2024"),
    ],
)
def test_half_of_what_a_tool_writes_is_no_error(place, text):
    found = examine([Payload(place, text)])
    assert all(not one.recipe.seed or one.recipe.seed == 5 for one in found.readings) and found.remarks == ()
