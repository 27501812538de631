"""What leaves in a bundle beside the entries, and how a bundle's records come in.

Everything is recognised: entries, regenerations and users by uid, opinions by who said what of which picture when, edges and
what entries share by themselves. So the same bundle twice brings nothing, and two banks can exchange bundles to and fro.
"""

from __future__ import annotations

from collections.abc import Collection as Many
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, or_, select

from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.records import Blob, Collection, Model, Saying
from seedbank.store.book import Book
from seedbank.store.digests import head
from seedbank.store.history import COLLECT, TAG, UNTAG, in_order, said_of
from seedbank.store.payloads import read_payloads
from seedbank.store.reading import chunks, read_models
from seedbank.store.runs import regenerations_of
from seedbank.store.tables import (
    blobs,
    edges,
    entries,
    entry_inputs,
    images,
    models,
    opinion_events,
    users,
    weight_hashes,
)

if TYPE_CHECKING:
    from seedbank.records import Payload, Regeneration
    from seedbank.store.database import Database
    from seedbank.store.merging import Merge


class Bundles:
    """The bank as bundles are made of it and merged into it, by one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    # -- what leaves ----------------------------------------------------------------------------------------------------

    def order(self, ids: Iterable[int]) -> list[int]:
        """These entries in the order of their uids, which is the same in every bank; those in the trash are left out."""
        found: list[tuple[str, int]] = []
        with self._database.reading() as connection:
            for some in chunks(dict.fromkeys(ids)):
                where = entries.c.id.in_(some), entries.c.trashed.is_(None)
                found += ((row.uid, row.id) for row in connection.execute(select(entries.c.uid, entries.c.id).where(*where)))
        return [number for _, number in sorted(found)]

    def regenerations(self, ids: Sequence[int]) -> list[Regeneration]:
        """All attempts at a few entries, in the order of their uids."""
        with self._database.reading() as connection:
            return sorted(regenerations_of(connection, list(ids)), key=lambda one: one.uid)

    def inputs(self, ids: Sequence[int]) -> dict[int, list[Blob]]:
        """{entry: its input files in their order} of a few entries."""
        found: dict[int, list[Blob]] = {number: [] for number in ids}
        statement = select(entry_inputs.c.entry_id, blobs).join(blobs).where(entry_inputs.c.entry_id.in_(list(ids)))
        with self._database.reading() as connection:
            for row in connection.execute(statement.order_by(entry_inputs.c.entry_id, entry_inputs.c.position)):
                found[row.entry_id].append(Blob(row.digest, row.size, row.media_type, row.location))
        return found

    def payloads(self, ids: Iterable[int]) -> dict[int, tuple[Payload, ...]]:
        """{entry: what its file says of itself} of a few entries."""
        with self._database.reading() as connection:
            return {number: read_payloads(connection, number) for number in ids}

    def models(self, digests: Iterable[str]) -> list[Model]:
        """Models with all their hashes, by digest."""
        found = []
        with self._database.reading() as connection:
            for some in chunks(sorted(set(digests))):
                ids = list(connection.scalars(select(models.c.id).where(models.c.digest.in_(some))))
                hashes: dict[int, list[tuple[str, str]]] = {number: [] for number in ids}
                for row in connection.execute(select(weight_hashes).where(weight_hashes.c.model_id.in_(ids))):
                    hashes[row.model_id].append((row.kind, row.hash))
                read = read_models(connection, ids)
                found += [replace(model, hashes=tuple(sorted(hashes[number]))) for number, model in read.items()]
        return sorted(found, key=lambda model: model.digest)

    def users(self) -> dict[str, str]:
        """{name: uid} of all users."""
        with self._database.reading() as connection:
            return {row.name: row.uid for row in connection.execute(select(users))}

    def sayings(self, digests: Iterable[str]) -> Iterator[list[Saying]]:
        """What was said of each of these pictures, with the present names of tags; pictures of which nothing was said are
        left out."""
        with self._database.reading() as connection:
            book = Book.read(connection)
        for some in chunks(sorted(set(digests))):
            with self._database.reading() as connection:
                numbers = _images(connection, some)
                said = spoken(connection, book, numbers.values())
            yield from (
                sorted((saying for saying, _ in said[number]), key=_rank) for number in numbers.values() if said[number]
            )

    def collections(self, digests: Many[str], *, searches: bool = False) -> list[Collection]:
        """The collections that hold, or held, some of these pictures, by uid, and with `searches` the saved ones too; `cover`
        only where it is one of them."""
        from seedbank.store.collected import read_collections

        named: set[str] = set()
        with self._database.reading() as connection:
            known = read_collections(connection)
            for some in chunks(digests):
                statement = select(opinion_events.c.value).join(images).where(head(images.c.digest).in_(some))
                named |= {value["uid"] for value in connection.scalars(statement.where(opinion_events.c.kind == COLLECT))}
        found = [one for one in known if (searches if one.query is not None else one.uid in named)]
        return sorted(
            (replace(one, cover=one.cover if one.cover in digests else None) for one in found), key=lambda one: one.uid
        )

    def edges(self, ids: Iterable[int]) -> Iterator[tuple[str, str, str]]:
        """(uid of the child, uid of the parent, kind) of the edges that touch these entries, each once."""
        child, parent = entries.alias("child"), entries.alias("parent")
        joined = edges.join(child, edges.c.child_id == child.c.id).join(parent, edges.c.parent_id == parent.c.id)
        statement = select(child.c.uid.label("child"), parent.c.uid.label("parent"), edges.c.kind).select_from(joined)
        found: set[tuple[str, str, str]] = set()
        with self._database.reading() as connection:
            for some in chunks(ids):
                touching = or_(edges.c.child_id.in_(some), edges.c.parent_id.in_(some))
                found |= {(row.child, row.parent, row.kind) for row in connection.execute(statement.where(touching))}
        yield from sorted(found)

    # -- what comes -----------------------------------------------------------------------------------------------------

    def known(self, uids: Iterable[str]) -> set[str]:
        """Those of these entries that are here, also in the trash."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for some in chunks(uids):
                found |= set(connection.scalars(select(entries.c.uid).where(entries.c.uid.in_(some))))
        return found

    def check_lineage(self, given: Iterable[tuple[str, str]], coming: Many[str]) -> None:
        """Raises `BadInput` where entries would come from themselves by these edges, (child, parent) by uid, and those that
        are here already. `coming` are the uids of a bundle's entries."""
        from seedbank.store.lineage import circle_with

        with self._database.reading() as connection:
            if found := circle_with(connection, given, coming):
                raise from_themselves(found[:2], len(found))

    @contextmanager
    def merging(self, specification: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Merge]:
        """One transaction that takes records in: all of them, or nothing. `names` are {user: uid} of the bundle."""
        from seedbank.store.merging import Merge
        from seedbank.store.writing import Work

        with self._database.writing() as connection:
            merge = Merge(Work.begin(connection, self._user), specification, names)
            yield merge
            merge.finish()


