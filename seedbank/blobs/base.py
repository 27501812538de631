"""What every image store can do, and the sentences in which it refuses."""

from __future__ import annotations

import contextlib
import errno
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import unquote, urlsplit

from seedbank.blobs.staging import Staging
from seedbank.errors import BadInput, StorageError
from seedbank.hashing import sha256, stream_digest
from seedbank.records import Blob

SHARDS = tuple(f"{number:02x}" for number in range(256))
PROTOCOLS = ("file", "memory", "s3")
MARK = "seedbank-store.txt"
"""The file that says whose a store is; see `seedbank.blobs.mark`."""
UNMOUNTED = "Is its disk mounted? If its files are lost for good: seedbank db claim"


class MissingBlob(StorageError):
    """The file is not in the image store, although it should be."""


class DamagedBlob(StorageError):
    """The bytes under an address are not those that were stored."""


class Stored(NamedTuple):
    """A file in the store: its digest (or, in `tmp/`, its name), its size in bytes and when it was last written."""

    name: str
    size: int
    modified: datetime


class Blobs(ABC):
    """One image store. The methods raise `StorageError` when the place refuses, in one sentence with the remedy."""

    url: str
    """What opens this store again."""
    remedy = ""
    """What to do where the place refuses for a reason that is its own."""
    doubt = "Is another disk mounted there?"
    """What to ask where the place is not the one that was meant."""
    guard: Callable[[Blobs], None] | None = None
    """Asked once, before the first change: raises `StorageError` where the store is not that of whoever opened it."""

    @staticmethod
    def open(url: str | Path, create: bool = False) -> Blobs:
        """The store at `url`: a folder, ``file:///folder``, ``memory://name`` or ``s3://bucket/prefix``.

        With `create` a missing one is made (a bucket must exist). S3 credentials and the address of another server than
        Amazon's come from the usual places: ``AWS_PROFILE``, ``AWS_ENDPOINT_URL`` and so on.
        """
        text = str(url)
        if "::" in text:
            raise BadInput(f"{text} chains file systems, which an image store cannot.", "Name one folder or bucket.")
        protocol = text.partition("://")[0] if "://" in text else "file"
        if protocol not in PROTOCOLS:
            raise BadInput(f"An image store cannot lie on {protocol}://.", f"Use a folder or {' '.join(PROTOCOLS)}.")
        from seedbank.blobs.folder import FolderBlobs
        from seedbank.blobs.remote import MemoryBlobs, S3Blobs

        if protocol == "file":
            folder = Path(unquote(urlsplit(text).path)) if "://" in text else Path(text)
            blobs: Blobs = FolderBlobs(folder.expanduser().absolute())
        else:
            blobs = MemoryBlobs(text) if protocol == "memory" else S3Blobs(text)
        if create:
            blobs.create()
        return blobs

    @abstractmethod
    def create(self) -> None:
        """Make the store where it is missing; an existing one is left as it is."""

    def require_own(self) -> None:
        """Raises `StorageError` where `guard` does. Whatever changes the store asks this first, and once."""
        if (guard := self.guard) is not None:
            guard(self)
            self.guard = None

    @property
    def place_of_mark(self) -> str:
        """Where the mark lies, or would lie, for people."""
        return f"{self.url}/{MARK}"

    @abstractmethod
    def mark(self) -> bytes | None:
        """What the file holds that says whose the store is; None where there is none."""

    @abstractmethod
    def write_mark(self, data: bytes, *, replace: bool = False) -> None:
        """Write that file. Without `replace` one that is there stays, also one that somebody else writes at the same moment."""

    def absence(self) -> str:
        """`not there` or `an empty folder`, of a store that takes nothing: its disk is not mounted; else nothing."""
        return ""

    def put(self, data: bytes | Path, media_type: str) -> Blob:
        """Store the bytes, or the file at a path, and return their record.

        After the call the whole bytes lie durably under their digest, whatever was there before: storing them again
        costs little, mends a damaged copy, and starts the time of grace anew that protects it from `gc`.
        """
        self.require_own()
        if isinstance(data, Path):
            data = self._source(data)
        digest = sha256(data)
        self._put(digest, data, media_type)
        return Blob(digest, len(data), media_type)

    def put_file(self, path: Path, digest: str, media_type: str) -> Blob:
        """Store a file whose SHA-256 is known; large ones go piece by piece where the place allows it.

        Raises `StorageError` when the bytes have another digest by now; then nothing is stored under either.
        """
        self.require_own()
        data = self._source(path)
        if sha256(data) != digest:
            raise StorageError(f"{path} changed while it was stored.", "Wait until it is written, then try again.")
        self._put(digest, data, media_type)
        return Blob(digest, len(data), media_type)

    @abstractmethod
    def _put(self, digest: str, data: bytes, media_type: str) -> None: ...

    def staging(self) -> Staging | None:
        """Where other processes may write files for `adopt`; None for a store that is elsewhere."""
        return None

    def sync(self, staged: Path) -> None:
        """Bring a file of a `staging` to the disk. Disks take several at once sooner than one after the other."""
        raise NotImplementedError

    def adopt(self, staged: Mapping[str, Path]) -> None:
        """Take over {digest: path} files that were written to a `staging`, where their SHA-256 was taken of the same bytes.

        They were given to `sync` before. After the call they lie durably under their digests, as after `put`. Only a store
        with a `staging` has this.
        """
        raise NotImplementedError

    @abstractmethod
    def renew(self, digests: Iterable[str]) -> None:
        """Start the time of grace of files anew, as `put` does, without their bytes. Those that are missing are passed over."""

    def get(self, digest: str) -> bytes:
        """The bytes of a file, checked. Raises `MissingBlob` or `DamagedBlob`."""
        with self.stream(digest) as stream, self._telling(f"read {digest}"):
            data = stream.read()
        if (found := sha256(data)) != digest:
            raise self._damaged(digest, found)
        return data

    @abstractmethod
    def stream(self, digest: str) -> IO[bytes]:
        """The bytes of a file as an open stream, not checked. Raises `MissingBlob`."""

    @abstractmethod
    def path(self, digest: str) -> Path | None:
        """Where a file lies, or would lie, on this machine; None for a store that is elsewhere. Touches no disk."""

    @abstractmethod
    def stat(self, digest: str) -> Stored | None:
        """Size and time of a file, None when it is missing."""

    def is_there(self) -> bool:
        """Whether the store can be found, for a bank that has files: what is empty is a disk that is not mounted."""
        return next(self.list(), None) is not None

    def has(self, digest: str) -> bool:
        """Whether a file of this name is there; `verify` says whether it is whole."""
        return self.stat(digest) is not None

    def size(self, digest: str) -> int:
        """Size in bytes. Raises `MissingBlob`."""
        if (stored := self.stat(digest)) is None:
            raise self._missing(digest)
        return stored.size

    def verify(self, digest: str) -> int:
        """Read a file whole and return its size. Raises `MissingBlob` or `DamagedBlob`; changes nothing."""
        with self.stream(digest) as stream, self._telling(f"read {digest}"):
            found = stream_digest(stream)
            size = stream.tell()
        if found != digest:
            raise self._damaged(digest, found)
        return size

    @abstractmethod
    def list(self) -> Iterator[Stored]:
        """Every file, in the order of the digests, in bounded memory. Names that are no digest are passed over."""

    def leftovers(self) -> Iterator[Stored]:
        """What interrupted writes left in `tmp/`. A store that writes in one request has none."""
        return iter(())

    @abstractmethod
    def remove(self, digest: str) -> None:
        """Delete a file if it is there. For `gc`, which knows that nothing names it."""

    def remove_leftover(self, name: str) -> None:
        """Delete one of `leftovers`, if it is still there. For `gc`."""
        raise self._missing(name)

    # -- sentences ----------------------------------------------------------------------------------------------------

    def _missing(self, digest: str) -> MissingBlob:
        return MissingBlob(
            f"The file {digest} is missing from the image store {self.url}.",
            "Copy it back from a backup, or render it again with `seedbank regen`.",
        )

    def _damaged(self, digest: str, found: str) -> DamagedBlob:
        return DamagedBlob(
            f"The file {digest} in the image store {self.url} is damaged: its bytes now have the SHA-256 {found}.",
            "Copy it back from a backup, or render it again with `seedbank regen`.",
        )

    @contextlib.contextmanager
    def _telling(self, action: str) -> Iterator[None]:
        """Turn whatever the place raises into one sentence."""
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            raise _refusal(error, f"The image store {self.url} could not {action}", self.remedy) from error

    @staticmethod
    def _source(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def key_of(digest: str) -> str:
    """The place of a file inside a store. Raises `BadInput` for anything but a digest: no path gets in."""
    if not is_digest(digest):
        raise BadInput(f"{digest!r} is no SHA-256 in hexadecimal digits.")
    return f"{digest[:2]}/{digest}"


def is_digest(name: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", name) is not None


def _refusal(error: Exception, what: str, remedy: str) -> StorageError:
    """One sentence for an exception of the file system or of the S3 library."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"{what}: the disk is full.", "Free some space and try again.")
    if number in (errno.EACCES, errno.EPERM):
        return StorageError(f"{what}: access is denied.", "Check the owner and the rights of the place.")
    if number == errno.EROFS:
        return StorageError(f"{what}: it lies on a read-only file system.", "Mount it for writing.")
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return StorageError(f"{what}: {' '.join(reason.split()).rstrip('.')}.", remedy)
