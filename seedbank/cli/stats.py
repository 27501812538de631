"""`seedbank stats` and `seedbank duplicates`: what there is, and what there is twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from seedbank.cli.common import Querying, headline, json_option, only_query, open_bank, words
from seedbank.cli.completing import complete_query
from seedbank.cli.printing import columns, counted, data, emit, fit, middle_out, say, sized, width_of

if TYPE_CHECKING:
    from seedbank.records import Stats

SHOWN = 10
WIDEST = 24
"""Columns of the longest bar."""
NAMES = 28
"""Columns of the names, at least; longer ones take what the terminal has left."""
COUNT = 15
"""Columns of a count with the blanks around it, those at the beginning of the line too."""
AT_MOST = 100_000


@click.command("stats", cls=Querying)
@click.argument(
    "query", nargs=-1, metavar="[QUERY…]", type=click.UNPROCESSED, callback=only_query, shell_complete=complete_query
)
@json_option
@click.pass_context
def stats_command(context: click.Context, query: tuple[str, ...], as_json: bool) -> None:
    """Count entries by model, tag, month (UTC) and verdict, and their files; with QUERY, what it finds."""
    from seedbank.keeping import missing_models

    with open_bank(context) as bank:
        found = bank.stats(words(query) if query else None, AT_MOST)
        unbuildable = bank.count_about("regenerable:no") if not query else None
        gone = missing_models(bank)[0] if unbuildable is not None and unbuildable.number else []
        gone.sort(key=lambda use: -use.entries)
    if as_json:
        values = {name: [{"value": value, "count": count} for value, count in facet] for name, facet in found.by.items()}
        emit(
            {
                "entries": found.entries,
                "in_trash": found.in_trash,
                **values,
                "files": found.files,
                "bytes": found.bytes,
                "about": sorted(found.about),
                **({"not_regenerable": unbuildable.number} if unbuildable is not None else {}),
                **(
                    {
                        "missing": [
                            {"name": use.model.name, "model_digest": use.model.digest, "count": use.entries} for use in gone
                        ]
                    }
                    if gone
                    else {}
                ),
            }
        )
        return
    for line in _lines(found, limited=bool(query) and found.entries == AT_MOST):
        say(line)
    if unbuildable is not None and unbuildable.number:
        say(f"\n{unbuildable} cannot be rebuilt today: seedbank ls regenerable:no")
        lost = [
            (use.model.name, f" ({use.model.digest[:12]}) {'is gone' if use.model.source is not None else 'is not here'}")
            for use in gone[:SHOWN]
        ]
        wide = _room([name + what for name, what in lost], min(NAMES + WIDEST, columns() - COUNT), 0)
        for use, (name, what) in zip(gone, lost, strict=False):
            say(f"  {fit(middle_out(name, wide - len(what)) + what, wide)} {use.entries:>12,}")
        if len(gone) > SHOWN:
            say(f"  and {len(gone) - SHOWN:,} more: seedbank models missing")


def _lines(found: Stats, limited: bool) -> Iterator[str]:
    trash = f", {found.in_trash:,} in the trash" if found.in_trash else ""
    more = " (the newest that match; there are more)" if limited else ""
    yield f"{found.entries:,} {'entry' if found.entries == 1 else 'entries'}{more}{trash}"
    yield f"{_about(found, 'files')}{counted(found.files, 'file')}, {_about(found, 'bytes')}{sized(found.bytes)}"
    for name, facet in found.by.items():
        if not facet:
            continue
        yield ""
        shown = facet[-SHOWN:] if name == "month" else facet[:SHOWN]
        largest = max(count for _, count in shown)
        yield f"by {name}" + (" (pictures)" if name == "tag" else "")
        wide = _room([value for value, _ in shown], NAMES, 2 + WIDEST)
        for value, count in shown:
            bar = "█" * max(1, round(WIDEST * count / largest))
            yield f"  {fit(middle_out(value, wide), wide)} {count:>12,}  {bar}"
        if len(facet) > SHOWN:
            yield f"  and {len(facet) - SHOWN:,} more; --json lists them"


def _room(names: Sequence[str], least: int, behind: int) -> int:
    """Columns for the names of a table whose lines go on with a count and `behind` columns more."""
    return max(least, min(max(map(width_of, names), default=0), columns() - COUNT - behind))


def _about(found: Stats, name: str) -> str:
    return "about " if name in found.about else ""


@click.command("duplicates", cls=Querying)
@click.argument(
    "query", nargs=-1, metavar="[QUERY…]", type=click.UNPROCESSED, callback=only_query, shell_complete=complete_query
)
@click.option(
    "--distance",
    type=click.IntRange(0, 16),
    default=4,
    show_default=True,
    help="Bits of 64 that may differ; more takes longer.",
)
@click.option("--exact", is_flag=True, help="The same pictures only.")
@click.option("--ids", is_flag=True, help="Only the ids, a group a line, the oldest first.")
@json_option
@click.pass_context
def duplicates_command(
    context: click.Context, query: tuple[str, ...], distance: int, exact: bool, ids: bool, as_json: bool
) -> None:
    """List entries with the same picture, then pictures that look alike by their perceptual hashes; in groups.

    Pictures of a group hang together: each looks like another of them, so the first and the last may look less alike.
    """
    with open_bank(context) as bank:
        found = bank.duplicates(words(query) if query else None, distance=None if exact else distance)
        for group in found:
            if as_json:
                emit({"kind": group.kind, "distance": group.distance, "ids": list(group.entries)})
            elif ids:
                data(" ".join(map(str, group.entries)))
            else:
                apart = f", at most {group.distance} bits from {group.entries[0]}" if group.kind == "alike" else ""
                say(f"{group.kind}: {len(group.entries)} entries{apart}")
                for entry in bank.store.entries(group.entries[:SHOWN]):
                    say(f"  {headline(entry)}")
                if len(group.entries) > SHOWN:
                    say(f"  and {len(group.entries) - SHOWN} more")
    if not found:
        say("no two pictures are the same" + ("" if exact else " or look alike"), err=True)
