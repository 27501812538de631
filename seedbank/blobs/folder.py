"""An image store in a local folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from seedbank import posix
from seedbank.blobs.base import MARK, SHARDS, UNMOUNTED, Blobs, DamagedBlob, MissingBlob, Stored, is_digest, key_of
from seedbank.blobs.staging import Staging
from seedbank.errors import BadInput, StorageError
from seedbank.hashing import CHUNK, stream_digest
from seedbank.records import Blob

TEMPORARY = "tmp"


class FolderBlobs(Blobs):
    """A store in a local folder: written to ``tmp/``, brought to the disk, then renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def create(self) -> None:
        with self._telling("be made"):
            self.root.mkdir(parents=True, exist_ok=True)
            posix.make_folders(self.root, (TEMPORARY, *SHARDS))
            posix.sync_folder(self.root.parent)

    def mark(self) -> bytes | None:
        with self._telling(f"read {MARK}"):
            try:
                return (self.root / MARK).read_bytes()
            except FileNotFoundError:
                return None

    def write_mark(self, data: bytes, *, replace: bool = False) -> None:
        with self._telling(f"write {MARK}"):
            self._require_folders((TEMPORARY,))
            temporary = posix.write_new(self.root / TEMPORARY, [data])
            try:
                (posix.publish if replace else posix.publish_first)(temporary, self.root / MARK)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def absence(self) -> str:
        with self._telling("be listed"):
            if not self.root.is_dir():
                return "not there"
            return "" if os.listdir(self.root) else "an empty folder"

    def is_there(self) -> bool:
        return not self.absence()

    def _put(self, digest: str, data: bytes, media_type: str) -> None:
        self._write(digest, [data])

    def put_file(self, path: Path, digest: str, media_type: str) -> Blob:
        self.require_own()
        hasher = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            with path.open("rb") as stream:
                while piece := stream.read(CHUNK):
                    hasher.update(piece)
                    yield piece
            if hasher.hexdigest() != digest:
                raise StorageError(f"{path} changed while it was stored.", "Wait until it is written, then try again.")

        self._write(digest, pieces())
        return Blob(digest, self.size(digest), media_type)

    def _write(self, digest: str, pieces: Iterable[bytes]) -> None:
        final = self.path(digest)
        with self._telling(f"write {digest}"):
            if self._renew(final, digest):
                return
            self._require_folders((TEMPORARY, digest[:2]))
            temporary = posix.write_new(self.root / TEMPORARY, pieces)
            try:
                posix.publish(temporary, final)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def _require_folders(self, names: Iterable[str]) -> None:
        """They are there since `create`; copies of a bank can lose empty ones. Raises `StorageError` without a store."""
        if missing := [name for name in names if not (self.root / name).is_dir()]:
            if absence := self.absence():  # what is written below a mount point is gone once the disk is mounted
                raise StorageError(f"The image store {self.url} is {absence}.", UNMOUNTED)
            posix.make_folders(self.root, missing)

    def staging(self) -> Staging:
        self.require_own()
        return Staging(str(self.root / TEMPORARY), f"{secrets.token_hex(8)}-")

    def sync(self, staged: Path) -> None:
        with self._telling("take a file over"):
            posix.sync_file(staged)

    def adopt(self, staged: Mapping[str, Path]) -> None:
        self.require_own()
        with self._telling("take files over"):
            self._require_folders(sorted({digest[:2] for digest in staged}))
            posix.publish_all({path: self.path(digest) for digest, path in staged.items()})

    def renew(self, digests: Iterable[str]) -> None:
        self.require_own()
        with self._telling("renew the time of files"):
            for digest in digests:
                with contextlib.suppress(FileNotFoundError, MissingBlob, DamagedBlob):
                    try:
                        os.utime(self.path(digest))
                    except PermissionError:
                        self._write(digest, [self.get(digest)])

    def _renew(self, final: Path, digest: str) -> bool:
        """Whether the whole file is there already; one that only another user may touch is to be replaced by one's own.

        Its name is synced too: its writer may not have come that far.
        """
        try:
            with final.open("rb") as stream:
                if stream_digest(stream) != digest:
                    return False
            os.utime(final)
        except (FileNotFoundError, PermissionError):
            return False
        posix.sync_folder(final.parent)
        return True

    def stream(self, digest: str) -> IO[bytes]:
        path = self.path(digest)
        with self._telling(f"read {digest}"):
            try:
                return path.open("rb")
            except FileNotFoundError:
                raise self._missing(digest) from None

    def path(self, digest: str) -> Path:
        return self.root / key_of(digest)

    def stat(self, digest: str) -> Stored | None:
        path = self.path(digest)
        with self._telling(f"look for {digest}"):
            try:
                return _stored(digest, path.stat())
            except FileNotFoundError:
                return None

    def _missing(self, digest: str) -> MissingBlob:
        if not (absence := self.absence()):
            return super()._missing(digest)
        what = f"The file {digest} is missing: the image store {self.url} is {absence}."
        return MissingBlob(what, "Is its disk mounted?")

    def list(self) -> Iterator[Stored]:
        for shard in SHARDS:
            yield from (item for item in self._files(shard) if is_digest(item.name))

    def leftovers(self) -> Iterator[Stored]:
        return self._files(TEMPORARY)

    def _files(self, folder: str) -> Iterator[Stored]:
        found = []
        place = self.root / folder
        with self._telling("be listed"), contextlib.suppress(FileNotFoundError), os.scandir(place) as items:
            for item in items:
                with contextlib.suppress(FileNotFoundError):  # removed or renamed while we look
                    if item.is_file(follow_symlinks=False):
                        found.append(_stored(item.name, item.stat(follow_symlinks=False)))
        return iter(sorted(found))

    def remove(self, digest: str) -> None:
        path = self.path(digest)
        self.require_own()
        with self._telling(f"remove {digest}"):
            path.unlink(missing_ok=True)

    def remove_leftover(self, name: str) -> None:
        if name != Path(name).name:
            raise BadInput(f"{name!r} is no file in {self.root / 'tmp'}.")
        self.require_own()
        with self._telling(f"remove tmp/{name}"):
            (self.root / TEMPORARY / name).unlink(missing_ok=True)


def _stored(name: str, status: os.stat_result) -> Stored:
    return Stored(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
