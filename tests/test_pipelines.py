"""The guidance table, the sizes, and that both agree with the diffusers that is installed."""

import pytest

from seedbank.engine.unloaded import call_parameters
from seedbank.errors import BadInput, Blocked
from seedbank.pipelines import (
    FACTS,
    cfg_of,
    check_refiner,
    check_size,
    facts,
    guidance_from_cfg,
    nearest_sizes,
    pipeline_for,
    task_of,
    uses_negative,
)


@pytest.mark.parametrize(
    ("pipeline", "cfg", "call"),
    [
        ("ZImagePipeline", 8.0, {"guidance_scale": 7.0}),
        ("ZImagePipeline", 1.0, {"guidance_scale": 0.0}),
        ("ZImagePipeline", 0.5, {"guidance_scale": 0.0}),
        ("StableDiffusionPipeline", 7.5, {"guidance_scale": 7.5}),
        ("StableDiffusionXLPipeline", 5.0, {"guidance_scale": 5.0}),
        ("FluxPipeline", 3.0, {"true_cfg_scale": 3.0}),
        ("QwenImagePipeline", 4.0, {"true_cfg_scale": 4.0}),
    ],
)
def test_cfg_as_other_tools_write_it_becomes_the_pipelines_own_argument(pipeline, cfg, call):
    assert guidance_from_cfg(pipeline, cfg) == call


@pytest.mark.parametrize("pipeline", [name for name in FACTS if facts(name).guidance != "distilled"])
def test_cfg_survives_the_way_there_and_back(pipeline):
    for cfg in (1.0, 1.5, 4.0, 8.0):
        assert cfg_of(pipeline, guidance_from_cfg(pipeline, cfg)) == cfg


def test_a_distilled_pipeline_has_no_cfg():
    with pytest.raises(BadInput, match="no CFG"):
        guidance_from_cfg("Flux2Pipeline", 4.0)
    assert cfg_of("Flux2Pipeline", {"guidance_scale": 4.0}) is None


def test_a_negative_cfg_is_out_of_range():
    with pytest.raises(BadInput, match="out of range"):
        guidance_from_cfg("ZImagePipeline", -1)


def test_a_negative_prompt_needs_guidance():
    assert uses_negative("ZImagePipeline", {"guidance_scale": 0.5})
    assert not uses_negative("ZImagePipeline", {"guidance_scale": 0.0})
    assert not uses_negative("StableDiffusionPipeline", {"guidance_scale": 1.0})
    assert not uses_negative("FluxPipeline", {"guidance_scale": 3.5, "true_cfg_scale": 1.0})


@pytest.mark.parametrize(
    ("pipeline", "factor", "multiple"),
    [
        ("ZImagePipeline", 8, 16),
        ("ZImagePipeline", 16, 32),
        ("FluxPipeline", 8, 16),
        ("StableDiffusionPipeline", 8, 8),
        ("SanaPipeline", 32, 32),
    ],
)
def test_sizes_are_multiples_that_follow_the_vae(pipeline, factor, multiple):
    assert facts(pipeline).size_multiple(factor) == multiple
    check_size(pipeline, 4 * multiple, 8 * multiple, factor)


def test_a_size_that_would_be_cropped_is_refused_with_the_nearest_ones():
    with pytest.raises(BadInput, match="silently crop 1000x1000") as caught:
        check_size("FluxPipeline", 1000, 1000, 8)
    assert caught.value.hint == "Use 992x992 or 1008x1008."


def test_nearest_sizes_never_reach_zero():
    assert nearest_sizes(5, 40, 16) == [(16, 32), (16, 48)]
    assert nearest_sizes(32, 32, 16) == [(32, 32)]


def test_an_unknown_pipeline_class_is_blocked():
    with pytest.raises(Blocked, match="EvilPipeline"):
        facts("EvilPipeline")


@pytest.mark.parametrize("name", sorted(FACTS))
def test_every_class_of_the_table_is_a_pipeline_of_diffusers_with_the_arguments_it_says(name):
    import inspect

    import diffusers

    from seedbank.worker import describe

    cls = getattr(diffusers, name)
    if not issubclass(cls, diffusers.DiffusionPipeline):
        pytest.skip(f"{name} needs {cls._backends}, which is not installed")
    parameters = inspect.signature(cls.__call__).parameters
    assert {"prompt", "num_inference_steps", "guidance_scale"} <= set(parameters)
    assert {"height", "width"} <= set(parameters) or "image" in task_of(name)
    assert ("image" in parameters and "strength" in parameters) == ("image" in task_of(name)) or "control" in task_of(name)
    assert ("mask_image" in parameters) == ("mask" in task_of(name))
    assert ("true_cfg_scale" in parameters) == (facts(name).guidance == "true-cfg")
    read = call_parameters(name)
    assert read is not None and list(read) == [one for one in parameters if one not in ("self", "kwargs")]
    told = describe.call_parameters(cls.__new__(cls))
    assert [said.get("default", "none") for said in read.values()] == [said.get("default", "none") for said in told.values()]


def test_a_task_chooses_the_class_of_the_same_family_from_any_member_of_it():
    assert pipeline_for("StableDiffusionPipeline", {"image", "mask"}) == "StableDiffusionInpaintPipeline"
    assert pipeline_for("StableDiffusionXLImg2ImgPipeline", ()) == "StableDiffusionXLPipeline"
    assert pipeline_for("ZImagePipeline", {"image"}) == "ZImageImg2ImgPipeline"
    assert pipeline_for("SanaPipeline", ()) == "SanaPipeline"


def test_a_task_that_a_family_does_not_have_is_refused_with_those_that_it_has():
    with pytest.raises(BadInput, match=r"ZImagePipeline cannot be given control\.") as caught:
        pipeline_for("ZImagePipeline", {"control"})
    assert caught.value.hint == "It can be given: image; image + mask."
    with pytest.raises(BadInput) as caught:
        pipeline_for("SanaPipeline", {"image"})
    assert caught.value.hint == "It can be given: a text alone."


def test_a_refiner_must_take_the_latents_of_the_first_model():
    check_refiner("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline")
    for base, refiner in (("StableDiffusionPipeline", "StableDiffusionXLImg2ImgPipeline"), ("FluxPipeline", "FluxPipeline")):
        with pytest.raises(BadInput, match=f"{refiner} cannot go over the latents of {base}"):
            check_refiner(base, refiner)
