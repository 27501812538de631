"""`seedbank sweep`: render a grid of seeds, prompts, steps … and go on where it stopped."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import (
    assignment,
    check_sheet,
    check_writable,
    entry_json,
    json_option,
    open_bank,
    progress,
    write_file,
    write_sheet,
)
from seedbank.cli.completing import complete_tags, complete_which
from seedbank.cli.options import prompt_argument, rendering_options
from seedbank.cli.printing import counted, emit, remark, say

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.explore.sweep import Cell, Sweep

MANY = 1_000
"""More cells than this are asked about."""


@click.command("sweep")
@prompt_argument
@click.option("--from", "of", metavar="WHICH", help="Sweep the recipe of this entry.", shell_complete=complete_which)
@click.option("--resume", metavar="RUN", help="Go on with a sweep that stopped, by its number or name.")
@click.option("--seeds", metavar="VALUES", help="An axis of seeds: 1000..1099, or 5,7,9, or -1,-1 for fresh ones.")
@click.option(
    "--axis", "axes", multiple=True, metavar="NAME=VALUES", help="steps=4,8,16, guidance=0..6(+2) …; may be repeated."
)
@click.option("--name", help="The name of the sweep and of its collection; the same name goes on.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be rendered, and stop.")
@click.option("--yes", is_flag=True, help="Do not ask, however many cells there are.")
@click.option("--contact-sheet", "sheet", metavar="FILE.png", help="Write one labelled picture of the grid.")
@click.option("--page", metavar="FILE.html", help="Write the grid as a page for a browser.")
@click.option("--tag", "tags", multiple=True, help="A tag for every cell; may be repeated.", shell_complete=complete_tags)
@rendering_options
@json_option
@click.pass_context
def sweep_command(
    context: click.Context,
    /,
    only_plan: bool,
    yes: bool,
    sheet: str | None,
    page: str | None,
    as_json: bool,
    **asked: Any,
) -> int:
    """Render every cell of a grid and record it: PROMPT with axes, or the recipe of an entry with axes.

    \b
    seedbank sweep "a cat" --seeds 1..4 --axis steps=4,8,16
    seedbank sweep --from 17 --axis 'guidance=0..6(+2)' --page grid.html

    \b
    --axis steps=4,8,16            a list, "in CSV quotes" where need be,
                                   or divided by ||
    --axis guidance=0..6(+2)       a range with a step, also as 0-6 (+2)
    --axis lora.NAME=0..1[5]       so many values, evenly spread
    --axis prompt/oil/ink          search in the prompt and replace,
                                   also as "Prompt S/R=oil, ink"
    --axis size=512x512,768x512    cfg, negative, sampler, schedule, strength,
                                   any argument of the pipeline
    --axis model=embedded,./other  also vae=none,./folder, controlnet=, dtype=,
                                   device=cpu,cuda, mode=
    --axis image=a.png,b.png       also mask, control_image, ip_image, latents

    The plan is shown first. Cells that the bank has already are reused, one that fails is marked and the rest goes on. A
    sweep that was interrupted goes on with the same command, or with --resume. Exit status: 1 when a cell failed.
    """
    check_sheet(sheet)
    check_writable(sheet, page)
    with (
        open_bank(context, create=True) as bank,
        bank.sweeping(**_given(context, asked), say=remark, progress=progress(), only_plan=only_plan) as sweep,
    ):
        sweep.check_shown(sheet=sheet is not None, page=page is not None)
        _show_plan(sweep, only_plan, as_json)
        if only_plan:
            return 0
        _ask(sweep, yes)
        try:
            for cell in sweep:
                _print(bank, cell, as_json)
        except KeyboardInterrupt:
            if sweep.run is not None:
                named = shlex.quote(sweep.run.name or str(sweep.run.id))
                say(f"  go on with: seedbank sweep --resume {named}", err=True)
            raise
        if sheet is not None:
            write_sheet(Path(sheet), sweep.contact_sheet(progress()))
        if page is not None:
            write_file(Path(page), sweep.page(progress()).encode())
        failed = sum(isinstance(became, str) for became in sweep.cells.values())
        say(f"{counted(len(sweep.cells), 'cell')}, {failed:,} failed; collection {sweep.collection}", err=True)
    return 1 if failed else 0


def _given(context: click.Context, asked: dict[str, Any]) -> dict[str, Any]:
    """The options that the user gave: a sweep of an entry, and one that goes on, have no others."""
    given = {name: value for name, value in asked.items() if context.get_parameter_source(name) is not _DEFAULT}
    if "size" in given:
        given["width"], given["height"] = given.pop("size")
    if "settings" in given:
        given["arguments"] = dict(assignment(one, "--set") for one in given.pop("settings"))
    return given


_DEFAULT = click.core.ParameterSource.DEFAULT


def _show_plan(sweep: Sweep, only_plan: bool, as_json: bool) -> None:
    plan = sweep.plan
    for text in plan.remarks:
        remark(text)
    if only_plan and as_json:
        parts = [asdict(part) for part in plan.parts]
        said = {"cells": plan.cells, "reused": plan.reused, "seconds": plan.seconds, "axes": list(sweep.grid.titles)}
        emit(said | ({"parts": parts} if parts else {}))
    else:
        say(str(plan), err=not only_plan)


def _ask(sweep: Sweep, yes: bool) -> None:
    """Large grids are asked about; where nobody can be asked, raises `BadInput` unless `yes`."""
    from seedbank.errors import BadInput

    if yes or sweep.plan.rendered <= MANY:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"There is no terminal to ask before {sweep.plan.rendered:,} cells are rendered.", "Add --yes.")
    if not click.confirm("Render them?", err=True):
        say("nothing was rendered", err=True)
        raise click.exceptions.Exit(0)


def _print(bank: Library, cell: Cell, as_json: bool) -> None:
    where = ", ".join(f"{title} {value}" for title, value in cell.labels.items())
    if as_json:
        _emit(bank, cell)
    elif cell.entry is None:
        say(f"failed  {where}: {cell.problem}", err=True)
    else:
        took = "reused" if cell.reused else f"{cell.entry.output.seconds['total']:.1f} s"
        say(f"{cell.entry.id}  {where}  {took}  {bank.whereabouts(cell.entry)}")


def _emit(bank: Library, cell: Cell) -> None:
    place = {"position": cell.position, "cell": dict(cell.labels)}
    if cell.entry is None:
        emit({**place, "failed": cell.problem})
    else:
        seconds = cell.entry.output.seconds.get("total")
        emit(entry_json(cell.entry, bank.path) | place | {"reused": cell.reused, "seconds": seconds})
