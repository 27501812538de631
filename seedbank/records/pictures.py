"""Pictures, the files that hold them, and the texts that these carry."""

from __future__ import annotations

from msgspec import Struct


class Picture(Struct, frozen=True, gc=False):
    """The pixels of an image by digest, and the perceptual hash (64 bits as 16 hex digits) where it was computed."""

    digest: str
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    phash: str | None = None


class Blob(Struct, frozen=True, gc=False):
    """A file by the SHA-256 of its bytes. `location` is None when it lies in the image store, else where it is."""

    digest: str
    size: int
    media_type: str
    location: str | None = None


TRACE_TYPE = "application/vnd.seedbank.trace+json"
"""The media type of traces."""


class Referred(Struct, frozen=True):
    """A file that some row refers to. `entry` is one that does, where that is at hand."""

    digest: str
    size: int
    location: str | None
    entry: int | None = None


class StoredPicture(Struct, frozen=True):
    """A picture whose bytes are here, and what its entry says of it.

    own   the entry was recorded by seedbank, which has written the file
    """

    entry: int
    picture: Picture
    blob: Blob
    recipe_digest: str | None
    own: bool


class Payload(Struct, frozen=True):
    """One text that a file carries.

    place   where it stood: `png:parameters`, `exif:UserComment`, `exif:Make`, `xmp`, `gif:comment`, `jpeg:comment`,
            `stealth:alpha`, `sidecar:.txt`, `text`
    text    decoded; `raw` are the bytes word for word, before decoding
    """

    place: str
    text: str
    raw: bytes = b""