def from_themselves(uids: Sequence[str], number: int) -> BadInput:
    """What is wrong with lineage in a circle of so many entries, some of which are named."""
    named = " and ".join(uids) + (" and others" if number > len(uids) else "")
    return BadInput(f"By the lineage of the bundle, entries would come from themselves: {named}.", "Have it sent again.")


def spoken(connection: Connection, book: Book, numbers: Iterable[int]) -> dict[int, list[tuple[Saying, Any]]]:
    """{image id: (what was said, the value as it was written down) in order} of these pictures."""
    found: dict[int, list[tuple[Saying, Any]]] = {number: [] for number in numbers}
    for row in in_order(connection.execute(said_of(opinion_events.c.image_id.in_(list(found))))):
        value = row.value
        if row.kind in (TAG, UNTAG):
            value = book.today(row)
        elif row.kind == COLLECT:
            value = {"uid": row.value["uid"], "position": row.value.get("position")}
        found[row.image_id].append((Saying(row.digest, row.at, row.name, row.kind, value), row.value))
    return found


def _images(connection: Connection, digests: Sequence[str]) -> dict[str, int]:
    """{image digest: id}, in the order of the digests."""
    rows = connection.execute(select(images.c.digest, images.c.id).where(head(images.c.digest).in_(digests)))
    return dict(sorted((row.digest, row.id) for row in rows))


def _rank(saying: Saying) -> tuple[Any, ...]:
    """An order that is the same in every bank."""
    return saying.at, saying.user or "", saying.kind, str(saying.value)
