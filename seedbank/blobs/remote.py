"""Image stores behind fsspec: in memory and on S3. The only importer of fsspec."""

from __future__ import annotations

import base64
import builtins
import contextlib
import errno
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Any

from seedbank.blobs.base import MARK, SHARDS, Blobs, DamagedBlob, MissingBlob, Stored, is_digest, key_of
from seedbank.errors import BadInput, MissingEngine, StorageError

LARGEST_SINGLE_PUT = 5 * 2**30
"""S3 takes an object up to this size in one request, and only then checks one checksum over all of it."""

_inherited: list[Any] = []
"""File systems of the process that forked this one, never let go of: to close them would touch connections that it uses."""


class RemoteBlobs(Blobs):
    """A store behind fsspec where one request writes a whole file or nothing."""

    GRACE = 3600.0
    """Seconds for which a file that is there already needs no new write to be safe from `gc`, which waits a day."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") if not url.endswith("://") else url
        self.protocol, _, rest = self.url.partition("://")
        self.prefix = rest.strip("/")
        if not self.prefix:
            raise BadInput(f"{url} names no place for an image store.", f"Write {self.protocol}://NAME.")
        self._fs, self._process = self._file_system(), os.getpid()

    @property
    def fs(self) -> Any:
        """The file system, one of this process: S3's has a thread, which a forked process lacks."""
        if self._process != os.getpid():
            _inherited.append(self._fs)
            self._fs, self._process = self._file_system(), os.getpid()
        return self._fs

    @abstractmethod
    def _file_system(self) -> Any: ...

    @abstractmethod
    def _modified(self, item: dict[str, Any]) -> datetime:
        """When a file was last written; every file system of fsspec says it in another way."""

    def _stored(self, item: dict[str, Any]) -> Stored:
        return Stored(item["name"].rpartition("/")[2], item["size"], self._modified(item))

    def _write_options(self, digest: str, media_type: str) -> dict[str, Any]:
        return {}

    def create(self) -> None:
        pass

    def mark(self) -> bytes | None:
        with self._telling(f"read {MARK}"):
            try:
                data: bytes = self.fs.cat_file(f"{self.prefix}/{MARK}")
            except FileNotFoundError:
                return None
        return data

    def write_mark(self, data: bytes, *, replace: bool = False) -> None:
        place = f"{self.prefix}/{MARK}"
        with self._telling(f"write {MARK}"):
            try:
                self.fs.pipe_file(place, data, mode="overwrite" if replace else "create")
            except OSError as error:
                if not replace and self.fs.exists(place):
                    return
                if replace or error.errno != errno.ENOSYS:
                    raise
                self.fs.pipe_file(place, data)  # of two at once the last one stays on a server that knows no conditions

    def _put(self, digest: str, data: bytes, media_type: str) -> None:
        """Overwriting is harmless here, as the name decides the bytes; so one plain PUT is enough."""
        stored = self.stat(digest)
        if stored is not None and stored.size == len(data) and self._is_young(stored) and self._whole(digest):
            return
        with self._telling(f"write {digest}"):
            self.fs.pipe_file(self._place(digest), data, **self._write_options(digest, media_type))
        if self.size(digest) != len(data):
            raise StorageError(f"The image store {self.url} took only a part of {digest}.", "Try again.")

    def _is_young(self, stored: Stored) -> bool:
        return (datetime.now(UTC) - stored.modified).total_seconds() < self.GRACE

    def renew(self, digests: Iterable[str]) -> None:
        self.require_own()
        for digest in digests:
            stored = self.stat(digest)
            if stored is not None and not self._is_young(stored):
                with self._telling(f"renew the time of {digest}"), contextlib.suppress(FileNotFoundError):
                    self._write_again(self._place(digest))

    def _write_again(self, place: str) -> None:
        """Give a file the time of now."""
        self.fs.pipe_file(place, self.fs.cat_file(place))

    def _whole(self, digest: str) -> bool:
        try:
            self.verify(digest)
        except (MissingBlob, DamagedBlob):
            return False
        return True

    def stream(self, digest: str) -> IO[bytes]:
        place = self._place(digest)
        with self._telling(f"read {digest}"):
            try:
                stream: IO[bytes] = self.fs.open(place, "rb")
            except FileNotFoundError:
                raise self._missing(digest) from None
        return stream

    def path(self, digest: str) -> None:
        key_of(digest)

    def stat(self, digest: str) -> Stored | None:
        place = self._place(digest)
        with self._telling(f"look for {digest}"):
            try:
                return self._stored(self.fs.info(place))
            except FileNotFoundError:
                return None

    def list(self) -> Iterator[Stored]:
        present = {str(item["name"]).rpartition("/")[2] for item in self._ls("")}
        for shard in SHARDS:
            if shard in present:
                yield from sorted(item for item in map(self._stored, self._ls(shard)) if is_digest(item.name))

    def _ls(self, folder: str) -> builtins.list[dict[str, Any]]:
        with self._telling("be listed"):
            try:
                items: builtins.list[dict[str, Any]] = self.fs.ls(f"{self.prefix}/{folder}".rstrip("/"), detail=True)
            except FileNotFoundError:
                return []
        return [item for item in items if item["type"] == "file" or not folder]

    def remove(self, digest: str) -> None:
        place = self._place(digest)
        self.require_own()
        with self._telling(f"remove {digest}"), contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(place)

    def _place(self, digest: str) -> str:
        return f"{self.prefix}/{key_of(digest)}"


class MemoryBlobs(RemoteBlobs):
    """A store that lives as long as the process, for tests and trials. The same name is the same store."""

    def _file_system(self) -> Any:
        import fsspec

        return fsspec.filesystem("memory")

    def _modified(self, item: dict[str, Any]) -> datetime:
        modified: datetime = self.fs.modified(item["name"])
        return modified


class S3Blobs(RemoteBlobs):
    """A store in a bucket of Amazon S3 or of a server that speaks its protocol."""

    remedy = "Does the server answer, are AWS_ENDPOINT_URL and the credentials right? Try again then: what is stored is kept."
    doubt = "Are AWS_ENDPOINT_URL and the bucket those that are meant?"

    def _file_system(self) -> Any:
        import fsspec

        try:
            # A remembered listing would hide what other processes wrote.
            return fsspec.filesystem("s3", use_listings_cache=False)
        except ImportError as error:
            raise MissingEngine(
                "An image store on S3 needs the package s3fs.", "Run: pip install 'seedbank-images[s3]'"
            ) from error

    def _modified(self, item: dict[str, Any]) -> datetime:
        modified: datetime = item["LastModified"]
        return modified

    def _write_options(self, digest: str, media_type: str) -> dict[str, Any]:
        checksum = base64.b64encode(bytes.fromhex(digest)).decode("ascii")
        return {"chunksize": LARGEST_SINGLE_PUT, "ContentType": media_type, "ChecksumSHA256": checksum}

    def _write_again(self, place: str) -> None:
        """A copy onto itself moves no bytes. S3 makes one only where something is said of the file anew."""
        self.fs.cp_file(place, place, MetadataDirective="REPLACE", ContentType=self.fs.info(place)["ContentType"])

    def create(self) -> None:
        bucket = self.prefix.partition("/")[0]
        with self._telling("be opened"):
            if not self.fs.exists(bucket):
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    self.fs.ls(bucket)  # says why, where no server answers
                raise StorageError(f"There is no bucket {bucket!r} to open, or no right to see it.", "Make it first.")
