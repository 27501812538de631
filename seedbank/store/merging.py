"""The records of a bundle on their way into a bank: what is known stays, what is new comes in, the latest word counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.records import EDGES, Came, Collection, NewEntry, NewRegeneration, Saying
from seedbank.store.bundles import from_themselves
from seedbank.store.files import attach
from seedbank.store.inserting import insert_many
from seedbank.store.lineage import circle
from seedbank.store.reading import chunks
from seedbank.store.runs import regeneration_columns, set_verdicts
from seedbank.store.sayings import Sayings
from seedbank.store.settling import settle
from seedbank.store.sharing import known_ids, store_blobs
from seedbank.store.tables import blobs, edges, entries, images, regenerations, runs
from seedbank.store.taking import Taking
from seedbank.store.writing import Work, add_entries


class Merge:
    """One transaction that takes in the records of a bundle; the caller gives them in the order of the methods."""

    def __init__(self, work: Work, specification: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._taking = Taking(work, specification, names)
        self._sayings = Sayings(self._taking)
        self._connection = work.connection
        self._children: set[int] = set()

    @property
    def came(self) -> Came:
        """How much came in."""
        return self._taking.came

    def entries(self, given: Sequence[NewEntry]) -> None:
        """The bank has these entries. Of one that it knows, only bytes that were absent come in."""
        wanted = [new.uid for new in given]
        statement = select(entries.c.uid, entries.c.id, entries.c.blob_id, entries.c.trashed, images.c.digest)
        joined = statement.select_from(entries.outerjoin(images, entries.c.image_id == images.c.id))
        known = {row.uid: row for row in self._connection.execute(joined.where(entries.c.uid.in_(wanted)))}
        news = []
        for new in given:
            row = known.get(str(new.uid))
            if row is None:
                news.append(replace(new, user=self._taking.name(new.user)))
                continue
            self._taking.count(known=1, trashed=int(row.trashed is not None))
            if row.blob_id is None and new.blob is not None and new.picture is not None and row.digest == new.picture.digest:
                self._taking.begin()
                attach(self._taking.work, row.id, new.blob, new.picture)
                self._taking.count(completed=1)
        if news:
            run, _ = self._taking.begin()
            add_entries(self._taking.work, [replace(new, run=run) for new in news])
            self._taking.count(entries=len(news))

    def ids(self, uids: Iterable[str]) -> dict[str, int]:
        """{uid: id} of those entries that are here."""
        found: dict[str, int] = {}
        for some in chunks(dict.fromkeys(uids)):
            rows = self._connection.execute(select(entries.c.uid, entries.c.id).where(entries.c.uid.in_(some)))
            found |= {row.uid: row.id for row in rows}
        return found

    def regenerations(self, given: Sequence[tuple[str, datetime, str | None, NewRegeneration]]) -> None:
        """The bank has these attempts: (uid, when, who, attempt). The latest that was no experiment is its entry's verdict."""
        uids = [uid for uid, *_ in given]
        known = set(self._connection.scalars(select(regenerations.c.uid).where(regenerations.c.uid.in_(uids))))
        touched = set()
        for uid, at, user, new in given:
            if uid not in known:
                self._taking.begin()
                columns = regeneration_columns(self._connection, new)
                maker = self._taking.work.id_of(self._taking.name(user))
                insert_many(
                    self._connection, regenerations, [{"uid": uid, "at": at, "user_id": maker, "run_id": None, **columns}]
                )
                self._taking.count(regenerations=1)
                touched.add(new.entry)
        set_verdicts(self._connection, sorted(touched))

    def edges(self, given: Sequence[tuple[str, str, str]]) -> None:
        """The lineage has these edges, (child, parent, kind) by uid, where both ends are here."""
        ids = self.ids(uid for child, parent, _ in given for uid in (child, parent))
        wanted = {(ids[child], ids[parent], kind) for child, parent, kind in given if child in ids and parent in ids}
        for _, _, kind in wanted:
            if kind not in EDGES:
                raise BadInput(f"There is no kind of lineage called {kind!r}.", "Have the bundle sent again.")
        known = set()
        for some in chunks(sorted({child for child, _, _ in wanted})):
            rows = self._connection.execute(select(edges).where(edges.c.child_id.in_(some)))
            known |= {(row.child_id, row.parent_id, row.kind) for row in rows}
        if news := sorted(wanted - known):
            self._taking.begin()
            self._connection.execute(
                insert(edges), [{"child_id": child, "parent_id": parent, "kind": kind} for child, parent, kind in news]
            )
            self._children.update(child for child, _, _ in news)
            self._taking.count(edges=len(news))

    def collections(self, given: Iterable[Collection]) -> None:
        """The collections that sayings may name; one is made when its first picture comes into it. Saved searches are here
        from now on."""
        self._sayings.collections(given)

    def sayings(self, given: Sequence[Saying]) -> None:
        """All that is said of some pictures: the history has it, and of each thing the latest word counts."""
        self._sayings.take(given)

    def kept(self, files: Iterable[Any]) -> None:
        """The image store holds these files of models, which are named by their models alone."""
        listed = list(files)
        missing = {blob.digest for blob in listed} - known_ids(self._connection, blobs, {blob.digest for blob in listed}).keys()
        if missing:
            self._taking.begin()
            store_blobs(self._connection, [blob for blob in listed if blob.digest in missing])

    def finish(self) -> None:
        """The run is over: nothing is left of it to resume. Raises `BadInput` where entries would come from themselves."""
        if found := circle(self._connection, self._children):
            uids = self._connection.scalars(select(entries.c.uid).where(entries.c.id.in_(found[:2])).order_by(entries.c.id))
            raise from_themselves([*uids], len(found))
        if self._taking.run is not None:
            where = runs.c.id == self._taking.run.id
            self._connection.execute(update(runs).where(where).values(finished=self._taking.work.at))
            settle(self._connection, self._taking.run.id)
