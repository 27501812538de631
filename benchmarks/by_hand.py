"""A page of entries as somebody writes it by hand: statements known beforehand, the bare driver, the standard library."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from seedbank.store import Store

Statement = tuple[str, Any]
"""As the driver takes it, with its values."""

JSON = ("obstacles", "details", "body", "output", "tags", "opinions")
TIMES = ("added", "created", "trashed")
IDS = re.compile(r"\s*SELECT (entries\.id|shared\.id|\w+\.(entry_)?id AS id)\b")
"""How the statement begins that gives the ids of a page."""


@dataclass
class Page:
    """What gives a page: how PostgreSQL begins and what settings choose the plan, the ids, the entries, what these share."""

    settings: list[str]
    ids: Statement
    read: list[Statement]


def by_hand(asked: list[Statement], read: list[Statement]) -> Page | None:
    """The page of a query, of which `asked` was sent for its ids and `read` for the entries. None where nothing was asked."""
    settings = [text for text, _ in asked if "set_config(" in text]  # the first one begins a transaction
    ids = [one for one in asked if IDS.match(one[0])]
    return Page(settings, ids[-1], [one for one in read if one[0].lstrip().startswith("SELECT")]) if ids else None


class Bare:
    """A connection of the driver that reads one page again and again."""

    def __init__(self, driver: Any, page: Page, *, sqlite: bool) -> None:
        self.driver, self.page, self.sqlite = driver, page, sqlite

    def begin(self) -> None:
        """One state of the bank; PostgreSQL is told how to plan in the same message."""
        self.driver.execute("BEGIN" if self.sqlite else "; ".join(self.page.settings))

    def ids(self) -> Any:
        """The ids; PostgreSQL plans this statement once, for the values that stand in its text."""
        return self._run(self.page.ids).fetchall()

    def rows(self) -> None:
        """The ids, and all rows that a page is made of."""
        self.ids()
        for statement in self.page.read:
            self._run(statement).fetchall()

    def entries(self) -> list[dict[str, Any]]:
        """The page as dicts."""
        self.begin()
        self.ids()
        found = [self._dicts(self._run(statement)) for statement in self.page.read]
        self.driver.execute("COMMIT")
        models: dict[int, dict[str, Any]] = {}
        for row in found[1] if len(found) > 1 else []:
            model = models.setdefault(row["id"], {**row, "files": []})
            model["files"].append((row["path"], row["size"], row["sha256"]))
        for entry in found[0] if found else []:
            for name in JSON:
                if entry[name] is not None:
                    entry[name] = json.loads(entry[name])
            for name in TIMES:
                if entry[name] is not None:
                    entry[name] = datetime.fromtimestamp(entry[name] / 1e6, UTC)
            entry["model"] = models.get(entry["model_id"])
        return found[0] if found else []

    def _dicts(self, cursor: Any) -> list[dict[str, Any]]:
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _run(self, statement: Statement) -> Any:
        text, given = statement
        if self.sqlite:
            return self.driver.execute(text, given)
        return self.driver.cursor(binary=True).execute(text, given or None, prepare=True)


@contextlib.contextmanager
def bare(store: Store, page: Page, *, inside: bool) -> Iterator[Bare]:
    """A connection of its own, opened as the store opens them; `inside` a transaction that has begun."""
    opened = store.database.engine.raw_connection()
    driver: Any = opened.driver_connection
    opened.detach()
    found = Bare(driver, page, sqlite=store.database.is_sqlite)
    try:
        if inside:
            found.begin()
        yield found
        if inside:
            driver.execute("COMMIT")
    finally:
        driver.close()
