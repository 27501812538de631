"""What a connection remembers of a bank in which nothing has changed since.

Before a query asks for its page it looks up names, counts what lists its matches and decides on a plan: some small statements,
which together take longer than the page. All that they say stays true until somebody commits, in this process or in another.
Both databases tell cheaply whether somebody did, in the transaction that asks: SQLite by the version of its data, which
changes with the commits of other connections, and by the number of rows that this one has changed; PostgreSQL by the
snapshot, which names every transaction that can be seen.

https://sqlite.org/pragma.html#pragma_data_version
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from seedbank.store.postgresql import SNAPSHOT, TAKEN
from seedbank.store.sending import send

T = TypeVar("T")

MOST = 300
"""Values that are remembered; then it begins anew."""

_KEY = "seedbank.remembered"


@dataclass
class Memory:
    """Values that hold as long as the bank has this version."""

    version: Hashable
    values: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made where it is not known."""
        if key not in self.values:
            if len(self.values) >= MOST:
                self.values.clear()
            self.values[key] = make()
        found: T = self.values[key]
        return found


def memory_of(connection: Connection) -> Memory:
    """What this connection remembers of the bank as its transaction sees it."""
    version = version_of(connection)
    memory = connection.info.get(_KEY)
    if not isinstance(memory, Memory) or memory.version != version:
        memory = connection.info[_KEY] = Memory(version)
    return memory


def version_of(connection: Connection) -> Hashable:
    """Equal only where nothing was committed between two transactions of a connection. Takes the transaction's snapshot.

    A replica learns of commits without any transaction of its own, so its snapshots say nothing: there, no two are equal.
    """
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        return send(connection, "PRAGMA data_version")[0][0], driver.total_changes
    (version,) = connection.info.get(TAKEN) or send(connection, SNAPSHOT)[0]
    return object() if version is None else version
