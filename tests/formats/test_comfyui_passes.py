"""ComfyUI's graphs: which sampler made this picture, and what the others did."""

from typing import Any

import pytest

from seedbank.formats.reading import LIKELY, Foreign, Lora, ModelName
from tests.formats.comfy_graphs import Nodes, graph, reading, recipe


def second(kind: str, **inputs: Any) -> Nodes:
    """A second sampler between the first and the decoder."""
    return {
        "s": (
            kind,
            {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "sampler_name": "euler", "steps": 9, **inputs},
        )
    }


def test_the_base_sampler_counts_and_a_second_pass_is_described() -> None:
    nodes = second("KSampler", seed=8, cfg=2.0, denoise=0.5, latent_image=["u", 0])
    nodes["u"] = ("LatentUpscaleBy", {"samples": ["5", 0], "scale_by": 1.5, "upscale_method": "bicubic"})
    said = recipe(graph(nodes, n6={"samples": ["s", 0]}))
    assert (said.seed, said.steps, said.width) == (7, 20, 640)
    hires = said.extras["hires"]
    assert (hires["seed"], hires["steps"], hires["denoise"], hires["scale"], hires["upscaler"]) == (8, 9, 0.5, 1.5, "bicubic")


def test_a_refiner_goes_on_where_the_base_stopped() -> None:
    nodes = second("KSamplerAdvanced", noise_seed=0, add_noise="disable", start_at_step=15, latent_image=["5", 0])
    nodes["r"] = ("CheckpointLoaderSimple", {"ckpt_name": "refiner.safetensors"})
    nodes["s"][1]["model"] = ["r", 0]
    said = recipe(graph(nodes, n6={"samples": ["s", 0]}))
    assert (said.seed, said.model) == (7, ModelName("base.safetensors"))
    assert (said.extras["refiner"], said.extras["refiner_switch"]) == (ModelName("refiner.safetensors"), 0.75)


def test_a_detailer_and_an_upscaler_with_seeds_of_their_own_are_not_the_base() -> None:
    nodes = {
        "d": ("FaceDetailer", {"image": ["6", 0], "model": ["1", 0], "positive": ["2", 0], "seed": 1, "steps": 5, "cfg": 3.0}),
        "u": (
            "UltimateSDUpscale",
            {"image": ["d", 0], "model": ["1", 0], "positive": ["2", 0], "seed": 2, "steps": 6, "upscale_by": 2.0},
        ),
    }
    said = recipe(graph(nodes, n7={"images": ["u", 0]}))
    assert (said.seed, said.extras["hires"]["seed"]) == (7, 2)
    assert said.extras["passes"][0]["seed"] == 1


def test_a_sampler_that_the_picture_did_not_come_from_is_left_alone() -> None:
    """A depth map's sampler stands first in the graph and feeds a ControlNet only."""
    other = {"0": {"class_type": "LotusSampler", "inputs": {"seed": 123, "steps": 1, "model": ["1", 0], "samples": ["4", 0]}}}
    nodes: Nodes = {"c": ("ControlNetApply", {"conditioning": ["2", 0], "image": ["0", 0], "strength": 1.0})}
    assert recipe(other | graph(nodes, n5={"positive": ["c", 0]})).seed == 7


def test_a_branch_that_cannot_have_run_is_not_the_picture() -> None:
    nodes = second("KSampler", seed=8, latent_image=["u", 0])
    nodes["u"] = ("LatentUpscale", {"width": 64, "height": 64})  # its input was muted
    nodes["d"] = ("VAEDecode", {"samples": ["s", 0], "vae": ["1", 2]})
    nodes["save"] = ("SaveImage", {"images": ["d", 0]})
    said = recipe(graph(nodes | {"7": ("PreviewImage", {"images": ["6", 0]})}))
    assert said.seed == 7 and "hires" not in said.extras


