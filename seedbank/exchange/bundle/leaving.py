"""Entries leave: their records, pictures, inputs and traces, and the weights when asked, become one file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedbank.bank import Bank
from seedbank.errors import BadInput, SeedbankError, StorageError
from seedbank.exchange.bundle import privacy
from seedbank.exchange.bundle.archive import Writer
from seedbank.exchange.bundle.values import (
    Values,
    entry_values,
    environment_values,
    model_values,
    present,
    regeneration_values,
    time_text,
)
from seedbank.hashing import CHUNK, sha256
from seedbank.keeping import files_of, is_kept
from seedbank.progress import QUIET, Progress, Task
from seedbank.query import is_of_one_bank, parse
from seedbank.records import Blob, Entry, Model, Saying

SUFFIX = ".seedbank"
BATCH = 200
"""Entries that are read at once."""


@dataclass(frozen=True)
class Left:
    """What an export wrote. `absent` are entries whose pictures are not here or not whole; their records went without."""

    path: Path
    entries: int
    files: int
    bytes: int
    absent: tuple[int, ...] = ()
    bared: int = 0
    """Pictures that were sent without their metadata."""
    withheld: tuple[tuple[int, str], ...] = ()
    """(entry, why) of pictures and inputs that stay here for privacy."""
    searches: tuple[str, ...] = ()
    """Saved searches that stay here, since they name runs or entries by the numbers of this bank."""


def checked_without(profile: str = "none", strip: Collection[str] = ()) -> tuple[str, ...]:
    """What is left out, of a profile and of single names. Raises `BadInput` for what is none."""
    for name in strip:
        if name not in privacy.ALL:
            raise BadInput(f"There is nothing called {name!r} to strip.", f"Use {', '.join(privacy.ALL)}.")
    if profile not in privacy.PROFILES:
        raise BadInput(f"There is no privacy profile {profile!r}.", f"Use {', '.join(privacy.PROFILES)}.")
    return tuple(name for name in privacy.ALL if name in strip or name in privacy.PROFILES[profile])


def export_bundle(
    bank: Bank,
    ids: Sequence[int],
    path: Path,
    *,
    without: Collection[str] = (),
    weights: bool = False,
    pictures: bool = True,
    searches: bool = False,
    replace: bool = False,
    progress: Progress = QUIET,
) -> Left:
    """Write the entries into a bundle at `path`, which is there whole or not at all.

    without    what is left out: `prompts`, `paths`, `users`
    weights    also the files of models and adapters; `Blocked` when they are not to be had
    pictures   else the records alone, with the digests of the pictures
    searches   also the saved searches of the bank, unless prompts are left out, whose words they have
    replace    also over a file that is there
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder.", f"Name a file in it: {path / 'out'}{SUFFIX}")
    if privacy.PROMPTS in without and weights:
        raise BadInput("Entries without their prompts cannot be rendered, so they need no weights.", "Leave out --weights.")
    wanted = bank.store.bundles.order(ids)
    if not wanted:
        raise BadInput("There is no entry to export.", "See what there is with: seedbank ls")
    leaving = _Leaving(bank, wanted, tuple(without), pictures)
    with Writer(path, replace) as out:
        with progress.task("records", len(wanted)) as task:
            out.records("entries", leaving.entries(task))
        out.records("regenerations", leaving.regenerations())
        models = bank.store.bundles.models(leaving.models)
        out.records("models", (privacy.strip_model(model_values(model), without) for model in models))
        environments = (bank.store.environment(digest) for digest in sorted(leaving.environments))
        out.records("environments", map(environment_values, environments))
        out.records("opinions", leaving.opinions())
        out.records("collections", leaving.collections(searches and privacy.PROMPTS not in without))
        edges = bank.store.bundles.edges(wanted)
        out.records("edges", ({"child": child, "parent": parent, "kind": kind} for child, parent, kind in edges))
        out.records("users", leaving.users())
        files = leaving.files | (_weights(bank, models) if weights else {})
        total = sum(file.size for file in files.values())
        with progress.task("files", total, "B") as task:
            for digest in sorted(files):
                out.file(digest, _told(files[digest].pieces(bank), task))
        about = {"entries": len(wanted), "without": sorted(without), "weights": weights, "pictures": pictures}
        out.finish(about)
    return Left(
        path,
        len(wanted),
        len(files),
        path.stat().st_size,
        tuple(leaving.absent),
        len(leaving.bared),
        tuple(leaving.withheld),
        tuple(leaving.searches),
    )


def _told(pieces: Iterator[bytes], task: Task) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        task.advance(len(piece))


@dataclass(frozen=True)
class _File:
    """Where the bytes of a file come from: the image store (or where it was imported from), a place, or a bared picture."""

    size: int
    blob: Blob | None = None
    path: Path | None = None
    bared: bool = False

    def pieces(self, bank: Bank) -> Iterator[bytes]:
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
class _Leaving:
    """What is gathered while the records are written: which files, models and environments they need."""

    bank: Bank
    ids: Sequence[int]
    without: tuple[str, ...]
    pictures: bool
    files: dict[str, _File] = field(default_factory=dict)
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
        store = self.bank.store.bundles
        for some in batches(self.ids):
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
        for some in batches(self.ids):
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
        for said in self.bank.store.bundles.sayings(self.images):
            for saying in said:
                if privacy.USERS not in self.without or saying.kind in ("tag", "untag", "collect"):
                    values = _saying_values(saying, privacy.USERS in self.without)
                    self._note_user(values)
                    yield values

    def collections(self, searches: bool) -> Iterator[Values]:
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
            self.files[sha256(data)] = _File(len(data), blob, bared=True)
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
            self.files[blob.digest] = _File(blob.size, blob)
        return True


def _saying_values(saying: Saying, nameless: bool) -> Values:
    user = None if nameless else saying.user
    values = {"image": saying.image, "at": time_text(saying.at), "user": user, "kind": saying.kind}
    return present(values) | {"value": saying.value}


def _weights(bank: Bank, models: Sequence[Model]) -> dict[str, _File]:
    """{file digest: where it is} of the files of models, kept or where they were last seen."""
    found = {}
    for model in models:
        kept = is_kept(bank, model)
        places = {} if kept or not model.files else files_of(model)
        for item in model.files:
            blob = Blob(item.sha256, item.size, "application/octet-stream") if kept else None
            found[item.sha256] = _File(item.size, blob, None if kept else places[item.path])
    return found


def batches(ids: Sequence[int]) -> Iterator[list[int]]:
    return (list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH))
