"""What comes into a bank: files that were looked at, and what a bundle brought."""

from __future__ import annotations

from msgspec import Struct


class SeenFile(Struct, frozen=True):
    """A file as it was when it was looked at: an unchanged one is known again without being opened.

    folder     absolute path of its folder; `name` is that of the file in it
    mtime_ns   time of the last change of its bytes, in nanoseconds since 1970
    inode      its number in the file system, in 63 bits
    digest     SHA-256 of its bytes
    """

    folder: str
    name: str
    size: int
    mtime_ns: int
    inode: int
    digest: str


class Holder(Struct, frozen=True):
    """The entry that holds a file.

    pictured   its image digest is known
    kept       the bytes lie in the image store, and not only where the file is
    trashed    it is in the trash
    new        it was made by the act that asks; `lacked`: its picture or its bytes came with it
    """

    entry: int
    pictured: bool
    kept: bool
    trashed: bool = False
    new: bool = False
    lacked: bool = False


class KnownFile(Struct, frozen=True):
    """A `SeenFile` and the entry that holds it."""

    file: SeenFile
    holder: Holder


class Came(Struct, frozen=True):
    """What an import of a bundle brought, or found here already."""

    entries: int = 0
    known: int = 0
    trashed: int = 0
    """Of the known ones, in the trash."""
    completed: int = 0
    """Known ones that have their bytes now."""
    regenerations: int = 0
    sayings: int = 0
    edges: int = 0
    searches: int = 0
    """Saved searches; each is an operation of its own."""
    operation: int | None = None
    """By which it is undone; None when nothing was new."""
