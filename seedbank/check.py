"""Checking and tidying a bank: `check` finds and never repairs, `collect_garbage` removes only what nothing names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seedbank.bank import MOVED, Bank
from seedbank.errors import BadInput, SeedbankError
from seedbank.hashing import file_digest, pixel_digest
from seedbank.progress import QUIET, Progress


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
    from seedbank.store.integrity import integrity

    for sentence in integrity(bank.store):
        yield Finding("database", sentence, "Restore a backup: seedbank db backup makes them.")
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
    """Recompute every image digest from the stored files, also those of entries in the trash."""
    with progress.task("checking pictures") as task:
        for entry, picture_digest, blob in bank.store.stored_pictures():
            task.advance()
            try:
                pixels = bank.decode(bank.file_bytes(blob))
            except BadInput as error:
                yield Finding(
                    "damaged",
                    f"The image of entry {entry} cannot be decoded: {error.message}",
                    f"seedbank regen {entry}",
                )
                continue
            except SeedbankError:
                continue  # the file itself is missing or damaged, which was reported already
            if pixel_digest(pixels.mode, pixels.width, pixels.height, pixels.rows) != picture_digest:
                yield Finding("damaged", f"The pixels of entry {entry} are not the recorded ones.", f"seedbank regen {entry}")


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
