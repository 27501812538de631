"""`seedbank vary`: an entry again with one thing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seedbank.cli.common import (
    assignment,
    check_sheet,
    check_writable,
    entry_json,
    json_option,
    open_bank,
    progress,
    write_sheet,
)
from seedbank.cli.completing import complete_method, complete_models, complete_tags, complete_which
from seedbank.cli.options import Size
from seedbank.cli.printing import emit, remark, say


@click.command("vary")
@click.argument("which", shell_complete=complete_which)
@click.option("--prompt", metavar="TEXT", help="Another prompt.")
@click.option("--prompt-add", metavar="TEXT", help="More words behind the prompt, after a comma; in Chinese a wide one (，).")
@click.option("--negative", metavar="TEXT", help="Another negative prompt.")
@click.option("--steps", type=int, help="Another number of steps.")
@click.option("--guidance", type=float, help="Another guidance, the pipeline's own guidance_scale.")
@click.option("--cfg", type=float, help="Another guidance, in the form that other tools write.")
@click.option("--size", type=Size(), metavar="WxH", help="Another size in pixels.")
@click.option(
    "--sampler",
    metavar="NAME",
    help="Another sampler: euler, dpm++_2m …; it keeps the schedule.",
    shell_complete=complete_method,
)
@click.option(
    "--schedule", metavar="NAME", help="Another schedule: karras, beta … for the sampler.", shell_complete=complete_method
)
@click.option("--scheduler", metavar="CLASS", help="A scheduler class of diffusers, instead of --sampler.")
@click.option("--clip-skip", type=int, metavar="N", help="Leave out the last N layers of CLIP (A1111's number less one).")
@click.option("--lora", "loras", multiple=True, metavar="NAME:WEIGHT", help="Another weight of a LoRA that the recipe has.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any other argument of the pipeline call.")
@click.option("--seed", type=int, help="Another seed; -1 draws a fresh one. Image k of -n gets this one + k.")
@click.option("--strength", type=float, metavar="0…1", help="How far the noise goes towards that of a second seed.")
@click.option("--variation-seed", type=int, help="The second seed, by default a fresh one. Image k of -n gets this one + k.")
@click.option("--form", type=click.Choice(["sane", "a1111"]), help="How the noise goes there; a1111 as that tool does.")
@click.option("-n", "n", type=int, default=1, show_default=True, help="How many, with --seed or --strength.")
@click.option("--model", help="Another model: embedded, a hub name, a folder or a file.", shell_complete=complete_models)
@click.option("--vae", metavar="FOLDER|FILE", help="Another VAE; none is the model's own.")
@click.option("--dtype", help="Other numbers to compute with: float32, bfloat16 or float16.")
@click.option("--device", help="Another device than the recorded one.")
@click.option("--tag", "tags", multiple=True, help="A tag for every image; may be repeated.", shell_complete=complete_tags)
@click.option("--contact-sheet", "sheet", metavar="FILE.png", help="Write one picture of the entry and its variants.")
@json_option
@click.pass_context
def vary_command(
    context: click.Context,
    /,
    which: str,
    loras: tuple[str, ...],
    settings: tuple[str, ...],
    sheet: str | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Render WHICH again with some things changed and everything else as it is: weights, seed, adapters, pictures.

    \b
    seedbank vary 17 --prompt-add "oil painting"     the same seed, another style
    seedbank vary 17 --seed -1 -n 8                  all but the seed
    seedbank vary 17 --strength 0.2 -n 8             pictures near this one
    seedbank vary 17 --model ./other                 the same on another model

    What has no effect on this model, or changes the composition, is said before. WHICH can be an import, whose weights must
    be here; what cannot be followed of it is said.
    """
    check_sheet(sheet, pictures=changes["n"] + 1)
    check_writable(sheet)
    arguments = dict(assignment(one, "--set") for one in settings)
    weights = dict(_weight(one) for one in loras)
    with open_bank(context) as bank:
        parent = None if sheet is None else bank.entry(which).id  # now: afterwards @last is one of the variants
        variants = []
        for entry in bank.varying(which, **changes, loras=weights, arguments=arguments, say=remark, progress=progress()):
            variants.append(entry)
            if as_json:
                emit(entry_json(entry, bank.path) | {"seconds": entry.output.seconds.get("total")})
            else:
                say(f"{entry.id}  seed {entry.seed}  {entry.output.seconds['total']:.1f} s  {bank.whereabouts(entry)}")
        if sheet is not None and parent is not None:
            write_sheet(Path(sheet), bank.variant_sheet(parent, variants))


def _weight(text: str) -> tuple[str, float]:
    name, colon, weight = text.rpartition(":")
    try:
        return (name, float(weight)) if colon and name else _unweighed(text)
    except ValueError:
        return _unweighed(text)


def _unweighed(text: str) -> tuple[str, float]:
    raise click.BadParameter(f"{text!r} is not of the form NAME:WEIGHT.", param_hint="--lora")
