"""A bank as it is read: its place, entries found, files verified, pictures decoded."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from seedbank.errors import BadInput, NoBank, NotFound, StorageError
from seedbank.hashing import pixel_digest, sha256
from seedbank.records import Blob, Count, Entry, Output, Page

if TYPE_CHECKING:
    from seedbank.blobs import Blobs
    from seedbank.blobs.mark import Owner
    from seedbank.query import Query
    from seedbank.store import Store

One = int | str | Entry
"""One entry: as WHICH names it, or as it is."""
Which = One | Sequence[int | Entry]
"""Entries: as WHICH names them, or themselves, or their ids."""
Stages = Sequence[tuple[str, str]]
PIXELS = "pixels"
"""The last stage of a trace, whose digest is the image digest."""
MOVED = "Import it again from where it lies now, or with --copy to keep it: seedbank import FOLDER"


class Pixels(Struct, frozen=True):
    """Decoded pixels: `rows` are the bytes of the rows from the top, as Pillow's ``Image.tobytes()`` gives them."""

    mode: str
    width: int
    height: int
    rows: bytes


def belongs(stages: Stages, image: str) -> bool:
    """Whether a trace is that of the picture with this image digest, with which it ends; one that ends before can be."""
    return dict(stages).get(PIXELS, image) == image


def first_difference(recorded: Stages, present: Stages) -> str | None:
    """The first stage whose digest differs, in the recorded order; None when all are equal."""
    now = dict(present)
    for stage, digest in recorded:
        if now.get(stage) != digest:
            return stage
    known = {stage for stage, _ in recorded}
    return next((stage for stage, _ in present if stage not in known), None)


def _owner(store: Store) -> Owner:
    from seedbank.blobs.mark import Owner

    place = store.database.place
    where = place if place.file is None else place.file.absolute()
    return Owner(store.info().uid, str(where), lambda: (file.digest for file in store.blobs() if file.location is None))


def _admit(store: Store, blobs: Blobs) -> None:
    from seedbank.blobs.mark import admit

    admit(blobs, _owner(store))


def from_anywhere(place: str | Path) -> str:
    """An image store's place as it is recorded: as it is reached from any folder."""
    return str(place) if "://" in str(place) else os.path.realpath(Path(place).expanduser())


