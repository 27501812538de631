"""`seedbank rm`, `restore` and `purge`: removal goes to a trash, only purge deletes."""

from __future__ import annotations

import click

from seedbank.cli.bulk import chosen, yes_option
from seedbank.cli.common import open_bank, which_argument, words
from seedbank.cli.printing import say


@click.command("rm")
@which_argument
@yes_option
@click.pass_context
def rm_command(context: click.Context, which: tuple[str, ...], yes: bool) -> None:
    """Move WHICH to the trash. Nothing is deleted; `restore` brings it back."""
    with open_bank(context) as bank:
        ids = bank.trash(chosen(bank, which, "move to the trash", yes))
        say(f"{len(ids)} in the trash; seedbank restore {','.join(map(str, ids[:20]))} brings back")


@click.command("restore")
@which_argument
@click.pass_context
def restore_command(context: click.Context, which: tuple[str, ...]) -> None:
    """Bring WHICH back from the trash (ids, or a query with trash:yes)."""
    with open_bank(context) as bank:
        say(f"{len(bank.restore(words(which)))} restored")


@click.command("purge")
@which_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def purge_command(context: click.Context, which: tuple[str, ...], yes: bool) -> None:
    """Delete WHICH from the trash for good; `gc` then removes the files that nothing names any more."""
    with open_bank(context) as bank:
        ids = bank.resolve(words(which), trash=True)
        if not yes:
            click.confirm(f"Delete {len(ids)} entries for good?", abort=True, err=True)
        bank.purge(ids)
        say(f"{len(ids)} deleted; seedbank gc removes their files after a day")
