"""What a team says about its pictures beyond single opinions: tags as a vocabulary, collections, undo; and overviews.

Every method that changes something is one transaction and leaves one operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seedbank.records import Collection, Duplicates, Edge, Stats, Tag, TeamOpinion, Undone
from seedbank.store import book, collected, collections, facets, likeness, lineage, making, opinions, tagging, undo
from seedbank.store.writing import Act, Work

if TYPE_CHECKING:
    from seedbank.store.database import Database


class Curation:
    """The tags, collections and operations of one bank, as one user uses them."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    @contextmanager
    def _work(self) -> Iterator[Work]:
        with self._database.writing() as connection:
            yield Work.begin(connection, self._user)

    # -- opinions -----------------------------------------------------------------------------------------------------

    def team(self, ids: Iterable[int]) -> dict[int, list[TeamOpinion]]:
        """{entry id: what each user says of its image}; entries of which nobody says anything are left out."""
        with self._database.reading() as connection:
            return opinions.team_opinions(connection, ids)

    def adopt(self, source: int, ids: Sequence[int]) -> int:
        """The entries' images have what was said of that of `source`; gives how many images changed."""
        with self._work() as work:
            return opinions.adopt(work, source, ids)

    def undo(self, number: int | None = None) -> Undone:
        """What operation `number` (by default the user's latest) changed is as before, but for what changed since."""
        with self._work() as work:
            return undo.undo(work, number)

    def undone(self) -> dict[int, int]:
        """{operation: the operation that undid it} of all that are undone at present."""
        with self._database.reading() as connection:
            return book.undone(connection)

    # -- what there is ------------------------------------------------------------------------------------------------

    def stats(self, ids: Iterable[int] | None = None) -> Stats:
        """How many of what there are among all live entries, or among these."""
        with self._database.reading() as connection:
            return facets.stats(connection) if ids is None else facets.stats_of(connection, ids)

    def alike(self, phash: str, distance: int, but: str | None = None) -> list[tuple[int, int]]:
        """(entry, distance in bits) of entries that look like a picture with this perceptual hash, the nearest first.

        `but` is an image digest that does not count.
        """
        with self._database.reading() as connection:
            return likeness.alike(connection, phash, distance, but)

    def copies(self, ids: Iterable[int], distance: int) -> list[tuple[int, int, int]]:
        """(entry, other, distance in bits) of entries among `ids` that look like another which has something to adopt."""
        with self._database.reading() as connection:
            return likeness.copies(connection, ids, distance, self._user)

    def duplicates(self, distance: int | None, ids: Iterable[int] | None = None) -> list[Duplicates]:
        """Groups of entries with the same image and, unless `distance` is None, of images at most so many bits apart."""
        with self._database.reading() as connection:
            return likeness.duplicates(connection, distance, ids)

    def family(self, number: int, most: int) -> tuple[list[Edge], bool]:
        """(edges between the entry, its ancestors and its descendants, whether there are more than `most`)."""
        with self._database.reading() as connection:
            return lineage.family(connection, number, most)

    # -- tags ---------------------------------------------------------------------------------------------------------

    def tags(self) -> list[Tag]:
        """All tags that a picture has, the commonest first."""
        with self._database.reading() as connection:
            return tagging.read_tags(connection)

    def tag_names(self, prefix: str, limit: int = 50) -> list[str]:
        """Tags that begin with `prefix`, in alphabetical order."""
        with self._database.reading() as connection:
            return tagging.tag_names(connection, prefix, limit)

    def rename_tag(self, old: str, new: str) -> int:
        """The tag has another name; gives how many pictures have it. `BadInput` when the name is another tag's."""
        with self._work() as work:
            return tagging.rename_tag(work, old, new)

    def merge_tags(self, old: str, into: str) -> int:
        """Pictures with the tag `old` have `into` instead; gives how many."""
        with self._work() as work:
            return tagging.merge_tags(work, old, into)

    # -- collections --------------------------------------------------------------------------------------------------

    def collections(self) -> list[Collection]:
        """All collections and saved searches, by name."""
        with self._database.reading() as connection:
            return collected.read_collections(connection)

    def collection(self, name: str) -> Collection:
        """The collection or saved search with this name. Raises `NotFound`."""
        with self._database.reading() as connection:
            return collected.read_collection(connection, name)

    def entries_in(self, name: str) -> list[int]:
        """The entries of a collection in its order: of each picture the oldest that is not in the trash."""
        with self._database.reading() as connection:
            return collected.entries_in(connection, name)

    def images_in(self, name: str) -> list[str]:
        """The image digests of a collection in its order, also of pictures that have no live entry."""
        with self._database.reading() as connection:
            return collected.images_in(connection, name)

    def create_collection(self, name: str, query: str | None = None) -> None:
        """A new collection, or with `query` a saved search. Raises `BadInput` when the name is taken."""
        with self._work() as work:
            collections.create(work, name, query)

    def begin_making(self, kind: str, run: int, name: str | None, query: str | None = None) -> Act:
        """What the user does in one go with a run that makes entries, and the collection or saved search that is part of it."""
        with self._work() as work:
            return Act(kind, making.begin(work, kind, run, name, query))

    def gather(self, name: str, ids: Sequence[int], act: Act) -> None:
        """The entries' pictures stand in this order at the end of the collection, as a part of `act`."""
        assert act.number is not None
        with self._work() as work:
            making.gather(work, name, ids, act.number)

    def receive_collection(self, name: str, digests: Sequence[str], cover: str | None = None) -> list[str]:
        """A new collection of the pictures with these image digests; gives those that are not in this bank."""
        with self._work() as work:
            return collections.receive(work, name, digests, cover)

    def change_collection(
        self, name: str, *, new_name: str | None = None, query: str | None = None, cover: int | None = None
    ) -> None:
        """The collection has this name, query, or entry as its cover; what is None stays."""
        with self._work() as work:
            collections.change(work, name, new_name=new_name, query=query, cover=cover)

    def remove_collection(self, name: str) -> None:
        """There is no such collection any more; its pictures stay where they are."""
        with self._work() as work:
            collections.remove(work, name)

    def collect(self, name: str, ids: Sequence[int]) -> int:
        """The entries' pictures are in the collection, new ones at its end; gives how many came in."""
        with self._work() as work:
            return collections.add(work, name, ids)

    def take_out(self, name: str, ids: Sequence[int]) -> int:
        """The entries' pictures are not in the collection; gives how many were."""
        with self._work() as work:
            return collections.take_out(work, name, ids)

    def move(self, name: str, ids: Sequence[int], before: int | None = None) -> int:
        """The entries' pictures stand, in this order, before the entry `before`, or at the end; gives how many."""
        with self._work() as work:
            return collections.move(work, name, ids, before)
