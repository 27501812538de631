"""Import: what lies in folders becomes entries, quickly, once, and as one piece of work that can be resumed and undone.

Files that are known are passed over by their place, size and time. The others are examined by processes under limits, a few
hundred become entries in one transaction, their bytes first. Killed at any moment, an import has lost nothing that it
reported, and starting it again goes on: what is still to do is what is found minus what is known.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from seedbank.bank import Bank
from seedbank.errors import BadInput, SeedbankError
from seedbank.frozen import replace
from seedbank.importing.behind import Behind
from seedbank.importing.bringing import Bringing
from seedbank.importing.entries import Made, make_entry
from seedbank.importing.examine import Examined, Rejected, Task
from seedbank.importing.mending import lost, unsaid
from seedbank.importing.options import BEFORE, COMPLETED, IMPORTED, KNOWN, PASSED, REJECTED, RESTORED, WOULD, Options, Report
from seedbank.importing.pool import Pool
from seedbank.importing.refused import Refused
from seedbank.importing.walk import Found, by_folder
from seedbank.importing.weights import BankWeights, Weights
from seedbank.pages.gallery import keep_preview
from seedbank.records import Blob, Holder, KnownFile, Run, SeenFile
from seedbank.store.imports import Job

BATCH = 500
"""Entries in one transaction: what it writes of the indexes is half of what it is with 200."""
BATCH_SECONDS = 2.0
"""How long a file waits for others before it is stored."""
UNSAID = "Its entry lacked what the file calls the sampler and the schedule."
PREVIEW = 256
"""Pixels of the longer side of the previews that pages of many pictures show."""


@dataclass(frozen=True)
class _Waiting:
    """A file until its batch is stored.

    staged    its bytes in the staging of the image store
    written   a thread that brings these to the disk, or copies those of the file; its result is why that failed, or empty
    """

    found: Found
    made: Made
    staged: Path | None
    written: Future[str] | None


@dataclass
class Import:
    """One import under way. `feed` gets files, and gives reports once they are kept; `flush` ends with what is left."""

    bank: Bank
    paths: tuple[str, ...]
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if self.options.metadata_only and self.options.tags:
            raise BadInput("Tags hang on pictures, which an import of the metadata alone does not decode.", "Leave out --tag.")
        if self.options.mend and self.options.dry_run:
            raise BadInput("What the image store has lost is said by seedbank check.", "Leave out --mend or --dry-run.")
        _checked_tool(self.options.tool)
        self._job = Job(self.options.specification(self.paths), self.options.name)
        if not self.options.dry_run:
            self.bank.store.database.require_writable()
            if self.options.copy and not self.options.metadata_only:
                self.bank.blobs.require_own()
            self._job = self.bank.store.imports.resumed(self._job)
        self._pool = Pool[Found](self.options.jobs or os.cpu_count() or 1, decode=not self.options.metadata_only)
        self._bringing = Bringing(self.bank, self.options)
        self._refused = Refused()
        self._weights: Weights = BankWeights(self.bank)
        self._waiting: list[_Waiting] = []
        self._behind = Behind()
        self._recorded: list[tuple[Found, Made, Holder]] = []
        self._foreseen_digests: set[str] = set()
        self._completes: dict[Found, int] = {}
        self._since = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.__exit__(None, None, None)
        self._bringing.clear()
        if not self.options.dry_run:
            self._refused.save()
        self._bringing.close(cancel=kind is not None)  # at the end the last previews are written
        self._behind.close()

    @property
    def run(self) -> Run | None:
        """The run that its entries belong to; None as long as there is none to hold."""
        return self._job.run

    @property
    def own_folders(self) -> list[Path]:
        """Folders whose files are in the bank already."""
        return [] if "://" in self.bank.blobs.url else [Path(self.bank.blobs.url)]

    # -- files in, reports out ------------------------------------------------------------------------------------------

    def feed(self, found: Iterable[Found]) -> Iterator[Report]:
        """Import these files. Reports come in the order in which files are kept, the last ones with `flush`."""
        for folder, some in by_folder(found):
            known = self.bank.store.imports.known(folder, [one.name for one in some])
            passed = [self._passed_over(one, known) for one in some]
            same = [(one, held) for one, held in zip(some, passed, strict=True) if held is not None]
            reports = self._known([(one, held.holder, held.file.digest, None) for one, held in same])
            for one, held in zip(some, passed, strict=True):
                if held is not None:
                    yield next(reports)
                    continue
                held = known.get(one.name)
                if (reason := self._refusal(one)) is not None:
                    yield Report(one.path, BEFORE, reason=reason)
                    continue
                if held is not None and _same(held.file, one) and not held.holder.pictured:
                    self._completes[one] = held.holder.entry
                while self._pool.full:
                    yield from self._collect(BATCH_SECONDS)
                preview = None if self.options.dry_run else PREVIEW
                decode = not self.options.metadata_only
                task = Task(one.path, one.size, one.mtime_ns, self.options.tool, decode, preview, self._bringing.staging)
                self._pool.give(one, task)

    def flush(self) -> Iterator[Report]:
        """Wait for everything that was fed."""
        while self._pool.busy:
            yield from self._collect(BATCH_SECONDS)
        yield from self._store()
        yield from self._kept()

    def finish(self) -> None:
        """All that the import walks has been looked at: the next one is a piece of work of its own."""
        if self._job.run is not None:
            self.bank.store.imports.finish(self._job.run)

    def _passed_over(self, found: Found, known: Mapping[str, KnownFile]) -> KnownFile | None:
        """What is known of a file that is unchanged and brings nothing that its entry lacks."""
        held = known.get(found.name)
        return held if held is not None and _same(held.file, found) and not self._bringing.lacks(held.holder) else None

    def _refusal(self, found: Found) -> str | None:
        """Why the file was rejected before; headers alone say less than pixels, so an import of these asks for nothing."""
        return None if self.options.retry or self.options.metadata_only else self._refused.reason(found)

    def _collect(self, patience: float) -> Iterator[Report]:
        if self._behind.done:
            yield from self._kept()
        answers = self._pool.collect(patience)
        # What was not staged is asked for now: it is copied, where it must be, while the next files are examined.
        asked = {result.digest for _, result in answers if isinstance(result, Examined) and result.digest and not result.staged}
        holders = self._bringing.holders(asked)
        staged = [result.staged for _, result in answers if isinstance(result, Examined) and result.staged]
        synced = self._bringing.sync(staged) if staged else None
        for found, result in answers:
            if isinstance(result, Rejected):
                if not result.passing and not self.options.metadata_only:
                    self._refused.add(found, result.reason)
                yield Report(found.path, PASSED if result.other else REJECTED, reason=result.reason)
                continue
            try:
                made = make_entry(found, result, self._weights, copy=self.options.copy)
            except SeedbankError as error:  # such as a text that no database can hold
                yield Report(found.path, REJECTED, reason=error.message)
                continue
            held = holders.get(made.digest)
            if self.options.dry_run:
                yield self._foreseen(found, made, None if self._bringing.lacking(held) else held)
                continue
            self._since = self._since if self._waiting else time.monotonic()
            written = synced
            if result.staged is None:
                blob = _brought(made)
                written = None if blob is None else self._bringing.keep(found, blob, held)
            self._waiting.append(_Waiting(found, made, result.staged, written))
        if not self.options.dry_run:
            self._refused.save_in_time()
        if len(self._waiting) >= BATCH or (self._waiting and time.monotonic() > self._since + BATCH_SECONDS):
            yield from self._store()

    def _foreseen(self, found: Found, made: Made, held: Holder | None) -> Report:
        """What would become of a file."""
        if held is None and made.digest not in self._foreseen_digests:
            self._foreseen_digests.add(made.digest)
            return Report(found.path, WOULD, made=made)
        return Report(found.path, KNOWN, held.entry if held else None, bool(held and held.trashed), made)

    def _known(self, files: Sequence[tuple[Found, Holder, str, Made | None]]) -> Iterator[Report]:
        """The reports of files that are known, by their digests; with `mend`, once the bank has what it lacked of them."""
        told_now = self._told_now([holder.entry for _, holder, _, _ in files])
        kept = [digest for _, holder, digest, _ in files if holder.kept] if self.options.mend else []
        found_lost = lost(self.bank, kept, self._bringing.threads)
        for found, holder, _, made in files:
            told = Report(found.path, KNOWN, holder.entry, holder.trashed, made)
            gone = next(found_lost) if self.options.mend and holder.kept else None
            if gone is None and holder.entry in told_now:
                yield replace(told, outcome=RESTORED, reason=UNSAID)
            elif gone is None:
                yield told
            elif reason := self._bringing.copy(found, gone[0]):
                yield replace(told, outcome=REJECTED, reason=reason)
            else:
                yield replace(told, outcome=RESTORED, reason=gone[1])

    def _told_now(self, ids: Sequence[int]) -> Collection[int]:
        """Those of these entries that lacked words of their files and have them now."""
        words = unsaid(self.bank, ids) if self.options.mend else {}
        if words:
            self.bank.store.imports.tell_words(words)
        return words.keys()

    # -- a batch ---------------------------------------------------------------------------------------------------------

    def _store(self) -> Iterator[Report]:
        """Bytes first, then rows, those of the batch before first of all."""
        waiting, self._waiting = self._waiting, []
        yield from self._kept()
        batch: list[tuple[Found, Made]] = []
        for one in waiting:
            if one.written is not None and (reason := one.written.result()):
                yield Report(one.found.path, REJECTED, reason=reason)
            else:
                batch.append((one.found, one.made))
        if staged := [(one.made.digest, one.staged) for one in waiting if one.staged is not None]:
            self._bringing.adopt(staged)
        if batch:
            yield from self._record(batch)

    def _record(self, batch: list[tuple[Found, Made]]) -> Iterator[Report]:
        given = [(_seen(found, made.digest), made.new) for found, made in batch]
        completes = {
            seen: self._completes.pop(found)
            for (found, _), (seen, _) in zip(batch, given, strict=True)
            if found in self._completes
        }
        adding = self.bank.store.imports.adding(self._job, given, self.options.tags, completes)
        try:
            run, holders = self._behind.begin(adding)
        except (BadInput, OverflowError) as error:  # a value that this database cannot hold: find whose it is
            if len(batch) == 1:
                yield Report(batch[0][0].path, REJECTED, reason=f"What it says cannot be stored: {error}")
                return
            for found, made in batch:
                if (entry := completes.get(_seen(found, made.digest))) is not None:
                    self._completes[found] = entry
                yield from self._record([(found, made)])
                yield from self._kept()
            return
        self._job = replace(self._job, run=run)
        self._recorded = [(*one, holder) for one, holder in zip(batch, holders, strict=True)]

    def _kept(self) -> Iterator[Report]:
        """The reports of the batch that was recorded last, once it is stored."""
        self._behind.wait()
        recorded, self._recorded = self._recorded, []
        for found, made, holder in recorded:
            if made.preview is not None and (holder.new or holder.lacked):
                self._bringing.threads.submit(keep_preview, made.digest, PREVIEW, made.preview)
            if holder.new or holder.lacked:
                yield Report(found.path, IMPORTED if holder.new else COMPLETED, holder.entry, holder.trashed, made)
            else:
                yield from self._known([(found, holder, made.digest, made)])


def _checked_tool(tool: str | None) -> None:
    from seedbank.formats.detect import format_of

    if tool is not None:
        format_of(tool)


def _same(seen: SeenFile, found: Found) -> bool:
    return (seen.size, seen.mtime_ns, seen.inode) == (found.size, found.mtime_ns, found.inode)


def _seen(found: Found, digest: str) -> SeenFile:
    return SeenFile(found.folder, found.name, found.size, found.mtime_ns, found.inode, digest)


def _brought(made: Made) -> Blob | None:
    """The bytes that the image store is to have; None where they stay where they are."""
    blob = made.new.blob
    return None if blob is None or blob.location is not None else blob