def test_two_saved_pictures_of_two_samplers_are_said_and_less_sure() -> None:
    nodes = second("KSampler", seed=8, latent_image=["4", 0])
    nodes |= {"d": ("VAEDecode", {"samples": ["s", 0], "vae": ["1", 2]}), "save": ("SaveImage", {"images": ["d", 0]})}
    said = reading(graph(nodes))
    assert said.recipe.seed in (7, 8) and said.recipe.confidence["seed"] < 1
    assert "2 samplers" in said.remarks[0]


def test_stage_c_of_stable_cascade_is_the_base_of_stage_b() -> None:
    nodes = second("KSampler", seed=8, latent_image=["4", 1], positive=["b", 0])
    nodes["b"] = ("StableCascade_StageB_Conditioning", {"conditioning": ["2", 0], "stage_c": ["5", 0]})
    said = recipe(graph(nodes, n6={"samples": ["s", 0]}))
    assert (said.seed, said.prompt, said.extras["hires"]["seed"]) == (7, "a fox", 8)


def test_nodes_that_do_everything_are_read_too() -> None:
    service = {"prompt": "a hen", "seed": 5, "aspect_ratio": "16:9", "model": "flux-pro"}
    pipeline = service | {"negative_prompt": "grey", "steps": 9, "cfg": 4.0, "width": 64, "height": 32, "sampler_name": "euler"}
    for kind, inputs, negative, width in [
        ("FluxProImageNode", service, None, None),
        ("DiffusersSampler", pipeline, "grey", 64),
    ]:
        said = recipe(
            {"1": {"class_type": kind, "inputs": inputs}, "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}
        )
        assert (said.prompt, said.negative_prompt, said.seed, said.width) == ("a hen", negative, 5, width)
        assert said.model == ModelName("flux-pro")


def test_scripts_that_are_hung_on_a_sampler_add_a_pass_and_choose_the_noise() -> None:
    upscaling = {"upscale_type": "latent", "latent_upscaler": "nearest", "pixel_upscaler": "esrgan.pth"}
    nodes: Nodes = {
        "h": ("HighRes-Fix Script", upscaling | {"upscale_by": 1.5, "hires_steps": 9, "denoise": 0.5, "script": ["n", 0]}),
        "n": ("Noise Control Script", {"rng_source": "nv", "add_seed_noise": True, "seed": 3, "weight": 0.1}),
    }
    said = recipe(graph(nodes, n5={"script": ["h", 0]})).extras
    assert said["hires"] == {"node": "HighRes-Fix Script", "scale": 1.5, "steps": 9, "denoise": 0.5, "upscaler": "nearest"}
    assert (said["noise"], said["variation_seed"], said["variation_strength"]) == ("NV", 3, 0.1)


def test_a_sampler_that_is_given_another_one_takes_its_settings() -> None:
    nodes: Nodes = {
        "5": ("RegionalSampler", {"samples": ["4", 0], "base_sampler": ["k", 0], "seed": 7, "steps": 20, "denoise": 1.0}),
        "k": ("KSamplerAdvancedProvider", {"cfg": 3.0, "sampler_name": "ddim", "scheduler": "simple", "basic_pipe": ["t", 0]}),
        "t": ("ToBasicPipe", {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0]}),
    }
    said = recipe(graph(nodes))
    assert (said.seed, said.steps, said.guidance_scale, said.sampler, said.schedule) == (7, 20, 3.0, "ddim", "simple")
    assert (said.prompt, said.negative_prompt, said.model) == ("a fox", "blurry", ModelName("base.safetensors"))


def test_behind_an_input_that_is_only_called_like_a_picture_all_is_less_sure() -> None:
    nodes: Nodes = {"g": ("BrandNewGlow", {"glowing_image": ["6", 0], "mask": ["6", 0]})}
    said = recipe(graph(nodes, n7={"images": ["g", 0]}))
    assert said.seed == 7 and set(said.confidence.values()) == {LIKELY}


