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
from seedbank.worker import adapters as kinds

NAME = "name"
"""Kind of what is no hash: the name of the file as it is compared."""
MODEL = "model"
ADAPTERS = (kinds.VAE, kinds.CONTROLNET, kinds.LORA, kinds.EMBEDDING, kinds.IP_ADAPTER)
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
    begins = column == digits if kind == NAME else (column >= digits) & (column < digits + END)
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


def counterparts(database: Database) -> dict[str, list[Model]]:
    """{digest of a model without files, which imported files name: the models with files that it can mean, best first}.

    A name counts where there is no hash only, and where all that have it are of the same bytes.
    """
    statement = (
        select(models.c.digest, models.c.pipeline, weight_hashes.c.kind, weight_hashes.c.hash)
        .join(weight_hashes, weight_hashes.c.model_id == models.c.id)
        .where(models.c.source.is_(None))
        .order_by(models.c.id, weight_hashes.c.kind)
    )
    with database.reading() as connection:
        rows = connection.execute(statement).all()
    asked: dict[tuple[str, str | None], list[tuple[str, str]]] = {}
    for row in rows:
        asked.setdefault((row.digest, row.pipeline), []).append((row.kind, row.hash))
    found = {}
    for (digest, pipeline), hashes in asked.items():
        found[digest] = meant_by(database, pipeline or MODEL, [one for one in hashes if one[0] != NAME] or hashes)
    return found


def meant_by(database: Database, of: str, hashes: Iterable[tuple[str, str]]) -> list[Model]:
    """The models with files that weights with one of these hashes can mean; `of` is `model` or the kind of an adapter."""
    for kind, digits in hashes:
        found = [one for one in find_weights(database, kind, digits) if _is(one, of)]
        if found and (kind != NAME or len({_bytes(one) for one in found}) == 1):
            return found
    return []


def _is(model: Model, of: str) -> bool:
    return model.pipeline not in ADAPTERS if of == MODEL else model.pipeline == of


def _bytes(model: Model) -> frozenset[str]:
    """The weights of a model, whatever configs lie beside them."""
    return frozenset(item.sha256 for item in model.files if item.path.endswith(".safetensors"))
