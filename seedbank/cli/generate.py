"""`seedbank generate`: render a prompt and record every image."""

from __future__ import annotations

import re
from typing import Any

import click

from seedbank.cli.common import assignment, emit, entry_json, json_option, open_bank, progress, remark
from seedbank.cli.completing import complete_models, complete_tags


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


@click.command("generate")
@click.argument("prompt")
@click.option("--negative", metavar="TEXT", help="What should not be in the picture.")
@click.option("--seed", type=int, default=-1, show_default=True, help="0 to 2^64 - 1; -1 draws a fresh one.")
@click.option("-n", "count", type=int, default=1, show_default=True, help="How many images; image k gets seed + k.")
@click.option("--steps", type=int, help="Denoising steps.")
@click.option("--guidance", type=float, help="The pipeline's own guidance_scale.")
@click.option("--cfg", type=float, help="Guidance in the form that other tools write (1 is none).")
@click.option("--size", type=Size(), metavar="WxH", help="Width and height in pixels.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any other argument of the pipeline call.")
@click.option(
    "--model",
    default="embedded",
    show_default=True,
    help="embedded, a hub name, a folder, or a .safetensors file.",
    shell_complete=complete_models,
)
@click.option("--model-config", metavar="FOLDER", help="The pipeline's configs, for a single file.")
@click.option("--revision", help="Branch, tag or commit of a hub model.")
@click.option("--variant", help="Weights of a variant, such as fp16.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
@click.option("--dtype", help="float32, bfloat16 or float16.")
@click.option(
    "--mode",
    type=click.Choice(["as-is", "strict"]),
    default="as-is",
    show_default=True,
    help="Change nothing, or deterministic settings.",
)
@click.option(
    "--noise",
    type=click.Choice(["torch-cpu", "seedbank-v1", "a1111-nv", "torch-cuda"]),
    default="torch-cpu",
    show_default=True,
    help="Where the noise comes from; seedbank-v1 is the same on every machine.",
)
@click.option("--variation-seed", type=int, help="Second seed of a variation; image k of -n gets this one + k.")
@click.option("--variation-strength", type=float, metavar="0…1", help="How far the noise moves towards the second seed's.")
@click.option("--variation-form", type=click.Choice(["sane", "a1111"]), help="How it moves there; a1111 as that tool does.")
@click.option("--ensd", type=int, help="A1111's eta noise seed delta: the steps' noise has seed + this.")
@click.option("--latents", metavar="FILE", help="A safetensors file with the latents to start from, instead of noise.")
@click.option("--image", metavar="FILE", help="A picture to start from (PNG, JPEG or WebP).")
@click.option("--strength", type=float, metavar="0…1", help="How far to go from --image.")
@click.option("--mask", metavar="FILE", help="Where --image is painted anew (white) and where it is kept (black).")
@click.option("--controlnet", metavar="FOLDER", help="A ControlNet, which follows --control-image.")
@click.option("--control-image", metavar="FILE", help="The edges, depths or poses that the ControlNet follows.")
@click.option("--lora", "loras", multiple=True, metavar="FILE[:WEIGHT]", help="A LoRA; may be repeated, they act in order.")
@click.option(
    "--embedding",
    "embeddings",
    multiple=True,
    metavar="FILE[:WORD]",
    help="A textual inversion, and its word in the prompt (by default the file's name); may be repeated.",
)
@click.option("--ip-adapter", metavar="FOLDER[:WEIGHT]", help="An IP-Adapter, which looks at --ip-image.")
@click.option("--ip-image", metavar="FILE", help="The picture that the IP-Adapter looks at.")
@click.option("--vae", metavar="FOLDER", help="Another VAE than the model's own.")
@click.option("--sampler", metavar="NAME", help="euler, euler_a, dpm++_2m, ddim, uni_pc, lcm …")
@click.option("--schedule", metavar="NAME", help="karras, exponential, beta, sgm_uniform … for the sampler.")
@click.option("--scheduler", metavar="CLASS", help="A scheduler class of diffusers, instead of --sampler.")
@click.option("--clip-skip", type=int, metavar="N", help="Leave out the last N layers of CLIP (A1111's number less one).")
@click.option("--prompt-2", metavar="TEXT", help="The prompt for the second text encoder.")
@click.option("--negative-2", metavar="TEXT", help="The negative prompt for the second text encoder.")
@click.option("--refiner", metavar="FOLDER", help="A second model that goes over the first one's latents; a second entry.")
@click.option("--refiner-strength", type=float, metavar="0…1", help="How far the refiner goes.")
@click.option("--tag", "tags", multiple=True, help="A tag for every image; may be repeated.", shell_complete=complete_tags)
@click.option("--like", "like", metavar="WHICH", help="Record the images as variants of this entry.")
@json_option
@click.pass_context
def generate_command(
    context: click.Context,
    /,
    prompt: str,
    negative: str | None,
    seed: int,
    count: int,
    steps: int | None,
    guidance: float | None,
    cfg: float | None,
    size: tuple[int, int] | None,
    settings: tuple[str, ...],
    model: str,
    model_config: str | None,
    revision: str | None,
    variant: str | None,
    device: str,
    dtype: str | None,
    mode: str,
    noise: str,
    variation_seed: int | None,
    variation_strength: float | None,
    variation_form: str | None,
    ensd: int | None,
    tags: tuple[str, ...],
    like: str | None,
    as_json: bool,
    **extras: Any,
) -> None:
    """Render PROMPT and record every image with its whole recipe and environment."""
    width, height = size or (None, None)
    with open_bank(context, create=True) as bank:
        for entry in bank.generating(
            prompt,
            negative=negative,
            seed=seed,
            n=count,
            steps=steps,
            guidance=guidance,
            cfg=cfg,
            width=width,
            height=height,
            arguments=dict(assignment(one, "--set") for one in settings),
            model=model,
            model_config=model_config,
            revision=revision,
            variant=variant,
            device=device,
            dtype=dtype,
            mode=mode,
            noise=noise,
            variation_seed=variation_seed,
            variation_strength=variation_strength,
            variation_form=variation_form,
            ensd=ensd,
            tags=tags,
            variant_of=like,
            say=remark,
            progress=progress(),
            **extras,
        ):
            if as_json:
                emit(entry_json(entry, bank.path) | {"seconds": entry.output.seconds.get("total")})
            else:
                click.echo(f"{entry.id}  seed {entry.seed}  {entry.output.seconds['total']:.1f} s  {bank.whereabouts(entry)}")
