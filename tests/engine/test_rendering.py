"""Recipes through a real worker: equal when they must be, different from the right stage on when they must be."""

from __future__ import annotations

import shutil

import pytest

from seedbank.engine.unloaded import vae_scale_factor
from seedbank.errors import BadInput, Blocked
from seedbank.frozen import replace
from tests.engine.conftest import recipe_for
from tests.tiny_models import FAMILIES, FLUX, SD15, SDXL, Z_IMAGE

pytestmark = pytest.mark.slow


def first_difference(one, other):
    return next(stage for (stage, a), (_, b) in zip(one.trace, other.trace, strict=True) if a != b)


def without_times(rendering):
    return rendering.digest, rendering.trace, rendering.rows


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recipe_gives_the_same_pixels_and_trace_twice_in_one_process_and_in_another(family, engine, other_process, load):
    recipe = recipe_for(load(engine, family))
    first, second = engine.render(recipe), engine.render(recipe)
    load(other_process, family)
    elsewhere = other_process.render(recipe)
    assert without_times(first) == without_times(second) == without_times(elsewhere)
    assert (first.mode, first.width, first.height, len(first.rows)) == ("RGB", 64, 64, 64 * 64 * 3)
    assert first.flags == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_trace_names_every_stage_in_order(family, engine, load):
    rendering = engine.render(recipe_for(load(engine, family)))
    stages = [stage for stage, _ in rendering.trace]
    steps = [stage for stage in stages if stage.startswith("step.")]
    # PNDM evaluates the model once more than it has steps.
    assert len(steps) == (4 if family == SD15 else 3)
    assert stages == ["prompt", "noise", *steps, "vae.in", "vae.out", "pixels"]
    assert {"load", "encode", "denoise", "decode", "total"} == set(rendering.seconds)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "changed, stage",
    [({"prompt": "a red circles"}, "prompt"), ({"seed": 8}, "noise"), ({"guidance_scale": 3.5}, "step.000")],
    ids=["one letter", "seed", "guidance"],
)
def test_a_change_shows_at_the_first_stage_that_it_reaches(family, changed, stage, engine, load):
    loaded = load(engine, family)
    original, other = engine.render(recipe_for(loaded)), engine.render(recipe_for(loaded, **changed))
    assert first_difference(original, other) == stage
    assert original.digest != other.digest


def test_guidance_that_json_turned_into_an_integer_is_a_float_again(engine, load):
    # FLUX makes a tensor of it: an integer would give an integer tensor.
    loaded = load(engine, FLUX)
    recipe = recipe_for(loaded, guidance_scale=3.0)
    assert isinstance(recipe.to_dict()["call"]["guidance_scale"], int)
    assert engine.render(recipe).digest == engine.render(recipe_for(loaded, guidance_scale=3)).digest


def test_sizes_come_back_as_the_tuples_that_sdxl_adds_up(engine, load):
    loaded = load(engine, SDXL)
    recipe = recipe_for(loaded, original_size=(64, 64), crops_coords_top_left=(0, 0))
    assert engine.render(recipe).digest == engine.render(recipe_for(loaded)).digest


def test_step_events_are_told_while_it_renders(engine, load):
    recipe = recipe_for(load(engine, Z_IMAGE))
    events = []
    engine.on_event = events.append
    try:
        engine.render(recipe)
    finally:
        engine.on_event = None
    assert events == [{"event": "step", "step": step, "of": 3} for step in (1, 2, 3)]


def test_without_a_trace_only_the_image_digest_is_told(engine, load):
    recipe = recipe_for(load(engine, Z_IMAGE))
    silent, traced = engine.render(recipe, trace="none"), engine.render(recipe)
    assert silent.trace == () and silent.digest == traced.digest


def test_an_unknown_argument_is_named(engine, load):
    with pytest.raises(BadInput, match="ZImagePipeline has no argument 'guidance_scal'"):
        engine.render(recipe_for(load(engine, Z_IMAGE), guidance_scal=3.0))


