"""From records to rows: one unit of work per transaction, and new entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Table, select, update

from seedbank.errors import BadInput, NotFound
from seedbank.records import EDGES, NewEntry, Output
from seedbank.store.catalogue import searched_columns, store_adapters
from seedbank.store.inserting import insert_many, write_many
from seedbank.store.payloads import store_payloads
from seedbank.store.reading import LARGEST_ID, chunks, no_entry
from seedbank.store.sharing import (
    model_digest,
    store_blobs,
    store_environments,
    store_models,
    store_pictures,
    store_recipes,
)
from seedbank.store.tables import edges, entries, entry_adapters, entry_inputs, operations, runs, users


def new_uid() -> str:
    """A fresh UUIDv7."""
    from uuid6 import uuid7

    return str(uuid7())


ADD, GENERATE, VARY, RECEIVE = "add", "generate", "vary", "receive"
"""Operations that make entries without a run. `add` is what a program recorded: a user who says `undo` means a command, so
that one is undone by its number only."""


@dataclass
class Act:
    """What a user does in one go: one operation, though its parts are transactions of their own.

    `number` is that of the operation, once the first part is stored; entries that come later are added to those that it
    names, unless a run says which they are.
    """

    kind: str
    number: int | None = None


@dataclass
class Work:
    """One transaction of one user, at one time."""

    connection: Connection
    user: str
    at: datetime

    @classmethod
    def begin(cls, connection: Connection, user: str) -> Work:
        return cls(connection, user, datetime.now(UTC))

    @cached_property
    def user_id(self) -> int:
        """The row of the user, made at the first write."""
        return self.id_of(self.user)

    def id_of(self, user: str, uid: str | None = None) -> int:
        """The row of the user with this name, made where there is none, then with `uid`."""
        known = self.connection.scalar(select(users.c.id).where(users.c.name == user))
        return known if known is not None else self.insert(users, name=user, uid=uid or new_uid())

    def insert(self, table: Table, **values: Any) -> int:
        """Inserts one row and gives its id."""
        return insert_many(self.connection, table, [values])[0]

    def record(self, kind: str, **details: Any) -> int:
        """Writes down who did what when; every write does so in its own transaction. Gives the operation's id."""
        return self.insert(operations, uid=new_uid(), kind=kind, at=self.at, user_id=self.user_id, details=details or None)


def spans(ids: Iterable[int]) -> str:
    """Ids in the short form of the command line: ``3..9,12``."""
    pieces: list[list[int]] = []
    for number in sorted(set(ids)):
        if pieces and pieces[-1][1] == number - 1:
            pieces[-1][1] = number
        else:
            pieces.append([number, number])
    return ",".join(f"{first}..{last}" if first < last else str(first) for first, last in pieces)


def unspan(text: str) -> list[int]:
    """The ids that `spans` wrote."""
    return [number for low, high in pairs(text) for number in range(low, high + 1)]


def pairs(text: str) -> list[tuple[int, int]]:
    """(first, last) of each piece that `spans` wrote: ``3..9,12`` is [(3, 9), (12, 12)]."""
    return [(int(low), int(high or low)) for low, high in re.findall(r"(\d+)(?:\.\.(\d+))?", text)]


def require_entries(connection: Connection, ids: Iterable[int]) -> list[int]:
    """`ids` without repetition. Raises `NotFound` for the first that does not exist."""
    wanted = list(dict.fromkeys(ids))
    if out_of_range := [number for number in wanted if not 0 < number <= LARGEST_ID]:
        raise no_entry(out_of_range[0])
    found: set[int] = set()
    for some in chunks(wanted):
        found.update(connection.scalars(select(entries.c.id).where(entries.c.id.in_(some))))
    if absent := [number for number in wanted if number not in found]:
        raise no_entry(absent[0])
    return wanted


# -- entries -------------------------------------------------------------------------------------------------------


def written_down(work: Work, act: Act, ids: Sequence[int], of_run: bool = False) -> int:
    """The operation of `act`, which has made these entries too. One that stands for a run does not list them."""
    if act.number is None:
        return work.record(act.kind, entries=spans(ids))
    if not of_run:
        this = operations.c.id == act.number
        told = work.connection.scalar(select(operations.c.details).where(this)) or {}
        named = spans([*unspan(told.get("entries", "")), *ids])
        work.connection.execute(update(operations).where(this).values(details={**told, "entries": named}))
    return act.number


