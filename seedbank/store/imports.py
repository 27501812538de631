"""Imports: which files are known, entries in batches, and the run that holds them together.

A file is known by its place (folder, name, size, time, inode) without being read, and by the SHA-256 of its bytes wherever it
lies. A batch is one transaction: its entries, their payloads and tags, and the files that they came from, or nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, select, update

from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.hashing import json_digest, plain_value
from seedbank.records import Holder, KnownFile, NewEntry, Run, SeenFile
from seedbank.store.catalogue import size_of, tell_words
from seedbank.store.digests import head
from seedbank.store.history import write_events
from seedbank.store.inserting import insert_many, write_many
from seedbank.store.opinions import checked_tag, give_tags
from seedbank.store.payloads import read_payloads
from seedbank.store.reading import chunks
from seedbank.store.runs import read_run
from seedbank.store.settling import settle
from seedbank.store.sharing import store_blobs, store_pictures
from seedbank.store.tables import blobs, entries, import_files, import_folders, operations, runs
from seedbank.store.writing import Work, add_entries, new_uid, require_entries

if TYPE_CHECKING:
    from seedbank.records import Payload
    from seedbank.store.database import Database

IMPORT = "import"
"""The kind of the runs, and of the one operation that each of them is for `undo`."""


@dataclass(frozen=True)
class Job:
    """What is imported and how: the same again resumes a run that did not end. `run` is there once something came in."""

    specification: Mapping[str, Any]
    name: str | None = None
    run: Run | None = None


class Imports:
    """The imports of one bank, as one user makes them."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    @contextmanager
    def _work(self) -> Iterator[Work]:
        with self._database.writing() as connection:
            yield Work.begin(connection, self._user)

    # -- what is known ------------------------------------------------------------------------------------------------

    def known(self, folder: str, names: Collection[str]) -> dict[str, KnownFile]:
        """{name: file} of those files of a folder that were imported, as they were then."""
        with self._database.reading() as connection:
            return _known_names(connection, folder, names)

    def holders(self, digests: Collection[str]) -> dict[str, Holder]:
        """{file digest: its entry} of bytes that have one, wherever they lie; the oldest where there are more."""
        with self._database.reading() as connection:
            return _holders(connection, digests)

    def payloads(self, entry: int) -> tuple[Payload, ...]:
        """What the entry's file says of itself, word for word. Raises `NotFound`."""
        with self._database.reading() as connection:
            require_entries(connection, [entry])
            return read_payloads(connection, entry)

    def tell_words(self, words: Mapping[int, Mapping[str, str]]) -> None:
        """As `catalogue.tell_words`."""
        with self._work() as work:
            tell_words(work.connection, words)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def resumed(self, job: Job) -> Job:
        """The job with the run that it resumes: the one of its name, else one of its specification that did not end.

        Raises `BadInput` when the name belongs to another piece of work.
        """
        name, wanted = job.name, json_digest(job.specification)
        open_ones = runs.c.kind == IMPORT, runs.c.name.is_(None), runs.c.finished.is_(None)
        which = open_ones if name is None else (runs.c.name == name,)
        with self._database.reading() as connection:
            for row in connection.execute(select(runs).where(*which).order_by(runs.c.id.desc())).all():
                if row.kind == IMPORT and json_digest(plain_value(row.specification)) == wanted:
                    return replace(job, run=read_run(connection, row.id))
                if name is not None:
                    raise BadInput(f"There is already a run called {name!r} that does something else.", "Choose another name.")
        return job

    def finish(self, run: Run) -> None:
        """All that the run walks has been looked at."""
        with self._work() as work:
            work.connection.execute(update(runs).where(runs.c.id == run.id).values(finished=work.at))
            settle(work.connection, run.id)

    # -- entries ------------------------------------------------------------------------------------------------------

    @contextmanager
    def adding(
        self,
        job: Job,
        given: Sequence[tuple[SeenFile, NewEntry]],
        tags: Sequence[str] = (),
        completes: Mapping[SeenFile, int] | None = None,
    ) -> Iterator[tuple[Run | None, list[Holder]]]:
        """The entry of each file and the run that holds the new ones; None while there are none. In one transaction: all is
        stored when the block ends.

        Bytes that have an entry already get no second one. An entry that lacked its picture or its bytes has them now. Only
        pictures that come in are tagged: an import that is made every day must not bring back a tag that was taken away.
        `completes` are entries without a picture by the file that they were made of.
        """
        with self._work() as work:
            connection = work.connection
            found = _holders(connection, {seen.digest for seen, _ in given})
            own = _unpictured(connection, completes or {})
            news: dict[str, NewEntry] = {}
            for seen, new in given:
                if seen in own:
                    own[seen] = _meet(work, own[seen], new)
                elif seen.digest not in found:
                    news.setdefault(seen.digest, new)
                else:
                    found[seen.digest] = _meet(work, found[seen.digest], new)
            run = job.run
            if news:
                run = run or start(work, job)
                ids = add_entries(work, [replace(new, run=run.id) for new in news.values()])
                for (digest, new), number in zip(news.items(), ids, strict=True):
                    kept = new.blob is not None and new.blob.location is None
                    found[digest] = Holder(number, new.picture is not None, kept, new=True)
            if tags:
                came = [holder.entry for holder in (*found.values(), *own.values()) if holder.new or holder.lacked]
                pictures = _pictures(connection, came)
                if changes := give_tags(work, pictures, [checked_tag(tag) for tag in tags]):
                    run = run or start(work, job)
                    write_events(work, operation_of(connection, run.id), changes)
            outcome = []
            for seen, _ in given:
                outcome.append(own.get(seen) or found[seen.digest])
                if seen not in own:
                    found[seen.digest] = replace(found[seen.digest], new=False, lacked=False)  # the same bytes again
            _remember(connection, [(seen, holder.entry) for (seen, _), holder in zip(given, outcome, strict=True)])
            yield run, outcome