class Readable:
    """One database plus one image store, opened."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self.store = store
        self._use(blobs)

    def _use(self, blobs: Blobs) -> None:
        self.blobs = blobs
        blobs.guard = partial(_admit, self.store)

    option = ""
    """``--bank …`` for commands that others paste, where this is not the bank that they mean without it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.place}, as {self.store.user}>"

    @property
    def owner(self) -> Owner:
        """The bank, as its image store knows it."""
        return _owner(self.store)

    @property
    def place(self) -> str:
        """Where the database is, without a password."""
        return str(self.store.database.place)

    @classmethod
    def open(cls, url: str | Path, *, create: bool = False, images: str | None = None, user: str | None = None) -> Self:
        """The bank at `url` (a path or a database URL). With `create` it is made where there is none.

        `images` is the place of a new bank's image store, by default a folder beside the SQLite file.
        Raises `NoBank` where there is none, `OtherSchema` where an older or newer seedbank wrote it.
        """
        from seedbank.blobs import Blobs
        from seedbank.store import Store

        try:
            store = Store.open(str(url), user=user)
        except NoBank:
            if not create:
                raise
            return cls.create(url, images=images, user=user)
        try:
            return cls(store, Blobs.open(store.info().images_url))
        except BaseException:
            store.close()
            raise

    @classmethod
    def create(cls, url: str | Path, *, images: str | None = None, user: str | None = None) -> Self:
        """A new bank at `url`. Raises `BadInput` where there is one already, or where its image store would be another's."""
        from seedbank.blobs import Blobs
        from seedbank.blobs.mark import claim, require_free
        from seedbank.store import Store
        from seedbank.store.schema import status

        images = None if images is None else from_anywhere(images)
        if status(str(url)).revision is None and (place := images or Store.images_beside(str(url))):
            require_free(Blobs.open(place))
        if images is not None:
            Blobs.open(images, create=True)  # first, so that no bank is made whose pictures have no place
        store = Store.create(str(url), images_url=images, user=user)
        try:
            bank = cls(store, Blobs.open(store.info().images_url))
            claim(bank.blobs, bank.owner)
            return bank
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- finding ------------------------------------------------------------------------------------------------------

    def entry(self, which: One) -> Entry:
        """The one entry that `which` names; `NotFound` for none, `BadInput` for more than one."""
        ids = self.resolve(which)
        if len(ids) != 1:
            raise BadInput(f"{which!r} names {len(ids)} entries; this needs one.", "Name one id.")
        return self.store.entry(ids[0])

    def _known(self, entry: One) -> Entry:
        """The entry itself, or the one that is named."""
        return entry if isinstance(entry, Entry) else self.entry(entry)

    def resolve(self, which: Which, *, trash: bool | None = False) -> list[int]:
        """The ids that WHICH names: an id, `3..9`, `1,2,5`, `@last`, a digest prefix, or a query; or those of entries.

        `trash`: False for live entries only, True for those in the trash only, None for both.
        """
        if isinstance(which, int):
            return self.store.resolve(str(which), trash=trash)
        if isinstance(which, str):
            return self.store.resolve(which, trash=trash)
        several = [which] if isinstance(which, Entry) else which
        return [entry.id for entry in self.store.entries([one.id if isinstance(one, Entry) else one for one in several])]

    def find(self, query: str | Sequence[str] | Query = "", *, limit: int | None = 50, after: int | None = None) -> Page:
        """A page of entries that match, newest first unless the query sorts; `limit=None` gives all.

        `after` is the last id of the page before (`Page.after`), so that deep pages cost no more than the first.
        """
        parsed = self._parsed(query)
        if limit is not None:
            return self.store.find(parsed, limit=limit, after=after)
        found: list[Entry] = []
        while True:
            page = self.store.find(parsed, limit=500, after=after)
            found += page
            if page.after is None:
                return Page(tuple(found))
            after = page.after

    def count_about(self, query: str | Sequence[str] | Query = "") -> Count:
        """How many entries match: exactly when they are few, else ``about 120,000``; quick also with millions."""
        return self.store.count_about(self._parsed(query))

    @staticmethod
    def _parsed(query: str | Sequence[str] | Query) -> Query:
        from seedbank.query import EVERYTHING, Query

        if isinstance(query, Query):
            return query
        if not query:
            return EVERYTHING
        from seedbank.query import parse

        return parse(query)

    # -- pictures and traces ------------------------------------------------------------------------------------------

    def has_whole_image(self, entry: Entry) -> bool:
        """Whether the entry's image is here and is the recorded one; it is read and decoded."""
        return self.recorded_pixels(entry) is not None

    def recorded_pixels(self, entry: Entry) -> Pixels | None:
        """The recorded picture; None when it is not here, damaged or, by its image digest, another one.

        A lossy one is taken as it is, since another version of its decoder may give other pixels.
        """
        if entry.blob is None or entry.picture is None:
            return None
        try:
            found = self.pixels(entry)
        except (StorageError, BadInput):
            return None
        same = pixel_digest(found.mode, found.width, found.height, found.rows) == entry.picture.digest
        return found if same or entry.output.flags.get("lossy") else None

    def image_bytes(self, entry: One) -> bytes:
        """The stored file of the entry's image, verified. Raises `NotFound` when the bytes are not here."""
        entry = self._known(entry)
        if entry.blob is None:
            raise NotFound(f"The image of entry {entry.id} is not here.", f"seedbank regen {entry.id}")
        return self.file_bytes(entry.blob)

    def file_bytes(self, blob: Blob) -> bytes:
        """The bytes of a file, verified, in the image store or where it was imported from.

        Raises `StorageError` when it is missing or its bytes are others: what lies there now is never taken for it.
        """
        if blob.location is None:
            return self.blobs.get(blob.digest)
        try:
            data = Path(blob.location).read_bytes()
        except OSError as error:
            raise StorageError(f"The file {blob.location} cannot be read: {error.strerror}.", MOVED) from None
        if sha256(data) != blob.digest:
            raise StorageError(f"The file {blob.location} is not the one that was imported: its bytes have changed.", MOVED)
        return data

    def pixels(self, entry: One) -> Pixels:
        """The decoded pixels of the entry's image; of an animation, which only an import brings, those of its first frame."""
        return self.decode(self.image_bytes(entry))

    def decode(self, data: bytes) -> Pixels:
        """The pixels of an image file."""
        from seedbank import images

        decoded = images.read_image(data, animated=True)
        return Pixels(decoded.mode, decoded.width, decoded.height, decoded.rows)

    def trace_of(self, output: Output) -> tuple[tuple[str, str], ...]:
        """The stages that `put_trace` stored, empty when there is no trace."""
        return () if output.trace is None else self.stages(output.trace.digest)

    def stages(self, trace: str) -> tuple[tuple[str, str], ...]:
        """The stages in the trace with this file digest. Raises `StorageError`, and `BadInput` for a file that is no trace."""
        try:
            return tuple((name, digest) for name, digest in json.loads(self.blobs.get(trace))["stages"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise BadInput(f"The file {trace} is no trace.") from None