def test_a_graph_without_a_sampler_says_nothing_and_why() -> None:
    said = reading(
        {
            "1": {"class_type": "LoadImage", "inputs": {"image": "a"}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
        }
    )
    assert said.recipe == Foreign() and "no sampler" in said.remarks[0]


PACKS: list[tuple[str, Nodes]] = [
    (
        "Efficiency",
        {
            "l": (
                "Efficient Loader",
                {
                    "ckpt_name": "m",
                    "clip_skip": -2,
                    "lora_name": "None",
                    "positive": "p",
                    "negative": "n",
                    "empty_latent_width": 64,
                    "empty_latent_height": 32,
                    "batch_size": 1,
                    "vae_name": "Baked VAE",
                },
            ),
            "k": (
                "KSampler (Efficient)",
                {
                    "seed": 5,
                    "steps": 4,
                    "cfg": 3.0,
                    "sampler_name": "euler",
                    "scheduler": "normal",
                    "denoise": 1.0,
                    "model": ["l", 0],
                    "positive": ["l", 1],
                    "negative": ["l", 2],
                    "latent_image": ["l", 3],
                },
            ),
            "s": ("SaveImage", {"images": ["k", 5]}),
        },
    ),
    (
        "Easy-Use",
        {
            "l": (
                "easy fullLoader",
                {
                    "ckpt_name": "m",
                    "clip_skip": -2,
                    "lora_name": "None",
                    "resolution": "width x height (custom)",
                    "positive": "p",
                    "negative": "n",
                    "empty_latent_width": 64,
                    "empty_latent_height": 32,
                },
            ),
            "p": (
                "easy preSampling",
                {
                    "pipe": ["l", 0],
                    "seed": 5,
                    "steps": 4,
                    "cfg": 3.0,
                    "sampler_name": "euler",
                    "scheduler": "normal",
                    "denoise": 1.0,
                },
            ),
            "k": ("easy kSampler", {"pipe": ["p", 0], "image_output": "Hide"}),
            "s": ("SaveImage", {"images": ["k", 1]}),
        },
    ),
    (
        "Impact",
        {
            "l": ("CheckpointLoaderSimple", {"ckpt_name": "m"}),
            "a": ("CLIPTextEncode", {"text": "p", "clip": ["l", 1]}),
            "b": ("CLIPTextEncode", {"text": "n", "clip": ["c", 0]}),
            "c": ("CLIPSetLastLayer", {"clip": ["l", 1], "stop_at_clip_layer": -2}),
            "w": (
                "ImpactWildcardEncode",
                {"model": ["l", 0], "clip": ["c", 0], "wildcard_text": "__a__", "populated_text": "p", "seed": 1},
            ),
            "t": (
                "ToBasicPipe",
                {"model": ["w", 0], "clip": ["w", 1], "vae": ["l", 2], "positive": ["w", 2], "negative": ["b", 0]},
            ),
            "e": ("EmptyLatentImage", {"width": 64, "height": 32, "batch_size": 1}),
            "k": (
                "ImpactKSamplerBasicPipe",
                {
                    "basic_pipe": ["t", 0],
                    "latent_image": ["e", 0],
                    "seed": 5,
                    "steps": 4,
                    "cfg": 3.0,
                    "sampler_name": "euler",
                    "scheduler": "normal",
                    "denoise": 1.0,
                },
            ),
            "d": ("VAEDecode", {"samples": ["k", 1], "vae": ["k", 2]}),
            "s": ("SaveImage", {"images": ["d", 0]}),
        },
    ),
    (
        "TinyTerra",
        {
            "l": (
                "ttN pipeLoader_v2",
                {
                    "ckpt_name": "m",
                    "clip_skip": -2,
                    "positive": "p",
                    "negative": "n",
                    "empty_latent_width": 64,
                    "empty_latent_height": 32,
                },
            ),
            "k": (
                "ttN pipeKSampler_v2",
                {
                    "pipe": ["l", 0],
                    "seed": 5,
                    "steps": 4,
                    "cfg": 3.0,
                    "sampler_name": "euler",
                    "scheduler": "normal",
                    "denoise": 1.0,
                    "lora_name": "None",
                    "image_output": "Hide",
                },
            ),
            "s": ("SaveImage", {"images": ["k", 8]}),
        },
    ),
    (
        "nobody",
        {
            "l": ("NewLoader", {"model_name": "m"}),
            "e": ("NewLatent", {"width": 64, "height": 32}),
            "a": ("NewTextEncode", {"text": "p", "clip": ["c", 0]}),
            "b": ("NewTextEncode", {"text": "n", "clip": ["c", 0]}),
            "c": ("CLIPSetLastLayer", {"clip": ["l", 1], "stop_at_clip_layer": -2}),
            "k": (
                "NewSampler",
                {
                    "model": ["l", 0],
                    "positive": ["a", 0],
                    "negative": ["b", 0],
                    "latent": ["e", 0],
                    "noise_seed": 5,
                    "steps": 4,
                    "cfg_scale": 3.0,
                    "sampler": "euler",
                    "scheduler": "normal",
                },
            ),
            "d": ("NewDecode", {"latents": ["k", 0]}),
            "s": ("NewImageSaver", {"images": ["d", 0]}),
        },
    ),
]


@pytest.mark.parametrize("nodes", [case[1] for case in PACKS], ids=[case[0] for case in PACKS])
def test_samplers_of_node_packs_are_read(nodes: Nodes) -> None:
    said = recipe({key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in nodes.items()})
    assert (said.prompt, said.negative_prompt, said.seed, said.steps, said.guidance_scale) == ("p", "n", 5, 4, 3.0)
    assert (said.sampler, said.schedule, said.width, said.height, said.model) == ("euler", "normal", 64, 32, ModelName("m"))
    assert said.extras["clip_skip"] == 2 and said.loras == ()


def test_two_samplers_for_a_mask_say_what_the_base_sampler_is_given() -> None:
    """Impact's `TwoSamplersForMask` has no settings of its own: its two samplers are nodes beside it."""
    said = recipe(
        graph(
            {
                "5": ("TwoSamplersForMask", {"latent_image": ["4", 0], "base_sampler": ["8", 0], "mask_sampler": ["9", 0]}),
                "8": ("KSamplerProvider", provider(3, 12)),
                "9": ("KSamplerProvider", provider(4, 30)),
                "10": ("ToBasicPipe", {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0]}),
            }
        )
    )
    assert (said.seed, said.steps, said.guidance_scale, said.sampler, said.prompt) == (3, 12, 5.0, "euler", "a fox")
    assert (said.model, said.width) == (ModelName("base.safetensors"), 640)