def add_entries(work: Work, news: Sequence[NewEntry]) -> list[int]:
    """Stores entries in order, with everything they are made of, and gives their ids. The operation is the caller's."""
    for new in news:
        _check(new)
    connection = work.connection
    require_entries(connection, (parent for new in news for parent, _ in new.parents))
    _require_runs(connection, {new.run for new in news if new.run is not None})
    given_models = [model for new in news for model in (new.model, *new.adapters)]
    known_models = store_models(connection, given_models, [new.recipe for new in news])
    known_recipes = store_recipes(connection, [new.recipe for new in news], known_models)
    known_environments = store_environments(connection, [new.environment for new in news])
    known_images = store_pictures(connection, [new.picture for new in news])
    known_blobs = store_blobs(connection, [blob for new in news for blob in (new.blob, *new.inputs)])
    searched = searched_columns(connection, [(new, known_recipes[new.recipe.digest] if new.recipe else None) for new in news])
    # The order of ids is that of time, also where a clock was put back: times are found as ranges of ids.
    newest = connection.scalar(select(entries.c.added).order_by(entries.c.id.desc()).limit(1))
    added = work.at if newest is None else max(work.at, newest)
    makers = {name: work.id_of(name) for name in dict.fromkeys(new.user for new in news) if name is not None}
    rows = []
    for new, found_by in zip(news, searched, strict=True):
        model = new.model.digest if new.model else model_digest(new.recipe)
        rows.append(
            {
                "uid": new.uid or new_uid(),
                "added": added,
                "created": new.created,
                "user_id": work.user_id if new.user is None else makers[new.user],
                "origin": new.origin,
                "recipe_id": known_recipes[new.recipe.digest].id if new.recipe else None,
                "environment_id": known_environments[new.environment.digest] if new.environment else None,
                "model_id": known_models[model] if model else None,
                "image_id": known_images[new.picture.digest] if new.picture else None,
                "blob_id": known_blobs[new.blob.digest] if new.blob else None,
                **output_columns(new.output),
                "obstacles": list(new.obstacles) or None,
                "details": dict(new.details) or None,
                "run_id": new.run,
                **found_by,
            }
        )
    ids = insert_many(connection, entries, rows)
    inputs = [
        {"entry_id": number, "position": position, "blob_id": known_blobs[blob.digest]}
        for number, new in zip(ids, news, strict=True)
        for position, blob in enumerate(new.inputs)
    ]
    lineage = [
        {"child_id": number, "parent_id": parent, "kind": kind}
        for number, new in zip(ids, news, strict=True)
        for parent, kind in dict.fromkeys(new.parents)
    ]
    adapted = store_adapters(connection, zip(ids, (new.recipe for new in news), strict=True))
    for table, relations in ((entry_inputs, inputs), (edges, lineage), (entry_adapters, adapted)):
        write_many(connection, table, relations)
    if any(new.payloads for new in news):
        store_payloads(connection, zip(ids, (new.payloads for new in news), strict=True))
    return ids


def _check(new: NewEntry) -> None:
    if new.blob is not None and new.picture is None:
        raise BadInput("A file was given without the digest of its pixels.", "Give both: the picture and its blob.")
    if new.recipe and new.model and new.recipe.model and new.recipe.model != new.model.digest:
        raise BadInput(f"The recipe names the model {new.recipe.model[:12]}, but {new.model.digest[:12]} was given.")
    for _, kind in new.parents:
        if kind not in EDGES:
            raise BadInput(f"There is no kind of lineage called {kind!r}.", f"Use one of: {', '.join(EDGES)}.")


def _require_runs(connection: Connection, numbers: set[int]) -> None:
    if numbers:
        found = set(connection.scalars(select(runs.c.id).where(runs.c.id.in_(sorted(numbers)))))
        for number in sorted(numbers - found):
            raise NotFound(f"There is no run {number} in this bank.")


def output_columns(output: Output) -> dict[str, Any]:
    """The columns `rows.OUTPUT`. Raises `BadInput` for a trace that is not the one of its digest."""
    trace, digest = output.trace, output.trace_digest
    if trace is not None and digest not in (None, trace.digest):
        raise BadInput(f"The trace {trace.digest[:12]} was given with the digest of another one, {digest[:12]}.")
    if trace is not None and trace.size > LARGEST_ID:
        raise BadInput(f"The trace {trace.digest[:12]} cannot have {trace.size:,} bytes.")
    values = {"seconds": dict(output.seconds), "peak_memory": output.peak_memory, "flags": dict(output.flags)}
    return {
        "output": {name: value for name, value in values.items() if value not in (None, {})} or None,  # empty parts left out
        "trace_digest": digest if trace is None else trace.digest,
        "trace_size": None if trace is None else trace.size,
    }
