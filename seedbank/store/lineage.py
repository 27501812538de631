"""Where an entry comes from and what came of it: all edges between its ancestors, itself and its descendants."""

from __future__ import annotations

from sqlalchemy import Connection, select

from seedbank.records import Edge
from seedbank.store.reading import chunks
from seedbank.store.tables import edges
from seedbank.store.writing import require_entries


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
