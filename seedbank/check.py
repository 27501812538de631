"""Checking and tidying a bank: `check` finds and never repairs, `collect_garbage` removes only what nothing names."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seedbank.bank import MOVED, Bank, belongs, first_difference
from seedbank.blobs import DamagedBlob
from seedbank.blobs.mark import SAMPLE, objection, require_alone
from seedbank.errors import BadInput, NotFound, SeedbankError, StorageError
from seedbank.hashing import file_digest, sha256
from seedbank.progress import QUIET, Progress
from seedbank.records import Referred

NO_STORE = "Is its disk mounted? Else copy it back from a backup."
BACKUP = "Restore a backup (`seedbank db backup` makes them)."


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be: what it is, and the remedy."""

    kind: str
    message: str
    hint: str = ""


def check(bank: Bank, *, read_data: bool = False, progress: Progress = QUIET) -> Iterator[Finding]:
    """Everything that is not whole: rows against each other, blobs against rows, and with `read_data` every byte.

    An entry whose bytes are absent while its image digest is known is no finding; a row that says its bytes are here is.
    """
    from seedbank.store.agreement import agreement, damaged_payloads
    from seedbank.store.integrity import integrity

    for looked in (integrity, agreement, *([damaged_payloads] if read_data else [])):
        for sentence in looked(bank.store):
            yield Finding("database", sentence, BACKUP)
    named = list({file.digest: file for file in bank.store.blobs()}.values())
    kept = [file for file in named if file.location is None]
    if kept and not bank.blobs.is_there():
        what = f"The image store {bank.blobs.url} is not there or empty, without all {len(kept):,} files."
        yield Finding("missing", what, NO_STORE)
        named = [file for file in named if file.location is not None]
    elif (why := _objection(bank, bool(kept))) is not None:
        yield Finding("store", why.message, why.hint)
        if not any(bank.blobs.has(file.digest) for file in kept[:SAMPLE]):
            named = [file for file in named if file.location is not None]
    with progress.task("checking files", total=len(named)) as task:
        for file in named:
            yield from (_check_blob if file.location is None else _check_reference)(bank, file, read_data)
            task.advance()
    if read_data:
        yield from _check_pictures(bank, progress)
        yield from _check_traces(bank, progress)
        yield from _check_differences(bank, progress)


def _objection(bank: Bank, has_files: bool) -> StorageError | None:
    """Why the image store is not this bank's; None where it is, or where neither says so and the bank has no files."""
    try:
        return objection(bank.blobs, bank.owner) if has_files or bank.blobs.mark() is not None else None
    except StorageError as error:  # what says it is damaged, or cannot be read
        return error


def _entry_of(bank: Bank, file: Referred) -> int | None:
    """An entry that has this file; None for one of a regeneration or of a kept model."""
    return file.entry or next(iter(bank.store.entries_of_blob(file.digest)), None)


def _brought_back(bank: Bank, number: int) -> str:
    """How the picture of an entry comes back: only a whole recipe can be rendered, only an imported file be imported again."""
    try:
        entry = bank.store.entry(number)
    except SeedbankError:
        return "Copy it back from a backup."  # the entry is damaged, too, which is reported by itself
    if entry.recipe is not None and not entry.recipe.missing():
        return f"Copy it back from a backup, or render it again: seedbank regen {number}"
    if entry.origin == "imported" and "file" in entry.details:
        file = shlex.quote(str(entry.details["file"]))
        return f"Copy it back from a backup, or import its file again: seedbank import {file} --mend"
    return "Copy it back from a backup."


def _check_blob(bank: Bank, file: Referred, read_data: bool) -> Iterator[Finding]:
    kind = why = hint = ""
    try:
        if not bank.blobs.has(file.digest):
            kind, why = "missing", "is missing"
        elif read_data:
            bank.blobs.verify(file.digest)
        elif (found := bank.blobs.size(file.digest)) != file.size:
            kind, why = "damaged", f"has {found:,} bytes instead of {file.size:,}"
    except DamagedBlob:
        kind, why = "damaged", "is damaged: its bytes are not those that were stored"
    except SeedbankError as error:
        kind, why, hint = "damaged", f"cannot be read: {error.message.rstrip('.')}", error.hint
    if kind and _is_named(bank, file):
        entry = _entry_of(bank, file)
        owner = "a regeneration or of a kept model" if entry is None else f"entry {entry}"
        remedy = hint or ("Regenerate again." if entry is None else _brought_back(bank, entry))
        yield Finding(kind, f"The file {file.digest} of {owner} {why}.", remedy)


def _is_named(bank: Bank, file: Referred) -> bool:
    """Asked again of what is not there: its entry may have been purged since the files were listed."""
    try:
        if file.entry is not None:
            bank.store.entry(file.entry)
        else:
            bank.store.blob(file.digest)
    except NotFound:
        return False
    except SeedbankError:
        return True  # its row is damaged
    return True


