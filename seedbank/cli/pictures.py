"""`seedbank open` and `seedbank copy`: look at a picture, take its recipe along."""

from __future__ import annotations

import click

from seedbank.cli.common import open_bank, which_argument, words


@click.command("open")
@which_argument
@click.option("--print", "only_print", is_flag=True, help="Print the paths and open nothing.")
@click.pass_context
def open_command(context: click.Context, which: tuple[str, ...], only_print: bool) -> None:
    """Show the pictures of WHICH in your image viewer."""
    with open_bank(context) as bank:
        for one in bank.resolve(words(which)):
            path = bank.local_copy(bank.store.entry(one))
            click.echo(path)
            if not only_print:
                click.launch(str(path))


@click.command("copy")
@click.argument("which")
@click.option("--print", "only_print", is_flag=True, help="Print the recipe and leave the clipboard alone.")
@click.pass_context
def copy_command(context: click.Context, which: str, only_print: bool) -> None:
    """Copy the recipe of WHICH to the clipboard: A1111 parameters, with a seedbank line of its digests.

    The text is printed too; it reaches the clipboard through the terminal (OSC 52) or the desktop's own tool.
    """
    with open_bank(context) as bank:
        entry = bank.entry(which)
        text = bank.recipe_text(entry)
    click.echo(text)
    if not only_print:
        from seedbank.cli.clipboard import copy

        click.echo(copy(text), err=True)
