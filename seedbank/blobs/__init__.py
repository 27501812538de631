"""The image store: files by the SHA-256 of their bytes, in a local folder, in memory or in an S3 bucket.

    blobs = Blobs.open("art.db.images", create=True)
    blob = blobs.put(png, "image/png")
    blobs.get(blob.digest) == png

A file lies at ``<first two digits>/<digest>``. 256 folders hold ten million images at 39,000 each, which today's file
systems take easily, and let S3 be listed in pieces; a second level would cost almost every image of an ordinary bank a
folder of its own, with a block and an fsync. All of them are made with the store, so that a `put` makes none.

A crash at any moment may leave a file in ``tmp/`` or one that no entry names; never a wrong one under an address.
Only this package imports fsspec.
"""

from __future__ import annotations

from seedbank.blobs.base import Blobs, DamagedBlob, MissingBlob, Stored
from seedbank.blobs.staging import Staging

__all__ = ["Blobs", "DamagedBlob", "MissingBlob", "Staging", "Stored"]
