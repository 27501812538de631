"""`Store`: what a bank knows, asked and told in records. Every write is one transaction and leaves an operation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from seedbank import config
from seedbank.environment import Environment
from seedbank.errors import BadInput
from seedbank.query import EVERYTHING, Query
from seedbank.records import (
    Blob,
    Count,
    Edge,
    Entry,
    Model,
    NewEntry,
    NewRegeneration,
    Operation,
    OpinionEvent,
    Page,
    Picture,
    Referred,
    Regeneration,
    Run,
    StoredPicture,
)
from seedbank.store import reading
from seedbank.store.database import Database, Place
from seedbank.store.finding import Finder
from seedbank.store.rows import parsed
from seedbank.store.types import moment, uid_text
from seedbank.store.versions import check_revision

# What only writing needs is imported inside the methods: listing entries must stay quick to start.
if TYPE_CHECKING:
    from seedbank.store.bundles import Bundles
    from seedbank.store.curation import Curation
    from seedbank.store.imports import Imports
    from seedbank.store.writing import Act, Work


class BankInfo(Struct, frozen=True):
    """What a bank says of itself."""

    uid: str
    created: datetime
    images_url: str
    settings: Mapping[str, Any]


class Store:
    """One bank's database, as one user uses it. Safe to share between threads."""

    def __init__(self, database: Database, user: str | None = None) -> None:
        """For `create` and `open`, which look after the schema."""
        self.user = user or config.user()
        self._database = database
        self._finder = Finder(database, self.user)

    def tell_gone(self, gone: Callable[[], Collection[str]]) -> None:
        """Let `regenerable:` ask `gone` for the digests of models and adapters that are not at hand."""
        self._finder.gone = gone

    def tell_unknown(self, remark: Callable[[str], None]) -> None:
        """Let `remark` hear of names in queries that the bank does not have, each with the nearest that it has."""
        self._finder.remark = remark

    @classmethod
    def create(cls, url: str, *, images_url: str | None = None, user: str | None = None, exist_ok: bool = False) -> Store:
        """A new bank. Without `images_url`, pictures lie beside a SQLite file; on PostgreSQL it must be given.

        Raises `BadInput` when there is a bank already, unless `exist_ok`.
        """
        from seedbank.store import schema

        place = Place.parse(url)
        schema.create(place, images_url, user or config.user(), exist_ok=exist_ok)
        return cls.open(url, user=user)

    @classmethod
    def open(cls, url: str, *, user: str | None = None) -> Store:
        """The bank at `url`. Raises `NoBank` when there is none, `OtherSchema` when another version wrote it."""
        database = Database(Place.parse(url))
        try:
            check_revision(database)
            database.settle_journal()
        except BaseException:
            database.close()
            raise
        return cls(database, user)

    def close(self) -> None:
        """Gives all connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def database(self) -> Database:
        """The connections, for the other modules of this package."""
        return self._database

    @contextmanager
    def _write(self, user: str | None) -> Iterator[Work]:
        from seedbank.store import writing

        with self._database.writing() as connection:
            yield writing.Work.begin(connection, user or self.user)

    def info(self) -> BankInfo:
        """What the bank says of itself."""
        with self._database.reading() as connection:
            row = connection.exec_driver_sql("SELECT uid, created, images, settings FROM bank").one()
        uid, created, images, settings = row
        place = images or f"{self._database.place.file}.images"
        return BankInfo(uid_text(uid), moment(created), place, {} if settings is None else parsed(settings))

    # -- entries ------------------------------------------------------------------------------------------------------

    def add_entry(self, new: NewEntry, user: str | None = None, act: Act | None = None) -> Entry:
        """Stores an entry and gives it as the bank holds it. It is part of what the user does in one go, if that is said."""
        with self._write(user) as work:
            ids, operation = self._add(work, [new], act)
            entry = reading.entries_by_id(work.connection, ids, self.user)[0]
        if act is not None:
            act.number = operation
        return entry

    def add_entries(self, news: Iterable[NewEntry], user: str | None = None) -> list[int]:
        """Stores all of them or none, and gives their ids in the same order."""
        listed = list(news)
        if not listed:
            return []
        with self._write(user) as work:
            return self._add(work, listed)[0]

    def _add(self, work: Work, news: Sequence[NewEntry], act: Act | None = None) -> tuple[list[int], int]:
        """(ids, the operation that they and their tags are part of)."""
        from seedbank.store import opinions, writing

        ids = writing.add_entries(work, news)
        operation = writing.written_down(work, act or writing.Act(writing.ADD), ids, of_run=news[0].run is not None)
        for number, new in zip(ids, news, strict=True):
            if new.tags:
                opinions.add_tags(work, [number], new.tags, operation)
        return ids, operation

    def entry(self, number: int) -> Entry:
        """The entry with this id, also from the trash. Raises `NotFound`."""
        return self.entries([number])[0]

    def entries(self, ids: Sequence[int]) -> list[Entry]:
        """The entries with these ids, in this order, also from the trash. Raises `NotFound`."""
        with self._database.reading() as connection:
            return reading.entries_by_id(connection, ids, self.user)

    def find(self, query: Query = EVERYTHING, *, limit: int = 50, after: int | None = None) -> Page:
        """A page of entries, newest first unless the query sorts; behind the entry `after`, the last of the page before."""
        return self._finder.page(query, limit, after)

    def ids(self, query: Query = EVERYTHING) -> Iterator[int]:
        """The ids of all matches in the order of the query, without holding anything open."""
        return self._finder.ids(query)

    def count(self, query: Query = EVERYTHING, *, at_most: int | None = None) -> int:
        """How many entries match; counting stops at `at_most`."""
        return self._finder.count(query, at_most)

    def count_about(self, query: Query = EVERYTHING) -> Count:
        """How many entries match: exactly when they are few, else from a sample; quick also with millions."""
        return self._finder.count_about(query)

    def resolve(self, which: str | Sequence[str], *, trash: bool | None = False) -> list[int]:
        """The ids that WHICH stands for: an id, ``3..9``, ``1,2,5``, ``@last``, 6 or more digits of a digest, a query.

        `trash`: False for live entries only, True for those in the trash only, None for both.
        Raises `NotFound` when it stands for nothing, `BadInput` when a digest is ambiguous.
        """
        from seedbank.store.which import resolve

        return resolve(self._finder, which, trash)

    def lineage(self, number: int) -> tuple[list[Edge], list[Edge]]:
        """(edges to the parents, edges from the children) of an entry."""
        from seedbank.store import lineage, writing

        with self._database.reading() as connection:
            writing.require_entries(connection, [number])
            return lineage.edges_of(connection, number)

    # -- opinions -----------------------------------------------------------------------------------------------------

    def tag(self, ids: Iterable[int], names: Iterable[str], user: str | None = None, act: Act | None = None) -> int:
        """The entries' images have these tags, as a part of `act` if that is given; gives how many images changed."""
        from seedbank.store import opinions

        with self._write(user) as work:
            return opinions.add_tags(work, list(ids), list(names), None if act is None else act.number)

    def untag(self, ids: Iterable[int], names: Iterable[str], user: str | None = None) -> int:
        """The entries' images do not have these tags; gives how many images changed."""
        from seedbank.store import opinions

        with self._write(user) as work:
            return opinions.remove_tags(work, list(ids), list(names))

    def favourite(self, ids: Iterable[int], on: bool = True, user: str | None = None) -> int:
        """The entries' images are favourites of the user, or not; gives how many images changed."""
        from seedbank.store import opinions

        with self._write(user) as work:
            return opinions.set_opinion(work, "favourite", list(ids), "favourite", bool(on))

    def rate(self, ids: Iterable[int], rating: int | None, user: str | None = None) -> int:
        """The user rates the entries' images 0 to 5, or not at all (None); gives how many images changed."""
        from seedbank.store import opinions

        if rating is not None and (type(rating) is not int or not 0 <= rating <= 5):
            raise BadInput(f"A rating is a whole number from 0 to 5, not {rating!r}.")
        with self._write(user) as work:
            return opinions.set_opinion(work, "rating", list(ids), "rating", rating)

    def note(self, ids: Iterable[int], text: str, user: str | None = None) -> int:
        """The user's note on the entries' images is `text`, none when it is empty; gives how many images changed."""
        from seedbank.store import opinions

        note = opinions.checked_note(text)
        with self._write(user) as work:
            return opinions.set_opinion(work, "note", list(ids), "note", note)

    def history(self, number: int) -> list[OpinionEvent]:
        """All that was ever said about the entry's image, oldest first."""
        from seedbank.store import opinions

        with self._database.reading() as connection:
            return opinions.history(connection, number)

    @property
    def imports(self) -> Imports:
        """Files that were imported, what they say of themselves, and the runs that import them."""
        from seedbank.store.imports import Imports

        return Imports(self._database, self.user)

    @property
    def bundles(self) -> Bundles:
        """What leaves in bundles, and what comes in them."""
        from seedbank.store.bundles import Bundles

        return Bundles(self._database, self.user)

    @property
    def curation(self) -> Curation:
        """Tags as a vocabulary, collections, undo."""
        from seedbank.store.curation import Curation

        return Curation(self._database, self.user)

    # -- runs and regenerations ---------------------------------------------------------------------------------------

    def start_run(
        self,
        kind: str,
        specification: Mapping[str, Any],
        ids: Iterable[int],
        name: str | None = None,
        user: str | None = None,
    ) -> Run:
        """A new run over a frozen selection, or the same as before, which resumes it."""
        from seedbank.store import runs

        with self._write(user) as work:
            return runs.start_run(work, kind, specification, list(ids), name)

    def pending(self, run: Run | int) -> list[int]:
        """What a run has still to do, in order of ids."""
        from seedbank.store import runs

        with self._database.reading() as connection:
            return runs.pending(connection, run if isinstance(run, int) else run.id)

    def run(self, which: int | str) -> Run:
        """The run with this id or name. Raises `NotFound`."""
        from seedbank.store import runs

        with self._database.reading() as connection:
            return runs.read_run(connection, which)

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        from seedbank.store import runs

        with self._database.reading() as connection:
            return runs.read_runs(connection)

    def add_regeneration(self, new: NewRegeneration, user: str | None = None) -> Regeneration:
        """Stores an attempt. A second one at the same entry in the same run changes nothing and gives the first."""
        from seedbank.store import runs

        with self._write(user) as work:
            return runs.add_regeneration(work, new)

    def regenerations(self, number: int) -> list[Regeneration]:
        """All attempts at an entry, oldest first."""
        from seedbank.store import runs

        with self._database.reading() as connection:
            return runs.read_regenerations(connection, number)

    # -- what entries share -------------------------------------------------------------------------------------------

    def environment(self, digest: str) -> Environment:
        """The environment with this digest, or the only one that begins like that. Raises `NotFound`, `BadInput`."""
        from seedbank.store.environments import read_environment

        with self._database.reading() as connection:
            return read_environment(connection, digest)

    def model(self, digest: str) -> Model:
        """The model with this digest. Raises `NotFound`."""
        from seedbank.store.listing import read_model

        with self._database.reading() as connection:
            return read_model(connection, digest)

    def models(self) -> list[Model]:
        """All models, in the order in which they were first seen."""
        from seedbank.store.listing import all_models

        with self._database.reading() as connection:
            return all_models(connection)

    # -- files and pictures -------------------------------------------------------------------------------------------

    def blob(self, digest: str) -> Blob:
        """The file with this digest. Raises `NotFound`."""
        from seedbank.store import files

        with self._database.reading() as connection:
            return files.read_blob(connection, digest)

    def blobs(self) -> Iterator[Referred]:
        """Every file that any row refers to, without holding anything open."""
        from seedbank.store import files

        return files.referred(self._database)

    def entries_of_blob(self, digest: str) -> list[int]:
        """The ids of the entries whose picture, trace or input is this file, also from the trash."""
        from seedbank.store import files

        with self._database.reading() as connection:
            return files.entries_of_blob(connection, digest)

    def entries_of_picture(self, digest: str) -> list[int]:
        """The ids of the entries with this image digest, also from the trash."""
        from seedbank.store import files

        with self._database.reading() as connection:
            return files.entries_of_picture(connection, digest)

    def stored_pictures(self) -> Iterator[StoredPicture]:
        """The pictures of all entries whose bytes are here, also from the trash."""
        from seedbank.store import files

        return files.stored_pictures(self._database)

    def attach(self, number: int, blob: Blob, picture: Picture | None = None, user: str | None = None) -> Entry:
        """The entry's picture lies in `blob`: its bytes have come, or come back. `picture` is what is known of it now."""
        from seedbank.store import files

        with self._write(user) as work:
            files.attach(work, number, blob, picture)
            return reading.entries_by_id(work.connection, [number], self.user)[0]

    # -- trash and audit ----------------------------------------------------------------------------------------------

    def trash(self, ids: Iterable[int], user: str | None = None) -> list[int]:
        """The entries are in the trash; gives those that were not before."""
        from seedbank.store import trash

        with self._write(user) as work:
            return trash.trash(work, list(ids))

    def restore(self, ids: Iterable[int], user: str | None = None) -> list[int]:
        """The entries are out of the trash; gives those that were in it."""
        from seedbank.store import trash

        with self._write(user) as work:
            return trash.restore(work, list(ids))

    def purge(self, ids: Iterable[int], user: str | None = None) -> list[int]:
        """The entries are gone for good, with all that nothing else needs; `BadInput` for one not in the trash."""
        from seedbank.store import trash

        with self._write(user) as work:
            return trash.purge(work, list(ids))

    def operations(self, limit: int = 50, before: int | None = None) -> list[Operation]:
        """Who did what when, newest first."""
        from seedbank.store.listing import read_operations

        with self._database.reading() as connection:
            return read_operations(connection, limit, before)
