"""What was said elsewhere, on its way into a bank: opinions and collections of a bundle meet those that are here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.records import Collection, Saying
from seedbank.store import collected
from seedbank.store.book import Book
from seedbank.store.bundles import spoken
from seedbank.store.digests import head
from seedbank.store.history import COLLECT, PERSONAL, TAG, UNTAG
from seedbank.store.opinions import checked_name, checked_note, checked_tag, give_tags, set_column, take_tags
from seedbank.store.reading import chunks
from seedbank.store.sharing import known_ids
from seedbank.store.tables import collection_items, collections, images, opinion_events
from seedbank.store.taking import Taking
from seedbank.store.words import fold

Subject = tuple[int, str, Any]
"""(image id, kind, what of it: a folded tag, a user, a collection)"""


class Sayings:
    """The sayings of a bundle and the collections that they name; what is said latest of each thing counts."""

    def __init__(self, taking: Taking) -> None:
        self._taking = taking
        self._connection = taking.connection
        self._collections: dict[str, Collection] = {}
        self._rows: dict[str, tuple[Any, float]] = {}  # by their uid in the bundle
        self._here: dict[str, Any] = {}  # the same by their uid here

    def collections(self, given: Iterable[Collection]) -> None:
        """The collections that sayings may name; one is made when its first picture comes into it. Saved searches are here
        from now on."""
        for one in given:
            if one.query is None:
                self._collections[one.uid] = one
            else:
                self._search(one.query, one)

    def _search(self, query: str, wanted: Collection) -> None:
        """The bank has this saved search, by its uid or else by its name; one that was changed or called so here stays."""
        mine = collections.c.uid == wanted.uid
        same = (collections.c.folded == fold(wanted.name)) & (collections.c.query == query)
        if self._connection.scalar(select(collections.c.id).where(mine | same)) is not None:
            return
        made = self._new(wanted)
        after = {"name": made.name, "query": query}
        self._taking.work.record("save search", name=made.name, collection={"uid": made.uid, "was": None, "is": after})
        self._taking.count(searches=1)

    def take(self, given: Sequence[Saying]) -> None:
        """All that is said of some pictures: the history has it, and of each thing the latest word counts."""
        mine: dict[str, list[Saying]] = {}
        for saying in given:
            mine.setdefault(saying.image, []).append(saying)
        numbers = known_ids(self._connection, images, sorted(mine))
        said = spoken(self._connection, Book.read(self._connection), numbers.values())
        news: list[tuple[int, Saying, Any]] = []
        counting: list[tuple[int, Saying]] = []
        for digest in sorted(numbers):
            number = numbers[digest]
            rows, latest = self._picture(number, said[number], mine[digest])
            news += rows
            counting += ((number, saying) for saying in latest)
        if not news:
            return
        _, operation = self._taking.begin()
        self._apply(counting)
        values = [
            {
                "image_id": number,
                "user_id": self._taking.acting_as(saying.user).user_id,
                "operation_id": operation,
                "at": saying.at,
                "kind": saying.kind,
                "value": value,
            }
            for number, saying, value in news
        ]
        self._connection.execute(insert(opinion_events), values)
        self._taking.count(sayings=len(news))

    def _picture(
        self, image: int, written: list[tuple[Saying, Any]], given: Iterable[Saying]
    ) -> tuple[list[tuple[int, Saying, Any]], Iterable[Saying]]:
        """What is new of all that is said of a picture, as it is written down; and what of that counts from now on."""
        present = [saying for saying, _ in written]
        known = {key for saying, value in written for key in (_identity(saying), _identity(replace(saying, value=value)))}
        latest = {self._subject(image, saying): saying.at for saying in present}
        counts: dict[Subject, Saying] = {}
        rows = []
        for saying in sorted(given, key=lambda one: one.at):
            mine = self._checked(saying)
            if mine is None or _identity(mine) in known or (saying.user is None and self._is_said(mine, present)):
                continue
            known.add(_identity(mine))
            subject = self._subject(image, mine)
            if subject not in latest or mine.at > latest[subject]:
                counts[subject] = mine
            rows.append((image, mine, self._value(mine)))
        return rows, counts.values()

    def _checked(self, saying: Saying) -> Saying | None:
        """The saying as this bank would write it down; None for a place in a collection that did not come along."""
        value = saying.value
        wrong = BadInput(f"A {saying.kind[:20]} in the bundle is none.", "Have the bundle sent again.")
        if saying.kind in (TAG, UNTAG) and isinstance(value, str):
            value = checked_tag(value)
        elif saying.kind == "note" and (value is None or isinstance(value, str)):
            value = None if value is None else checked_note(value)
        elif saying.kind == COLLECT and isinstance(value, Mapping) and isinstance(value.get("uid"), str):
            position = value.get("position")
            if position is not None and not _is_place(position):
                raise wrong
            if value["uid"] not in self._collections:
                return None
            row, offset = self._row(value["uid"], make=position is not None)
            if row is None:
                return None
            value = {"uid": row.uid, "position": None if position is None else position + offset}
        elif not _is_opinion(saying.kind, value):
            raise wrong
        return replace(saying, user=self._taking.name(saying.user), value=value)

    @staticmethod
    def _is_said(mine: Saying, present: Iterable[Saying]) -> bool:
        """Whether somebody said it then, of a saying that came without a name."""
        wanted = _identity(mine)[2:]
        return any(_identity(one)[0] == mine.at and _identity(one)[2:] == wanted for one in present)

    @staticmethod
    def _subject(image: int, saying: Saying) -> Subject:
        if saying.kind in (TAG, UNTAG):
            return image, TAG, fold(saying.value)
        if saying.kind == COLLECT:
            return image, COLLECT, saying.value["uid"]
        return image, saying.kind, saying.user

    def _value(self, mine: Saying) -> Any:
        if mine.kind != COLLECT:
            return mine.value
        row = self._here[mine.value["uid"]]
        return {"collection": row.name, "uid": row.uid, "position": mine.value["position"]}

    def _apply(self, counting: Iterable[tuple[int, Saying]]) -> None:
        """All of this is so, without events of its own: what is the same of several pictures at once."""
        alike: dict[tuple[str | None, str, Any], list[int]] = {}
        places: dict[int, dict[int, float | None]] = {}
        for image, mine in counting:
            if mine.kind == COLLECT:
                places.setdefault(self._here[mine.value["uid"]].id, {})[image] = mine.value["position"]
            else:
                alike.setdefault((mine.user, mine.kind, mine.value), []).append(image)
        for (user, kind, value), pictures in alike.items():
            said_by = self._taking.acting_as(user)
            if kind in PERSONAL:
                set_column(said_by, pictures, kind, value, said_by.user_id)
            else:
                (give_tags if kind == TAG else take_tags)(said_by, pictures, [value])
        for number, held in places.items():
            for some in chunks(held):
                where = collection_items.c.collection_id == number, collection_items.c.image_id.in_(some)
                self._connection.execute(delete(collection_items).where(*where))
                rows = [
                    {"collection_id": number, "image_id": image, "position": held[image]}
                    for image in some
                    if held[image] is not None
                ]
                if rows:
                    self._connection.execute(insert(collection_items), rows)

    # -- collections ----------------------------------------------------------------------------------------------------

    def _row(self, uid: str, *, make: bool) -> tuple[Any, float]:
        """(the collection here that is this one, by its uid or else its name, what is added to places in it)."""
        if uid not in self._rows:
            wanted = self._collections[uid]
            row = self._connection.execute(select(collections).where(collections.c.uid == uid)).one_or_none()
            offset = 0.0
            if row is None:
                named = collections.c.folded == fold(wanted.name), collections.c.query.is_(None)
                row = self._connection.execute(select(collections).where(*named)).one_or_none()
                if row is not None:
                    offset = max(collected.places(self._connection, row.id).values(), default=0.0)
            if row is None and not make:
                return None, 0.0
            if row is None:
                self._taking.begin()
                row = self._new(wanted)
            self._rows[uid], self._here[row.uid] = (row, offset), row
        return self._rows[uid]

    def _new(self, wanted: Collection) -> Any:
        name = base = checked_name(wanted.name, "collection")
        number = 2
        while self._connection.scalar(select(collections.c.id).where(collections.c.folded == fold(name))) is not None:
            name, number = f"{base} {number}", number + 1  # the name is that of something else
        cover = (
            self._connection.scalar(select(images.c.id).where(head(images.c.digest) == wanted.cover)) if wanted.cover else None
        )
        made = self._taking.work.insert(
            collections,
            uid=wanted.uid,
            name=name,
            folded=fold(name),
            created=wanted.created,
            user_id=self._taking.work.id_of(self._taking.name(wanted.user)),
            cover_id=cover,
            query=wanted.query,
        )
        return self._connection.execute(select(collections).where(collections.c.id == made)).one()


def _is_opinion(kind: str, value: Any) -> bool:
    if kind == "rating":
        return value is None or (type(value) is int and 0 <= value <= 5)
    return kind == "favourite" and isinstance(value, bool)


def _is_place(position: Any) -> bool:
    """Whether it is a number that can be counted on from: beyond these, one more is the same again."""
    return isinstance(position, (int, float)) and not isinstance(position, bool) and -(2**53) < position < 2**53


def _identity(saying: Saying) -> tuple[Any, ...]:
    """By what a saying is known again: when, who, of what kind, and what; the place in a collection does not count."""
    value = saying.value
    if saying.kind == COLLECT:
        value = value["uid"], value.get("position") is None
    elif isinstance(value, str):
        value = fold(value) if saying.kind in (TAG, UNTAG) else value
    return saying.at, saying.user, saying.kind, value
