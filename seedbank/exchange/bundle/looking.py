"""A bundle is looked over whole: every record is read and every file held against its digest, before anything is written.

Pictures are decoded by processes under limits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seedbank.bank import Bank, belongs
from seedbank.environment import Environment
from seedbank.errors import BadInput
from seedbank.exchange.bundle.archive import Reader
from seedbank.exchange.bundle.given import Given, is_text
from seedbank.exchange.bundle.records import (
    read_collection,
    read_edge,
    read_entry,
    read_environment,
    read_model,
    read_regeneration,
    read_saying,
)
from seedbank.importing.examine import Rejected, Task
from seedbank.importing.pool import Pool
from seedbank.progress import Progress, track
from seedbank.records import TRACE_TYPE, Blob, Model, NewEntry, NewRegeneration, Picture
from seedbank.records import Collection as Gathered

MOST_SHARED = 200_000
"""Models, environments, users or collections of one bundle: they are held in memory."""
LARGEST_TRACE = 64 << 20


@dataclass
class Looked:
    """A bundle of which everything was held against what it says it is, once `look` has returned."""

    bank: Bank
    reader: Reader
    folder: Path
    trust: bool
    models: dict[str, Model] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    collections: list[Gathered] = field(default_factory=list)
    files: dict[str, Blob] = field(default_factory=dict)
    """Every file that a record names."""
    pictures: dict[str, Picture] = field(default_factory=dict)
    """{file digest: the picture that its pixels must be}"""
    proven: dict[str, Picture] = field(default_factory=dict)
    """{image digest: what its pixels are}. A perceptual hash is that of this Pillow: other versions make tall pictures small
    in another order, which can change half of its bits."""
    traces: dict[str, str] = field(default_factory=dict)
    """{file digest of a trace: image digest that it must end with}"""

    def look(self, progress: Progress) -> None:
        """Everything in the bundle is what it says it is."""
        from seedbank.store.verdicts import contradiction

        self.models = {model.digest: model for model in map(read_model, self._shared("models"))}
        read = (read_environment(given, trust=self.trust) for given in self._shared("environments"))
        self.environments = {environment.digest: environment for environment in read}
        self.users = dict(self._user(given) for given in self._shared("users"))
        self.collections = [read_collection(given) for given in self._shared("collections")]
        uids: dict[str, str | None] = {}  # and the image digests of these entries
        for new in track(progress, self.entries(), "looking at records", self.reader.lines("entries")):
            if new.uid in uids:
                raise BadInput(f"The bundle holds the entry {new.uid} twice.", "Have it sent again.")
            uids[str(new.uid)] = new.picture.digest if new.picture is not None else None
            self._name_files(new)
        for given, attempt in self.regenerations(dict.fromkeys(uids, 0)):
            made = attempt.picture.digest if attempt.picture is not None else None
            if why := contradiction(attempt.verdict, attempt.explanation.get("line"), made, uids[given.uid("entry")]):
                raise given.wrong(why)
            self._name_files(attempt)
        for given in self.given("opinions"):
            read_saying(given)
        for given in self.given("edges"):
            child, parent, _ = read_edge(given)
            if child == parent:
                raise given.wrong(f"the entry {child} is its own parent")
        self.bank.store.bundles.check_lineage((read_edge(given)[:2] for given in self.given("edges")), uids)
        weights = {file.sha256: file.size for model in self.models.values() for file in model.files}
        for digest, size in self.reader.files.items():
            named = self.files.get(digest)
            if (named.size if named is not None else weights.get(digest)) != size:
                raise BadInput(f"The bundle holds the file {digest}, which no record describes.", "Have it sent again.")
            if named is None:
                self.files[digest] = Blob(digest, size, "application/octet-stream")
        self._look_at_files(progress)

    def _look_at_files(self, progress: Progress) -> None:
        total = sum(self.reader.files.values())
        with progress.task("checking files", total, "B") as task, Pool[str](os.cpu_count() or 1) as pool:
            for digest, size in self.reader.files.items():
                if digest not in self.pictures:
                    pieces = self.reader.file(digest)
                    if self.files[digest].media_type == TRACE_TYPE:
                        self._check_trace(digest, pieces, size)
                    else:
                        for _ in pieces:
                            pass
                else:
                    while pool.full:
                        self._judge(pool)
                    place = self.unpack(digest)
                    pool.give(digest, Task(str(place), size, place.stat().st_mtime_ns))
                task.advance(size)
            while pool.busy:
                self._judge(pool)

    def _judge(self, pool: Pool[str]) -> None:
        for digest, result in pool.collect():
            (self.folder / digest).unlink()
            if isinstance(result, Rejected):
                raise BadInput(f"The picture {digest} in the bundle cannot be taken in: {result.reason}")
            found = result.looked.picture
            if why := _otherwise(self.pictures[digest], found):
                raise BadInput(
                    f"The picture {digest} in the bundle does not have the {why} that its record gives.", "Have it sent again."
                )
            if result.looked.media_type != self.files[digest].media_type:
                raise BadInput(f"The picture {digest} in the bundle is not of the type that its record gives.")
            assert found is not None
            self.proven[found.digest] = found

    def _check_trace(self, digest: str, pieces: Iterator[bytes], size: int) -> None:
        """A trace is what `Bank.put_trace` writes, and that of the picture of its entry."""
        wrong = BadInput("A trace in the bundle is none.", "Have it sent again.")
        if size > LARGEST_TRACE:
            raise wrong
        try:
            stages = json.loads(b"".join(pieces))["stages"]
            if not all(len(stage) == 2 and all(map(is_text, stage)) for stage in stages):
                raise wrong
        except (ValueError, TypeError, KeyError, RecursionError):
            raise wrong from None
        if digest in self.traces and not belongs(stages, self.traces[digest]):
            raise BadInput(
                f"The trace {digest} in the bundle is that of another picture than its entry's.", "Have it sent again."
            )

    def unpack(self, digest: str) -> Path:
        """The file, unpacked into the folder of this import."""
        place = self.folder / digest
        with place.open("wb") as out:
            for piece in self.reader.file(digest):
                out.write(piece)
        return place

    # -- records ---------------------------------------------------------------------------------------------------------

    def given(self, kind: str) -> Iterator[Given]:
        """The records of one kind, with the lines on which they stand."""
        for number, values in enumerate(self.reader.records(kind), 1):
            yield Given(values, f"{kind}.jsonl, line {number}")

    def _shared(self, kind: str) -> Iterator[Given]:
        for number, given in enumerate(self.given(kind)):
            if number == MOST_SHARED:
                raise BadInput(f"The bundle has more than {MOST_SHARED:,} {kind}.", "Export fewer entries at once.")
            yield given

    def entries(self) -> Iterator[NewEntry]:
        """The entries, in the order of the bundle."""
        return (read_entry(given, self.models, self.environments) for given in self.given("entries"))

    def regenerations(self, ids: Mapping[str, int]) -> Iterator[tuple[Given, NewRegeneration]]:
        """The attempts, of entries with these `ids`."""
        for given in self.given("regenerations"):
            entry = given.uid("entry")
            if entry not in ids:
                raise given.wrong("it belongs to an entry that the bundle does not hold")
            given.uid("uid"), given.time("at", needed=True), given.text("user", longest=200)
            yield given, read_regeneration(given, ids[entry], self.environments)

    @staticmethod
    def _user(given: Given) -> tuple[str, str]:
        return given.text("name", needed=True, longest=200), given.uid("uid")

    def _name_files(self, new: NewEntry | NewRegeneration) -> None:
        inputs = new.inputs if isinstance(new, NewEntry) else ()
        for blob in (new.blob, new.output.trace, *inputs):
            if blob is not None and self.files.setdefault(blob.digest, blob) != blob:
                raise BadInput(f"The records of the bundle disagree about the file {blob.digest}.", "Have it sent again.")
        if isinstance(new, NewEntry) and new.output.trace is not None and new.picture is not None:
            self.traces.setdefault(new.output.trace.digest, new.picture.digest)
        if new.blob is None or new.picture is None:
            return
        if self.pictures.setdefault(new.blob.digest, new.picture) != new.picture:
            raise BadInput(f"The records of the bundle disagree about the picture {new.blob.digest}.", "Have it sent again.")


def _otherwise(recorded: Picture, found: Picture | None) -> str | None:
    """What a record says of a picture that its pixels are not."""
    if found is None or found.digest != recorded.digest:
        return f"image digest {recorded.digest}"
    if recorded.width is not None and (recorded.width, recorded.height) != (found.width, found.height):
        return f"size {recorded.width}x{recorded.height}"
    if recorded.mode is not None and recorded.mode != found.mode:
        return f"mode {recorded.mode}"
    return None
