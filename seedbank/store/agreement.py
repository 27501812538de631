"""Whether what a bank says in two places is the same there. Finds, and never repairs.

What entries are found by repeats their recipes and pictures; the files of a model make up its digest; a verdict follows
from pictures (`verdicts`). `integrity` looks at rows that carry a digest of their own, this module at those that do not.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from seedbank.hashing import CHUNK as PIECE
from seedbank.hashing import json_digest, plain_value
from seedbank.store.catalogue import method_digest, method_row, searched_cfg
from seedbank.store.files import OWN
from seedbank.store.imports import IMPORT
from seedbank.store.integrity import in_batches, where_in
from seedbank.store.matching import said_of
from seedbank.store.recipes import is_digest
from seedbank.store.tables import (
    adapters,
    blobs,
    entries,
    entry_adapters,
    entry_inputs,
    entry_payloads,
    images,
    methods,
    model_files,
    models,
    payloads,
    recipes,
    runs,
    settings,
    sizes,
)
from seedbank.store.verdicts import attempts
from seedbank.store.writing import spans

if TYPE_CHECKING:
    from seedbank.store.store import Store

BATCH = 2000
"""Entries that are compared at once."""
FEW = 50
"""Payloads that are read at once: one can have some MB."""
NAMED = 20
"""Entries that one sentence names."""
MOST_REMEMBERED = 20_000
"""Settings of recipes that are kept in memory."""


def agreement(store: Store) -> Iterator[str]:
    """What contradicts something else in the database, one sentence each, with ids; nothing when all agrees."""
    with store.database.reading() as connection:
        yield from _manifests(connection)
        yield from _Found(connection).contradictions()
        yield from attempts(connection)


def damaged_payloads(store: Store) -> Iterator[str]:
    """What files said of themselves and is kept as something else now: every text is read."""
    with store.database.reading() as connection:
        for row in in_batches(connection, select(payloads), FEW):
            if _inflated_digest(row.body) != row.digest:
                held = (entry_payloads.c.payload_id == row.id) | (entry_payloads.c.raw_id == row.id)
                used = entries.c.id.in_(select(entry_payloads.c.entry_id).where(held))
                yield f"What a file says of itself is not what was imported{where_in(connection, used)}."


def _inflated_digest(body: bytes) -> str | None:
    """SHA-256 of what was compressed, a piece at a time; None for what is damaged."""
    import hashlib

    hasher, engine, rest = hashlib.sha256(), zlib.decompressobj(), body
    try:
        while not engine.eof:
            piece = engine.decompress(rest, PIECE)
            rest = engine.unconsumed_tail
            if not piece and not rest:
                return None
            hasher.update(piece)
    except zlib.error:
        return None
    return None if engine.unused_data else hasher.hexdigest()


def _manifests(connection: Connection) -> Iterator[str]:
    """The digest of a model is that of its files: {path: SHA-256}."""
    columns = (models.c.id, models.c.name, models.c.digest, model_files.c.path, model_files.c.sha256)
    listed = select(*columns).join(model_files).order_by(models.c.id)
    for number, rows in groupby(connection.execute(listed), key=lambda row: row.id):
        files = list(rows)
        if json_digest({row.path: row.sha256 for row in files}) != files[0].digest:
            what = f"The files of the model {files[0].name} are not those of its digest {files[0].digest[:12]}"
            yield f"{what}{where_in(connection, entries.c.model_id == number)}."


# -- what entries are found by -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Settings:
    """What of the settings of recipes is repeated in entries: all of them, as their method follows from them; digests of the
    inputs and the adapters."""

    pipeline: str | None
    call: Mapping[str, Any]
    body: Mapping[str, Any] | None
    inputs: frozenset[str]
    adapters: frozenset[str]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> _Settings:
        named = [*body.get("inputs", ()), {"digest": (body.get("batch") or {}).get("cohort")}]
        beside = body.get("adapters", ())
        pipeline = body.get("pipeline")
        return cls(
            pipeline if isinstance(pipeline, str) else None,
            body.get("call") or {},
            body,
            *(frozenset(filter(is_digest, (item.get("digest") for item in items))) for items in (named, beside)),
        )


_NO_RECIPE = _Settings(None, {}, None, frozenset(), frozenset())
_SAME = {"prompt_id": "prompt", "seed": "seed", "steps": "number of steps"}
"""{column of entries and of recipes: what people call it}"""


@dataclass
class _Found:
    """All entries against their recipes and pictures."""

    connection: Connection
    known: dict[int, _Settings] = field(default_factory=dict)
    methods: dict[tuple[Any, ...], str] = field(default_factory=dict)
    wrong: dict[str, list[int]] = field(default_factory=dict)

    def contradictions(self) -> Iterator[str]:
        """A sentence for each kind of thing that is another one in an entry than in its recipe or picture."""
        of = [column.label(f"recipe_{column.key}") for column in recipes.c]
        statement = (
            select(
                entries.c.id,
                entries.c.origin,
                entries.c.recipe_id,
                entries.c.cfg,
                entries.c.details,
                *(entries.c[name] for name in _SAME),
                *of,
                methods.c.digest.label("method"),
                images.c.width,
                images.c.height,
                sizes.c.width.label("found_width"),
                sizes.c.height.label("found_height"),
                runs.c.kind.label("run"),
            )
            .select_from(
                entries.outerjoin(recipes, entries.c.recipe_id == recipes.c.id)
                .outerjoin(methods, entries.c.method_id == methods.c.id)
                .outerjoin(images, entries.c.image_id == images.c.id)
                .outerjoin(sizes, entries.c.size_id == sizes.c.id)
                .outerjoin(runs, entries.c.run_id == runs.c.id)
            )
            .order_by(entries.c.id)
            .limit(BATCH)
        )
        last = 0
        while rows := self.connection.execute(statement.where(entries.c.id > last)).all():
            self._read_settings({row.recipe_settings_id for row in rows} - {None})
            inputs = self._digests(entry_inputs, blobs, last, rows[-1].id)
            beside = self._digests(entry_adapters, adapters, last, rows[-1].id)
            foreign = []
            for row in rows:
                for what in _differences(row, self._of(row), self._methods(row)):
                    self._note(what, row.id)
                if beside.get(row.id, frozenset()) != self._of(row).adapters:
                    self._note("set of adapters", row.id)
                if inputs.get(row.id) or self._of(row).inputs:
                    foreign.append((row, inputs.get(row.id, frozenset())))
            self._compare_inputs(foreign)
            last = rows[-1].id
        for what, ids in self.wrong.items():
            more = " and more" if len(ids) > NAMED else ""
            source = "pictures have" if what == "size" else "recipes say"
            yield f"Entries have another {what} than their {source} (entries {spans(ids[:NAMED])}{more})."

    def _of(self, row: Any) -> _Settings:
        return self.known.get(row.recipe_settings_id, _NO_RECIPE)

    def _methods(self, row: Any) -> tuple[str | None, ...]:
        """The digest of the method that the entry's recipe says, and its file; and without the words of the file, as imports
        were stored before these were looked for."""
        of = self._of(row)
        if of.body is None:
            return (None,)
        said = said_of(plain_value(row.details)) if row.details else {}
        return tuple(self._method(row.recipe_settings_id, of.body, one) for one in (said, {}))

    def _method(self, settings_id: int, body: Mapping[str, Any], said: Mapping[str, str]) -> str:
        key = settings_id, tuple(said.items())
        if key not in self.methods:
            self.methods[key] = method_digest(method_row(body, said))
        return self.methods[key]

    def _note(self, what: str, entry: int) -> None:
        ids = self.wrong.setdefault(what, [])
        if len(ids) <= NAMED:
            ids.append(entry)

    def _read_settings(self, wanted: Collection[int]) -> None:
        if len(self.known) > MOST_REMEMBERED:
            self.known.clear()
            self.methods.clear()
        ids = sorted(wanted - self.known.keys())
        for start in range(0, len(ids), 500):
            statement = select(settings).where(settings.c.id.in_(ids[start : start + 500]))
            for row in self.connection.execute(statement):
                self.known[row.id] = _Settings.read(row.body)

    def _digests(self, relation: Any, table: Any, after: int, last: int) -> dict[int, frozenset[str]]:
        """{entry: digests of what hangs on it} of the entries behind `after` up to `last`."""
        statement = select(relation.c.entry_id, table.c.digest).select_from(relation.join(table))
        statement = statement.where(relation.c.entry_id > after, relation.c.entry_id <= last)
        found: dict[int, set[str]] = {}
        for row in self.connection.execute(statement):
            found.setdefault(row.entry_id, set()).add(row.digest)
        return {number: frozenset(digests) for number, digests in found.items()}

    def _compare_inputs(self, given: Sequence[tuple[Any, frozenset[str]]]) -> None:
        """Inputs are those of the recipe, and files of adapters that were in memory only. Those of a bundle may be absent."""
        kept = self._adapter_files({digest for row, held in given if held for digest in self._of(row).adapters})
        for row, held in given:
            wanted = self._of(row).inputs
            allowed = wanted.union(*(kept.get(digest, ()) for digest in self._of(row).adapters))
            if held - allowed or (row.origin in OWN and row.run != IMPORT and wanted - held):
                self._note("set of inputs", row.id)

    def _adapter_files(self, digests: Iterable[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        listed = sorted(digests)
        for start in range(0, len(listed), 500):
            statement = select(models.c.digest, model_files.c.sha256).join(model_files)
            for row in self.connection.execute(statement.where(models.c.digest.in_(listed[start : start + 500]))):
                found.setdefault(row.digest, set()).add(row.sha256)
        return found


def _differences(row: Any, of: _Settings, its_methods: tuple[str | None, ...]) -> Iterator[str]:
    """What an entry says otherwise than its recipe and its picture, in the words of people."""
    for name, word in _SAME.items():
        if getattr(row, name) != getattr(row, f"recipe_{name}"):
            yield word
    call = of.call if row.recipe_guidance is None else {**of.call, "guidance_scale": row.recipe_guidance}
    if row.cfg != searched_cfg(of.pipeline, call):
        yield "cfg"
    if row.method not in its_methods:
        yield "pipeline or scheduler"
    planned = row.recipe_width, row.recipe_height
    drawn = planned[0] if row.width is None else row.width, planned[1] if row.height is None else row.height
    # Of entries that came without their picture, the size was said before it was seen.
    fitting = [_size(drawn)] if row.origin in OWN else [_size(drawn), _size(planned)]
    if _size((row.found_width, row.found_height)) not in fitting:
        yield "size"


def _size(sides: tuple[int | None, int | None]) -> tuple[int | None, int | None] | None:
    return None if None in sides else sides