def test_an_argument_that_a_pipeline_would_swallow_is_named(engine, load):
    # StableDiffusionPipeline takes **kwargs and would ignore it in silence.
    with pytest.raises(BadInput, match="no argument 'cfg'"):
        engine.render(recipe_for(load(engine, SD15), cfg=3.0))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"noise": {"kind": "seedbank-v9", "seed": 7}}, "seedbank-v9"),
        ({"noise": {"kind": "torch-cpu", "seed": 7, "strength": 1}}, "strength"),
        ({"inputs": ({"role": "image", "kind": "video", "digest": "0" * 64},)}, "video"),
        ({"batch": {"size": 4, "index": 0}}, "batch of 4"),
        ({"dtypes": {"transformer": "float64"}}, "float64|None"),
        ({"scheduler": {"class": "NoSuchScheduler", "config": {}}}, "NoSuchScheduler"),
        ({"scheduler": {"class": "FlowMatchEulerDiscreteScheduler", "config": {"new_setting": 1}}}, "new_setting"),
    ],
)
def test_what_cannot_be_replayed_is_blocked_and_not_left_out(changes, words, engine, load):
    with pytest.raises(Blocked, match=words):
        engine.render(replace(recipe_for(load(engine, Z_IMAGE)), **changes))


def test_adapters_that_are_not_on_the_loaded_pipeline_are_not_left_out(engine, load):
    recipe = replace(recipe_for(load(engine, Z_IMAGE)), adapters=({"digest": "0" * 64},))
    with pytest.raises(BadInput, match="adapters"):
        engine.render(recipe)


def test_a_recipe_for_another_pipeline_is_refused(engine, load):
    recipe = recipe_for(load(engine, Z_IMAGE))
    load(engine, SD15)
    with pytest.raises(BadInput, match=r"ZImagePipeline.*StableDiffusionPipeline"):
        engine.render(recipe)


def test_a_scheduler_takes_over_the_settings_that_it_shares(engine, load):
    loaded = load(engine, SD15)
    euler = engine.scheduler("EulerDiscreteScheduler", {"use_karras_sigmas": True})
    assert euler["config"]["beta_end"] == 0.012 and euler["config"]["use_karras_sigmas"] is True
    assert "skip_prk_steps" not in euler["config"]
    own, other = engine.render(recipe_for(loaded)), engine.render(replace(recipe_for(loaded), scheduler=euler))
    assert own.digest != other.digest
    # The pipeline keeps its own scheduler.
    assert engine.render(recipe_for(loaded)).digest == own.digest


