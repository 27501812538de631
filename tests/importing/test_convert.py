"""What a foreign record becomes: what it says in our words, the rest left open, a sentence for what cannot be followed."""

import time

import pytest

from seedbank.formats.reading import Foreign, Lora, ModelName, Reading
from seedbank.importing.convert import convert
from seedbank.importing.guidance import guidance_arguments
from seedbank.importing.weights import Match
from seedbank.records import Model, ModelFile


class Known:
    """Every model is at hand, of one pipeline class."""

    def __init__(self, pipeline):
        self.model = Model("d" * 64, "known", (ModelFile("single.safetensors", 1, "e" * 64),), pipeline, "/models/known")

    def find(self, kind, name, hash):
        return Match(self.model) if kind == "model" else None


def read(tool="a1111", **said):
    whole = {
        "prompt": "a red circle",
        "seed": 7,
        "steps": 20,
        "guidance_scale": 7.0,
        "sampler": "Euler a",
        "width": 512,
        "height": 512,
        "model": ModelName("some", "0123456789"),
    }
    return Reading(tool, Foreign(**{**whole, **said}), "png:parameters")


def extras(tool="a1111", **named):
    return read(tool, extras=named)


@pytest.mark.parametrize(
    ("pipeline", "cfg", "distilled", "arguments"),
    [
        ("StableDiffusionPipeline", 7.5, None, {"guidance_scale": 7.5}),
        ("StableDiffusionXLPipeline", 1, None, {"guidance_scale": 1.0}),
        ("ZImagePipeline", 8.0, None, {"guidance_scale": 7.0}),
        ("ZImagePipeline", 1.0, None, {"guidance_scale": 0.0}),
        ("FluxPipeline", 1.0, 3.5, {"true_cfg_scale": 1.0, "guidance_scale": 3.5}),
        ("FluxPipeline", None, 2.5, {"guidance_scale": 2.5}),
        ("QwenImagePipeline", 4.0, 1.0, {"true_cfg_scale": 4.0, "guidance_scale": 1.0}),
        ("LatentConsistencyModelPipeline", 8.0, None, {"guidance_scale": 8.0}),
        ("Flux2Pipeline", 1.0, 4.0, {"guidance_scale": 4.0}),
    ],
)
def test_guidance_follows_the_table(pipeline, cfg, distilled, arguments):
    assert guidance_arguments(pipeline, cfg, distilled) == (arguments, [])


@pytest.mark.parametrize(
    ("pipeline", "cfg", "words"),
    [
        ("StableDiffusionPipeline", None, "does not say the guidance"),
        ("StableDiffusionPipeline", 0.5, "no guidance at all"),
        ("StableDiffusionPipeline", -1, "below 0"),
        ("FluxPipeline", 1.0, "usual 3.5"),
        ("LatentConsistencyModelPipeline", None, "does not say the guidance"),
    ],
)
def test_guidance_that_is_not_as_it_was_is_said(pipeline, cfg, words):
    assert words in " ".join(guidance_arguments(pipeline, cfg)[1])


@pytest.mark.parametrize(
    ("pipeline", "encoders", "texts"),
    [
        (
            "StableDiffusionXLPipeline",
            {"text_g": "a hen", "text_l": "oil"},
            {"prompt": "oil", "prompt_2": "a hen"},
        ),
        ("FluxPipeline", {"clip_l": "a hen", "t5xxl": "oil"}, {"prompt": "a hen", "prompt_2": "oil"}),
        (
            "StableDiffusion3Pipeline",
            {"clip_l": "a hen", "clip_g": "oil", "t5xxl": "oil"},
            {"prompt": "a hen", "prompt_2": "oil", "prompt_3": "oil"},
        ),
    ],
)
def test_each_text_encoder_gets_the_text_that_the_file_gives_it(pipeline, encoders, texts):
    said = read("comfyui", prompt="a hen\noil", extras={"encoders": encoders})
    converted = convert(said, Known(pipeline))
    assert converted.recipe.conditioning == texts and not any("joined" in remark for remark in converted.remarks)
    other = convert(said, Known("ZImagePipeline"))
    assert (
        other.recipe.prompt == "a hen\noil" and "Its prompt has a text for each text encoder; they are joined." in other.remarks
    )
    negative = convert(read("comfyui", negative_prompt="x\ny\nz", extras={"negative_encoders": encoders}), Known(pipeline))
    assert negative.recipe.negative_prompt == "x\ny\nz" and any("negative prompt has a text" in one for one in negative.remarks)


def test_the_noise_of_ddim_is_carried_where_the_pipeline_takes_it():
    ddim = read(sampler="DDIM", extras={"Eta DDIM": "0.5"})
    assert convert(ddim, Known("StableDiffusionPipeline")).recipe.call["eta"] == 0.5
    euler = convert(extras(**{"Eta DDIM": "0.5"}), Known("StableDiffusionPipeline"))
    assert "eta" not in euler.recipe.call and "Not carried over: Eta DDIM 0.5." in euler.remarks


