"""What a script puts in the place of a library's code, or changes on a loaded pipeline: a regeneration has none of it."""

import functools
import json

import pytest

from tests import tiny_models
from tests.tiny_adapters import load, picture

torch = pytest.importorskip("torch")
from seedbank.worker import edits, structure  # noqa: E402

CALL = {"prompt": "a red circle", "height": 64, "width": 64, "num_inference_steps": 2}


def seeded(seed=7):
    return torch.Generator("cpu").manual_seed(seed)


@pytest.fixture
def pipe(model):
    return load(model(tiny_models.SD15))


def obstacles(bank, pipe, **call):
    (entry,) = bank.record(pipe, **{**CALL, "generator": seeded(), **call}).entries
    return entry.obstacles


def circular(pipe):
    """The way in which scripts make textures that repeat."""
    for part in pipe.unet.modules():
        if isinstance(part, torch.nn.Conv2d):
            part.padding_mode = "circular"


def asymmetric(pipe):
    convolution = pipe.vae.decoder.conv_in
    convolution._conv_forward = functools.partial(type(convolution)._conv_forward, convolution)


def wrapped(pipe):
    """With `functools.wraps`, which writes the library's names on the script's function."""
    forward = pipe.unet.forward

    @functools.wraps(forward)
    def stronger(*args, **kwargs):
        return tuple(value * 1.1 for value in forward(*args, **kwargs))

    pipe.unet.forward = stronger


def method(owner, name):
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: original(*args, **kwargs))


def part_of_another_class(pipe):
    class Mine(type(pipe.unet.conv_in)):
        pass

    pipe.unet.conv_in.__class__ = Mine


def own_processor(pipe):
    from diffusers.models import attention_processor

    class AttnProcessor2_0(attention_processor.AttnProcessor2_0):
        pass

    pipe.unet.set_attn_processor(AttnProcessor2_0())


def fewer_layers(pipe):
    encoder = getattr(pipe.text_encoder, "text_model", pipe.text_encoder).encoder
    encoder.layers = encoder.layers[:-1]


def fewer_layers_while_loading(pipe):
    from transformers import CLIPTextModel

    pipe.text_encoder = CLIPTextModel.from_pretrained(pipe.text_encoder.name_or_path, num_hidden_layers=1)


def quantized(pipe):
    pipe.unet = torch.ao.quantization.quantize_dynamic(pipe.unet, {torch.nn.Linear}, dtype=torch.qint8)


def pruned(pipe):
    from torch.nn.utils import prune

    prune.l1_unstructured(pipe.unet.time_embedding.linear_1, "weight", 0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (circular, "modules of unet are not those of the files: padding_mode is 'circular' instead of 'zeros'"),
        (asymmetric, "method _conv_forward of a part of vae"),
        (wrapped, "method forward of unet is the script's own"),
        (lambda pipe: setattr(pipe.unet, "conv_act", torch.nn.Tanh()), "conv_act is a Tanh instead of a SiLU"),
        (part_of_another_class, "conv_in is a Mine instead of a Conv2d"),
        (fewer_layers, "text_encoder are not those of the files: encoder.layers.1 is missing"),
        (fewer_layers_while_loading, "text_encoder are not those of the files: encoder.layers.1 is missing"),
        (quantized, "modules of unet are not those of the files"),
        (pruned, "modules of unet are not those of the files: time_embedding.linear_1.weight"),
        (lambda pipe: method(pipe, "encode_prompt"), "method encode_prompt of the pipeline"),
        (lambda pipe: method(pipe, "prepare_latents"), "method prepare_latents of the pipeline"),
        (lambda pipe: method(pipe.vae, "decode"), "method decode of vae"),
        (lambda pipe: method(pipe.scheduler, "step"), "method step of the scheduler"),
        (own_processor, "attention processor AttnProcessor2_0 of unet is the script's own"),
        (lambda pipe: pipe.scheduler.register_to_config(beta_end=0.03), "attribute betas of the scheduler"),
        (lambda pipe: setattr(pipe.scheduler, "init_noise_sigma", 0.8), "attribute init_noise_sigma of the scheduler"),
        (lambda pipe: pipe.scheduler.alphas_cumprod.mul_(0.9), "attribute alphas_cumprod of the scheduler"),
        (lambda pipe: setattr(pipe.tokenizer, "model_max_length", 20), "model_max_length of tokenizer"),
        (lambda pipe: setattr(pipe.tokenizer, "padding_side", "left"), "padding_side of tokenizer"),
        (lambda pipe: pipe.image_processor.register_to_config(resample="nearest"), "resample of the image processor"),
    ],
)
def test_what_a_script_put_in_the_place_of_a_librarys_code_is_an_obstacle(bank, pipe, change, words):
    change(pipe)
    found = obstacles(bank, pipe)
    assert any(words in obstacle for obstacle in found), found


