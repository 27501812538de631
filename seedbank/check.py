"""Checking and tidying a bank: `check` finds and never repairs, `collect_garbage` removes only what nothing names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seedbank.bank import MOVED, Bank, belongs
from seedbank.errors import BadInput, SeedbankError, StorageError
from seedbank.hashing import file_digest, sha256
from seedbank.progress import QUIET, Progress

BACKUP = "Restore a backup: seedbank db backup makes them."


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
    named = list(bank.store.blobs())
    with progress.task("checking files", total=len(named)) as task:
        for digest, size, location in named:
            if location is None:
                yield from _check_blob(bank, digest, size, read_data)
            else:
                yield from _check_reference(bank, digest, size, location, read_data)
            task.advance()
    if read_data:
        yield from _check_pictures(bank, progress)
        yield from _check_traces(bank, progress)


def _check_blob(bank: Bank, digest: str, size: int, read_data: bool) -> Iterator[Finding]:
    entries = bank.store.entries_of_blob(digest)
    owner = f"entry {entries[0]}" if entries else "a regeneration or of a kept model"
    remedy = f"Copy it back from a backup, or render it again: seedbank regen {entries[0]}" if entries else "Regenerate again."
    try:
        if not bank.blobs.has(digest):
            yield Finding("missing", f"The file {digest} of {owner} is missing.", remedy)
        elif read_data:
            bank.blobs.verify(digest)
        elif (found := bank.blobs.size(digest)) != size:
            yield Finding("damaged", f"The file {digest} of {owner} has {found:,} bytes instead of {size:,}.", remedy)
    except SeedbankError as error:
        yield Finding("damaged", error.message, error.hint or remedy)


def _check_reference(bank: Bank, digest: str, size: int, location: str, read_data: bool) -> Iterator[Finding]:
    """A file that was imported and stayed where it was."""
    owner = ", ".join(f"entry {number}" for number in bank.store.entries_of_blob(digest)[:1]) or "a regeneration"
    try:
        found = Path(location).stat().st_size
        changed = found != size or (read_data and file_digest(Path(location)) != digest)
    except OSError as error:
        yield Finding("missing", f"The file {location} of {owner} cannot be read: {error.strerror}.", MOVED)
        return
    if changed:
        yield Finding(
            "changed", f"The file {location} of {owner} is not the one that was imported: its bytes have changed.", MOVED
        )


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
    listed after the stored ones, so that a row inserted meanwhile spares its blob.
    """
    before = datetime.now(UTC) - timedelta(hours=grace_hours)
    stored = [item for item in bank.blobs.list() if item.modified < before]
    named = {digest for digest, _, _ in bank.store.blobs()}
    orphans = [item for item in stored if item.name not in named]
    leftovers = [item for item in bank.blobs.leftovers() if item.modified < before]
    if not dry_run:
        for item in orphans:
            if _is_old(bank, item.name, before):
                bank.blobs.remove(item.name)
        for item in leftovers:
            bank.blobs.remove_leftover(item.name)
    return Collected(len(orphans), len(leftovers), sum(item.size for item in (*orphans, *leftovers)))
