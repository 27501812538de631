"""Hashes by which other tools call weights, beside the models of a bank: {kind of hash: hexadecimal digits}.

A model without files stands for what imported files name; it has hashes too, perhaps only their first digits. Both meet
when one hash of the same kind begins like the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from seedbank.records import Model
from seedbank.store.database import Database
from seedbank.store.reading import read_models
from seedbank.store.tables import models, weight_hashes

END = "g"
"""Behind every hexadecimal digit."""


def store_hashes(connection: Connection, of_models: Iterable[tuple[int, Model]]) -> None:
    """The models (by id) have these hashes, besides those that they had."""
    for number, model in of_models:
        if not model.hashes:
            continue
        statement = select(weight_hashes.c.kind, weight_hashes.c.hash).where(weight_hashes.c.model_id == number)
        known = {(row.kind, row.hash) for row in connection.execute(statement)}
        rows = [
            {"model_id": number, "kind": kind, "hash": digits}
            for kind, digits in dict.fromkeys(model.hashes)
            if (kind, digits) not in known
        ]
        if rows:
            connection.execute(insert(weight_hashes), rows)


def add_weights(database: Database, user: str, found: Iterable[Model]) -> list[int]:
    """Stores models with their hashes in one transaction; their ids in the same order."""
    from seedbank.store.sharing import store_models
    from seedbank.store.writing import Work

    listed = list(found)
    with database.writing() as connection:
        work = Work.begin(connection, user)
        ids = store_models(connection, listed, ())
        if listed:
            work.record("models add", models=[model.digest for model in listed])
    return [ids[model.digest] for model in listed]


def find_weights(database: Database, kind: str, digits: str) -> list[Model]:
    """The models with files whose hash of this kind begins like that, the last added first. A name must be whole."""
    column = weight_hashes.c.hash
    begins = column == digits if kind == "name" else (column >= digits) & (column < digits + END)
    statement = (
        select(weight_hashes.c.model_id)
        .join(models, models.c.id == weight_hashes.c.model_id)
        .where(weight_hashes.c.kind == kind, begins, models.c.source.is_not(None))
        .order_by(weight_hashes.c.model_id.desc())
    )
    with database.reading() as connection:
        ids = list(dict.fromkeys(connection.scalars(statement)))
        known = read_models(connection, ids)
    return [known[number] for number in ids]


def named_models(database: Database) -> dict[str, tuple[tuple[str, str], ...]]:
    """{digest: hashes} of the models without files, which imported files name."""
    statement = (
        select(models.c.digest, weight_hashes.c.kind, weight_hashes.c.hash)
        .join(weight_hashes, weight_hashes.c.model_id == models.c.id)
        .where(models.c.source.is_(None))
        .order_by(models.c.id, weight_hashes.c.kind)
    )
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    with database.reading() as connection:
        for row in connection.execute(statement):
            found[row.digest] = (*found.get(row.digest, ()), (row.kind, row.hash))
    return found
