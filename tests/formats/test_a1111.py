"""The `parameters` text, word for word, and as another program reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seedbank.formats.a1111 import loras_of, read, sampler_of, write_parameters
from seedbank.formats.reading import Lora, Payload
from seedbank.frozen import replace
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
    blend = {"noise": {"kind": "torch-cpu", "seed": "8"}, "alpha": 0.25, "curve": "slerp"}
    blended = write_parameters(replace(recipe, noise={"kind": "torch-cpu", "seed": "7", "blend": blend}))
    assert blended.endswith(", Blend: 0.25 towards seed 8 (slerp), RNG: CPU"), "the seed alone would be another picture"


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

    from seedbank.samplers import FLOW_SAMPLERS, SAMPLERS

    found = importlib.util.find_spec("diffusers")
    assert found is not None and found.origin is not None
    listed = Path(found.origin).read_text(encoding="utf-8")
    classes = {name for name, _ in (*SAMPLERS.values(), *FLOW_SAMPLERS.values())}
    assert [name for name in classes if f'"{name}"' not in listed] == []


def test_loras_are_tags_behind_the_prompt() -> None:
    adapters = (
        {"kind": "lora", "digest": "ab" * 32, "weight": 0.8},
        {"kind": "vae", "digest": "cd" * 32},
        {"kind": "lora", "digest": "ef" * 32, "weight": {"unet": 0.5, "text_encoder": 1.0}},
        {"kind": "lora", "digest": "12" * 32},
    )
    recipe = replace(_recipe(), adapters=adapters)
    loras = loras_of(recipe, {"ab" * 32: "a<b>:c", "ef" * 32: "星"})
    text = write_parameters(recipe, loras=loras)
    assert text.splitlines()[0] == "a red circle<lora:a_b__c:0.8><lora:星:1:0.5><lora:121212121212:1>"
    read_again = read([Payload("png:parameters", text)])
    assert read_again is not None
    assert read_again.recipe.loras == (Lora("a_b__c", 0.8), Lora("星", 0.5, None, 1.0), Lora("121212121212", 1.0))


READ = """
import json, sys
from sd_parsers import ParserManager
read = ParserManager().parse(sys.argv[1])
(sampler,) = read.samplers
print(json.dumps({
    "prompt": [prompt.value for prompt in read.prompts], "negative": [prompt.value for prompt in read.negative_prompts],
    "sampler": sampler.name, "parameters": {name: str(value) for name, value in sampler.parameters.items()},
    "model": sampler.model.name if sampler.model else None, "rest": {name: str(value) for name, value in read.metadata.items()},
}))
"""
"""sd-parsers keeps a cache that can answer with another picture's data, so it reads every file in a process of its own."""


@pytest.mark.parametrize(
    ("prompt", "negative", "parts"),
    [
        ("a red circle, on blue", "blurry", {}),
        ("一只橘色的星星在夜空，安静", "模糊，低质量", {}),
        ("café (masterpiece:1.2) \\(x\\)\non two lines", "模糊, blurry", {}),
        ("很长的一句话，" * 170_000, "b" * 5_000, {}),
        (
            "a cat",
            "dark",
            {
                "noise": {
                    "kind": "torch-cpu",
                    "seed": str(2**63 + 1),
                    "variation": {"seed": "8", "strength": 0.25, "form": "a1111"},
                },
                "adapters": ({"kind": "lora", "digest": "ab" * 32, "weight": 0.8},),
            },
        ),
    ],
    ids=["plain", "chinese", "weights and lines", "3.4 MiB", "lora and variation"],
)
def test_another_program_reads_the_file_that_we_write(tmp_path: Path, prompt: str, negative: str, parts: dict) -> None:
    recipe = replace(_recipe(prompt, negative, seed=2**63 + 1), **parts)
    loras = loras_of(recipe, {"ab" * 32: "细节"})
    text = {"parameters": write_parameters(recipe, model_name="embedded-v1", cfg=4.5, loras=loras)}
    (tmp_path / "a.png").write_bytes(encode_png("RGB", 128, 96, bytes(128 * 96 * 3), recipe=recipe, text=text))
    done = subprocess.run([sys.executable, "-c", READ, tmp_path / "a.png"], capture_output=True, check=True, timeout=200)
    found = json.loads(done.stdout)
    assert found["prompt"] == [prompt + ("<lora:细节:0.8>" if parts else "")]
    assert found["negative"] == [negative]
    assert found["sampler"] == "Euler a"
    assert found["parameters"]["seed"] == str(2**63 + 1)
    assert (found["parameters"]["steps"], found["parameters"]["cfg_scale"]) == ("8", "4.5")
    assert found["model"] == "embedded-v1"
    if parts:
        assert (found["rest"]["Variation seed"], found["rest"]["Variation seed strength"]) == ("8", "0.25")
