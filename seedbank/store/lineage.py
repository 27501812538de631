"""Where an entry comes from and what came of it: all edges between its ancestors, itself and its descendants."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from seedbank.records import Edge
from seedbank.store.reading import chunks
from seedbank.store.tables import edges
from seedbank.store.writing import require_entries


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
    """Entries that come from each other in a circle, among `children` and their ancestors; empty when there is none.

    Ancestors are read a generation at a time; then those without parents are taken away until none is left to take.
    """
    parents: dict[int, set[int]] = {}
    fresh = set(children)
    while fresh:
        parents |= {number: set() for number in fresh}
        for some in chunks(sorted(fresh)):
            for row in connection.execute(select(edges.c.child_id, edges.c.parent_id).where(edges.c.child_id.in_(some))):
                parents[row.child_id].add(row.parent_id)
        fresh = {parent for number in fresh for parent in parents[number]} - parents.keys()
    below: dict[int, list[int]] = {}
    for number, above in parents.items():
        for parent in above:
            below.setdefault(parent, []).append(number)
    free = [number for number, above in parents.items() if not above]
    while free:
        gone = free.pop()
        del parents[gone]
        for number in below.get(gone, ()):
            parents[number].discard(gone)
            if not parents[number]:
                free.append(number)
    path: dict[int, int] = {}  # every entry that is left has a parent that is left, so a way up comes back to itself
    at = min(parents, default=0)
    while parents and at not in path:
        path[at] = len(path)
        at = min(parents[at])
    return sorted(number for number, step in path.items() if step >= path[at])
