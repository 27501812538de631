"""`seedbank generate`: render a prompt and record every image."""

from __future__ import annotations

from typing import Any

import click

from seedbank.cli.common import assignment, emit, entry_json, json_option, open_bank, progress, remark
from seedbank.cli.completing import complete_tags
from seedbank.cli.options import rendering_options


@click.command("generate")
@click.argument("prompt")
@click.option("-n", "count", type=int, default=1, show_default=True, help="How many images; image k gets seed + k.")
@rendering_options
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
