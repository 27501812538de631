"""Which entries a change is for: a query is shown before it changes anything, ids are taken at their word."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import headline, words
from seedbank.cli.printing import report, say

if TYPE_CHECKING:
    from seedbank.api import Library

PREVIEWED = 5
_PIECE = r"(@last|\d+(\.\.\d*)?)"
NAMED = re.compile(rf"[0-9a-fA-F]{{6,64}}|{_PIECE}([,\s]+{_PIECE})*", re.ASCII)
"""WHICH that names entries: ids, ranges, a digest. Everything else is a query."""

yes_option = click.option("--yes", is_flag=True, help="Do not ask, however many entries a query finds.")


class Declined(click.exceptions.Exit):
    """The user said no: nothing was changed."""

    def __init__(self) -> None:
        say("nothing was changed", err=True)
        super().__init__(0)


def chosen(bank: Library, which: Sequence[str], what: str, yes: bool) -> list[int]:
    """The entries that `which` names. When a query finds several, they are counted, the newest are shown, and the user is
    asked; where nobody can be asked, raises `BadInput` unless `yes`."""
    from seedbank.errors import BadInput

    text = words(which)
    ids = bank.chosen(text)
    if yes or len(ids) == 1 or NAMED.fullmatch(text.strip()):
        return ids
    if not sys.stdin.isatty():
        raise BadInput(
            f"{text!r} finds {len(ids):,} entries, and there is no terminal to ask before all are changed.", "Add --yes."
        )
    say(f"{what}: {len(ids):,} entries. The newest:", err=True)
    for entry in bank.store.entries(sorted(ids, reverse=True)[:PREVIEWED]):
        say(f"  {headline(entry)}  {' '.join(entry.tags)}".rstrip(), err=True)
    if len(ids) > PREVIEWED:
        say(f"  … and {len(ids) - PREVIEWED:,} more", err=True)
    if not click.confirm("Change them?", err=True):
        raise Declined
    return ids


def done(ids: Sequence[int], what: str, changed: int, as_json: bool, **values: Any) -> None:
    """One line about what was done, and whether any picture was not like that before; or both, and `values`, as JSON."""
    named = ", ".join(map(str, ids[:10])) + (f" and {len(ids) - 10:,} more" if len(ids) > 10 else "")
    already = "" if changed else " (it was so before)"
    report(f"{named or 'no entry'}: {what}{already}", as_json, ids=list(ids), changed=changed, **values)
