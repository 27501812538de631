"""Whose an image store is: a small text file in it names its bank, so that no other bank writes or removes files there.

    This is an image store of seedbank: files by the SHA-256 of their bytes. It belongs to the bank below …

    bank 0199a1b2-…-… /home/ann/art.db

What counts is the uid; the place is where the database was when the line was written, for people. Several lines are
several banks that share the store: all of them write, and none removes. Lines that begin otherwise are passed over.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from msgspec import Struct

from seedbank.blobs.base import UNMOUNTED, Blobs
from seedbank.errors import BadInput, StorageError

HEAD = """\
This is an image store of seedbank: files by the SHA-256 of their bytes. It belongs to the bank below;
no other bank writes or removes files here. See: seedbank db claim --help

"""
NAMED = re.compile(r"bank\s+([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\s+(.*))?", re.IGNORECASE)
"""A line for a bank, also as editors leave it that people take lines out with."""
SAMPLE = 20
"""Files of a bank that are looked for in a store without a mark; where half of them lie there, it is the bank's."""


class Owner(Struct, frozen=True):
    """A bank, as an image store knows it.

    uid     what it is known by, also in copies and backups of its database
    place   where its database is, for people
    files   gives the digests of files that lie in its image store, as the database says
    """

    uid: str
    place: str
    files: Callable[[], Iterable[str]]


def owners(blobs: Blobs) -> dict[str, str] | None:
    """{uid: place} of the banks that the store is said to belong to; None where no mark says it.

    Raises `StorageError` for a mark that names no bank: what it said is lost.
    """
    data = blobs.mark()
    if data is None:
        return None
    lines = (NAMED.fullmatch(line.strip()) for line in data.decode("utf-8-sig", "replace").splitlines())
    if named := {line[1].lower(): line[2] or "" for line in lines if line}:
        return named
    raise StorageError(
        f"The file {blobs.place_of_mark} is damaged: it names no bank.",
        "Bring it back from a backup; if the files beside it are this bank's, remove it and run: seedbank db claim",
    )


def objection(blobs: Blobs, owner: Owner) -> StorageError | None:
    """Why the bank must not change this store; None where it may. Nothing is written.

    A store without a mark, as all were once, is known by the files that the bank has in it.
    """
    named = owners(blobs)
    if named is None:
        why = _unmarked(blobs, owner)
        if why is None or (named := owners(blobs)) is None:  # what was found may be of one who was faster
            return why
    return None if owner.uid in named else _anothers(blobs, owner, named)


def admit(blobs: Blobs, owner: Owner) -> None:
    """The bank may change this store, which is marked from now on. Raises `StorageError` with what stands against it.

    A mark that cannot be written is left to whoever comes next, as the folder may be somebody else's: a place that takes
    nothing refuses the picture itself.
    """
    named = owners(blobs)
    if named is None:
        if (why := objection(blobs, owner)) is not None:
            raise why
        with contextlib.suppress(StorageError):
            blobs.write_mark(_text({owner.uid: owner.place}))
        named = owners(blobs)  # another bank may have been faster
    if named is not None and owner.uid not in named:
        raise _anothers(blobs, owner, named)


def require_alone(blobs: Blobs, owner: Owner) -> None:
    """Raises `StorageError` where files in the store may be those of another bank, before any is removed."""
    if (why := objection(blobs, owner)) is not None:
        raise why
    if others := _others(owners(blobs) or {}, owner):
        raise StorageError(
            f"The image store {blobs.url} is shared with {_banks(others)}: what nothing here names may be named there.",
            f"Nothing was removed. When that bank is gone for good, take its line out of {blobs.place_of_mark}.",
        )


def require_free(blobs: Blobs) -> None:
    """Raises `BadInput` where a new bank would come into another's image store."""
    if (named := owners(blobs)) is not None:
        what = f"{blobs.url} is the image store of {_banks(named)}."
    elif next(blobs.list(), None) is not None:
        what = f"{blobs.url} has files of an image store already, and does not say whose they are."
    else:
        return
    raise BadInput(what, "Name another place (seedbank init --images FOLDER), or move that one away if its bank is gone.")


def claim(blobs: Blobs, owner: Owner, *, share: bool = False) -> dict[str, str]:
    """Make the store, where it is missing, and mark it as the bank's, with `share` beside others; {uid: place} of these.

    Raises `StorageError` where it is another bank's and not to be shared.
    """
    blobs.create()
    named = owners(blobs)
    if named is None:
        blobs.write_mark(_text({owner.uid: owner.place}))
        if (named := owners(blobs)) is None:
            raise StorageError(
                f"{blobs.place_of_mark} was written and is not there.", "Is it a link that leads nowhere? Remove it."
            )
    if owner.uid not in named:
        if not share:
            raise _anothers(blobs, owner, named)
        blobs.write_mark(_text({**named, owner.uid: owner.place}), replace=True)
    return _others(named, owner)


def _unmarked(blobs: Blobs, owner: Owner) -> StorageError | None:
    if absence := blobs.absence():
        return StorageError(f"The image store {blobs.url} is {absence}.", UNMOUNTED)
    files = list(islice(owner.files(), SAMPLE))
    if files:
        here = sum(map(blobs.has, files))
        if 2 * here >= len(files):
            return None
        what = f"has {here} of {len(files)} files of this bank that were looked for"
    elif next(blobs.list(), None) is not None:
        what = "has files already, and this bank has none"
    else:
        return None
    return StorageError(
        f"The image store {blobs.url} does not say whose it is, and {what}.",
        f"{blobs.doubt} If it is to be this bank's all the same: seedbank db claim",
    )


def _anothers(blobs: Blobs, owner: Owner, named: Mapping[str, str]) -> StorageError:
    return StorageError(
        f"The image store {blobs.url} belongs to {_banks(named)}, and not to this one, {owner.uid}.",
        f"{blobs.doubt} If both are to use it: seedbank db claim --share",
    )


def _others(named: Mapping[str, str], owner: Owner) -> dict[str, str]:
    return {uid: place for uid, place in named.items() if uid != owner.uid}


def _banks(named: Mapping[str, str]) -> str:
    """`the bank UID (PLACE)`, for each."""
    return " and ".join(f"the bank {uid}" + (f" ({place})" if place else "") for uid, place in named.items())


def _text(named: Mapping[str, str]) -> bytes:
    lines = (f"bank {uid} {place}".rstrip() for uid, place in named.items())
    shown = ("".join(letter if letter.isprintable() else "?" for letter in line) + "\n" for line in lines)
    return (HEAD + "".join(shown)).encode("utf-8", "replace")
