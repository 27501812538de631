"""What goes into a bundle: the records of entries, and which files, models and environments these name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedbank.bank import Bank
from seedbank.errors import SeedbankError, StorageError
from seedbank.exchange.bundle import privacy
from seedbank.exchange.bundle.values import Values, entry_values, present, regeneration_values, time_text
from seedbank.hashing import CHUNK, sha256
from seedbank.progress import Task
from seedbank.query import is_of_one_bank, parse
from seedbank.records import Blob, Entry, Saying

BATCH = 200
"""Entries that are read at once."""


@dataclass(frozen=True)
class File:
    """Where the bytes of a file come from: the image store (or where it was imported from), a place, or a bared picture."""

    size: int
    blob: Blob | None = None
    path: Path | None = None
    bared: bool = False

    def pieces(self, bank: Bank) -> Iterator[bytes]:
        """Its bytes."""
        if self.path is not None:
            with self.path.open("rb") as stream:
                while piece := stream.read(CHUNK):
                    yield piece
            return
        assert self.blob is not None
        if self.blob.location is None and not self.bared:
            with bank.blobs.stream(self.blob.digest) as stream:
                while piece := stream.read(CHUNK):
                    yield piece
            return
        data = bank.file_bytes(self.blob)
        yield _bared(data) if self.bared else data


def _bared(data: bytes) -> bytes:
    from seedbank import images

    return images.without_metadata(data)


@dataclass
class Leaving:
    """What is gathered while the records are written: which files, models and environments they need."""

    bank: Bank
    ids: Sequence[int]
    without: tuple[str, ...]
    pictures: bool
    files: dict[str, File] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    absent: list[int] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    bared: dict[str, Blob] = field(default_factory=dict)
    """{file digest: the file without its metadata}"""
    withheld: list[tuple[int, str]] = field(default_factory=list)

    def entries(self, task: Task) -> Iterator[Values]:
        """The records of the entries; `task` hears of each."""
        store = self.bank.store.bundles
        for some in _batches(self.ids):
            inputs = store.inputs(some)
            entries = self.bank.store.entries(some)
            payloads = store.payloads(entry.id for entry in entries if entry.origin == "imported")
            for entry in entries:
                adapters = [item["digest"] for item in (entry.recipe.adapters if entry.recipe else ()) if "digest" in item]
                known = {model.digest for model in store.models(adapters)} if adapters else set()
                adapters = [digest for digest in dict.fromkeys(adapters) if digest in known]
                values = entry_values(entry, inputs[entry.id], payloads.get(entry.id, ()), adapters)
                values = privacy.strip_entry(values, entry, self.without)
                self._gather(entry, values, adapters, inputs[entry.id])
                yield values
                task.advance()

    def regenerations(self) -> Iterator[Values]:
        """The attempts at these entries."""
        for some in _batches(self.ids):
            entries = {entry.id: entry for entry in self.bank.store.entries(some)}
            for one in self.bank.store.bundles.regenerations(some):
                values = privacy.strip_regeneration(regeneration_values(entries[one.entry].uid, one), self.without)
                self._note_user(values)
                if one.environment_digest is not None:
                    self.environments.add(one.environment_digest)
                if one.blob is not None:
                    self._picture(one.entry, one.blob, values, privacy.is_bared(entries[one.entry], self.without))
                if one.output.trace is not None and "trace" in values.get("output", {}):
                    self._file(one.output.trace)
                yield values

    def opinions(self) -> Iterator[Values]:
        """What was ever said of their pictures."""
        for said in self.bank.store.bundles.sayings(self.images):
            for saying in said:
                if privacy.USERS not in self.without or saying.kind in ("tag", "untag", "collect"):
                    values = _saying_values(saying, privacy.USERS in self.without)
                    self._note_user(values)
                    yield values

    def collections(self, searches: bool) -> Iterator[Values]:
        """The collections that hold these pictures; with `searches` also the saved ones that mean the same in any bank."""
        for one in self.bank.store.bundles.collections(self.images, searches=searches):
            if one.query is not None and privacy.stays(one.query, self.without):
                continue
            if one.query is not None and is_of_one_bank(parse(one.query, saved=True)):
                self.searches.append(one.name)
                continue
            user = None if privacy.USERS in self.without else one.user
            said = {"uid": one.uid, "name": one.name, "created": time_text(one.created), "user": user}
            values = present(said | {"cover": one.cover, "query": one.query})
            self._note_user(values)
            yield values

    def users(self) -> Iterator[Values]:
        """Everybody whom the records before have named."""
        known = self.bank.store.bundles.users()
        yield from ({"name": name, "uid": known[name]} for name in sorted(self.named))

    def _note_user(self, values: Mapping[str, Any]) -> None:
        if "user" in values:
            self.named.add(values["user"])

    def _gather(self, entry: Entry, values: Values, adapters: Sequence[str], inputs: Sequence[Blob]) -> None:
        self._note_user(values)
        self.models |= {*adapters, *((entry.model.digest,) if entry.model else ())}
        if entry.environment_digest is not None:
            self.environments.add(entry.environment_digest)
        if entry.picture is not None:
            self.images.add(entry.picture.digest)
        if entry.blob is not None:
            self._picture(entry.id, entry.blob, values, privacy.is_bared(entry, self.without))
        if entry.output.trace is not None and "trace" in values.get("output", {}):
            self._file(entry.output.trace)
        if values.get("inputs"):
            for blob in inputs:
                self._input(entry.id, blob)

    def _input(self, number: int, blob: Blob) -> None:
        """An input file goes along as it is, or stays here: its digest stands in the recipe."""
        if privacy.PATHS in self.without and blob.digest not in self.files:
            try:
                why = privacy.why_not_sent(self.bank.file_bytes(blob), blob.media_type)
            except StorageError:
                why = None  # absent, which is said below
            if why is not None:
                self.withheld.append((number, why))
                return
        if not self._file(blob):
            self.absent.append(number)

    def _picture(self, number: int, blob: Blob, values: Values, bare: bool) -> None:
        """The file of a picture: as it is, without its metadata, or, where it cannot go, its digest alone."""
        if not self.pictures:
            if bare:
                values.pop("file", None)  # the digest of a file that nobody else will have
            return
        if not bare:
            if not self._file(blob):
                self.absent.append(number)
            return
        if blob.digest not in self.bared:
            values.pop("file", None)
            try:
                data = _bared(self.bank.file_bytes(blob))
            except StorageError:
                self.absent.append(number)
                return
            except SeedbankError as error:
                self.withheld.append((number, error.message))
                return
            self.bared[blob.digest] = Blob(sha256(data), len(data), blob.media_type)
            self.files[sha256(data)] = File(len(data), blob, bared=True)
        new = self.bared[blob.digest]
        values["file"] = {"digest": new.digest, "size": new.size, "media_type": new.media_type}

    def _file(self, blob: Blob) -> bool:
        """The file goes along, if it is here and whole."""
        if blob.digest not in self.files:
            try:
                if blob.location is None:
                    self.bank.blobs.verify(blob.digest)
                else:
                    self.bank.file_bytes(blob)
            except StorageError:
                return False
            self.files[blob.digest] = File(blob.size, blob)
        return True


def _saying_values(saying: Saying, nameless: bool) -> Values:
    user = None if nameless else saying.user
    values = {"image": saying.image, "at": time_text(saying.at), "user": user, "kind": saying.kind}
    return present(values) | {"value": saying.value}


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    return (list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH))