def provider(seed: int, steps: int) -> dict[str, Any]:
    settings = {"seed": seed, "steps": steps, "cfg": 5.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0}
    return settings | {"basic_pipe": ["10", 0]}


@pytest.mark.parametrize(("start", "seed"), [(0, 11), (5, 3)])
def test_noise_that_lies_in_the_latents_has_the_seed_of_its_node(start: int, seed: int) -> None:
    noise = {"source": "CPU", "seed": 11, "width": 64, "height": 64, "batch_size": 1}
    said = recipe(
        graph(
            {"4": ("BNK_NoisyLatentImage", noise)},
            n5={"add_noise": "disable", "noise_seed": 3, "seed": None, "start_at_step": start},
        )
    )
    assert said.seed == seed


def test_a_sampler_that_only_turns_a_picture_into_noise_has_the_prompt_of_the_next() -> None:
    nodes: Nodes = {
        "u": (
            "ClownsharKSampler",
            {"noise_seed": 3, "steps": 20, "cfg": 1.0, "sampler_mode": "unsample", "model": ["1", 0], "latent_image": ["4", 0]},
        )
    }
    said = recipe(graph(nodes, n5={"latent_image": ["u", 0]}))
    assert (said.prompt, said.negative_prompt, said.seed) == ("a fox", "blurry", 3)
    assert said.confidence["prompt"] < 1


