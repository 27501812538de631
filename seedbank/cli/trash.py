"""`seedbank rm`, `restore` and `purge`: removal goes to a trash, only purge deletes."""

from __future__ import annotations

import sys

import click

from seedbank.cli.bulk import Declined, chosen, yes_option
from seedbank.cli.common import json_option, open_bank, which_argument, words
from seedbank.cli.printing import counted, report
from seedbank.errors import BadInput

LONGEST = 60
"""Characters of ids that a hint repeats."""


@click.command("rm")
@which_argument
@yes_option
@json_option
@click.pass_context
def rm_command(context: click.Context, which: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Move WHICH to the trash. Nothing is deleted; `restore` brings it back."""
    from seedbank.store.writing import spans

    with open_bank(context) as bank:
        ids = bank.trash(chosen(bank, which, "move to the trash", yes))
        named = spans(ids)
        back = f"restore {named}" if len(named) <= LONGEST else "undo"
        line = f"{len(ids):,} in the trash; seedbank {back} brings {'it' if len(ids) == 1 else 'them'} back"
        report(line, as_json, ids=ids, changed=len(ids))


@click.command("restore")
@which_argument
@json_option
@click.pass_context
def restore_command(context: click.Context, which: tuple[str, ...], as_json: bool) -> None:
    """Bring WHICH back from the trash (ids, or a query with trash:yes)."""
    with open_bank(context) as bank:
        ids = bank.restore(words(which))
        report(f"{len(ids):,} restored", as_json, ids=ids, changed=len(ids))


@click.command("purge")
@which_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def purge_command(context: click.Context, which: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete WHICH from the trash for good; `gc` then removes the files that nothing names any more."""
    with open_bank(context) as bank:
        ids = bank.chosen(words(which), trash=True)
        entries = counted(len(ids), "entry", "entries")
        if not yes and not sys.stdin.isatty():
            verb = "is" if len(ids) == 1 else "are"
            raise BadInput(f"There is no terminal to ask before {entries} {verb} deleted for good.", "Add --yes.")
        if not yes and not click.confirm(f"Delete {entries} for good?", err=True):
            raise Declined
        bank.purge(ids)
        line = f"{len(ids):,} deleted; seedbank gc removes what only they needed after a day"
        report(line, as_json, ids=ids, changed=len(ids))
