"""ComfyUI's graphs: models, LoRAs, sizes and what else stands beside the sampler."""

from typing import Any

import pytest

from seedbank.formats.reading import Lora, ModelName
from tests.formats.comfy_graphs import Nodes, graph, plain, recipe

LORAS: list[tuple[str, Nodes, list[Any], tuple[Lora, ...]]] = [
    (
        "a loader that is switched off",
        {"a": ("CR Load LoRA", {"switch": "Off", "lora_name": "one", "strength_model": 1, "model": ["1", 0]})},
        ["a", 0],
        (),
    ),
    (
        "a field of tags",
        {"a": ("ttN pipeLoader_v2", {"ckpt_name": "base.safetensors", "loras": "<lora:one:0.5>", "positive": "x"})},
        ["a", 1],
        (Lora("one", 0.5),),
    ),
    (
        "a chain, the one next to the checkpoint first",
        {
            "a": (
                "LoraLoader",
                {"lora_name": "one", "strength_model": 0.5, "strength_clip": 0.25, "model": ["1", 0], "clip": ["1", 1]},
            ),
            "b": ("LoraLoaderModelOnly", {"lora_name": "two", "strength_model": 1.0, "model": ["a", 0]}),
        },
        ["b", 0],
        (Lora("one", 0.5, weight_text=0.25), Lora("two", 1.0)),
    ),
    (
        "a loader of many",
        {
            "a": (
                "Power Lora Loader (rgthree)",
                {
                    "model": ["1", 0],
                    "lora_1": {"on": True, "lora": "one", "strength": 0.5},
                    "lora_2": {"on": False, "lora": "two", "strength": 1},
                    "lora_3": {"on": True, "lora": "three", "strength": 1, "strengthTwo": 0.1},
                },
            )
        },
        ["a", 0],
        (Lora("one", 0.5), Lora("three", 1, weight_text=0.1)),
    ),
    (
        "a stack",
        {
            "a": ("CR Apply LoRA Stack", {"model": ["1", 0], "clip": ["1", 1], "lora_stack": ["b", 0]}),
            "b": (
                "CR LoRA Stack",
                {
                    "switch_1": "On",
                    "lora_name_1": "one",
                    "model_weight_1": 0.5,
                    "clip_weight_1": 0.5,
                    "switch_2": "Off",
                    "lora_name_2": "two",
                    "model_weight_2": 1,
                    "switch_3": "On",
                    "lora_name_3": "None",
                },
            ),
        },
        ["a", 0],
        (Lora("one", 0.5),),
    ),
    (
        "a counted stack",
        {
            "a": ("CR Apply LoRA Stack", {"model": ["1", 0], "lora_stack": ["b", 0]}),
            "b": (
                "LoRA Stacker",
                {
                    "input_mode": "simple",
                    "lora_count": 1,
                    "lora_name_1": "one",
                    "lora_wt_1": 0.5,
                    "model_str_1": 9,
                    "lora_name_2": "two",
                    "lora_wt_2": 1,
                },
            ),
        },
        ["a", 0],
        (Lora("one", 0.5),),
    ),
    (
        "tags in a prompt that is read for them",
        {"a": ("Power Prompt (rgthree)", {"prompt": "a hen <lora:one:0.5:0.2>", "opt_model": ["1", 0]})},
        ["a", 1],
        (Lora("one", 0.5, weight_text=0.2),),
    ),
    (
        "behind a patch of the model",
        {
            "a": ("ModelSamplingFlux", {"model": ["b", 0], "max_shift": 1.15}),
            "b": ("LoraLoaderModelOnly", {"lora_name": "one", "strength_model": ["w", 0], "model": ["1", 0]}),
            "w": ("PrimitiveFloat", {"value": 0.75}),
        },
        ["a", 0],
        (Lora("one", 0.75),),
    ),
]


@pytest.mark.parametrize(("nodes", "model", "expected"), [case[1:] for case in LORAS], ids=[case[0] for case in LORAS])
def test_loras_come_in_the_order_in_which_they_act(nodes: Nodes, model: list[Any], expected: tuple[Lora, ...]) -> None:
    said = recipe(graph(nodes, n5={"model": model}))
    assert said.loras == expected and said.model == ModelName("base.safetensors")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("UNETLoader", "unet_name"),
        ("UnetLoaderGGUF", "unet_name"),
        ("DiffusersLoader", "model_path"),
        ("LoaderGGUF", "gguf_name"),
    ],
)
def test_loaders_of_all_kinds_name_the_model(kind: str, name: str) -> None:
    assert recipe(graph({"1": (kind, {name: "sub/flux.gguf"})})).model == ModelName("sub/flux.gguf")