def searge(**changed: Any) -> dict[str, Any]:
    """SeargeSDXL 4: settings in one stream of data, and boxes that each run a stage with it."""
    settings: dict[str, dict[str, Any]] = {
        "SeargeModelSelector": {"base_checkpoint": "xl.safetensors", "refiner_checkpoint": "none"},
        "SeargeImageAdapterV2": {"source_image": ["p", 0]},
        "SeargeLoras": {"lora_1": "soft.safetensors", "lora_1_strength": 0.2, "lora_2": "none", "lora_2_strength": 0.5},
        "SeargePromptAdapterV2": {"main_prompt": ["t", 0], "style_prompt": "a <prompt>", "negative_main_prompt": "blurry"},
        "SeargeGenerationParameters": {
            **{"seed": 5, "image_size_preset": "1344x768 (16:9)", "image_width": 1024, "image_height": 1024, "steps": 30},
            **{"cfg": 4, "sampler_preset": "2 - Euler a", "sampler_name": "dpmpp_2m", "scheduler": "karras"},
            "base_vs_refiner_ratio": 0.8,
        },
        "SeargeOperatingMode": {"workflow_mode": "text-to-image", "prompting_mode": "default - all prompts", "batch_size": 1},
        "SeargeMagicBox": {"stage": "sampling"},
    }
    made: dict[str, Any] = {"t": {"class_type": "SeargeTextInputV2", "inputs": {"prompt": "fox"}}}
    made["p"] = {"class_type": "LoadImage", "inputs": {"image": "fox.png"}}
    for place, (kind, inputs) in enumerate(settings.items()):
        stream = {"data": [str(place - 1), 0]} if place else {}
        own = {name: value for name, value in changed.items() if name in inputs}
        made[str(place)] = {"class_type": kind, "inputs": {**inputs, **own, **stream}}
    return made


def test_searge_runs_stages_with_what_stands_in_its_stream() -> None:
    said = recipe(searge())
    assert (said.prompt, said.negative_prompt, said.seed, said.steps) == ("a fox", "blurry", 5, 30)
    assert (said.sampler, said.schedule, said.guidance_scale) == ("euler_ancestral", "normal", 4), "by the preset"
    assert (said.width, said.height, said.model) == (1344, 768, ModelName("xl.safetensors"))
    assert said.loras == (Lora("soft.safetensors", 0.2),) and "refiner" not in said.extras


def test_searge_by_its_own_settings_with_a_refiner_from_a_picture() -> None:
    nothing = "none - use settings"
    own = {"sampler_preset": nothing, "image_size_preset": nothing, "refiner_checkpoint": "r.safetensors"}
    said = recipe(searge(**own, prompting_mode="main and neg. only", workflow_mode="image-to-image"))
    assert (said.prompt, said.sampler, said.width, said.extras["mode"]) == ("fox", "dpmpp_2m", 1024, "img2img")
    assert (said.extras["refiner"], said.extras["refiner_switch"]) == (ModelName("r.safetensors"), 0.8)


