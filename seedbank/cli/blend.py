"""`seedbank blend`: the pictures between entries."""

from __future__ import annotations

from pathlib import Path

import click

from seedbank.cli.common import check_writable, entry_json, json_option, open_bank, progress, which_argument, words, write_file
from seedbank.cli.completing import complete_tags
from seedbank.cli.printing import emit, remark, say


@click.command("blend")
@which_argument
@click.option("--frames", type=int, default=24, show_default=True, help="From one entry to the next, both included.")
@click.option("--curve", type=click.Choice(["slerp", "lerp"]), default="slerp", show_default=True, help="How the noise goes.")
@click.option("--also-prompt", is_flag=True, help="Blend the texts too; else the text is that of the entry before.")
@click.option("--loop/--no-loop", default=None, help="Back to the first entry; more than two do so by default.")
@click.option("-o", "--output", metavar="NAME", help="Write NAME.png and NAME.webp; by default blend- and the ids.")
@click.option("--fps", type=click.FloatRange(0.1, 100), default=12, show_default=True, help="Frames a second of the animation.")
@click.option("--collection", metavar="NAME", help="The collection for the frames; by default blend and the ids.")
@click.option("--tag", "tags", multiple=True, help="A tag for every new frame; may be repeated.", shell_complete=complete_tags)
@click.option("--device", help="Another device than that of the first entry.")
@json_option
@click.pass_context
def blend_command(
    context: click.Context,
    /,
    which: tuple[str, ...],
    frames: int,
    curve: str,
    also_prompt: bool,
    loop: bool | None,
    output: str | None,
    fps: float,
    collection: str | None,
    tags: tuple[str, ...],
    device: str | None,
    as_json: bool,
) -> None:
    """Render the pictures between entries and show them as a film.

    \b
    seedbank blend 17 42                     24 pictures from 17 to 42
    seedbank blend 17,42,99 --frames 12      a loop through three

    The noise goes from that of one entry to that of the next. Every picture between is an entry of its own that
    regenerates like any other; what is there already is not rendered again, so that the same command resumes.
    """
    with open_bank(context) as bank:
        plan = bank.plan_blend(words(which), frames=frames, curve=curve, also_prompt=also_prompt, loop=loop)
        for text in plan.remarks:
            remark(text)
        ids = "-".join(str(entry.id) for entry in plan.keys)
        name = (output or f"blend-{ids}").removesuffix(".png").removesuffix(".webp")
        check_writable(f"{name}.png", f"{name}.webp")
        shown = []
        gathered = collection or f"blend {ids}"
        for one in bank.blending(plan, tags=tags, collection=gathered, device=device, progress=progress()):
            shown.append(one)
            start, end, alpha, entry = one.frame.start, one.frame.end, one.frame.alpha, one.entry
            if as_json:
                told = {"from": start.id, "to": end.id, "alpha": alpha, "new": one.new}
                emit(entry_json(entry, bank.path) | {"seconds": entry.output.seconds.get("total")} | told)
            elif one.new:
                say(f"{entry.id}  {alpha:.3f} from {start.id} to {end.id}  {bank.whereabouts(entry)}")
        strip, animation = bank.film(plan, shown, fps)
    write_file(Path(f"{name}.png"), strip)
    write_file(Path(f"{name}.webp"), animation)
    rendered = sum(one.new for one in shown)
    say(f"{name}.png and {name}.webp: {len(plan.film)} frames, {rendered} rendered now", err=True)