SIZES: list[tuple[str, Nodes, dict[str, Any], tuple[int | None, int | None]]] = [
    (
        "a latent's own factor",
        {
            "4": (
                "CR SDXL Aspect Ratio",
                {"aspect_ratio": "16:9 landscape 1344x768", "width": 1, "height": 1, "upscale_factor": 2},
            )
        },
        {},
        (1344, 768),
    ),
    (
        "a typed size that is turned and scaled",
        {
            "4": (
                "CR Aspect Ratio",
                {"aspect_ratio": "custom", "width": 640, "height": 512, "swap_dimensions": "On", "prescale_factor": 1.5},
            )
        },
        {},
        (768, 960),
    ),
    (
        "a resolution",
        {"a": ("ResolutionSelector", {"aspect_ratio": "16:9 (Widescreen)", "megapixels": 1.0, "multiple": 8})},
        {"width": ["a", 0], "height": ["a", 1]},
        (1368, 768),
    ),
    (
        "a preset",
        {"4": ("SDXL Empty Latent Image (rgthree)", {"dimensions": "1216 x 832   (landscape)", "clip_scale": 2.0})},
        {},
        (1216, 832),
    ),
    (
        "an overridden preset",
        {"4": ("SDXLEmptyLatentSizePicker+", {"resolution": "1024x1024 (1.0)", "width_override": 800, "height_override": 0})},
        {},
        (800, 1024),
    ),
    (
        "a million pixels each",
        {
            "a": (
                "FluxResolutionNode",
                {"megapixel": "1.0", "aspect_ratio": "2:3 (Classic Portrait)", "divisible_by": "64", "custom_ratio": False},
            )
        },
        {"width": ["a", 0], "height": ["a", 1]},
        (832, 1216),
    ),
    (
        "a short side and a ratio",
        {"4": ("Empty Latent by Ratio (WLSH)", {"aspect": "3:2", "direction": "portrait", "shortside": 512})},
        {},
        (512, 768),
    ),
    (
        "a size on its side",
        {"4": ("SDXL Quick Empty Latent (WLSH)", {"resolution": "1152x896|9:7", "direction": "portrait"})},
        {},
        (896, 1152),
    ),
    (
        "an area and a ratio",
        {"4": ("Empty Latent by Pixels (WLSH)", {"aspect": "4:3", "direction": "portrait", "megapixels": 1.0})},
        {},
        (896, 1216),
    ),
    ("a preset of another name", {"4": ("Empty Latent Ratio", {"ratio_selected": "9:16 [768x1344 p]"})}, {}, (768, 1344)),
    (
        "the size of a picture of known size",
        {
            "a": ("GetImageSize", {"image": ["b", 0]}),
            "b": ("ImageScale", {"image": ["c", 0], "width": 320, "height": 192, "crop": "center"}),
            "c": ("LoadImage", {"image": "in.png"}),
        },
        {"width": ["a", 0], "height": ["a", 1]},
        (320, 192),
    ),
    (
        "the size of a picture that was loaded",
        {"a": ("GetImageSize", {"image": ["c", 0]}), "c": ("LoadImage", {"image": "in.png"})},
        {"width": ["a", 0]},
        (None, 512),
    ),
    (
        "the size of a picture with a border",
        {
            "a": ("GetImageSize", {"image": ["b", 0]}),
            "b": ("ImagePadForOutpaint", {"image": ["c", 0], "left": 64, "top": 0, "right": 0, "bottom": 0}),
            "c": ("EmptyImage", {"width": 320, "height": 192}),
        },
        {"width": ["a", 0], "height": ["a", 1]},
        (None, None),
    ),
    ("numbers", {"a": ("easy int", {"value": 768})}, {"width": ["a", 0]}, (768, 512)),
    ("a latent that nobody knows", {"4": ("EmptyNewModelLatent", {"width": 96, "height": 64})}, {}, (96, 64)),
    (
        "a picture",
        {"4": ("VAEEncode", {"pixels": ["a", 0], "vae": ["1", 2]}), "a": ("LoadImage", {"image": "in.png"})},
        {},
        (None, None),
    ),
    (
        "a picture that was resized",
        {
            "4": ("VAEEncode", {"pixels": ["b", 0], "vae": ["1", 2]}),
            "a": ("LoadImage", {"image": "in.png"}),
            "b": ("ImageScale", {"image": ["a", 0], "width": 320, "height": 192}),
        },
        {},
        (320, 192),
    ),
]


