"""`seedbank generate`: render a prompt and record every image."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from seedbank.cli.common import assignment, check_sheet, check_writable, entry_json, json_option, open_bank, progress
from seedbank.cli.completing import complete_tags
from seedbank.cli.options import prompt_argument, rendering_options
from seedbank.cli.printing import emit, remark, say

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.records import Entry


@click.command("generate")
@prompt_argument
@click.option(
    "--from",
    "source",
    metavar="-|FILE|WHICH",
    help="Render what a pasted text (-), a file or an entry says; the other options count over it.",
)
@click.option("-n", "count", type=int, default=1, show_default=True, help="How many images; image k gets seed + k.")
@rendering_options
@click.option("--tag", "tags", multiple=True, help="A tag for every image; may be repeated.", shell_complete=complete_tags)
@click.option("--like", "like", metavar="WHICH", help="Record the images as variants of this entry.")
@click.option("--contact-sheet", "sheet", metavar="FILE.png", help="Write one picture of all that were rendered.")
@json_option
@click.pass_context
def generate_command(
    context: click.Context,
    /,
    prompt: str | None,
    source: str | None,
    count: int,
    size: tuple[int, int] | None,
    settings: tuple[str, ...],
    like: str | None,
    sheet: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Render PROMPT and record every image with its whole recipe and environment.

    \b
    seedbank generate "a red circle"                a fresh seed
    seedbank generate "a red circle" --seed 7 -n 4  seeds 7 to 10
    seedbank generate "a cat" --model ./sd15 --steps 20 --cfg 7 --sampler euler
    seedbank generate --from -                      a text that you paste
    """
    if prompt is None and source is None:
        raise click.UsageError("Nothing says what to render. Give a PROMPT, or --from a text, a file or an entry.")
    check_sheet(sheet, pictures=count)
    check_writable(sheet)
    options |= {"n": count, "variant_of": like, "arguments": dict(assignment(one, "--set") for one in settings)}
    options |= dict(zip(("width", "height"), size or (None, None), strict=True))
    with open_bank(context, create=True) as bank:
        if source is None:
            entries = bank.generating(str(prompt), **options, say=remark, progress=progress())
        else:
            given = {name: value for name, value in options.items() if _is_given(context, name)}
            given |= {"prompt": prompt} if prompt is not None else {}
            entries = _from(bank, source, given)
        made = []
        for entry in entries:
            made.append(entry)
            if as_json:
                emit(entry_json(entry, bank.path) | {"seconds": entry.output.seconds.get("total")})
            else:
                say(f"{entry.id}  seed {entry.seed}  {entry.output.seconds['total']:.1f} s  {bank.whereabouts(entry)}")
        if sheet is not None:
            from seedbank.cli.output import sheet_of

            sheet_of(bank, made, Path(sheet))


TEXTS = (".txt", ".json", ".py", ".png")
"""How the names of files end that `--from` could mean."""
PARAMETERS = {"n": "count", "variant_of": "like", "arguments": "settings", "width": "size", "height": "size"}
"""{option of `Library.generating`: the parameter of the command that says it}, where the names differ."""


def _is_given(context: click.Context, name: str) -> bool:
    """Whether the user said it, so that it counts over what the text says."""
    given = context.get_parameter_source(PARAMETERS.get(name, name))
    return given is not None and given is not ParameterSource.DEFAULT


def _from(bank: Library, source: str, given: dict[str, Any]) -> Iterator[Entry]:
    """What standard input, a file or an entry asks for."""
    from seedbank.errors import BadInput
    from seedbank.exchange.receive import receive, receive_file, text_of

    if source == "-":
        return bank.generating_from(receive(text_of(sys.stdin.buffer.read())), **given, say=remark, progress=progress())
    if Path(source).is_file():
        return bank.generating_from(receive_file(source), **given, say=remark, progress=progress())
    if ":" not in source and (os.sep in source or Path(source).suffix in TEXTS):
        raise BadInput(f"There is no file {source}.", "Check how it is written; - reads what you paste.")
    entry = bank.entry(source)
    given.setdefault("variant_of", entry.id)
    return bank.generating_from(entry, **given, say=remark, progress=progress())