def test_what_is_changed_between_two_calls_is_noticed_and_so_is_that_it_was_put_back(bank, pipe):
    assert obstacles(bank, pipe) == ()
    circular(pipe)
    assert "padding_mode" in obstacles(bank, pipe)[0]
    for part in pipe.unet.modules():
        if isinstance(part, torch.nn.Conv2d):
            part.padding_mode = "zeros"
    assert obstacles(bank, pipe) == ()


@pytest.mark.parametrize(
    ("place", "name", "words"),
    [
        ("torch.nn.functional", "scaled_dot_product_attention", "function scaled_dot_product_attention of torch"),
        ("diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion", "randn_tensor", "function randn_tensor"),
    ],
)
def test_a_function_that_was_exchanged_in_a_library_is_an_obstacle(bank, pipe, monkeypatch, place, name, words):
    original = getattr(__import__(place, fromlist=[name]), name)
    monkeypatch.setattr(f"{place}.{name}", lambda *args, **kwargs: original(*args, **kwargs))
    assert any(words in obstacle for obstacle in obstacles(bank, pipe))


def test_a_method_that_was_exchanged_on_a_class_of_a_library_is_an_obstacle(bank, pipe, monkeypatch):
    original = type(pipe).prepare_latents
    monkeypatch.setattr(type(pipe), "prepare_latents", lambda *args, **kwargs: original(*args, **kwargs) * 0.9)
    assert any("method prepare_latents of the pipeline" in obstacle for obstacle in obstacles(bank, pipe))
    monkeypatch.undo()
    with bank.recording() as report:  # exchanges `__call__` itself
        pipe(**CALL, generator=seeded())
    assert report.entries[0].obstacles == ()


def test_a_mode_between_the_call_and_torch_is_an_obstacle_and_a_default_device_is_none(bank, pipe):
    class Louder(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            return function(*args, **(kwargs or {}))

    with Louder():
        assert any("mode of the script's own" in obstacle for obstacle in obstacles(bank, pipe))
    with torch.device("cpu"):
        assert obstacles(bank, pipe) == ()


SCHEDULERS = (
    *(
        "DDIMScheduler",
        "DDPMScheduler",
        "DEISMultistepScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
    ),
    *("EulerAncestralDiscreteScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler", "KDPM2DiscreteScheduler"),
    *("LCMScheduler", "LMSDiscreteScheduler", "PNDMScheduler", "SASolverScheduler", "TCDScheduler", "UniPCMultistepScheduler"),
)


def test_what_a_call_leaves_on_a_scheduler_is_no_change_of_it(bank, pipe):
    import diffusers

    for name in SCHEDULERS:
        pipe.scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config)
        pipe(**CALL, generator=seeded())
        assert obstacles(bank, pipe) == (), name


def test_an_inpainting_pipeline_makes_its_mask_processor_with_settings_of_its_own(bank, pipe):
    from diffusers import StableDiffusionInpaintPipeline

    painter = StableDiffusionInpaintPipeline(**pipe.components, requires_safety_checker=False)
    images = {"image": picture(64, 64), "mask_image": picture(64, 64).convert("L")}
    assert obstacles(bank, painter, **images) == ()
    painter.mask_processor.register_to_config(do_binarize=False)
    assert any("do_binarize of the mask processor" in obstacle for obstacle in obstacles(bank, painter, **images))


@pytest.mark.parametrize("names_it", [True, False])
def test_a_logger_that_wraps_the_calls_of_a_pipeline_class_is_no_obstacle_if_it_names_what_it_wraps(
    bank, pipe, monkeypatch, names_it
):
    call, seen = type(pipe).__call__, []

    def logged(self, *args, **kwargs):
        seen.append(kwargs["prompt"])
        return call(self, *args, **kwargs)

    monkeypatch.setattr(type(pipe), "__call__", functools.wraps(call)(logged) if names_it else logged)
    found = obstacles(bank, pipe)
    assert seen == ["a red circle"]
    assert ("The method __call__ of the pipeline is the script's own." in found) != names_it
    assert bool(found) != names_it


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_every_component_of_the_families_is_built_from_its_files_to_be_compared(model, family):
    folder, compared = model(family), []
    for name, component in load(folder).components.items():
        cls, files = type(component), folder / name
        if isinstance(component, torch.nn.Module):
            fresh = structure._built(cls, files, json.loads((files / "config.json").read_text()))
        elif name.startswith("tokenizer"):
            fresh = edits._of_files(files, cls)
        else:
            continue
        compared.append(name)
        assert type(fresh) is cls, name
    assert {"vae", "text_encoder", "tokenizer"} < set(compared)
