"""What the image store has lost of imported files, found when their files are imported again.

The bank's database says which files are known, and an ordinary import believes it: looking would cost more than passing over.
"""

from __future__ import annotations

from seedbank.bank import Bank
from seedbank.blobs import DamagedBlob, MissingBlob
from seedbank.errors import NotFound
from seedbank.records import Blob


def lost(bank: Bank, digest: str) -> tuple[Blob, str] | None:
    """The known file with this digest and what is wrong, where the image store lacks it or holds it damaged; reads it whole."""
    try:
        blob = bank.store.blob(digest)
    except NotFound:
        return None  # the picture of its entry is another file by now
    try:
        bank.blobs.verify(digest)
    except (MissingBlob, DamagedBlob) as error:
        return blob, error.message
    return None
