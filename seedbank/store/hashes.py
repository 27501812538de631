"""The perceptual hashes of all pictures, in memory: neighbours are found by scanning, exactly.

A million hashes are 16 MB and are scanned in about a millisecond; they are read once by a process that asks for neighbours,
and then only what is new. numpy is imported when it is used: listing entries must stay quick to start.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from seedbank.errors import BadInput
from seedbank.store.purges import last_purge, pictures_purged
from seedbank.store.tables import images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_NEIGHBOURS = 20_000
AT_ONCE = 500_000
"""Pictures whose hashes one statement reads, in less than a second: what was read stays, whatever happens to the next one."""


class Hashes:
    """Hashes of one bank. Pictures never change theirs; those of purged pictures stay and find no entry.

    SQLite may have given their ids again (see `purges`): after a purge, as many of the last are read anew as were purged.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._begin()

    def _begin(self) -> None:
        self._ids: NDArray[np.int64] | None = None
        self._bits: NDArray[np.uint64] | None = None
        self._late: set[int] = set()
        """Pictures without a hash when they were read: it may come later."""
        self._last = 0
        """The id up to which all were read."""
        self._purge = self._purged = 0
        """The last purge that is known; how many pictures were purged since the first were read."""

    def near(self, connection: Connection, phash: str, distance: int) -> list[int]:
        """The ids of the pictures whose hash differs from `phash` (16 hex digits) in at most `distance` bits.

        Raises `BadInput` when that are too many to go on with.
        """
        from seedbank.neighbours import near

        with self._lock:
            self._refresh(connection)
            ids, bits = self._ids, self._bits
        assert ids is not None and bits is not None
        positions, _ = near(bits, int(phash, 16), distance)
        if len(positions) > MOST_NEIGHBOURS:
            raise BadInput(
                f"{len(positions):,} pictures look like that one.",
                f"Ask for closer ones, such as like:ID~{max(distance - 4, 0)}.",
            )
        return [int(number) for number in ids[positions]]

    def _refresh(self, connection: Connection) -> None:
        purge = last_purge(connection)
        if self._last and purge != self._purge:
            self._purged += pictures_purged(connection, self._purge)
            self._forget(self._purged)
        self._purge = purge
        newest = connection.scalar(select(func.max(images.c.id))) or 0
        self._keep(_read_some(connection, self._late))
        while self._last < newest:
            upto = min(self._last + AT_ONCE, newest)
            self._keep(_read(connection, self._last, upto))
            self._last = upto

    def _forget(self, purged: int) -> None:
        """What was read of the last pictures, as so many were purged since they were read.

        Of one more than were purged, one at least is there since it was read. So all before it are what they were, or gone.
        """
        import numpy as np

        if self._ids is None or self._bits is None or len(self._ids) <= purged:
            self._begin()
            return
        at = len(self._ids) - 1 - purged
        self._last = int(np.partition(self._ids, at)[at])
        kept = self._ids <= self._last
        self._ids, self._bits = self._ids[kept], self._bits[kept]
        self._late = {number for number in self._late if number <= self._last}

    def _keep(self, rows: list[tuple[int, int | None]]) -> None:
        import numpy as np

        if self._ids is None or self._bits is None:
            self._ids, self._bits = np.empty(0, np.int64), np.empty(0, np.uint64)
        self._late |= {number for number, value in rows if value is None}
        found = [(number, value) for number, value in rows if value is not None]
        self._late -= {number for number, _ in found}
        if found:
            pairs = np.array(found, np.int64)
            self._ids = np.concatenate([self._ids, pairs[:, 0]])
            self._bits = np.concatenate([self._bits, pairs[:, 1].view(np.uint64)])


def _read(connection: Connection, after: int, upto: int) -> list[tuple[int, int | None]]:
    """(id, bits as a signed number) of the pictures after an id up to another, past SQLAlchemy's types: they are many."""
    statement = str(
        select(images.c.id, images.c.phash)
        .where(images.c.id > after, images.c.id <= upto)
        .compile(connection, compile_kwargs={"literal_binds": True})
    )
    return [(row[0], row[1]) for row in connection.exec_driver_sql(statement).cursor.fetchall()]


def _read_some(connection: Connection, ids: set[int]) -> list[tuple[int, int | None]]:
    from seedbank.store.reading import chunks

    found: list[tuple[int, int | None]] = []
    for some in chunks(sorted(ids)):
        rows = connection.execute(select(images.c.id, images.c.phash).where(images.c.id.in_(some)))
        found += [
            (row.id, None if row.phash is None else int.from_bytes(bytes.fromhex(row.phash), signed=True)) for row in rows
        ]
    return found
