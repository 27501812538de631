"""Durable runs, and the regenerations that they and single commands insert."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, exists, func, insert, select, update

from seedbank.errors import BadInput, NotFound
from seedbank.hashing import json_digest, plain_value
from seedbank.records import VERDICTS, NewRegeneration, Regeneration, Run
from seedbank.store.columns import BLOB, OUTPUT, PICTURE, as_they_lie, slices
from seedbank.store.reading import LARGEST_ID, chunks
from seedbank.store.rows import blob_of, output_of, picture_of
from seedbank.store.sharing import store_blobs, store_environments, store_pictures
from seedbank.store.tables import blobs, entries, environments, images, regenerations, run_entries, runs, users
from seedbank.store.writing import Work, new_uid, output_columns, require_entries, spans

SWEEP, BLEND = "sweep", "blend"
MAKING = (SWEEP, BLEND)
"""Kinds of runs that make entries: as many as the `cells` of their specification, of which others may have made some."""

# -- runs ----------------------------------------------------------------------------------------------------------


def start_run(work: Work, kind: str, specification: Mapping[str, Any], ids: Iterable[int], name: str | None) -> Run:
    """The run with this kind, specification, selection and name: a new one, or the same as before, which resumes it.

    A name stands for one piece of work: with a name that is known, the selection of its first start counts, and another
    specification is refused.
    """
    if name is not None and not name.strip():  # a variable that is not set, perhaps: it would name a run of before
        raise BadInput("The name of a run is empty.", "Give it one, or leave --name away.")
    connection = work.connection
    selection = sorted(require_entries(connection, ids))
    digest = json_digest({"kind": kind, "specification": specification, "entries": spans(selection), "name": name})
    same = runs.c.digest == digest if name is None else runs.c.name == name
    if (known := connection.execute(select(runs).where(same)).one_or_none()) is None:
        number = work.insert(
            runs,
            uid=new_uid(),
            kind=kind,
            name=name,
            digest=digest,
            specification=dict(specification),
            created=work.at,
            user_id=work.user_id,
        )
        if selection:
            connection.execute(insert(run_entries), [{"run_id": number, "entry_id": entry} for entry in selection])
        work.record("start run", run=number, entries=spans(selection))
    elif known.digest != digest and (known.kind, _work(known.specification)) != (kind, _work(specification)):
        raise BadInput(f"There is already a run called {name!r} that does something else.", "Choose another name.")
    else:
        number = known.id
    return read_run(connection, number)


def _work(specification: Mapping[str, Any]) -> str:
    """What two specifications of the same work have in common: an option that came with a later seedbank is not in older
    ones, and changes nothing where it is not used."""
    unused: tuple[Any, ...] = (None, (), [], {})
    return json_digest({name: value for name, value in specification.items() if value is not False and value not in unused})


def read_run(connection: Connection, which: int | str) -> Run:
    """The run with this id or name."""
    if isinstance(which, int) and not 0 < which <= LARGEST_ID:
        raise NotFound(f"There is no run {which} in this bank.")
    found = _runs(connection, _run_select().where(runs.c.name == which if isinstance(which, str) else runs.c.id == which))
    if not found and isinstance(which, str) and re.fullmatch("[0-9]{1,100}", which):
        return read_run(connection, int(which))
    if not found:
        raise NotFound(f"There is no run {which!r} in this bank.", "Sweeps are collections too: seedbank collection ls")
    return found[0]


def read_runs(connection: Connection) -> list[Run]:
    """All runs, newest first."""
    return _runs(connection, _run_select().order_by(runs.c.id.desc()))


def pending(connection: Connection, run: int) -> list[int]:
    """What a run has still to do, in order of ids: its selection minus what it has a regeneration of."""
    return list(
        connection.scalars(
            select(run_entries.c.entry_id).where(run_entries.c.run_id == run, ~_finished).order_by(run_entries.c.entry_id)
        )
    )


def verdicts(connection: Connection, run: int) -> dict[int, str | None]:
    """{entry of the selection of a run: the verdict of its attempt there, None while it is pending}."""
    attempt = (regenerations.c.run_id == run_entries.c.run_id) & (regenerations.c.entry_id == run_entries.c.entry_id)
    found = select(run_entries.c.entry_id, regenerations.c.verdict).outerjoin_from(run_entries, regenerations, attempt)
    rows = connection.execute(found.where(run_entries.c.run_id == run).order_by(run_entries.c.entry_id))
    return {row.entry_id: row.verdict for row in rows}


_finished = exists().where(regenerations.c.run_id == run_entries.c.run_id, regenerations.c.entry_id == run_entries.c.entry_id)


def _run_select() -> Select[Any]:
    total = select(func.count()).where(run_entries.c.run_id == runs.c.id).scalar_subquery()
    done = select(func.count()).where(run_entries.c.run_id == runs.c.id, _finished).scalar_subquery()
    made = select(func.count()).where(entries.c.run_id == runs.c.id).scalar_subquery()
    return select(runs, users.c.name.label("user"), total.label("total"), done.label("done"), made.label("made")).join(users)


def _runs(connection: Connection, statement: Select[Any]) -> list[Run]:
    return [
        Run(
            id=row.id,
            uid=row.uid,
            kind=row.kind,
            name=row.name,
            digest=row.digest,
            specification=plain_value(row.specification),
            created=row.created,
            user=row.user,
            # Its cells are entries that it made, and entries of others that it found.
            total=row.specification["cells"] if row.kind in MAKING else row.total,
            done=row.made + row.total if row.kind in MAKING else row.done,
            finished=row.finished,
        )
        for row in connection.execute(statement)
    ]


# -- regenerations -------------------------------------------------------------------------------------------------


def add_regeneration(work: Work, new: NewRegeneration) -> Regeneration:
    """Stores an attempt. The second attempt at the same entry in the same run changes nothing and gives the first."""
    connection = work.connection
    if new.verdict not in VERDICTS:
        raise BadInput(f"There is no verdict {new.verdict!r}.", f"Use one of: {', '.join(VERDICTS)}.")
    require_entries(connection, [new.entry])
    if new.run is not None:
        read_run(connection, new.run)
        already = regenerations.c.run_id == new.run, regenerations.c.entry_id == new.entry
        if first := _regenerations(connection, _regeneration_select().where(*already)):
            return first[0]
    number = work.insert(
        regenerations, uid=new_uid(), at=work.at, user_id=work.user_id, run_id=new.run, **regeneration_columns(connection, new)
    )
    if not new.experiment:
        set_verdicts(connection, [new.entry])
    work.record("regenerate", entries=str(new.entry), regeneration=number)
    return _regenerations(connection, _regeneration_select().where(regenerations.c.id == number))[0]


def counting_verdict(entry: ColumnElement[int]) -> ScalarSelect[str]:
    """The verdict that counts for an entry: that of the latest attempt that was no experiment."""
    of = regenerations.c.entry_id == entry, ~regenerations.c.experiment
    latest = regenerations.c.at.desc(), regenerations.c.id.desc()  # attempts that came in a bundle were made before
    return select(regenerations.c.verdict).where(*of).order_by(*latest).limit(1).scalar_subquery()


def set_verdicts(connection: Connection, ids: Iterable[int]) -> None:
    """These entries carry the verdicts that count."""
    for some in chunks(ids):
        values = update(entries).where(entries.c.id.in_(some)).values(verdict=counting_verdict(entries.c.id))
        connection.execute(values)


def regeneration_columns(connection: Connection, new: NewRegeneration) -> dict[str, Any]:
    """The columns of an attempt, what it shares with others stored; who made it when, and in which run, is not among them."""
    known_environments = store_environments(connection, [new.environment])
    known_images = store_pictures(connection, [new.picture])
    known_blobs = store_blobs(connection, [new.blob])
    return {
        "entry_id": new.entry,
        "verdict": new.verdict,
        "experiment": new.experiment,
        "environment_id": known_environments[new.environment.digest] if new.environment else None,
        "image_id": known_images[new.picture.digest] if new.picture else None,
        "blob_id": known_blobs[new.blob.digest] if new.blob else None,
        **output_columns(new.output),
        "trace": new.trace,
        "first_difference": new.first_difference,
        "drift": dict(new.drift) or None,
        "explanation": dict(new.explanation) or None,
        "evidence": dict(new.evidence) or None,
    }


def read_regenerations(connection: Connection, entry: int) -> list[Regeneration]:
    """All attempts at an entry, oldest first."""
    require_entries(connection, [entry])
    return regenerations_of(connection, [entry])


def regenerations_of(connection: Connection, ids: list[int]) -> list[Regeneration]:
    """All attempts at these entries, oldest first."""
    chosen = regenerations.c.entry_id.in_(ids)
    return _regenerations(connection, _regeneration_select().where(chosen).order_by(regenerations.c.id))


_COLUMNS = [
    *(column for column in regenerations.c if column.key not in OUTPUT),
    users.c.name.label("user"),
    environments.c.digest.label("environment_digest"),
]
_OUTPUT = as_they_lie(*(regenerations.c[name] for name in OUTPUT))
_GROUPS = (_COLUMNS, _OUTPUT, PICTURE, BLOB)
_, _output, _picture, _blob = slices(*_GROUPS)


def _regeneration_select() -> Select[Any]:
    return select(*(column for group in _GROUPS for column in group)).select_from(
        regenerations.join(users)
        .outerjoin(environments)
        .outerjoin(images, regenerations.c.image_id == images.c.id)
        .outerjoin(blobs, regenerations.c.blob_id == blobs.c.id)
    )


def _regenerations(connection: Connection, statement: Select[Any]) -> list[Regeneration]:
    return [
        Regeneration(
            id=row.id,
            uid=row.uid,
            at=row.at,
            user=row.user,
            entry=row.entry_id,
            verdict=row.verdict,
            experiment=row.experiment,
            run=row.run_id,
            environment_digest=row.environment_digest,
            picture=picture_of(*row[_picture]),
            blob=blob_of(*row[_blob]),
            output=output_of(*row[_output]),
            trace=row.trace,
            first_difference=row.first_difference,
            drift=plain_value(row.drift or {}),
            explanation=plain_value(row.explanation or {}),
            evidence=plain_value(row.evidence or {}),
        )
        for row in connection.execute(statement)
    ]
