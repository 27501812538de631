"""The index of words: which prompts have them, and the vocabulary, which has every word once.

On SQLite it is an FTS5 table without content, on PostgreSQL a GIN index; both hold the words of `prompts.tokens` and
`prompts.pairs` and look after themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    cast,
    column,
    delete,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.types import UserDefinedType

from seedbank.store.reading import chunks
from seedbank.store.tables import prompts, vocabulary
from seedbank.store.words import is_indexed

_fts = table("prompt_words", column("rowid"))


class TsQuery(UserDefinedType[str]):
    """PostgreSQL's type; SQLAlchemy's own would load that dialect."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "TSQUERY"


def prompts_with(wanted: Sequence[Sequence[str]], *, sqlite: bool) -> Select[Any]:
    """Select of the ids of prompts that have one term of each list; a term may end in ``*``. Terms are those of `words`."""
    holders = prompts_having(wanted, sqlite=sqlite)
    return select(holders.id).select_from(holders.table).where(holders.where)


@dataclass(frozen=True)
class Holders:
    """Where the prompts with some terms are found, to be joined: walked as the index gives them, without a list of all."""

    table: FromClause
    id: ColumnElement[int]
    where: ColumnElement[bool]


def prompts_having(wanted: Sequence[Sequence[str]], *, sqlite: bool) -> Holders:
    """As `prompts_with`, to be joined."""
    if sqlite:
        all_of = " AND ".join("(" + " OR ".join(_fts_term(term) for term in some) + ")" for some in wanted)
        return Holders(_fts, _fts.c.rowid, literal_column("prompt_words").op("MATCH")(all_of))
    all_of = " & ".join("(" + " | ".join(_ts_term(term) for term in some) + ")" for some in wanted)
    words = "string_to_array(btrim(prompts.tokens || prompts.pairs), ' ')"
    vector: ColumnElement[Any] = literal_column(f"array_to_tsvector({words})")
    return Holders(prompts, prompts.c.id, vector.op("@@")(cast(literal(all_of), TsQuery)))


# Terms are letters, digits and single characters beyond ASCII: no quotation mark can stand in one.


def _fts_term(term: str) -> str:
    return f'"{term.removesuffix("*")}"{"*" if term.endswith("*") else ""}'


def _ts_term(term: str) -> str:
    return f"'{term.removesuffix('*')}'{':*' if term.endswith('*') else ''}"


def store_words(connection: Connection, words: Iterable[str]) -> None:
    """The vocabulary has these words."""
    listed = sorted(set(words))
    if not listed:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT OR IGNORE INTO vocabulary (word) VALUES (?)", [(word,) for word in listed])
    else:
        statement = "INSERT INTO vocabulary (word) SELECT unnest(%(words)s::TEXT[]) ON CONFLICT DO NOTHING"
        connection.exec_driver_sql(statement, {"words": listed})


def forget_words(connection: Connection, streams: Iterable[str]) -> None:
    """The vocabulary no longer has those words of purged prompts (given as streams) that no prompt has any more."""
    words = sorted({word for stream in streams for word in stream.split() if is_indexed(word)})
    sqlite = connection.dialect.name == "sqlite"
    gone = [word for word in words if connection.scalar(prompts_with([[word]], sqlite=sqlite).limit(1)) is None]
    for some in chunks(gone):
        connection.execute(delete(vocabulary).where(vocabulary.c.word.in_(some)))