GRIDS: list[tuple[str, Nodes, dict[str, Any], set[str]]] = [
    (
        "Efficiency",
        {
            "x": ("XY Plot", {"ksampler_output_image": "Images", "X": ["a", 0], "Y": ["b", 0]}),
            "a": ("XY Input: Steps", {"target_parameter": "steps", "batch_count": 3, "first_step": 10, "last_step": 20}),
            "b": ("XY Input: Sampler/Scheduler", {"target_parameter": "sampler & scheduler", "input_count": 2}),
        },
        {"script": ["x", 0]},
        {"steps", "sampler", "schedule"},
    ),
    (
        "an axis of nothing and one of prompts",
        {
            "x": ("XY Plot", {"X": ["a", 0], "Y": ["b", 0]}),
            "a": ("XY Input: CFG Scale", {"batch_count": 0}),
            "b": ("XY Input: Prompt S/R", {"target_prompt": "negative", "search_txt": "blurry", "replace_count": 1}),
        },
        {"script": ["x", 0]},
        {"negative_prompt"},
    ),
    (
        "Easy-Use, in a pipe",
        {
            "x": ("easy XYPlot", {"pipe": ["p", 0], "X": ["a", 0]}),
            "a": ("easy XYInputs: Seeds++ Batch", {"batch_count": 3}),
            "p": ("easy pipeIn", {"model": ["1", 0]}),
        },
        {"pipe": ["x", 0]},
        {"seed"},
    ),
    (
        "TinyTerra",
        {"x": ("ttN advanced xyPlot", {"x_plot": "<1:7.0>\n[5:cfg='7.0']\n<2:8.0>\n[5:cfg='8.0']", "y_plot": ""})},
        {"adv_xyPlot": ["x", 0]},
        {"guidance_scale"},
    ),
]


@pytest.mark.parametrize(("nodes", "inputs", "unknown"), [case[1:] for case in GRIDS], ids=[case[0] for case in GRIDS])
def test_what_a_grid_varies_is_not_known_of_one_of_its_pictures(nodes: Nodes, inputs: Any, unknown: set[str]) -> None:
    said = reading(graph(nodes, n5=inputs))
    fields = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "sampler", "schedule", "model")
    assert {name for name in fields if getattr(said.recipe, name) is None} == unknown
    assert unknown.isdisjoint(said.recipe.confidence) and any("varies" in remark for remark in said.remarks)
    assert set(said.recipe.extras["script"]) == {"node", *unknown}


LOADED: Nodes = {
    "a": ("LoadImage", {"image": "fox.png"}),
    "b": ("ImageScale", {"image": ["a", 0], "upscale_method": "lanczos", "width": 512, "height": 768, "crop": "disabled"}),
    "d": ("VAEEncode", {"pixels": ["c", 0], "vae": ["1", 2]}),
}
SCALED: list[tuple[str, Nodes, str, tuple[int | None, int | None]]] = [
    ("by a factor", {"c": ("ImageScaleBy", {"image": ["b", 0], "scale_by": 1.5})}, "d", (768, 1152)),
    ("of a size that is not known", {"c": ("ImageScaleBy", {"image": ["a", 0], "scale_by": 1.5})}, "d", (None, None)),
    ("to an area, in eighths", {"c": ("ImageScaleToTotalPixels", {"image": ["b", 0], "megapixels": 1.0})}, "d", (832, 1248)),
    ("by a model", {"c": ("ImageUpscaleWithModel", {"image": ["b", 0], "upscale_model": ["u", 0]})}, "d", (None, None)),
    ("as a latent", {"c": ("LatentUpscaleBy", {"samples": ["4", 0], "scale_by": 1.5})}, "c", (960, 768)),
]


@pytest.mark.parametrize(("nodes", "latent", "size"), [case[1:] for case in SCALED], ids=[case[0] for case in SCALED])
def test_a_size_is_followed_through_scaling(nodes: Nodes, latent: str, size: tuple[int | None, int | None]) -> None:
    said = recipe(graph(LOADED | nodes, n5={"latent_image": [latent, 0]}))
    assert (said.width, said.height) == size


def test_pictures_that_an_edit_model_sees_are_named() -> None:
    nodes: Nodes = {
        "a": ("TextEncodeQwenImageEditPlus", {"prompt": "at night", "clip": ["1", 1], "image1": ["s", 0]}),
        "s": ("ImageScaleToTotalPixels", {"image": ["i", 0], "megapixels": 1.0}),
        "i": ("LoadImage", {"image": "fox.png"}),
    }
    said = recipe(graph(nodes, n5={"positive": ["a", 0]}))
    assert said.prompt == "at night" and said.extras["ref images"] == ("fox.png",)
