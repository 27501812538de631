"""`seedbank recipe`: a recipe as text that travels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seedbank.cli.common import FORMS, open_bank, replace_option, write_new
from seedbank.cli.completing import complete_which
from seedbank.cli.printing import counted, data, remark, say

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.records import Entry


@click.command("recipe")
@click.argument("which", shell_complete=complete_which)
@click.option("--as", "form", type=click.Choice(FORMS), default="block", show_default=True, help="How it is written.")
@click.option("--lang", type=click.Choice(["en", "zh"]), help="The language of the block; by default yours.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write it there instead.")
@replace_option
@click.option("--check", is_flag=True, help="Say instead what is here and what is missing to render it.")
@click.pass_context
def recipe_command(
    context: click.Context, which: str, form: str, lang: str | None, output: Path | None, replace: bool, check: bool
) -> int:
    """Print the recipe of WHICH as text. `seedbank import -` reads it back, also in another bank, and checks the picture.

    \b
    block    what people paste into a chat, in Chinese or English
    a1111    the parameters text that A1111, Forge and many others read
    json     the whole recipe, see docs/sharing.md
    comfyui  an API prompt for ComfyUI: SD 1.5, SDXL, SD 3, FLUX.1, Z-Image
    script   a Python program that renders the picture with diffusers alone

    With -o FILE the input pictures that a script or a prompt names are written beside it. No file is replaced without
    --replace.

    Exit status: 0, and 1 when --check finds something missing.
    """
    with open_bank(context) as bank:
        entry = bank.entry(which)
        if check:
            return _check(bank, entry)
        text = bank.recipe_text(entry, form, lang)
        beside = bank.files_beside(entry, form, output.stem if output is not None else "recipe")
        tell_of_graph(bank, entry, form)
        named = bank.files_to_name(entry) if form == "script" else []
    if output is None:
        if beside:
            remark(f"It names {counted(len(beside), 'input file')}, which -o FILE writes beside it.")
        # Word for word, as digests hang on it (with color, click takes nothing out); a terminal gets no commands of strangers.
        data(text)
    else:
        files = {output.with_name(name): found for name, found, _ in beside if found is not None}
        files = {output: (text.rstrip("\n") + "\n").encode(), **files}
        write_new(files, replace=replace)
        for path in files:
            data(path)
        for name, found, digest in beside:
            if found is None:
                remark(f"The input {name} is not in this bank: sha256 {digest}.")
    if named:
        remark(f"To run it here: {shlex.join(['python', str(output or 'FILE'), *named])}")
    return 0


def tell_of_graph(bank: Library, entry: Entry, form: str) -> None:
    """What the sender of an import's graph should know."""
    if bank.sends_graph_of_file(entry, form):
        remark("The graph is that of the file, less keys and passwords; look it over for paths and names before you send it.")


def _check(bank: Library, entry: Entry) -> int:
    """Say what a regeneration needs and what of it is here; 0 when nothing is known to stand in the way, else 1."""
    from seedbank.keeping import rendered_anew

    parts = bank.check_parts(entry)
    missing = [f"{what} {detail}" for what, here, detail in parts if not here]
    say("; ".join([f"{len(parts) - len(missing)} of {counted(len(parts), 'part')} present", *missing]))
    others = entry.obstacles if missing else bank.lacks(entry)
    for sentence in others:
        say(sentence)
    if not missing and not others:
        say(f"Entry {entry.id} has all that it needs: seedbank regen {entry.id}")
    elif remedy := rendered_anew(entry):
        say(remedy)
    return 1 if missing or others else 0