def _check_reference(bank: Bank, file: Referred, read_data: bool) -> Iterator[Finding]:
    """A file that was imported and stayed where it was."""
    place = Path(file.location or "")
    try:
        found = place.stat().st_size
        if found == file.size and not (read_data and file_digest(place) != file.digest):
            return
        kind, why = "changed", "is not the one that was imported: its bytes have changed"
    except OSError as error:
        kind, why = "missing", f"cannot be read: {error.strerror}"
    entry = _entry_of(bank, file)
    owner = "a regeneration" if entry is None else f"entry {entry}"
    yield Finding(kind, f"The file {place} of {owner} {why}.", MOVED)


def _check_pictures(bank: Bank, progress: Progress) -> Iterator[Finding]:
    """Decode every stored picture, also those of entries in the trash, and hold it against what its entry says."""
    from seedbank import images

    with progress.task("checking pictures") as task:
        for stored in bank.store.stored_pictures():
            task.advance()
            number, remedy = stored.entry, f"Render it again: seedbank regen {stored.entry}; or restore a backup."
            try:
                found = images.read_image(bank.file_bytes(stored.blob))
            except BadInput as error:
                yield Finding("damaged", f"The image of entry {number} cannot be decoded: {error.message}", remedy)
                continue
            except SeedbankError:
                continue  # the file itself is missing or damaged, which was reported already
            pixels = images.picture_of(found.mode, found.width, found.height, found.rows)
            if pixels.digest != stored.picture.digest:
                yield Finding("damaged", f"The pixels of entry {number} are not the recorded ones.", remedy)
                continue
            told = {name: getattr(stored.picture, name) for name in ("mode", "width", "height", "phash")}
            if wrong := [name for name, value in told.items() if value not in (None, getattr(pixels, name))]:
                words = " and ".join("perceptual hash" if name == "phash" else name for name in wrong)
                yield Finding("database", f"The {words} recorded of entry {number} is not that of its pixels.", BACKUP)
            carried = found.text.get("seedbank") if stored.own else None
            if carried is not None and sha256(carried.encode()) != stored.recipe_digest:
                yield Finding("database", f"The file of entry {number} carries another recipe than the entry has.", BACKUP)


def _check_traces(bank: Bank, progress: Progress) -> Iterator[Finding]:
    """A trace ends with the digest of the picture that was rendered."""
    from seedbank.store.files import stored_traces

    with progress.task("checking traces") as task:
        for number, picture, trace in stored_traces(bank.store.database):
            task.advance()
            try:
                stages = bank.stages(trace)
            except StorageError:
                continue  # reported already
            except BadInput as error:
                yield Finding("damaged", f"The trace of entry {number} cannot be read: {error.message}", BACKUP)
                continue
            if not belongs(stages, picture):
                yield Finding("database", f"The trace of entry {number} is that of another picture.", BACKUP)


def _check_differences(bank: Bank, progress: Progress) -> Iterator[Finding]:
    """An attempt differs from the recorded trace where it says so: so traces of the same picture that were exchanged show."""
    from seedbank.store.files import differing_traces

    with progress.task("checking attempts") as task:
        for attempt, number, recorded, present, stage in differing_traces(bank.store.database):
            task.advance()
            try:
                before, now = bank.stages(recorded), bank.stages(present)
            except (StorageError, BadInput):
                continue  # reported already
            if dict(before).keys() != dict(now).keys():
                continue  # a deep trace, or one of another number of steps
            found = first_difference(before, now)
            if found != stage:
                where = "nowhere" if found is None else f"first in {found}"
                why = f"attempt {attempt} differs from it {where}, not in {stage}"
                yield Finding("database", f"The trace of entry {number} is another one: {why}.", BACKUP)


def _is_old(bank: Bank, digest: str, before: datetime) -> bool:
    """Asked again just before removing: storing the same bytes again renews the time of grace."""
    found = bank.blobs.stat(digest)
    return found is not None and found.modified < before


@dataclass(frozen=True)
class Collected:
    """What `collect_garbage` removed, or would remove."""

    blobs: int = 0
    leftovers: int = 0
    bytes: int = 0


def collect_garbage(bank: Bank, *, grace_hours: float = 24.0, dry_run: bool = False) -> Collected:
    """Remove blobs that no row names and unfinished writes, once they are older than `grace_hours`.

    The grace protects whoever records at this moment: a blob is stored before the row that names it. The named blobs are
    listed after the stored ones, so that a row inserted meanwhile spares its blob. Raises `StorageError` where the store is
    another bank's, too, or has none of the files that the bank has.
    """
    require_alone(bank.blobs, bank.owner)
    before = datetime.now(UTC) - timedelta(hours=grace_hours)
    stored = list(bank.blobs.list())
    named = {file.digest: file.location for file in bank.store.blobs()}
    if stored and None in named.values() and not any(item.name in named for item in stored):
        raise StorageError(
            f"The image store {bank.blobs.url} has {len(stored):,} files, and none of this bank's.",
            "Is another disk mounted there? Nothing was removed; see with: seedbank check",
        )
    orphans = [item for item in stored if item.modified < before and item.name not in named]
    leftovers = [item for item in bank.blobs.leftovers() if item.modified < before]
    if not dry_run:
        for item in orphans:
            if _is_old(bank, item.name, before):
                bank.blobs.remove(item.name)
        for item in leftovers:
            bank.blobs.remove_leftover(item.name)
    return Collected(len(orphans), len(leftovers), sum(item.size for item in (*orphans, *leftovers)))
