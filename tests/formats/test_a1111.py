"""The `parameters` text, word for word, and as another program reads it."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from PIL import Image
from sd_parsers import ParserManager

from seedbank.formats.a1111 import sampler_of, write_parameters
from seedbank.images import encode_png
from seedbank.recipe import Recipe


def _recipe(prompt: str | None = "a red circle", negative: str | None = None, **parts) -> Recipe:
    call = {"num_inference_steps": 8, "guidance_scale": 3.0, "width": 128, "height": 96} | parts.pop("call", {})
    return Recipe(
        conditioning={"prompt": prompt, "negative_prompt": negative},
        noise={"kind": "torch-cpu", "seed": parts.pop("seed", 123456)},
        call=call,
        **({"scheduler": {"class": "EulerAncestralDiscreteScheduler", "config": {}}} | parts),
    )


def test_all_that_is_known_stands_in_the_order_of_a1111() -> None:
    recipe = _recipe("a red circle\non blue", "blurry", call={"clip_skip": 1})
    assert write_parameters(recipe, model_name="embedded", model_hash="0123456789", cfg=4.0) == (
        "a red circle\non blue\n"
        "Negative prompt: blurry\n"
        "Steps: 8, Sampler: Euler a, CFG scale: 4, Seed: 123456, Size: 128x96, "
        "Model hash: 0123456789, Model: embedded, Clip skip: 2, RNG: CPU"
    )


def test_the_noise_is_told_in_the_words_of_a1111() -> None:
    variation = {"seed": "8", "strength": 0.25, "form": "a1111"}
    recipe = replace(_recipe(), noise={"kind": "a1111-nv", "seed": "7", "variation": variation, "ensd": 31337})
    told = ", Variation seed: 8, Variation seed strength: 0.25, ENSD: 31337, RNG: NV"
    assert write_parameters(recipe).endswith(f"Seed: 7, Size: 128x96{told}")
    assert "RNG" not in write_parameters(replace(recipe, noise={"kind": "torch-cuda", "seed": "7"})), "absent means GPU"


def test_what_is_not_known_is_left_out() -> None:
    assert write_parameters(Recipe(conditioning={"prompt": "x"}, noise={"seed": 0}, call={})) == "x\nSeed: 0"


def test_seed_zero_and_the_largest_seed_are_written_as_they_are() -> None:
    assert "Seed: 0," in write_parameters(_recipe(seed=0))
    assert f"Seed: {2**64 - 1}," in write_parameters(_recipe(seed=2**64 - 1))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("sd_xl, final", '"sd_xl, final"'),
        ("urn:air:sd1", '"urn:air:sd1"'),
        ('the "best"', '"the \\"best\\""'),
        ("两\n行", '"两\\n行"'),
        ("模型-v2", "模型-v2"),
    ],
)
def test_a_value_that_a_reader_would_cut_is_quoted_as_json(name: str, written: str) -> None:
    text = write_parameters(_recipe(), model_name=name)
    assert f"Model: {written}, RNG" in text
    assert json.loads(written if written.startswith('"') else json.dumps(name)) == name


def test_an_empty_negative_prompt_has_no_line() -> None:
    assert "Negative" not in write_parameters(_recipe(negative=""))


def test_the_guidance_of_a_distilled_model_has_a_name_of_its_own() -> None:
    recipe = _recipe(pipeline="FluxPipeline", call={"guidance_scale": 3.5})
    assert "CFG scale: 1, Distilled CFG Scale: 3.5, Seed" in write_parameters(recipe, cfg=1.0)
    assert "Distilled" not in write_parameters(_recipe(pipeline="ZImagePipeline"), cfg=4.0)


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("EulerDiscreteScheduler", {}, ("Euler", None)),
        ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, ("Euler", "Karras")),
        ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}, ("DPM++ 2M", "Karras")),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, ("DPM++ 2M SDE", None)),
        (
            "DPMSolverMultistepScheduler",
            {"algorithm_type": "sde-dpmsolver++", "solver_order": 3, "use_exponential_sigmas": True},
            ("DPM++ 3M SDE", "Exponential"),
        ),
        ("FlowMatchEulerDiscreteScheduler", {"use_beta_sigmas": True}, ("Euler", "Beta")),
        ("SomeNewScheduler", {}, ("SomeNewScheduler", None)),
    ],
)
def test_schedulers_are_called_as_other_tools_call_them(name: str, config: dict, words: tuple) -> None:
    assert sampler_of({"class": name, "config": config}) == words


def test_every_name_belongs_to_a_scheduler_that_diffusers_has() -> None:
    import importlib.util
    from pathlib import Path

    from seedbank.formats.a1111 import SAMPLERS

    found = importlib.util.find_spec("diffusers")
    assert found is not None and found.origin is not None
    listed = Path(found.origin).read_text(encoding="utf-8")
    assert [name for name in SAMPLERS if f'"{name}"' not in listed] == []


@pytest.mark.parametrize("prompt", ["a red circle, on blue", "一只橘色的星星在夜空，安静", "café (masterpiece:1.2) \\(x\\)"])
def test_another_program_reads_prompt_seed_and_sampler_from_the_file(prompt: str) -> None:
    recipe = _recipe(prompt, "模糊, blurry", seed=2**63 + 1)
    text = {"parameters": write_parameters(recipe, model_name="embedded, v1", cfg=4.5)}
    data = encode_png("RGB", 128, 96, bytes(128 * 96 * 3), recipe=recipe, text=text)
    assert Image.open(io.BytesIO(data)).info["parameters"] == text["parameters"]
    read = ParserManager().parse(io.BytesIO(data))
    assert read is not None
    assert [prompt.value for prompt in read.prompts] == [prompt]
    assert [prompt.value for prompt in read.negative_prompts] == ["模糊, blurry"]
    (sampler,) = read.samplers
    assert sampler.name == "Euler a"
    assert str(sampler.parameters["seed"]) == str(2**63 + 1)
    assert (str(sampler.parameters["steps"]), str(sampler.parameters["cfg_scale"])) == ("8", "4.5")
