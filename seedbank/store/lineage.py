"""Where an entry comes from and what came of it: all edges between its ancestors, itself and its descendants."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, select

from seedbank.records import Edge
from seedbank.store.reading import chunks
from seedbank.store.tables import edges, entries
from seedbank.store.writing import require_entries

Entry = TypeVar("Entry", int, str)
"""An entry by id or by uid."""


def edges_of(connection: Connection, number: int) -> tuple[list[Edge], list[Edge]]:
    """(edges to the parents, edges from the children) of an entry."""
    statement = select(edges).order_by(edges.c.child_id, edges.c.parent_id, edges.c.kind)
    rows = (connection.execute(statement.where(near == number)).all() for near in (edges.c.child_id, edges.c.parent_id))
    up, down = ([Edge(row.child_id, row.parent_id, row.kind) for row in found] for found in rows)
    return up, down


def family(connection: Connection, number: int, most: int) -> tuple[list[Edge], bool]:
    """(edges up to all ancestors and down to all descendants, whether there are more than `most` of them)."""
    require_entries(connection, [number])
    found: dict[Edge, None] = {}
    for near, far in ((edges.c.child_id, "parent"), (edges.c.parent_id, "child")):
        known, fresh = {number}, [number]
        while fresh:
            following: set[int] = set()
            for some in chunks(fresh):
                for row in connection.execute(
                    select(edges).where(near.in_(some)).order_by(edges.c.child_id, edges.c.parent_id)
                ):
                    edge = Edge(row.child_id, row.parent_id, row.kind)
                    found[edge] = None
                    following.add(getattr(edge, far))
                    if len(found) >= most:
                        return list(found), True
            fresh = sorted(following - known)
            known |= following
    return list(found), False


def circle(connection: Connection, children: Iterable[int]) -> list[int]:
    """Entries that come from each other in a circle, among `children` and their ancestors; empty when there is none."""
    return looped(_parents(connection, children))


def circle_with(connection: Connection, given: Iterable[tuple[str, str]], coming: Container[str]) -> list[str]:
    """The same by uid, with edges (child, parent) that are not here yet; only those count whose ends are here or `coming`."""
    parents: dict[str, set[str]] = {}
    for child, parent in given:
        parents.setdefault(child, set()).add(parent)
        parents.setdefault(parent, set())
    uids: dict[int, str] = {}

    def name(column: ColumnElement[Any], values: Iterable[Any]) -> None:
        for some in chunks(sorted(values)):
            rows = connection.execute(select(entries.c.id, entries.c.uid).where(column.in_(some)))
            uids.update((row.id, row.uid) for row in rows)

    name(entries.c.uid, parents)
    known = {uid for uid in parents if uid in coming} | set(uids.values())
    parents = {child: above & known for child, above in parents.items() if child in known}
    here = _parents(connection, uids)
    name(entries.c.id, here.keys() - uids)
    for number, above in here.items():
        parents.setdefault(uids[number], set()).update(uids[parent] for parent in above)
    return looped(parents)


def _parents(connection: Connection, children: Iterable[int]) -> dict[int, set[int]]:
    """{entry: its parents} of `children` and all their ancestors, read a generation at a time."""
    parents: dict[int, set[int]] = {}
    fresh = set(children)
    while fresh:
        parents |= {number: set() for number in fresh}
        for some in chunks(sorted(fresh)):
            for row in connection.execute(select(edges.c.child_id, edges.c.parent_id).where(edges.c.child_id.in_(some))):
                parents[row.child_id].add(row.parent_id)
        fresh = {parent for number in fresh for parent in parents[number]} - parents.keys()
    return parents


def looped(parents: dict[Entry, set[Entry]]) -> list[Entry]:
    """One circle of those that come from each other, in order; empty when there is none. `parents` is used up.

    Those without parents are taken away until none is left to take.
    """
    below: dict[Entry, list[Entry]] = {}
    for entry, above in parents.items():
        for parent in above:
            below.setdefault(parent, []).append(entry)
    free = [entry for entry, above in parents.items() if not above]
    while free:
        gone = free.pop()
        del parents[gone]
        for entry in below.get(gone, ()):
            parents[entry].discard(gone)
            if not parents[entry]:
                free.append(entry)
    if not parents:
        return []
    path: dict[Entry, int] = {}  # every entry that is left has a parent that is left, so a way up comes back to itself
    at = min(parents)
    while at not in path:
        path[at] = len(path)
        at = min(parents[at])
    return sorted(entry for entry, step in path.items() if step >= path[at])