def start(work: Work, job: Job) -> Run:
    """A new run, and the operation by which the whole of it is undone."""
    uid = new_uid()
    number = work.insert(
        runs,
        uid=uid,
        kind=IMPORT,
        name=job.name,
        digest=json_digest({"kind": IMPORT, "specification": job.specification, "name": job.name, "uid": uid}),
        specification=dict(job.specification),
        created=work.at,
        user_id=work.user_id,
    )
    work.record(IMPORT, run=number, name=job.name, paths=job.specification.get("paths"))
    return read_run(work.connection, number)


_held = (entries.c.id, entries.c.image_id, entries.c.blob_id, entries.c.trashed, blobs.c.location)


def _holder(row: Any) -> Holder:
    kept = row.blob_id is not None and row.location is None
    return Holder(row.id, row.image_id is not None, kept, row.trashed is not None)


def _known_names(connection: Connection, folder: str, names: Collection[str]) -> dict[str, KnownFile]:
    file = import_files.c
    found: dict[str, KnownFile] = {}
    number = connection.scalar(select(import_folders.c.id).where(import_folders.c.path == folder))
    if number is None:
        return found
    held = entries.outerjoin(blobs, entries.c.blob_id == blobs.c.id)
    statement = select(import_files, *_held).join(held, entries.c.id == file.entry_id).where(file.folder_id == number)
    for some in chunks(names):
        for row in connection.execute(statement.where(file.name.in_(some))):
            seen = SeenFile(folder, row.name, row.size, row.mtime_ns, row.inode, row.digest)
            found[row.name] = KnownFile(seen, _holder(row))
    return found


