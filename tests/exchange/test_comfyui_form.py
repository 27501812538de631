"""ComfyUI prompts that are written: the nodes of each family, read back with the same values, and edits that are noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest

import seedbank
from seedbank.exchange.receive import receive
from seedbank.exchange.texts import Texts
from seedbank.formats.reading import Lora
from seedbank.frozen import replace
from seedbank.recipe import Recipe
from seedbank.records import Model, ModelFile, NewEntry, Picture

LORA = Model("c" * 64, "style", (ModelFile("lora.safetensors", 3, "c" * 64),), "lora")
COMMON = {"width": 512, "height": 768, "num_inference_steps": 20, "max_sequence_length": 512}
STATIC = {"class": "FlowMatchEulerDiscreteScheduler", "config": {"shift": 3, "use_dynamic_shifting": False}}
DYNAMIC = {
    "class": "FlowMatchEulerDiscreteScheduler",
    "config": {"use_dynamic_shifting": True, "max_shift": 1.15, "base_shift": 0.5},
}
EULER = {"class": "EulerDiscreteScheduler", "config": {}}
SD3 = {
    **{"skip_layer_guidance_scale": 2.8, "skip_layer_guidance_start": 0.01, "skip_layer_guidance_stop": 0.2},
    "max_sequence_length": 256,
}
FLOW_NODES = {"UNETLoader", "VAELoader", "EmptySD3LatentImage"}
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], float, set[str]]] = {
    "z-image": (
        *("ZImagePipeline", {"guidance_scale": 7, "cfg_normalization": False, "cfg_truncation": 1}, STATIC, 8.0),
        FLOW_NODES | {"CLIPLoader", "ModelSamplingAuraFlow"},
    ),
    "z-image-turbo": ("ZImagePipeline", {"guidance_scale": 0, "cfg_truncation": 1}, STATIC, 1.0, {"ModelSamplingAuraFlow"}),
    "flux": (
        *("FluxPipeline", {"guidance_scale": 3.5, "true_cfg_scale": 1}, DYNAMIC, 1.0),
        FLOW_NODES | {"DualCLIPLoader", "FluxGuidance", "ModelSamplingFlux"},
    ),
    "sd3": (
        *("StableDiffusion3Pipeline", {"guidance_scale": 4.5, **SD3}, STATIC, 4.5),
        {"CheckpointLoaderSimple", "TripleCLIPLoader", "ModelSamplingSD3", "EmptySD3LatentImage"},
    ),
    "sd15": ("StableDiffusionPipeline", {"guidance_scale": 7.5, "max_sequence_length": 0}, EULER, 7.5, {"EmptyLatentImage"}),
    "sdxl": (
        *("StableDiffusionXLPipeline", {"guidance_scale": 5, "max_sequence_length": 0}, EULER, 5.0),
        {"CheckpointLoaderSimple", "ConditioningZeroOut"},
    ),
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    with seedbank.open(tmp_path_factory.mktemp("bank") / "a.db", create=True) as opened:
        yield opened


def entry_of(bank, case, inputs=(), pipeline=None, negative=None, **call):
    family, arguments, scheduler, _, _ = CASES[case]
    conditioning = {"prompt": "a red circle"} | ({} if negative is None else {"negative_prompt": negative})
    recipe = Recipe(
        model="b" * 64,
        pipeline=pipeline or family,
        conditioning=conditioning,
        noise={"kind": "torch-cpu", "seed": str(2**64 - 1)},
        call=COMMON | arguments | call,
        scheduler=scheduler,
        dtypes={"vae": "float32"},
        inputs=inputs,
        adapters=({"kind": "lora", "digest": LORA.digest, "weight": 0.7},),
    )
    model = Model("b" * 64, "big", pipeline=recipe.pipeline)
    return bank.store.add_entry(
        NewEntry(recipe=recipe, model=model, adapters=(LORA,), picture=Picture("e" * 64, "RGB", 512, 768))
    )


@pytest.mark.parametrize("negative", [None, "", "blurry"])
@pytest.mark.parametrize("case", CASES)
def test_a_family_is_written_with_its_own_nodes_and_read_back_with_the_same_values(case, negative, bank):
    entry = entry_of(bank, case, negative=negative)
    text = Texts(bank)(entry, "comfyui")
    received = receive(text)
    said, cfg, nodes = received.reading.recipe, CASES[case][3], CASES[case][4]
    assert received.trusted and received.recipe.digest == entry.recipe.digest, received.remarks
    assert (said.prompt, said.seed, said.steps, said.guidance_scale) == ("a red circle", 2**64 - 1, 20, cfg)
    assert (said.sampler, said.width, said.height, said.model.name) == ("euler", 512, 768, "big.safetensors")
    assert said.loras == (Lora("style.safetensors", 0.7),)
    assert said.extras.get("distilled_guidance") == (3.5 if case == "flux" else None)
    kinds = {node["class_type"] for node in json.loads(text).values()}
    assert kinds >= (nodes - {"ConditioningZeroOut"} if negative is not None else nodes)


IMAGE = {"role": "image", "kind": "picture", "digest": "f" * 64, "mode": "RGB", "width": 512, "height": 768}
SIBLINGS = {"z-image": "ZImageImg2ImgPipeline", "flux": "FluxImg2ImgPipeline", "sd15": "StableDiffusionImg2ImgPipeline"}


@pytest.mark.parametrize("case", SIBLINGS)
def test_image_to_image_counts_the_steps_as_comfyui_does(case, bank):
    entry = entry_of(bank, case, (IMAGE,), SIBLINGS[case], strength=0.33)
    text = Texts(bank)(entry, "comfyui")
    graph = json.loads(text)
    sampler = next(node for node in graph.values() if node["class_type"] == "KSampler")
    assert (sampler["inputs"]["steps"], sampler["inputs"]["denoise"]) == (6, 0.3), "of 20 steps at 0.33 diffusers does 6"
    assert int(6 / 0.3) == 20, "which are the last of 20 there, too"
    loader = next(node for node in graph.values() if node["class_type"] == "LoadImage")
    assert loader["inputs"]["image"] == "seedbank-ffffffffffff.png"
    received = receive(text)
    assert received.trusted and received.recipe.digest == entry.recipe.digest, received.remarks
    sampler["inputs"]["denoise"] = 0.5
    assert not receive(json.dumps(graph)).trusted, "an edit is noticed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scheduler": {**DYNAMIC}}, "shifts its noise levels with the size"),
        ({"scheduler": {**STATIC, "config": {"shift_terminal": 0.02}}}, r"ends at 0\.02"),
        ({"scheduler": EULER}, "scheduler of a ZImagePipeline is a EulerDiscreteScheduler"),
        ({"pipeline": "ZImageInpaintPipeline"}, "ZImageInpaintPipeline"),
        ({"inputs": ({"role": "latents", "kind": "tensor", "digest": "f" * 64},)}, "input latents"),
        ({"call": {**COMMON, "cfg_truncation": 0.5}}, r"cfg_truncation is 0\.5"),
    ],
)
def test_what_is_not_plain_is_refused_by_name(change, words, bank):
    entry = entry_of(bank, "z-image")
    with pytest.raises(seedbank.errors.BadInput, match=words):
        Texts(bank)(replace(entry, recipe=replace(entry.recipe, **change)), "comfyui")
