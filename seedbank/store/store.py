"""`Store`: what a bank knows, asked and told in records. Every write is one transaction and leaves an operation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seedbank.query import EVERYTHING, Query
from seedbank.store import reading
from seedbank.store.database import Database
from seedbank.store.editable import Editable
from seedbank.store.finding import Finder

# What only writing needs is imported inside the methods: listing entries must stay quick to start.
if TYPE_CHECKING:
    from seedbank.environment import Environment
    from seedbank.records import (
        Blob,
        Count,
        Edge,
        Entry,
        Model,
        NewEntry,
        NewRegeneration,
        Operation,
        Page,
        Picture,
        Referred,
        Regeneration,
        Run,
        StoredPicture,
    )
    from seedbank.store.bundles import Bundles
    from seedbank.store.curation import Curation
    from seedbank.store.imports import Imports
    from seedbank.store.writing import Act, Work


class Store(Editable):
    """One bank's database: what renders, records and finds stands here, opinions and the trash in the class below it."""

    def __init__(self, database: Database, user: str | None = None) -> None:
        super().__init__(database, user)
        self._finder = Finder(database, self.user)

    def tell_gone(self, gone: Callable[[], Collection[str]]) -> None:
        """Let `regenerable:` ask `gone` for the digests of models and adapters that are not at hand."""
        self._finder.gone = gone

    def tell_unknown(self, remark: Callable[[str], None]) -> None:
        """Let `remark` hear of names in queries that the bank does not have, each with the nearest that it has.

        A query that is asked again while nothing has changed is not told again.
        """
        self._finder.remark = remark

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

    # -- parts of their own -------------------------------------------------------------------------------------------

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

    def run_verdicts(self, which: int | str) -> dict[int, str | None]:
        """{entry of the selection of a run: the verdict of its attempt there, None while it is pending}."""
        from seedbank.store import runs

        with self._database.reading() as connection:
            return runs.verdicts(connection, runs.read_run(connection, which).id)

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

    # -- audit --------------------------------------------------------------------------------------------------------

    def operations(self, limit: int = 50, before: int | None = None) -> list[Operation]:
        """Who did what when, newest first."""
        from seedbank.store.listing import read_operations

        with self._database.reading() as connection:
            return read_operations(connection, limit, before)