def _holders(connection: Connection, digests: Collection[str]) -> dict[str, Holder]:
    found: dict[str, Holder] = {}
    held = entries.outerjoin(blobs, entries.c.blob_id == blobs.c.id)
    by_blob = select(blobs.c.digest, *_held).select_from(entries.join(blobs, entries.c.blob_id == blobs.c.id))
    by_file = select(import_files.c.digest, *_held).join(held, entries.c.id == import_files.c.entry_id)
    for some in chunks(sorted(digests)):
        for statement, digest in ((by_file, import_files.c.digest), (by_blob, head(blobs.c.digest))):
            for row in connection.execute(statement.where(digest.in_(some)).order_by(entries.c.id.desc())):
                found[row.digest] = _holder(row)
    return found


def _unpictured(connection: Connection, completes: Mapping[SeenFile, int]) -> dict[SeenFile, Holder]:
    """Those of `completes` that have no picture still."""
    found: dict[SeenFile, Holder] = {}
    numbers = {entry: seen for seen, entry in completes.items()}
    held = entries.outerjoin(blobs, entries.c.blob_id == blobs.c.id)
    for some in chunks(numbers):
        statement = select(*_held).select_from(held).where(entries.c.id.in_(some), entries.c.image_id.is_(None))
        found |= {numbers[row.id]: _holder(row) for row in connection.execute(statement)}
    return found


def _meet(work: Work, holder: Holder, new: NewEntry) -> Holder:
    """The entry after its file was seen again: what was not known is filled in, what was known stays."""
    if new.picture is None or new.blob is None:
        return holder
    kept = new.blob.location is None
    if holder.pictured:
        store_blobs(work.connection, [new.blob])  # it has moved, or lies in the image store now
        return replace(holder, kept=holder.kept or kept, lacked=kept and not holder.kept)
    image = store_pictures(work.connection, [new.picture])[new.picture.digest]
    values: dict[str, Any] = {"image_id": image, "blob_id": store_blobs(work.connection, [new.blob])[new.blob.digest]}
    if (size := size_of(work.connection, new.picture)) is not None:
        values["size_id"] = size
    work.connection.execute(update(entries).where(entries.c.id == holder.entry).values(values))
    return replace(holder, pictured=True, kept=kept, lacked=True)


def operation_of(connection: Connection, run: int) -> int:
    """The operation that `start` wrote down for a run."""
    statement = select(operations.c.id, operations.c.details).where(operations.c.kind == IMPORT)
    for row in connection.execute(statement.order_by(operations.c.id.desc())):
        if (row.details or {}).get("run") == run:
            return int(row.id)
    raise BadInput(f"Run {run} is not an import.")


def _pictures(connection: Connection, ids: Iterable[int]) -> list[int]:
    """The images of these entries, each once."""
    found: list[int] = []
    for some in chunks(sorted(set(ids))):
        statement = select(entries.c.image_id).where(entries.c.id.in_(some), entries.c.image_id.is_not(None))
        found += connection.scalars(statement)
    return list(dict.fromkeys(found))


def _remember(connection: Connection, seen: Sequence[tuple[SeenFile, int]]) -> None:
    paths = {file.folder for file, _ in seen}
    rows = connection.execute(select(import_folders).where(import_folders.c.path.in_(sorted(paths)))).all()
    numbers = {row.path: row.id for row in rows}
    missing = sorted(paths - numbers.keys())
    made = insert_many(connection, import_folders, [{"path": path} for path in missing])
    numbers |= dict(zip(missing, made, strict=True))
    latest = {(numbers[file.folder], file.name): (file, entry) for file, entry in seen}
    by_folder: dict[int, list[str]] = {}
    for folder, name in latest:
        by_folder.setdefault(folder, []).append(name)
    for folder, names in by_folder.items():
        for some in chunks(names):
            where = import_files.c.folder_id == folder, import_files.c.name.in_(some)
            connection.execute(delete(import_files).where(*where))
    files = [
        {
            "folder_id": folder,
            "name": name,
            "size": file.size,
            "mtime_ns": file.mtime_ns,
            "inode": file.inode,
            "digest": file.digest,
            "entry_id": entry,
        }
        for (folder, name), (file, entry) in latest.items()
    ]
    write_many(connection, import_files, files)
