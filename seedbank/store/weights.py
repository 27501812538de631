"""Hashes by which other tools call weights, beside the models of a bank: {kind of hash: hexadecimal digits}.

A model without files stands for what imported files name; it has hashes too, perhaps only their first digits. Both meet
when one hash of the same kind begins like the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, and_, insert, select

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
    asked, known = weight_hashes.alias("asked"), models.alias("known")
    nameless = models.join(asked, asked.c.model_id == models.c.id)
    columns = (models.c.digest, models.c.pipeline, asked.c.kind)
    of: dict[tuple[str, str], dict[str, list[Model]]] = {}
    with database.reading() as connection:
        for row in connection.execute(select(*columns).select_from(nameless).where(models.c.source.is_(None))):
            of.setdefault((row.digest, row.pipeline or MODEL), {})[row.kind] = []
        # Two statements, since an OR between them would leave no index to use.
        for which, begins in (
            (asked.c.kind == NAME, weight_hashes.c.hash == asked.c.hash),
            (asked.c.kind != NAME, weight_hashes.c.hash.between(asked.c.hash, asked.c.hash + END)),
        ):
            met = nameless.join(weight_hashes, and_(weight_hashes.c.kind == asked.c.kind, begins)).join(
                known, and_(known.c.id == weight_hashes.c.model_id, known.c.source.is_not(None))
            )
            statement = select(*columns, known.c.id).select_from(met).where(models.c.source.is_(None), which)
            rows = connection.execute(statement.order_by(known.c.id.desc())).all()
            whole = read_models(connection, {row.id for row in rows})
            for found in rows:
                of[found.digest, found.pipeline or MODEL][found.kind].append(whole[found.id])
    return {digest: _best(kind, by_hash) for (digest, kind), by_hash in of.items()}


def _best(of: str, found: Mapping[str, Sequence[Model]]) -> list[Model]:
    """Of what each kind of hash has found, what counts."""
    for kind in [kind for kind in found if kind != NAME] or [NAME]:
        if fitting := _fitting(of, kind, found[kind]):
            return fitting
    return []


def _fitting(of: str, kind: str, found: Iterable[Model]) -> list[Model]:
    fitting = list({one.digest: one for one in found if _is(one, of)}.values())
    return fitting if kind != NAME or len({_bytes(one) for one in fitting}) == 1 else []


def meant_by(database: Database, of: str, hashes: Iterable[tuple[str, str]]) -> list[Model]:
    """The models with files that weights with one of these hashes can mean; `of` is `model` or the kind of an adapter."""
    for kind, digits in hashes:
        if found := _fitting(of, kind, find_weights(database, kind, digits)):
            return found
    return []


def _is(model: Model, of: str) -> bool:
    return model.pipeline not in ADAPTERS if of == MODEL else model.pipeline == of


def _bytes(model: Model) -> frozenset[str]:
    """The weights of a model, whatever configs lie beside them."""
    return frozenset(item.sha256 for item in model.files if item.path.endswith(".safetensors"))
