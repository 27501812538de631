"""Undo: what one operation changed is again as it was before, except where somebody changed it since.

Nothing is taken out of the history: undoing is an operation with changes of its own, and undoing that does the first one
again. What a picture was before is read from the history. For each thing that can be said of a picture (a *subject*: this
tag, that user's rating, its place in a collection) the events form a path of states; an undone operation steps back on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from seedbank.errors import BadInput, NotFound
from seedbank.records import Operation, Undone
from seedbank.store import collected
from seedbank.store.book import UNDO, Book
from seedbank.store.history import COLLECT, EVENT, EVENTS, PERSONAL, TAG, UNTAG, Change, in_order, write_events
from seedbank.store.opinions import BLANK, give_tags, set_column, take_tags
from seedbank.store.reading import LARGEST_ID, chunks
from seedbank.store.runs import BLEND, SWEEP
from seedbank.store.tables import collections, entries, operations, opinion_events, tags, users
from seedbank.store.tagging import MERGE, RENAME
from seedbank.store.words import fold
from seedbank.store.writing import ADD, GENERATE, RECEIVE, VARY, Work, pairs

IMPORT = "import"
MADE = (ADD, GENERATE, VARY, RECEIVE, IMPORT, SWEEP, BLEND)
"""Operations that made entries: those that they name, or those of their run."""
TRASH = {"rm": True, "restore": False, **dict.fromkeys(MADE, False)}
"""{kind: whether the entries were in the trash afterwards}"""
UNDOABLE = (
    *(TAG, UNTAG, *PERSONAL, "adopt", RENAME, MERGE, *TRASH),
    *("create collection", "save search", "change collection", "remove collection", "import collection"),
    *("add to collection", "take out of collection", "move in collection"),
)

Subject = tuple[int, str, Any]
"""(image id, kind, the folded tag, the user's id or the collection's uid)"""


@dataclass(frozen=True)
class State:
    """What a subject was at a time, which operation made it so, and the state before."""

    value: Any = None
    operation: int = 0
    before: State | None = None


def undo(work: Work, number: int | None = None) -> Undone:
    """What operation `number` changed is as before; by default what the user commanded last and is not undone yet.

    Raises `NotFound` when there is none, `BadInput` when it cannot be undone or is undone already.
    """
    book = Book.read(work.connection)
    target = _target(work, book, number)
    root, again = book.root(target.id)
    first = target if root == target.id else _operation(work.connection, root)
    if first.kind not in UNDOABLE:
        raise BadInput(
            f"Operation {root} ({first.kind}) cannot be undone.",
            "Opinions, collections, rm, and what made entries can be: seedbank log",
        )
    if again and (by := book.undone_by(root)) is not None:
        raise BadInput(f"Operation {target.id} was undone by operation {by}.", f"To do it again: seedbank undo {by}")
    if not again and book.undone_by(root) != target.id:
        raise BadInput(f"Operation {target.id} no longer counts: it was undone or done again since.", "See: seedbank log")
    return _Undoing(work, book, first, target, forward=not again).run()


@dataclass
class _Undoing:
    work: Work
    book: Book
    first: Operation
    target: Operation
    forward: bool
    """Whether the first operation is done again."""
    details: dict[str, Any] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)

    def run(self) -> Undone:
        changed = 0
        if self.first.kind in TRASH:
            changed += self._trash()
        moved = changed
        if "tag" in self.first.details:
            changed += self._rename(self.first.details["tag"])
        entries_changed = changed
        row = self.first.details.get("collection")
        creating = row is not None and row.get("is" if self.forward else "was") is not None
        if row is not None and creating:
            changed += self._collection(row)
        changes = list(self._opinions())
        if row is not None and not creating:
            changed += self._collection(row)
        if not changes and not changed:
            return Undone(self.target, None, 0, tuple(self.kept))
        number = self.work.record(UNDO, undoes=self.target.id, of=self.first.kind, **self.details)
        for user in dict.fromkeys(user for user, _ in changes):
            write_events(self.work, number, [change for one, change in changes if one == user], user)
        # Of an import with tags its entries count: pictures that are the same have one tag together.
        counted = moved or len({change[0] for _, change in changes}) or entries_changed or changed
        return Undone(self.target, number, counted, tuple(self.kept))

    # -- entries, names and collections as such ----------------------------------------------------------------------

    def _trash(self) -> int:
        to_trash = TRASH[self.first.kind] == self.forward
        # All that one operation puts in the trash is there since the time of that operation.
        state = entries.c.trashed.is_(None) if to_trash else entries.c.trashed == self.target.at
        named = changed = 0
        for which in self._trashed():
            named += self.work.connection.scalar(select(func.count()).select_from(entries).where(which)) or 0
            statement = update(entries).where(which, state).values(trashed=self.work.at if to_trash else None)
            changed += self.work.connection.execute(statement).rowcount
        if changed < named:
            self.kept.append(f"{_counted(named - changed, 'entry', 'entries')} changed since: left alone.")
        self.details |= {key: self.first.details[key] for key in ("entries", "run") if key in self.first.details}
        return changed

    def _trashed(self) -> list[ColumnElement[bool]]:
        """Conditions on the entries that the first operation put somewhere, one for each piece."""
        if (run := self.first.details.get("run")) is not None:
            return [entries.c.run_id == run]
        return [entries.c.id.between(low, high) for low, high in pairs(self.first.details["entries"])]

    def _rename(self, names: Mapping[str, str]) -> int:
        old, new = (names["from"], names["to"]) if self.forward else (names["to"], names["from"])
        row = self.work.connection.execute(select(tags).where(tags.c.folded == fold(old))).one_or_none()
        taken = self.work.connection.execute(select(tags).where(tags.c.folded == fold(new))).one_or_none()
        if row is None or row.name != old or (taken is not None and taken.id != row.id):
            self.kept.append(f"The tags {old!r} and {new!r} were changed since: left alone.")
            return 0
        self.work.connection.execute(update(tags).where(tags.c.id == row.id).values(name=new, folded=fold(new)))
        self.details["tag"] = {"from": old, "to": new}
        return 1

    def _collection(self, row: Mapping[str, Any]) -> int:
        expected, wanted = (row.get("was"), row.get("is")) if self.forward else (row.get("is"), row.get("was"))
        present = collected.read_state(self.work.connection, row["uid"])
        name = (expected or wanted or {})["name"]
        taken = (
            None
            if wanted is None
            else self.work.connection.scalar(select(collections.c.uid).where(collections.c.folded == fold(wanted["name"])))
        )
        if present != expected or taken not in (None, row["uid"]):
            self.kept.append(f"The collection {name!r} was changed since: left alone.")
            return 0
        if wanted is None:
            left = len(collected.places(self.work.connection, collected.find(self.work.connection, name).id))
            if left:
                self.kept.append(f"The collection {name!r} stays: it holds {_counted(left, 'picture')} put in since.")
                return 0
        collected.put_state(self.work, row["uid"], wanted)
        self.details["collection"] = {"uid": row["uid"], "was": expected, "is": wanted}
        return 1

    # -- what was said of pictures ------------------------------------------------------------------------------------

    def _opinions(self) -> Iterator[tuple[int, Change]]:
        """(id of the user whose opinion it is, change), applied."""
        wanted: dict[Subject, Any] = {}
        later: Counter[int] = Counter()
        for subject, present, made in self._subjects():
            before = _without(made, self.first.id)
            if present is (before if self.forward else made):
                wanted[subject] = made.value if self.forward else before.value
            else:
                later[present.operation] += 1
        for operation, count in sorted(later.items()):
            verb = "keeps" if count == 1 else "keep"
            self.kept.append(f"{_counted(count, 'picture')} {verb} what operation {operation} made later.")
        yield from self._apply(wanted)

    def _subjects(self) -> Iterator[tuple[Subject, State, State]]:
        """(subject, its present state, the state that the first operation made) of all that this operation changed."""
        event = opinion_events.c
        touched = list(
            self.work.connection.scalars(select(event.image_id).where(event.operation_id == self.first.id).distinct())
        )
        for some in chunks(touched):
            present: dict[Subject, State] = {}
            made: dict[tuple[int, Subject], State] = {}
            rows = select(*EVENT).select_from(EVENTS).where(event.image_id.in_(some))
            for row in in_order(self.work.connection.execute(rows.order_by(event.id))):
                subject, value = self._reading(row)
                root, again = self.book.root(row.operation_id)
                state = present.get(subject, State(_blank(subject)))
                if row.operation_id == root:
                    made[root, subject] = state = State(value, root, state)
                else:
                    state = made[root, subject] if again else _without(state, root)
                present[subject] = state
            for (root, subject), state in made.items():
                if root == self.first.id:
                    yield subject, present[subject], state

    def _reading(self, row: Any) -> tuple[Subject, Any]:
        if row.kind in (TAG, UNTAG):
            return (row.image_id, TAG, fold(self.book.today(row))), row.kind == TAG
        if row.kind == COLLECT:
            return (row.image_id, COLLECT, row.value["uid"]), row.value.get("position")
        brought = self.first.kind == IMPORT and self.first.user == self.work.user  # what others said, in a bundle
        if row.operation_id == self.first.id and row.user_id != self.work.user_id and not brought:
            raise BadInput(
                f"Operation {self.first.id} said what {self.first.user} thinks.", f"Only {self.first.user} can undo it."
            )
        return (row.image_id, row.kind, row.user_id), row.value

    def _apply(self, wanted: Mapping[Subject, Any]) -> Iterator[tuple[int, Change]]:
        groups: dict[tuple[str, Any, Any], list[int]] = {}
        placed: dict[str, dict[int, float | None]] = {}
        for (image, kind, of), value in wanted.items():
            if kind == COLLECT:
                placed.setdefault(of, {})[image] = value
            else:
                groups.setdefault((kind, of, value), []).append(image)
        for (kind, of, value), pictures in groups.items():
            user = self.work.user_id if kind == TAG else of
            if kind == TAG:
                name = self.work.connection.scalar(select(tags.c.name).where(tags.c.folded == of)) or of
                changes = (give_tags if value else take_tags)(self.work, pictures, [name])
            else:
                changes = set_column(self.work, pictures, kind, value, of)
            yield from ((user, change) for change in changes)
        for uid, positions in placed.items():
            row = self.work.connection.execute(select(collections).where(collections.c.uid == uid)).one_or_none()
            if row is None:
                self.kept.append("A collection that it changed is gone: left alone.")
            else:
                yield from ((self.work.user_id, change) for change in collected.place(self.work, row, positions))


def _target(work: Work, book: Book, number: int | None) -> Operation:
    if number is not None:
        return _operation(work.connection, number)
    statement = (
        select(operations.c.id)
        .where(operations.c.user_id == work.user_id, operations.c.kind.in_(set(UNDOABLE) - {ADD}))
        .order_by(operations.c.id.desc())
    )
    for found in work.connection.scalars(statement):
        if book.undone_by(found) is None:
            return _operation(work.connection, found)
    raise NotFound(f"There is nothing of {work.user} to undo.", "See what was done with: seedbank log")


def _operation(connection: Connection, number: int) -> Operation:
    statement = select(operations, users.c.name.label("user")).join(users).where(operations.c.id == number)
    row = connection.execute(statement).one_or_none() if number <= LARGEST_ID else None
    if row is None:
        raise NotFound(f"There is no operation {number}.", "See them with: seedbank log")
    return Operation(row.id, row.uid, row.kind, row.at, row.user, row.details or {})


def _without(state: State, operation: int) -> State:
    """The state before `operation`."""
    while state.operation == operation and state.before is not None:
        state = state.before
    return state


def _blank(subject: Subject) -> Any:
    return False if subject[1] == TAG else BLANK.get(subject[1])


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
