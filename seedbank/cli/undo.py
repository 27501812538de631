"""`seedbank undo`, `log` and `history`: who did what when, and taking it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import json_option, open_bank, which_argument, words
from seedbank.cli.printing import emit, report, say, shown_time, table

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.records import Operation

REGENERATE = "regenerate"
PAGE, MOST = 200, 20_000
"""Operations that are read at once, and of which `log` looks through in all."""


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
    """List what was done in this bank, the newest first. Attempts at one entry after the other are one line."""
    with open_bank(context) as bank:
        undone = bank.store.curation.undone()
        if not as_json:
            together = list(islice(_together(_operations(bank, before)), limit))
        else:
            found = bank.store.operations(limit=limit, before=before)
    if as_json:
        for one in found:
            values = {"operation": one.id, "uid": one.uid, "at": one.at, "user": one.user, "kind": one.kind}
            emit(values | {"details": dict(one.details), "undone_by": undone.get(one.id)})
        return
    rows = []
    for first, *others in together:
        said = _attempts([first, *others]) if others else described(first)
        taken_back = f", undone by {undone[first.id]}" if first.id in undone else ""
        number = f"{others[-1].id}..{first.id}" if others else str(first.id)
        rows.append([number, shown_time(first.at), first.user, said + taken_back])
    say("\n".join(table(rows, ["id", "when", "who", "what"], right=[0])))


def _operations(bank: Library, before: int | None) -> Iterator[Operation]:
    """The newest first, page by page; `MOST` at most, since all of a bank may be attempts."""
    for _ in range(MOST // PAGE):
        found = bank.store.operations(limit=PAGE, before=before)
        yield from found
        if len(found) < PAGE:
            return
        before = found[-1].id


def _together(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    """Each operation alone, but for attempts that one user made in a row: a thousand of them come from one command."""
    for _, group in groupby(operations, key=lambda one: one.user if one.kind == REGENERATE else one.id):
        yield list(group)


def _attempts(operations: Sequence[Operation]) -> str:
    from seedbank.store.writing import spans

    entries = spans(sorted({int(one.details["entries"]) for one in operations}))
    return f"{REGENERATE}: {entries if len(entries) <= 40 else entries[:37] + '…'}"


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
