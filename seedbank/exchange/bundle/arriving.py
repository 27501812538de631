"""A bundle comes in: looked over whole first, then its files, then its rows in one transaction.

What goes wrong after it was looked over leaves files that nothing names, which `gc` removes, and no row.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from seedbank.bank import Bank
from seedbank.errors import NotFound
from seedbank.exchange.bundle.archive import Reader
from seedbank.exchange.bundle.given import Given
from seedbank.exchange.bundle.looking import Looked
from seedbank.exchange.bundle.records import read_edge, read_saying
from seedbank.frozen import replace
from seedbank.progress import QUIET, Progress, track
from seedbank.records import Blob, Came, Model, NewEntry, NewRegeneration, Saying

BATCH = 200
SAYINGS = 2_000
"""Sayings that are merged at once: what several pictures share is written for all of them."""
WRITERS = 8
"""Threads that store files: they wait for the disk most of the time."""
SMALL = 16 << 20
"""Bytes of a file that is held in memory; larger ones are unpacked beside it."""
T = TypeVar("T")


def import_bundle(bank: Bank, path: Path, *, trust: bool = False, progress: Progress = QUIET) -> Came:
    """Take in the bundle at `path`; what is here already stays as it is.

    trust   also environments with variables that could make a process run other programs

    Raises `BadInput` for what is damaged, hostile or no bundle; then nothing has come in.
    """
    with Reader(path) as reader, tempfile.TemporaryDirectory(prefix="seedbank-") as folder:
        looked = Looked(bank, reader, Path(folder), trust)
        looked.look(progress)
        arriving = _Arriving(bank, looked)
        arriving.store_files(progress)
        return arriving.store_rows(progress)


@dataclass
class _Arriving:
    bank: Bank
    looked: Looked
    here: dict[str, Model] = field(default_factory=dict)
    """{digest: model} as they are known in this bank, or come in"""

    def store_files(self, progress: Progress) -> None:
        """The image store has all files of the bundle, each read once more and held against its digest."""
        total = sum(self.looked.reader.files.values())
        with progress.task("storing files", total, "B") as task, ThreadPoolExecutor(WRITERS) as writers:
            for some in _batches(iter(self.looked.reader.files)):
                for size in writers.map(self._store_file, some):
                    task.advance(size)

    def _store_file(self, digest: str) -> int:
        size, media_type = self.looked.reader.files[digest], self.looked.files[digest].media_type
        if size <= SMALL:
            self.bank.blobs.put(b"".join(self.looked.reader.file(digest)), media_type)
        else:
            place = self.looked.unpack(digest)
            self.bank.blobs.put_file(place, digest, media_type)
            place.unlink()
        return size

    def store_rows(self, progress: Progress) -> Came:
        """All rows, or none."""
        specification = {"bundle": self.looked.reader.digest(), "paths": [str(self.looked.reader.path)]}
        with self.bank.store.bundles.merging(specification, self.looked.users) as merge:
            for some in _batches(track(progress, self.looked.entries(), "entries", self.looked.reader.lines("entries"))):
                merge.entries([self._here(new) for new in some])
            uids = dict.fromkeys(str(given.values["uid"]) for given in self.looked.given("entries"))
            ids = merge.ids(uids)
            for several in _batches(self.looked.regenerations(ids)):
                merge.regenerations([_attempt(given, self._with_files(new)) for given, new in several])
            merge.collections(self.looked.collections)
            for sayings in _of_pictures(map(read_saying, self.looked.given("opinions"))):
                merge.sayings(sayings)
            for edges in _batches(map(read_edge, self.looked.given("edges"))):
                merge.edges(edges)
            weights = {file.sha256 for model in self.looked.models.values() for file in model.files}
            merge.kept(self.looked.files[digest] for digest in self.looked.reader.files if digest in weights)
        return merge.came

    def _here(self, new: NewEntry) -> NewEntry:
        """The entry as this bank takes it in: with models as they are known here, and without bytes that are not here."""
        new = self._with_files(new)
        model = None if new.model is None else self._known(new.model)
        inputs = tuple(blob for blob in new.inputs if self._is_here(blob))
        return replace(new, model=model, adapters=tuple(map(self._known, new.adapters)), inputs=inputs)

    def _with_files(self, new: Any) -> Any:
        output, picture = new.output, new.picture
        if picture is not None:
            picture = self.looked.proven.get(picture.digest, picture)
        if output.trace is not None and not self._is_here(output.trace):
            output = replace(output, trace=None)
        blob = new.blob if new.blob is None or self._is_here(new.blob) else None
        return replace(new, blob=blob, output=output, picture=picture)

    def _is_here(self, blob: Blob) -> bool:
        return blob.digest in self.looked.reader.files or self.bank.blobs.has(blob.digest)

    def _known(self, model: Model) -> Model:
        """What this bank knows of a model, where it knows its files or where they are."""
        if model.digest not in self.here:
            try:
                known = self.bank.store.model(model.digest)
            except NotFound:
                known = model
            self.here[model.digest] = known if known.files or known.source else model
        return self.here[model.digest]


def _attempt(given: Given, new: NewRegeneration) -> Any:
    return given.uid("uid"), given.time("at", needed=True), given.text("user", longest=200), new


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(items, BATCH)):
        yield batch


def _of_pictures(sayings: Iterator[Saying]) -> Iterator[list[Saying]]:
    """Sayings in batches that end where a picture ends; those of one picture stand together."""
    batch: list[Saying] = []
    for saying in sayings:
        if len(batch) >= SAYINGS and saying.image != batch[-1].image:
            yield batch
            batch = []
        batch.append(saying)
    if batch:
        yield batch