def test_draws_from_global_random_state_are_flagged_and_replayed(engine, other_process, load):
    loaded = load(engine, Z_IMAGE)
    scheduler = engine.scheduler("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True})
    recipe = replace(recipe_for(loaded), scheduler=scheduler)
    first, second = engine.render(recipe), engine.render(recipe)
    assert first.flags == second.flags == {"global_random_state_consumed": ["torch"]}
    assert first.digest != second.digest and first_difference(first, second) == "step.000"


def test_a_recorded_random_state_replays_in_another_process(engine, other_process, load, tmp_path):
    loaded = load(engine, Z_IMAGE)
    scheduler = engine.scheduler("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True})
    recipe = replace(recipe_for(loaded), scheduler=scheduler)
    first = engine.render(recipe)
    state = tmp_path / "state"
    state.write_bytes(first.random_state)
    load(other_process, Z_IMAGE)
    recorded = replace(recipe, inputs=({"role": "rng-state", "digest": "0" * 64},))
    assert without_times(other_process.render(recorded, {"rng-state": state})) == without_times(first)
    with pytest.raises(BadInput, match="do not belong together"):
        other_process.render(recorded)
    state.write_text("{}[")
    with pytest.raises(Blocked, match="cannot be restored"):
        other_process.render(recorded, {"rng-state": state})


def test_components_load_in_the_dtypes_of_the_recipe(engine, load):
    mixed = {"vae": "float32", "text_encoder": "bfloat16", "transformer": "bfloat16"}
    whole = engine.render(recipe_for(load(engine, Z_IMAGE)))
    loaded = load(engine, Z_IMAGE, dtype=mixed)
    assert loaded.dtypes == mixed
    rendering = engine.render(recipe_for(loaded))
    assert first_difference(whole, rendering) == "prompt"
    assert dict(whole.trace)["noise"] == dict(rendering.trace)["noise"]
    with pytest.raises(Blocked, match="is loaded in bfloat16"):
        engine.render(replace(recipe_for(loaded), dtypes=dict.fromkeys(mixed, "float32")))


def test_a_model_whose_files_changed_is_loaded_anew(engine, load, model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model(Z_IMAGE), folder)
    source = {"kind": "folder", "path": str(folder), "pipeline": Z_IMAGE}
    loaded = engine.load(source)
    assert engine.load(source).key == loaded.key
    before = engine.render(recipe_for(loaded))
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    flipped = bytearray(weights.read_bytes())
    flipped[-2] ^= 1
    weights.write_bytes(flipped)
    changed = engine.load(source)
    assert changed.key != loaded.key
    assert first_difference(before, engine.render(recipe_for(changed))) == "step.000"


@pytest.mark.parametrize(
    "family, lost",
    [(Z_IMAGE, ["tail"]), (SD15, ["two", "tail"]), (SDXL, ["two", "tail"]), (FLUX, [])],
)
def test_the_words_that_a_tokenizer_cuts_off_are_named(family, lost, engine, load):
    load(engine, family)
    fits = "a red circle"
    assert engine.lost_words(fits) == []
    # CLIP takes 75 letters here beside its two marks; Z-Image's template has two marks, of which one comes first.
    prompt = "x" * 74 + " two tail" if family != Z_IMAGE else "a " * 511 + "tail"
    assert engine.lost_words(prompt) == lost


def test_a_language_model_takes_what_the_call_allows(engine, load):
    load(engine, FLUX)
    assert engine.lost_words("xx " * 40 + "tail", max_sequence_length=122) == ["tail"]
    assert engine.lost_words("xx " * 40 + "tail", max_sequence_length=256) == []


def test_of_a_text_without_spaces_the_rest_is_named(engine, load):
    load(engine, Z_IMAGE)
    assert engine.lost_words("红" * 20 + "猫狗", max_sequence_length=21) == ["猫狗"]


def test_the_description_names_what_a_recipe_needs(engine, load, model):
    loaded = load(engine, Z_IMAGE)
    assert loaded.scheduler["class"] == "FlowMatchEulerDiscreteScheduler" and loaded.scheduler["config"]["shift"] == 3.0
    assert not [name for name in loaded.scheduler["config"] if name.startswith("_")]
    assert loaded.call["guidance_scale"] == {"annotation": "float", "default": 5.0}
    # The pipeline's own default is 1024; this VAE was made for 128.
    assert loaded.sizes == {"vae_scale_factor": 8, "height": 128, "width": 128}
    assert load(engine, SD15).sizes == {"vae_scale_factor": 4, "height": 64, "width": 64}
    assert [vae_scale_factor(model(family)) for family in (Z_IMAGE, SD15)] == [8, 4]  # from files alone, before it is loaded
    assert loaded.dtypes == {"vae": "float32", "text_encoder": "float32", "transformer": "float32"}


def test_pickled_weights_are_never_read(engine, tmp_path, model):
    folder = tmp_path / "pickled"
    shutil.copytree(model(SD15), folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(Blocked, match="cannot be loaded"):
        engine.load({"kind": "folder", "path": str(folder), "pipeline": SD15})


@pytest.mark.parametrize("name", ["NoSuchPipeline", "AutoencoderKL", "__file__"])
def test_only_pipelines_of_diffusers_are_loaded(name, engine, model):
    with pytest.raises(Blocked, match=name):
        engine.load({"kind": "folder", "path": str(model(Z_IMAGE)), "pipeline": name})