def test_a_record_without_its_model_stays_partial_and_keeps_what_the_file_says():
    converted = convert(read())
    recipe = converted.recipe
    assert recipe.missing() == ["model", "pipeline", "dtypes"]
    assert recipe.call["cfg"] == 7 and recipe.guidance is None
    assert recipe.scheduler["class"] == "EulerAncestralDiscreteScheduler"
    assert converted.model.name == "some" and converted.model.files == ()
    assert converted.obstacles == ()


def test_a_record_with_its_model_has_the_pipelines_own_arguments():
    converted = convert(read(sampler="Euler", guidance_scale=8.0, tool="comfyui"), Known("ZImagePipeline"))
    assert converted.recipe.call["guidance_scale"] == 7
    assert converted.recipe.model == "d" * 64
    assert converted.recipe.scheduler["class"] == "FlowMatchEulerDiscreteScheduler"
    assert "cfg" not in converted.recipe.call


def test_what_the_file_does_not_say_is_not_invented():
    converted = convert(Reading("a1111", Foreign(prompt="a red circle"), "text"))
    assert converted.recipe.seed is None and converted.recipe.steps is None and converted.model is None
    assert converted.obstacles == ("The file does not say the seed.", "The file does not say the steps.")
    assert convert(Reading("a1111", Foreign(), "text")).recipe is None


def test_seed_0_and_seeds_of_64_bits_are_seeds():
    assert convert(read(seed=0)).recipe.noise["seed"] == "0"
    assert convert(read(seed=2**64 - 1)).recipe.seed == 2**64 - 1


@pytest.mark.parametrize(
    ("tool", "named", "noise"),
    [
        ("a1111", {}, {"kind": "a1111-nv", "dtype": "float32"}),
        ("a1111", {"noise": "CPU"}, {"kind": "torch-cpu", "dtype": "float32"}),
        ("forge", {"noise": "NV"}, {"kind": "a1111-nv", "dtype": "float32"}),
        ("comfyui", {}, {"kind": "torch-cpu", "dtype": "float32"}),
        ("comfyui", {"batch_size": 4, "batch_index": 2}, {"kind": "torch-cpu", "dtype": "float32", "before": 2}),
        ("comfyui", {"batch_size": 4, "batch_index": 0}, {"kind": "torch-cpu", "dtype": "float32"}),
        ("invokeai", {}, {"kind": "torch-cpu"}),
        ("sd.cpp", {"noise": "cuda"}, {"kind": "a1111-nv", "dtype": "float32"}),
        ("a1111", {"noise": "CPU", "ensd": 31337}, {"kind": "torch-cpu", "dtype": "float32", "ensd": 31337}),
        ("midjourney", {}, {}),
    ],
)
def test_noise_comes_from_where_the_tool_draws_it(tool, named, noise):
    assert convert(extras(tool, **named)).recipe.noise == {"seed": "7", **noise}


def test_a_gpu_that_is_in_no_file_is_said():
    assert any("GPU that the file does not name" in remark for remark in convert(read()).remarks)
    assert not any("GPU" in remark for remark in convert(extras(noise="CPU")).remarks)


def test_a_variation_has_a1111s_form_and_seed_0_counts():
    found = convert(extras(noise="CPU", variation_seed=0, variation_strength=0.25)).recipe.noise["variation"]
    assert found == {"seed": "0", "strength": 0.25, "form": "a1111"}
    assert "variation" not in convert(extras(noise="CPU", variation_seed=8, variation_strength=0)).recipe.noise


def test_one_of_a_batch_without_its_place_is_not_taken_for_the_first():
    assert any("the file does not say which" in one for one in convert(extras("comfyui", batch_size=4)).obstacles)


@pytest.mark.parametrize(
    ("tool", "pipeline", "used", "left_out"),
    [
        ("a1111", "StableDiffusionPipeline", 2, 1),
        ("a1111", "StableDiffusionPipeline", 1, None),
        ("a1111", "StableDiffusionXLPipeline", 2, None),
        ("comfyui", "StableDiffusionXLPipeline", 2, None),
        ("comfyui", "StableDiffusionXLPipeline", 3, 1),
        ("a1111", "FluxPipeline", 2, None),
    ],
)
def test_clip_skip_counts_one_less_here(tool, pipeline, used, left_out):
    reading = Reading(tool, read(tool, sampler="Euler", extras={"clip_skip": used}).recipe, "x")
    assert convert(reading, Known(pipeline)).recipe.call.get("clip_skip") == left_out


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"hires": {"scale": 2.0}}, "Hires fix (a second pass at a larger size) is not supported."),
        ({"refiner": ModelName("sdxl_refiner")}, "The refiner sdxl_refiner is not supported"),
        ({"controlnets": ({"Module": "canny"},)}, "ControlNet is not supported"),
        ({"ADetailer model": "face_yolov8n.pt"}, "ADetailer"),
        ({"mode": "img2img"}, "made from another picture"),
        ({"denoise": 0.6}, "made from another picture"),
        ({"Init image hash": "8d3f0c"}, "made from another picture"),
        ({"Masked content": "fill"}, "made from another picture"),
        ({"Tiling": "True"}, "Tiling is not supported"),
        ({"Face restoration": "CodeFormer"}, "Face restoration is not supported"),
        ({"Script": "X/Y/Z plot"}, "A script"),
        ({"Token merging ratio": "0.5"}, "Token merging is not supported"),
        ({"ip_adapters": ({"weight": 0.45},)}, "An IP-Adapter is not supported"),
        ({"ref_images": ({"weight": 0.45},)}, "Reference pictures are not supported"),
        ({"face_restoration": 0.9}, "Face restoration is not supported"),
        ({"styles": "['Fooocus V2']"}, "A style that writes into the prompt"),
    ],
)
def test_a_step_that_has_no_form_here_is_an_obstacle(named, words):
    assert any(words in one for one in convert(extras(**named)).obstacles), convert(extras(**named)).obstacles


