"""`seedbank tree`: where an entry comes from, what came of it, and what changed at each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from seedbank.cli.common import headline, json_option, open_bank
from seedbank.cli.completing import complete_which
from seedbank.cli.printing import emit, from_to, say

if TYPE_CHECKING:
    from seedbank.lineage import Branch, Change
    from seedbank.records import Entry

CHANGES = 4
"""How many changes of one step are named."""


@click.command("tree")
@click.argument("which", shell_complete=complete_which)
@json_option
@click.pass_context
def tree_command(context: click.Context, which: str, as_json: bool) -> None:
    """Show the ancestors and descendants of WHICH as a tree; each line says what changed in the recipe since the one above."""
    with open_bank(context) as bank:
        found = bank.tree(which)
    for root in found.roots:
        if as_json:
            for _, branch in root.walk():
                for child in branch.children:
                    changes = [{"field": name, "old": old, "new": new} for name, old, new in child.changes]
                    emit({"parent": branch.entry.id, "child": child.entry.id, "kind": child.kind, "changes": changes})
        else:
            for line in _lines(root, found.of):
                say(line)
    if found.cut:
        say("The tree goes on; ask for one of its entries.", err=True)


def _lines(branch: Branch, of: int, before: str = "", below: str = "") -> Iterator[str]:
    entry = branch.entry
    here = "  ← here" if entry.id == of else ""
    said = headline(entry) if branch.kind is None else f"{entry.id}  {branch.kind}: {described(branch.changes, entry)}"
    more = "  (more above)" if branch.again else ""
    trashed = "  (in the trash)" if entry.trashed else ""
    yield f"{before}{said}{trashed}{more}{here}"
    for number, child in enumerate(branch.children):
        last = number == len(branch.children) - 1
        yield from _lines(child, of, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))


def described(changes: tuple[Change, ...], entry: Entry) -> str:
    """What changed in the recipe of `entry`, in a few words."""
    from seedbank.lineage import cfg_beside

    if not changes:
        return "the same recipe"
    named = [f"{name} {from_to(old, new)}{cfg_beside(name, entry)}" for name, old, new in changes[:CHANGES]]
    return "; ".join(named) + (f" and {len(changes) - CHANGES} more" if len(changes) > CHANGES else "")
