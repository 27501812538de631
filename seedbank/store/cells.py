"""The cells of a sweep: entries that have been rendered already, and what failed.

A cell is known by its content: the digest of its recipe, in an environment. So an interrupted run finds what it has made,
and a new one finds what others have, without a place of its own for either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from seedbank.hashing import plain_value
from seedbank.store.digests import head
from seedbank.store.reading import chunks
from seedbank.store.tables import entries, environments, operations, recipes, run_entries

if TYPE_CHECKING:
    from seedbank.store.store import Store

FAILED = "cell failed"
"""Kind of the operation that tells of a cell."""
PLANNED = "planned"
"""Key in an entry's details: the digest of the recipe as it was planned, where rendering added to it."""


@dataclass(frozen=True)
class Rendered:
    """An entry that can be a cell: its id, the digest of its environment, and the run that made it."""

    id: int
    environment: str
    run: int | None


def rendered(store: Store, digests: Iterable[str]) -> dict[str, list[Rendered]]:
    """{recipe digest: its live entries that were rendered as it says and have their picture, oldest first}."""
    found: dict[str, list[Rendered]] = {}
    with store.database.reading() as connection:
        for some in chunks(digests):
            statement = (
                select(recipes.c.digest, entries.c.id, entries.c.run_id, environments.c.digest.label("environment"))
                .select_from(entries.join(recipes).join(environments))
                .where(
                    head(recipes.c.digest).in_(some),
                    entries.c.trashed.is_(None),
                    entries.c.blob_id.is_not(None),
                    entries.c.obstacles.is_(None),
                )
                .order_by(entries.c.id)
            )
            for row in connection.execute(statement):
                found.setdefault(row.digest, []).append(Rendered(row.id, row.environment, row.run_id))
    return found


def renamed(store: Store, run: int) -> dict[str, int]:
    """{digest of the recipe as planned: entry id} of the run's live entries whose recipe got more than was planned."""
    statement = select(entries.c.id, entries.c.details).where(
        entries.c.run_id == run, entries.c.trashed.is_(None), entries.c.details.is_not(None)
    )
    with store.database.reading() as connection:
        rows = connection.execute(statement).all()
    return {row.details[PLANNED]: row.id for row in rows if PLANNED in row.details}


def reused(store: Store, run: int) -> set[int]:
    """The entries of others that are cells of the run."""
    with store.database.reading() as connection:
        return set(connection.scalars(select(run_entries.c.entry_id).where(run_entries.c.run_id == run)))


def reuse(store: Store, run: int, ids: Iterable[int]) -> None:
    """These entries of others are cells of the run from now on."""
    from seedbank.store.writing import Work, spans

    wanted = set(ids)
    with store.database.writing() as connection:
        of_run = run_entries.c.run_id == run
        for some in chunks(sorted(wanted)):
            wanted -= set(connection.scalars(select(run_entries.c.entry_id).where(of_run, run_entries.c.entry_id.in_(some))))
        if wanted:
            connection.execute(insert(run_entries), [{"run_id": run, "entry_id": number} for number in sorted(wanted)])
            Work.begin(connection, store.user).record("reuse", run=run, entries=spans(wanted))


def tell_failure(store: Store, run: int, cell: int, message: str) -> None:
    """Write down that a cell of a run could not be rendered, and why."""
    from seedbank.store.writing import Work

    with store.database.writing() as connection:
        Work.begin(connection, store.user).record(FAILED, run=run, cell=cell, message=message)


def failures(store: Store, run: int) -> dict[int, str]:
    """{cell: why it failed the last time} of a run, also of cells that were rendered later."""
    statement = select(operations.c.details).where(operations.c.kind == FAILED).order_by(operations.c.id)
    with store.database.reading() as connection:
        told = [plain_value(details) for details in connection.scalars(statement)]
    return {details["cell"]: details["message"] for details in told if details["run"] == run}
