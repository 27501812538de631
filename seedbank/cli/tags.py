"""`seedbank tags`: the team's tags, renamed and merged."""

from __future__ import annotations

import click

from seedbank.cli.common import json_option, open_bank
from seedbank.cli.completing import complete_tags
from seedbank.cli.printing import counted, emit, report, say, table


@click.group("tags", invoke_without_command=True)
@json_option
@click.pass_context
def tags_command(context: click.Context, as_json: bool) -> None:
    """List all tags with how many pictures have each, the commonest first."""
    if context.invoked_subcommand is not None:
        return
    with open_bank(context) as bank:
        found = bank.tags()
    if as_json:
        for tag in found:
            emit({"tag": tag.name, "pictures": tag.pictures})
    elif found:
        say("\n".join(table([[f"{tag.pictures:,}", tag.name] for tag in found], ["pictures", "tag"], right=[0])))
    else:
        say("there is no tag yet: seedbank tag WHICH TAG gives one", err=True)


@tags_command.command("rename")
@click.argument("old", shell_complete=complete_tags)
@click.argument("new")
@json_option
@click.pass_context
def rename(context: click.Context, old: str, new: str, as_json: bool) -> None:
    """Call the tag OLD NEW on every picture."""
    with open_bank(context) as bank:
        changed = bank.rename_tag(old, new)
        report(f"{counted(changed, 'picture')}: {old} is now {new}", as_json, tag=new, was=old, changed=changed)


@tags_command.command("merge")
@click.argument("old", shell_complete=complete_tags)
@click.argument("into", shell_complete=complete_tags)
@json_option
@click.pass_context
def merge(context: click.Context, old: str, into: str, as_json: bool) -> None:
    """Give every picture with the tag OLD the tag INTO instead."""
    with open_bank(context) as bank:
        changed = bank.merge_tags(old, into)
        report(f"{counted(changed, 'picture')}: {into} instead of {old}", as_json, tag=into, was=old, changed=changed)
