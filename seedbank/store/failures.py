"""What databases complain about, in one sentence with the remedy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from seedbank.errors import BadInput, SeedbankError, StorageError

ROOM = 2**20
"""Bytes on a disk below which SQLite finds no room for the files beside a database, and calls that an I/O error."""

_Pieces = tuple[tuple[str, str, str], ...]
"""(piece of the error, message, hint)"""

_SLOW = (
    "The query took too long and was stopped.",
    "Narrow it down with what is rare: a tag, a model, a whole word, added:-30d.. or id:1000..",
)

# SQLite's own messages have been the same for twenty years; its result codes do not reach us from every module.
_SQLITE: _Pieces = (
    (
        "database or disk is full",
        "The disk is full: {place} could not be written.",
        "Free some space and try again; nothing was stored.",
    ),
    (
        "readonly database",
        "The bank {place} is read-only.",
        "Check the permissions of the file and of its folder, or copy both the file and its pictures to another place.",
    ),
    ("database is locked", "Another process is writing to {place} and did not finish within 30 seconds.", "Try again."),
    ("file is not a database", "{place} is not a database.", "Name the file of a bank with --bank."),
    ("malformed", "{place} is damaged.", "Copy the file away, then restore a backup of it."),
    (
        "unable to open database file",
        "{place} cannot be opened.",
        "Check the permissions of the file and of its folder.",
    ),
    ("interrupted", _SLOW[0], _SLOW[1]),
    ("disk I/O error", "The disk failed while {place} was in use.", "Check the disk, then run: seedbank check"),
)

_POOLED = (
    "{place} is reached through a pooler that gives each transaction another connection, so prepared statements get lost.",
    "Let it keep a client on its connection (PgBouncer: pool_mode = session), or name the server itself with --bank.",
)

# The first two characters of PostgreSQL's SQLSTATE name the class of an error.
_POSTGRESQL = (
    (
        "53100",
        "The disk of the database server is full: nothing was stored in {place}.",
        "Free some space there and try again.",
    ),
    ("25006", "{place} is read-only.", "Is the server a replica? Name its primary with --bank."),
    (
        "42501",
        "The database user may not do this in {place}.",
        "Grant it the rights, or name another user with --bank.",
    ),
    ("57014", *_SLOW),
    ("26000", *_POOLED),  # no such prepared statement: another client has the connection on which it is
    ("42P05", *_POOLED),  # there is one of this name already: that of another client
    ("22", "The database cannot hold a value of this request.", "Check numbers and texts that were given."),
    (
        "40",
        "Another program was in the way in {place}.",
        "Try again; nothing was stored.",
    ),
    (
        "55P03",
        "Another program uses {place} and did not finish within 30 seconds.",
        "End it and try again; nothing was changed.",
    ),
    ("53", "The server of {place} is out of resources.", "Try again later."),
    ("57", "The server of {place} was shut down.", "Try again when it is back."),
)

# What it says when no connection comes about; there is no SQLSTATE then.
_CONNECTING: _Pieces = (
    ("certificate", "{place} cannot be reached: {reason}.", "Check the address given with --bank."),
    ('database "', "{place} does not exist.", "Create the database first, or name another with --bank."),
    ('role "', "{place} knows no such user: {reason}.", "Check the address given with --bank."),
    ("authentication", "{place} refused the user name or the password.", "Check the address given with --bank."),
    ("no password supplied", "{place} asks for a password.", "Give it in the address, or in the variable PGPASSWORD."),
    ("SSL", "{place} cannot be reached: {reason}.", "Check the address given with --bank."),
    ("the database system is", "{place} cannot be reached: {reason}.", "Try again when it is back."),
    ("", "{place} cannot be reached: {reason}.", "Is the server running, and is the address right?"),
)
_BAD_ADDRESS = ("connection option", "invalid ", "bad value for ")
"""Pieces of what the driver says of an address that it does not even try."""


_OTHER_SCHEMA = ("no such table", "no such column", "has no column named")
_OTHER_SCHEMA_STATES = ("42P01", "42703", "0A000")
"""Undefined table, undefined column, a kept plan that would now give other columns."""


def of_another_schema(error: DBAPIError) -> bool:
    """Whether the database lacks what the statement names, or has it in another form."""
    state = getattr(error.orig, "sqlstate", None)
    return state in _OTHER_SCHEMA_STATES or (state is None and any(piece in str(error.orig) for piece in _OTHER_SCHEMA))


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raises `StorageError` (or `BadInput`) with a sentence about `place` for what the database refused inside.

    Broken constraints are left alone: they are bugs and keep their traceback.
    """
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        if (known := _known(error, place)) is None:
            raise
        # What a server says of a statement names the value or the right that is at fault; the rest has been told.
        raise known from (error if getattr(error.orig, "sqlstate", None) else None)


def _known(error: DBAPIError, place: str) -> SeedbankError | None:
    # What the driver itself refuses, a NUL in a text, has no state; nor have connections that do not come about.
    state = getattr(error.orig, "sqlstate", None) or ("22" if isinstance(error, DataError) else None)
    said, reason = str(error.orig), ""
    if not type(error.orig).__module__.startswith("psycopg"):
        pieces = _SQLITE
    elif state is None:  # there is no connection
        reason = _reason(said)
        if any(piece in reason for piece in _BAD_ADDRESS):
            return BadInput(f"The address {place} cannot be used: {reason}.", "Check what is given with --bank.")
        pieces = _CONNECTING
    else:
        for code, message, hint in _POSTGRESQL:
            if state.startswith(code):
                return (BadInput if code == "22" else StorageError)(message.format(place=place), hint)
        pieces = ()
    for piece, message, hint in pieces:
        if piece in said:
            if piece == "disk I/O error" and not _has_room(place):
                return StorageError(f"The disk is full: {place} cannot be opened.", "Free some space and try again.")
            return StorageError(message.format(place=place, reason=reason), hint)
    return None


def _has_room(place: str) -> bool:
    try:
        return shutil.disk_usage(Path(place).parent).free >= ROOM
    except OSError:
        return True


def _reason(said: str) -> str:
    """What the driver says of a connection that failed, without what it tells before and behind: one clause."""
    lines = [line for line in said.splitlines() if "failed: " in line] or said.splitlines() or ["no reason given"]
    clause = lines[0].rpartition("failed: ")[2].removeprefix("connection is bad: ").removeprefix("FATAL:")
    return clause.strip().rstrip(".")
