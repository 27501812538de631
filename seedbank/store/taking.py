"""What the parts of a merge share: its transaction, its run and operation, who is who, and how much came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from seedbank.frozen import replace
from seedbank.records import Came, Run
from seedbank.store.imports import Job, operation_of, start
from seedbank.store.tables import users
from seedbank.store.writing import Work


class Taking:
    """One bundle that is being taken in. `names` are its users, {name there: uid}."""

    def __init__(self, work: Work, specification: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self.work = work
        self.connection = work.connection
        self.run: Run | None = None
        self.came = Came()
        self._specification = specification
        self._uids = names
        self._names: dict[str, str] = {}
        self._operation: int | None = None
        self._works: dict[str, Work] = {}

    def count(self, **news: int) -> None:
        """So many more came in."""
        self.came = replace(self.came, **{name: getattr(self.came, name) + number for name, number in news.items()})

    def begin(self) -> tuple[int, int]:
        """(run, operation) that hold all that is new, made when something is."""
        if self.run is None or self._operation is None:
            self.run = start(self.work, Job(self._specification))
            self._operation = operation_of(self.connection, self.run.id)
            self.came = replace(self.came, operation=self._operation)
        return self.run.id, self._operation

    def name(self, user: str | None) -> str:
        """Who that is here: the user with the same uid, else with the same name; without a name, who is at work."""
        if user is None:
            return self.work.user
        if user not in self._names:
            uid = self._uids.get(user)
            known = None if uid is None else self.connection.scalar(select(users.c.name).where(users.c.uid == uid))
            if known is None:
                self.work.id_of(user, uid)
            self._names[user] = known or user
        return self._names[user]

    def acting_as(self, user: str | None) -> Work:
        """The same work done by this user of the bank."""
        assert user is not None
        return self._works.setdefault(user, Work(self.connection, user, self.work.at))
