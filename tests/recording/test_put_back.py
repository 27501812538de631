"""What a script sets on a loaded pipeline and a regeneration puts back: dtypes, attention, training, parts left out."""

import pytest

from tests import tiny_models
from tests.tiny_adapters import Pieces, load, picture

torch = pytest.importorskip("torch")
CALL = {"prompt": "a red circle", "height": 64, "width": 64, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory, model):
    return Pieces(tmp_path_factory.mktemp("pieces"), model)


def seeded(seed=7):
    return torch.Generator("cpu").manual_seed(seed)


def record(bank, pipe, **call):
    (entry,) = bank.record(pipe, **{**CALL, "generator": seeded(), **call}).entries
    return entry


def rebuilt(bank, *entries):
    assert [entry.obstacles for entry in entries] == [()] * len(entries)
    return {(found.regeneration.verdict, found.regeneration.trace) for found in bank.regen([entry.id for entry in entries])}


@pytest.mark.parametrize(
    ("family", "dtype"), [(tiny_models.Z_IMAGE, "bfloat16"), (tiny_models.FLUX, "float16"), (tiny_models.SD15, "bfloat16")]
)
def test_a_pipeline_that_was_cast_after_loading_is_cast_again(bank, model, family, dtype):
    """What loading in that dtype leaves in float32 (positions of a language model, some of T5) is cast then, too."""
    assert rebuilt(bank, record(bank, load(model(family)).to(getattr(torch, dtype)))) == {("exact", "same")}


def test_the_attention_of_a_text_encoder_and_training_are_put_back(bank, model):
    eager = load(model(tiny_models.Z_IMAGE))
    eager.text_encoder.set_attn_implementation("eager")
    first = record(bank, eager)
    dropping = load(model(tiny_models.FLUX))
    dropping.text_encoder_2.train()
    assert rebuilt(bank, first, record(bank, dropping)) == {("exact", "same")}


def test_text_encoders_that_were_left_out_are_left_out_again(bank, model):
    from diffusers import FluxPipeline

    whole = load(model(tiny_models.FLUX))
    texts, pooled, _ = whole.encode_prompt("a red circle", None)
    none = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
    lean = FluxPipeline.from_pretrained(model(tiny_models.FLUX), dtype=torch.float32, **none)
    given = {"prompt": None, "prompt_embeds": texts, "pooled_prompt_embeds": pooled}
    assert rebuilt(bank, record(bank, lean, **given)) == {("exact", "same")}


def test_a_setting_that_decides_about_a_warning_alone_is_no_obstacle(bank, model):
    pipe = load(model(tiny_models.SD15))
    pipe.register_to_config(requires_safety_checker=True)
    assert record(bank, pipe).obstacles == ()


def test_a_lora_and_a_word_that_were_trained_further_are_kept_as_they_are_now(bank, model, pieces):
    pipe = load(model(tiny_models.SD15))
    folder, _, name = pieces["first.safetensors"].rpartition("/")
    pipe.load_lora_weights(folder, weight_name=name, adapter_name="one")
    entries = [record(bank, pipe)]
    for key, weight in pipe.unet.named_parameters():
        if "lora_B" in key:
            weight.data.mul_(3)
    entries.append(record(bank, pipe))
    worded = load(model(tiny_models.SD15))
    worded.load_textual_inversion(pieces["thing.safetensors"], token="<thing>")
    entries.append(record(bank, worded, prompt="a red <thing>"))
    worded.text_encoder.get_input_embeddings().weight.data[-1] *= 3
    entries.append(record(bank, worded, prompt="a red <thing>"))
    assert rebuilt(bank, *entries) == {("exact", "same")}


def test_adapters_that_cannot_be_kept_are_an_obstacle_and_cost_no_entry(bank, model, pieces):
    import peft
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

    pipe = load(model(tiny_models.SD15))
    peft.inject_adapter_in_model(peft.LoHaConfig(r=2, alpha=3, target_modules=["to_q"], init_weights=False), pipe.unet)
    assert "An adapter is of the kind loha" in record(bank, pipe).obstacles[0]
    controls = [ControlNetModel.from_pretrained(pieces["control"])] * 2
    plain = load(model(tiny_models.SD15)).components
    several = StableDiffusionControlNetPipeline(**plain, controlnet=controls, requires_safety_checker=False)
    entry = record(bank, several, image=[picture(64, 64)] * 2, controlnet_conditioning_scale=[0.5, 0.5])
    assert any("ControlNet" in obstacle for obstacle in entry.obstacles), entry.obstacles


@pytest.fixture(scope="module")
def checked(tmp_path_factory, model):
    """A Stable Diffusion with a safety checker, listed as the published ones list theirs."""
    from diffusers import StableDiffusionPipeline
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    layers = {"hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={**layers, "vocab_size": 100},
        vision_config={**layers, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    parts = {
        "safety_checker": StableDiffusionSafetyChecker(config),
        "feature_extractor": CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    }
    folder = tmp_path_factory.mktemp("checked")
    StableDiffusionPipeline(**{**load(model(tiny_models.SD15)).components, **parts}).save_pretrained(folder)
    return folder


def test_a_model_with_a_safety_checker_is_recorded_with_it_and_without(bank, checked):
    from diffusers import StableDiffusionPipeline

    watched = load(checked)
    first = record(bank, watched)
    bare = StableDiffusionPipeline.from_pretrained(checked, dtype=torch.float32, safety_checker=None)
    assert rebuilt(bank, first, record(bank, bare)) == {("exact", "same")}


def test_a_folder_that_has_one_variant_alone_was_loaded_from_that(bank, model, tmp_path):
    load(model(tiny_models.SD15)).to(torch.float16).save_pretrained(tmp_path / "half", variant="fp16")
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(tmp_path / "half", variant="fp16", dtype=torch.float32)
    entry = record(bank, pipe)
    assert (entry.obstacles, entry.model.variant) == ((), "fp16")
    assert rebuilt(bank, entry) == {("exact", "same")}


@pytest.mark.parametrize(
    "compile_it",
    [
        lambda pipe: setattr(pipe, "unet", torch.compile(pipe.unet, backend="eager")),
        lambda pipe: setattr(pipe.unet, "forward", torch.compile(pipe.unet.forward, backend="eager")),
        lambda pipe: pipe.unet.compile(backend="eager"),
    ],
)
def test_what_was_compiled_is_recorded_as_a_setting_in_every_way_of_doing_it(bank, model, compile_it):
    pipe = load(model(tiny_models.SD15))
    compile_it(pipe)
    entry = record(bank, pipe)
    settings = bank.store.environment(entry.environment_digest).profile["pipeline"]["components"]
    assert (entry.obstacles, settings["unet"]["compiled"]) == ((), True)
    (outcome,) = bank.regen(entry.id)
    assert ["pipeline.components.unet.compiled", True, None] in outcome.regeneration.evidence["unrestored"]
