"""What the bank has lost of imported files, or never kept, found when their files are imported again.

The bank's database says which files are known, and an ordinary import believes it: looking would cost more than passing over.
A file of another size is damaged, and is not read; one of its size is, as nothing else tells whether its bytes are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor

from seedbank.bank import Bank
from seedbank.blobs import DamagedBlob, MissingBlob
from seedbank.errors import NotFound
from seedbank.records import Blob

WORDS = frozenset({"sampler", "schedule"})
"""Keys of an entry's details in the words of its file."""
Lost = tuple[Blob, str]
"""(a known file, what is wrong with it in the image store)"""


def lost(bank: Bank, digests: Sequence[str], readers: Executor) -> Iterator[Lost | None]:
    """Of each known file what is wrong where the image store lacks it or holds it damaged, in the order of `digests`.

    Several are read at once, piece by piece, while those before them are answered.
    """

    def look(digest: str) -> Lost | None:
        try:
            blob = bank.store.blob(digest)
        except NotFound:
            return None  # the picture of its entry is another file by now
        why = _why(bank, blob)
        return None if why is None else (blob, why)

    return readers.map(look, digests)


def unsaid(bank: Bank, ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """{entry: what its file calls the sampler and the schedule} of imports that were stored before this was kept.

    Their texts were, and are read again.
    """
    from seedbank.importing.again import reading_of
    from seedbank.importing.convert import convert

    found = {}
    for entry in bank.store.entries(sorted(set(ids))):
        if entry.recipe is None or WORDS & entry.details.keys() or (reading := reading_of(bank, entry)) is None:
            continue
        said = convert(reading).details
        if words := {name: str(said[name]) for name in WORDS if said.get(name)}:
            found[entry.id] = words
    return found


def _why(bank: Bank, blob: Blob) -> str | None:
    try:
        size = bank.blobs.size(blob.digest)
        if size != blob.size:
            return f"The file {blob.digest} in the image store has {size:,} bytes instead of {blob.size:,}."
        bank.blobs.verify(blob.digest)
    except (MissingBlob, DamagedBlob) as error:
        return error.message
    return None