@pytest.mark.parametrize(("nodes", "inputs", "expected"), [case[1:] for case in SIZES], ids=[case[0] for case in SIZES])
def test_sizes_are_those_of_the_base_sampler(
    nodes: Nodes, inputs: dict[str, Any], expected: tuple[int | None, int | None]
) -> None:
    said = recipe(graph(nodes, n4=inputs))
    assert (said.width, said.height) == expected


def test_a_start_from_a_picture_is_told() -> None:
    nodes: Nodes = {
        "4": ("VAEEncodeForInpaint", {"pixels": ["a", 0], "mask": ["a", 1], "vae": ["1", 2]}),
        "a": ("LoadImage", {"image": "in.png"}),
    }
    said = recipe(graph(nodes, n5={"denoise": 0.4}))
    assert (said.extras["mode"], said.extras["denoise"], said.extras["inputs"]) == ("inpaint", 0.4, ("in.png",))


def test_batches_clip_skip_vae_embeddings_and_controlnets_are_extras() -> None:
    nodes: Nodes = {
        "i": ("LatentFromBatch", {"samples": ["4", 0], "batch_index": 2, "length": 1}),
        "c": ("ControlNetApply", {"conditioning": ["2", 0], "control_net": ["l", 0], "image": ["p", 0], "strength": 0.5}),
        "l": ("ControlNetLoader", {"control_net_name": "canny.pth"}),
        "p": ("LoadImage", {"image": "edges.png"}),
    }
    base = plain(positive="embedding:hands.pt, a fox", batch_size=4, clip_skip=2, vae="fine.pt")
    sampler = next(key for key, node in base.items() if node["class_type"] == "KSampler")
    encoder = base[sampler]["inputs"]["positive"]
    latent = base[sampler]["inputs"]["latent_image"]
    nodes["i"][1]["samples"], nodes["c"][1]["conditioning"] = latent, encoder
    said = recipe(graph(nodes, base, **{f"n{sampler}": {"latent_image": ["i", 0], "positive": ["c", 0]}})).extras
    assert (said["batch_size"], said["batch_index"], said["clip_skip"], said["vae"]) == (4, 2, 2, ModelName("fine.pt"))
    assert said["embeddings"] == (ModelName("hands.pt"),)
    assert said["controlnets"] == ({"model": "canny.pth", "weight": 0.5},)


def test_a_hypernetwork_on_the_way_to_the_model_is_named() -> None:
    nodes: Nodes = {"a": ("HypernetworkLoader", {"hypernetwork_name": "h.pt", "strength": 0.5, "model": ["1", 0]})}
    said = recipe(graph(nodes, n5={"model": ["a", 0]}))
    assert (said.model, said.extras["hypernetwork"]) == (ModelName("base.safetensors"), ModelName("h.pt"))
    nodes["a"][1]["strength"] = 0
    assert "hypernetwork" not in recipe(graph(nodes, n5={"model": ["a", 0]})).extras


def test_what_is_done_to_the_model_beside_sampling_is_told_with_its_settings() -> None:
    nodes: Nodes = {
        "a": ("ModelSamplingAuraFlow", {"shift": 3.0, "model": ["b", 0]}),
        "b": ("TorchCompileModel", {"backend": "inductor", "model": ["c", 0]}),
        "c": ("FreeU_V2", {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2, "model": ["d", 0]}),
        "d": ("IPAdapterAdvanced", {"weight": 0.7, "model": ["1", 0], "image": ["e", 0]}),
        "e": ("LoadImage", {"image": "face.png"}),
    }
    said = recipe(graph(nodes, n5={"model": ["a", 0]}))
    assert said.model == ModelName("base.safetensors") and "TorchCompileModel" not in said.extras
    assert said.extras["ModelSamplingAuraFlow"] == {"node": "ModelSamplingAuraFlow", "shift": 3.0}
    assert said.extras["freeu"]["b1"] == 1.3 and said.extras["ip adapter"] == {"node": "IPAdapterAdvanced", "weight": 0.7}
