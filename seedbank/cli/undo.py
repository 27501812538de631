"""`seedbank undo`, `log` and `history`: who did what when, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import json_option, open_bank, which_argument, words
from seedbank.cli.printing import emit, report, say, shown_time, table

if TYPE_CHECKING:
    from seedbank.records import Operation


@click.command("undo")
@click.argument("operation", type=int, required=False)
@json_option
@click.pass_context
def undo_command(context: click.Context, operation: int | None, as_json: bool) -> None:
    """Take back what OPERATION changed (see `seedbank log`), by default what you did last.

    Everything it changed is exactly as before, but for what was changed since: that stays, and is said. Entries that it made
    go to the trash. Undoing an undo does it again.
    """
    with open_bank(context) as bank:
        done = bank.undo(operation)
    what = f"{done.operation.id} ({described(done.operation)})"
    line = f"undid operation {what}: {done.changed:,} changed; seedbank undo {done.undo} does it again"
    if done.undo is None:
        line = f"operation {what}: nothing to take back"
    values = {"operation": done.operation.id, "kind": done.operation.kind, "undo": done.undo}
    report(line, as_json, **values, changed=done.changed, kept=done.kept)
    for sentence in done.kept if not as_json else ():
        say(f"  {sentence}", err=True)


@click.command("log")
@click.option("-n", "--limit", type=click.IntRange(1, 10**12), default=20, show_default=True, help="At most so many.")
@click.option("--before", type=click.IntRange(1, 2**63 - 1), metavar="ID", help="The next page: older than this operation.")
@json_option
@click.pass_context
def log_command(context: click.Context, limit: int, before: int | None, as_json: bool) -> None:
    """List what was done in this bank, the newest first."""
    with open_bank(context) as bank:
        found = bank.store.operations(limit=limit, before=before)
        undone = bank.store.curation.undone()
    if as_json:
        for one in found:
            values = {"operation": one.id, "uid": one.uid, "at": one.at, "user": one.user, "kind": one.kind}
            emit(values | {"details": dict(one.details), "undone_by": undone.get(one.id)})
        return
    rows = [
        [
            str(one.id),
            shown_time(one.at),
            one.user,
            described(one) + (f", undone by {undone[one.id]}" if one.id in undone else ""),
        ]
        for one in found
    ]
    say("\n".join(table(rows, ["id", "when", "who", "what"], right=[0])))


@click.command("history")
@which_argument
@json_option
@click.pass_context
def history_command(context: click.Context, which: tuple[str, ...], as_json: bool) -> None:
    """Show all that was ever said about the pictures of WHICH, oldest first."""
    with open_bank(context) as bank:
        for number in bank.resolve(words(which), trash=None):
            events = list(bank.store.history(number))
            if not events:
                say(f"{number}: nobody has said anything of its picture yet", err=True)
            for event in events:
                if as_json:
                    values = {"id": number, "image_digest": event.image, "at": event.at, "user": event.user}
                    emit(values | {"kind": event.kind, "value": event.value, "operation": event.operation})
                else:
                    said = f"{number}  {shown_time(event.at)}  {event.user}  {_said(event.kind, event.value)}"
                    say(f"{said}  (operation {event.operation})")


def described(operation: Operation) -> str:
    """An operation in a few words."""
    details = operation.details
    what = operation.kind
    if tags := details.get("tags"):
        what += f" {', '.join(tags)}"
    elif "tag" in details:
        what += f" {details['tag']['from']} to {details['tag']['to']}"
    elif "merged" in details:
        what += f" {details['merged']} into {details['into']}"
    elif "undoes" in details:
        what += f" {details['undoes']} ({details['of']})"
    elif operation.kind in ("favourite", "rating") and "value" in details:
        what += f" {_value(details['value'])}"
    elif operation.kind == "keep" and "model" in details:
        what += f" model {details['model'][:12]}"
    if paths := details.get("paths"):
        what += f" {', '.join(paths)}"
    if operation.kind == "change collection" and (changed := _changed(details.get("collection"))):
        what = changed
    elif name := details.get("name"):
        what = name if name.startswith((f"{what}-", f"{what} ")) else f"{what} {name}"
    if (entries := details.get("entries")) and "undoes" not in details:
        what += f": {entries if len(entries) <= 40 else entries[:37] + '…'}"
    return what


def _changed(collection: Any) -> str | None:
    """What became of a collection in one operation; None where that is not written down."""
    was, now = (collection.get("was"), collection.get("is")) if isinstance(collection, Mapping) else (None, None)
    if not isinstance(was, Mapping) or not isinstance(now, Mapping):
        return None
    if was.get("name") != now.get("name"):
        return f"rename collection {was.get('name')} to {now.get('name')}"
    if was.get("query") != now.get("query"):
        return f"change search {now.get('name')} to {now.get('query')}"
    return f"change the cover of collection {now.get('name')}"


def _said(kind: str, value: Any) -> str:
    if kind == "collect":
        where = f"collection {value['collection']}"
        return f"out of {where}" if value.get("position") is None else f"into {where}"
    if kind in ("tag", "untag"):
        return f"{kind} {value}"
    return f"{kind} {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
