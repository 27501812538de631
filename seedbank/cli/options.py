"""The options that say what is rendered: those of `seedbank generate`, which a sweep from a prompt takes too."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from seedbank.cli.completing import complete_method, complete_models

Function = TypeVar("Function", bound=Callable[..., Any])


class Size(click.ParamType[tuple[int, int]]):
    """``WIDTHxHEIGHT`` in pixels, or one number for a square."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,6})(?:[x×*](\d{1,6}))?", value.strip(), re.IGNORECASE)
        if match is None:
            self.fail(f"{value!r} is not a size; use for example 128x128.", param, context)
        return int(match[1]), int(match[2] or match[1])


def _one_prompt(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> str | None:
    """The prompt; one that the shell has cut into words is refused with how it is typed."""
    if len(value) > 1:
        raise click.UsageError(f"The prompt is in {len(value)} pieces: type it as {shlex.quote(' '.join(value))}.", context)
    return value[0] if value else None


prompt_argument = click.argument("prompt", nargs=-1, metavar="[PROMPT]", callback=_one_prompt)

ELSEWHERE: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("--width", "--height"), ("--size", "Width and height are one option here: --size 768x512.")),
    **dict.fromkeys(("--num-inference-steps", "--num_inference_steps"), ("--steps", "It is --steps here.")),
    **dict.fromkeys(("--guidance-scale", "--guidance_scale"), ("--guidance", "It is --guidance here.")),
    **dict.fromkeys(("--cfg-scale", "--cfg_scale", "--scale"), ("--cfg", "It is --cfg here.")),
    **dict.fromkeys(("--negative-prompt", "--negative_prompt"), ("--negative", "It is --negative here.")),
    **dict.fromkeys(("--num-images", "--num_images", "--count", "--n"), ("-n", "It is -n here.")),
    **dict.fromkeys(
        ("-o", "--output"),
        ("--seed", "Pictures are kept in the image store; to write copies: seedbank export --images FOLDER @last"),
    ),
}
"""{option of other programs: (the option that a command must have, what to say)}"""

RENDERING = (
    click.option("--negative", metavar="TEXT", help="What should not be in the picture."),
    click.option("--seed", type=int, default=-1, show_default=True, help="0 to 2^64 - 1; -1 draws a fresh one."),
    click.option("--steps", type=int, help="Denoising steps."),
    click.option("--guidance", type=float, help="The pipeline's own guidance_scale."),
    click.option("--cfg", type=float, help="Guidance in the form that other tools write (1 is none)."),
    click.option("--size", type=Size(), metavar="WxH", help="Width and height in pixels."),
    click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any other argument of the pipeline call."),
    click.option(
        "--model",
        default="embedded",
        show_default=True,
        help="embedded, a hub name, a folder, or a .safetensors file.",
        shell_complete=complete_models,
    ),
    click.option("--model-config", metavar="FOLDER", help="The pipeline's configs, for a single file."),
    click.option("--revision", help="Branch, tag or commit of a hub model."),
    click.option("--variant", help="Weights of a variant, such as fp16."),
    click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu."),
    click.option("--dtype", help="float32, bfloat16 or float16."),
    click.option(
        "--mode",
        type=click.Choice(["as-is", "strict"]),
        default="as-is",
        show_default=True,
        help="Change nothing, or deterministic settings.",
    ),
    click.option(
        "--noise",
        type=click.Choice(["torch-cpu", "seedbank-v1", "a1111-nv", "torch-cuda"]),
        default="torch-cpu",
        show_default=True,
        help="Where the noise comes from; seedbank-v1 is the same on every machine.",
    ),
    click.option("--variation-seed", type=int, help="Second seed of a variation; image k of -n gets this one + k."),
    click.option("--variation-strength", type=float, metavar="0…1", help="How far the noise moves towards the second seed's."),
    click.option("--variation-form", type=click.Choice(["sane", "a1111"]), help="How it moves there; a1111 as that tool does."),
    click.option("--ensd", type=int, help="A1111's eta noise seed delta: the steps' noise has seed + this."),
    click.option(
        "--weighting",
        type=click.Choice(["a1111", "comfyui"]),
        help="Whose rules weights in the prompt follow, such as (word:1.2); by default they are plain text.",
    ),
    click.option("--latents", metavar="FILE", help="A safetensors file with the latents to start from, instead of noise."),
    click.option("--image", metavar="FILE", help="A picture to start from (PNG, JPEG or WebP)."),
    click.option("--strength", type=float, metavar="0…1", help="How far to go from --image."),
    click.option("--mask", metavar="FILE", help="Where --image is painted anew (white) and where it is kept (black)."),
    click.option("--controlnet", metavar="FOLDER", help="A ControlNet, which follows --control-image."),
    click.option("--control-image", metavar="FILE", help="The edges, depths or poses that the ControlNet follows."),
    click.option("--lora", "loras", multiple=True, metavar="FILE[:WEIGHT]", help="A LoRA; may be repeated, they act in order."),
    click.option(
        "--embedding",
        "embeddings",
        multiple=True,
        metavar="FILE[:WORD]",
        help="A textual inversion, and its word in the prompt (by default the file's name); may be repeated.",
    ),
    click.option("--ip-adapter", metavar="FOLDER[:WEIGHT]", help="An IP-Adapter, which looks at --ip-image."),
    click.option("--ip-image", metavar="FILE", help="The picture that the IP-Adapter looks at."),
    click.option("--vae", metavar="FOLDER|FILE", help="Another VAE than the model's own."),
    click.option(
        "--sampler", metavar="NAME", help="euler, euler_a, dpm++_2m, ddim, uni_pc, lcm …", shell_complete=complete_method
    ),
    click.option(
        "--schedule",
        metavar="NAME",
        help="karras, exponential, beta, sgm_uniform … for the sampler.",
        shell_complete=complete_method,
    ),
    click.option("--scheduler", metavar="CLASS", help="A scheduler class of diffusers, instead of --sampler."),
    click.option("--clip-skip", type=int, metavar="N", help="Leave out the last N layers of CLIP (A1111's number less one)."),
    click.option("--prompt-2", metavar="TEXT", help="The prompt for the second text encoder."),
    click.option("--negative-2", metavar="TEXT", help="The negative prompt for the second text encoder."),
    click.option("--refiner", metavar="FOLDER", help="A second model that goes over the first one's latents; a second entry."),
    click.option("--refiner-strength", type=float, metavar="0…1", help="How far the refiner goes."),
)


def rendering_options(command: Function) -> Function:
    """Gives a command these options."""
    for option in reversed(RENDERING):
        command = option(command)
    return command