@pytest.mark.parametrize(
    "named", [{"denoise": 1.0}, {"Tiling": "False"}, {"mode": "txt2img"}, {"version": "v1.10.1"}, {"hires": {}}]
)
def test_a_setting_that_did_nothing_is_none(named):
    converted = convert(extras(noise="CPU", **named))
    assert converted.obstacles == () and converted.remarks == ()


def test_settings_that_are_not_carried_over_are_named():
    remarks = convert(extras(noise="CPU", **{"Sigma noise": "1.02", "NGMS": "0.2"})).remarks
    assert remarks == ("Not carried over: Sigma noise 1.02, NGMS 0.2.",)


def test_an_unknown_sampler_is_named_with_its_tool():
    assert convert(read(sampler="res_multistep", tool="comfyui")).obstacles == (
        "The sampler 'res_multistep' of comfyui has no counterpart here.",
    )


def test_a_schedule_that_a_scheduler_does_not_have_is_an_obstacle_before_the_model_is_known():
    (obstacle,) = convert(read(sampler="euler_ancestral", schedule="karras", tool="comfyui")).obstacles
    assert "EulerAncestralDiscreteScheduler takes no schedule 'karras'" in obstacle


def test_sdnexts_own_key_for_the_schedule_is_read():
    converted = convert(read("sdnext", sampler="DPM++ 2M", extras={"Sampler sigma": "karras"}))
    assert converted.recipe.scheduler["config"]["use_karras_sigmas"] is True


def test_an_embedding_that_a_prompt_of_comfyui_calls_is_an_adapter_with_its_word():
    converted = convert(read("comfyui", prompt="in the style of (embedding:SDA768.pt:1.2), a girl"))
    assert converted.recipe.prompt == "in the style of (SDA768:1.2), a girl"
    assert [(item["kind"], item["token"]) for item in converted.recipe.adapters] == [("embedding", "SDA768")]


def test_a_sampler_that_diffusers_only_comes_near_is_said():
    assert any("Brownian tree" in remark for remark in convert(read(sampler="DPM++ SDE", schedule="Karras")).remarks)


def test_loras_leave_the_prompt_and_stand_beside_it_in_their_order():
    loras = (Lora("one", 0.8, "0123456789ab"), Lora("two", None), Lora("three", 1.0, None, 0.5))
    reading = read(prompt="a <lora:one:0.8>red <lora:two:1> circle", loras=loras)
    converted = convert(reading, Known("StableDiffusionXLPipeline"))
    assert converted.recipe.prompt == "a red  circle"
    assert [item["weight"] for item in converted.recipe.adapters] == [
        0.8,
        1,
        {"unet": 1, "text_encoder": 0.5, "text_encoder_2": 0.5},
    ]
    assert [model.name for model in converted.adapters] == ["one", "two", "three"]
    assert [item["digest"] for item in converted.recipe.adapters] == [model.digest for model in converted.adapters]


def test_a_hypernetwork_in_the_prompt_is_an_obstacle():
    assert any("<hypernet:x:1>" in one for one in convert(read(prompt="a <hypernet:x:1> circle")).obstacles)


def test_the_models_own_vae_is_no_adapter_and_another_one_is():
    assert convert(extras(noise="CPU", vae=ModelName("Automatic"))).adapters == ()
    assert convert(extras(noise="CPU", vae=ModelName("vae-ft-mse"))).recipe.adapters[0]["kind"] == "vae"


def test_the_same_record_gives_the_same_recipe():
    assert convert(read()).recipe.digest == convert(read()).recipe.digest


def test_a_thousand_records_are_converted_in_a_second():
    reading = read(prompt="a red circle, " * 20, extras={"clip_skip": 2, "noise": "CPU"})
    started = time.process_time()
    for _ in range(300):
        convert(reading)
    assert time.process_time() - started < 0.3
