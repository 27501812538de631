"""Who asks and where, and how conditions are put together: what all kinds of keys share."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, Table, cast, false, func, select

from seedbank.query import Node
from seedbank.query.values import name_of
from seedbank.store import postgresql, sources
from seedbank.store.matching import Remembered, ids_named
from seedbank.store.remembering import Memory, memory_of
from seedbank.store.sending import send
from seedbank.store.sources import NOTHING, Condition, bare, by_ids
from seedbank.store.tables import entries, users

if TYPE_CHECKING:
    from seedbank.store.hashes import Hashes

T = TypeVar("T")


@dataclass
class Asking:
    """Who asks, and where: what the conditions of one query are made with."""

    connection: Connection
    user: str
    sqlite: bool
    remembered: Remembered
    hashes: Hashes
    gone: Callable[[], Collection[str]]
    """Digests of models and adapters that are not at hand today."""
    plan: Callable[[Asking, Node], Condition]
    """Makes the condition of a whole query, for saved searches."""
    remark: Callable[[str], None] | None = None
    """Hears of what cannot be found, such as names that the bank does not have; None where nobody wants to."""
    search: str | None = None
    """The saved search that the conditions stand in."""
    depth: int = 0
    testing: bool = False
    """Entries are only tested: what lists those that a condition holds of is of no use, and nothing is read for it."""
    settings: postgresql.Settings = field(default_factory=lambda: postgresql.LOOK)
    """How PostgreSQL plans now: one of `postgresql.WALK`, `LOOK` and `LIST`."""

    @cached_property
    def memory(self) -> Memory:
        """What the connection remembers of the bank as this transaction sees it."""
        return memory_of(self.connection)

    def once(self, kind: str, what: Hashable, make: Callable[[], T]) -> T:
        """What only depends on what is in the bank: made again after somebody has changed that."""
        return self.memory.once((kind, what), make)

    def settle(self, settings: postgresql.Settings) -> None:
        """Statements that follow are planned so; only PostgreSQL must be told."""
        if not self.sqlite and settings is not self.settings:
            send(self.connection, postgresql.setting(settings))
            self.settings = settings

    @contextmanager
    def only_testing(self) -> Iterator[None]:
        """For conditions that are turned round."""
        before, self.testing = self.testing, True
        try:
            yield
        finally:
            self.testing = before

    @property
    def users(self) -> dict[str, int]:
        """{name: id}"""
        statement = select(users.c.id, users.c.name)
        return self.once("users", None, lambda: {name: number for number, name in self.connection.execute(statement)})

    def ids_named(self, table: Table, text: str, *, digests: bool = False) -> list[int]:
        """As `matching.ids_named`."""
        return self.once(table.name, (text, digests), lambda: ids_named(self.connection, table, text, digests=digests))

    def missed(self, what: str, name: str, table: Table) -> None:
        """No row of `table` is called that: said, where the name was meant to be one, with the nearest."""
        if self.remark is not None and (meant := name_of(name)) is not None:
            from seedbank.store.unknown import unknown

            self.remark(unknown(self.connection, what, meant, table, self.search))

    def missed_word(self, what: str, name: str, known: Iterable[str]) -> None:
        """As `missed`, for what is no row of a table of its own: `known` are the folded words that entries have."""
        if self.remark is not None and (meant := name_of(name)) is not None:
            from seedbank.store.unknown import unknown_word

            self.remark(unknown_word(what, meant, known))

    def bare(self, name: str) -> ColumnElement[Any]:
        """A column of entries in a test."""
        return bare(entries.c[name], sqlite=self.sqlite)


def one_of(asking: Asking, column: str, ids: Iterable[int]) -> Condition:
    """Entries whose `column`, which is indexed, is one of these; any number of them."""
    listed_ids = list(ids)
    if not listed_ids:
        return NOTHING
    if asking.sqlite:
        numbers = select(func.json_each(json.dumps(listed_ids)).table_valued("value").c.value)
    else:
        digits = func.unnest(func.string_to_array(",".join(map(str, listed_ids)), ","))
        numbers = select(cast(digits, BigInteger))
    return by_ids(column, numbers, sqlite=asking.sqlite)


def any_of(found: list[Condition]) -> Condition:
    """At least one holds."""
    if len(found) == 1:
        return found[0]
    listable = all(one.sources is not None for one in found)

    def of_id(number: ColumnElement[int]) -> ColumnElement[bool]:
        return sources.any_test([func.coalesce(one.on(number), false()) for one in found])

    return Condition(
        of_id(entries.c.id),
        tuple(source for one in found for source in one.sources or ()) if listable else None,
        all(one.exact for one in found),
        of_id if all(one.of_id for one in found) else None,
    )
