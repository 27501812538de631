"""Bringing the bytes of imported files into the image store, before the rows that name them.

A process has staged them beside the image store, or they are copied from where they lie; either only where they are lacking.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from seedbank.bank import Bank
from seedbank.errors import BadInput, StorageError
from seedbank.importing.options import Options
from seedbank.importing.walk import Found, still
from seedbank.records import Blob, Holder

WRITERS = 8
"""Threads that bring files to the disk: they wait for it most of the time."""


class Bringing:
    """The way into the image store of one import. Futures give why a file could not be brought, or an empty text."""

    def __init__(self, bank: Bank, options: Options) -> None:
        self._bank, self._options = bank, options
        self.threads = ThreadPoolExecutor(WRITERS, thread_name_prefix="seedbank-import")
        keeps = options.copy and not options.metadata_only and not options.dry_run
        self.staging = bank.blobs.staging() if keeps else None

    def clear(self) -> None:
        """What was staged and not taken over is removed."""
        if self.staging is not None:
            self.staging.clear()

    def close(self, *, cancel: bool) -> None:
        """Let the threads end, with all that they were given unless `cancel`."""
        self.threads.shutdown(wait=True, cancel_futures=cancel)

    # -- what is lacking -----------------------------------------------------------------------------------------------

    def holders(self, digests: Collection[str]) -> dict[str, Holder]:
        """{digest: who has this file}, of those that the bank knows."""
        return self._bank.store.imports.holders(digests) if digests else {}

    def lacking(self, holder: Holder | None) -> bool:
        """Whether nobody holds the file, or an entry that does `lacks` something."""
        return holder is None or self.lacks(holder)

    def lacks(self, holder: Holder) -> bool:
        """Whether an entry that holds the file still lacks what this import would bring."""
        if self._options.metadata_only:
            return False
        return not holder.pictured or (self._options.copy and not holder.kept)

    # -- bytes in ------------------------------------------------------------------------------------------------------

    def sync(self, staged: Sequence[Path]) -> Future[str]:
        """Bring staged files to the disk."""
        return self.threads.submit(self._sync, staged)

    def _sync(self, staged: Sequence[Path]) -> str:
        for path in staged:
            self._bank.blobs.sync(path)
        return ""

    def keep(self, found: Found, blob: Blob, held: Holder | None) -> Future[str]:
        """The image store has the bytes until the rows that name them are stored."""
        return self.threads.submit(self._keep, found, blob, held)

    def _keep(self, found: Found, blob: Blob, held: Holder | None) -> str:
        if not self.lacking(held):
            # As in `adopt`: whoever has them may be purged before.
            self._bank.blobs.renew([blob.digest])
            held = self.holders([blob.digest]).get(blob.digest)
        return self.copy(found, blob) if self.lacking(held) else ""

    def copy(self, found: Found, blob: Blob) -> str:
        """Put the bytes into the image store now; why not, or an empty text."""
        try:
            self._bank.blobs.put_file(Path(found.path), blob.digest, blob.media_type)
        except StorageError as error:
            try:
                if still(found):
                    raise  # the image store refuses, and would the next one too
            except BadInput as gone:
                return gone.message
            return error.message
        return ""

    def adopt(self, staged: Sequence[tuple[str, Path]]) -> None:
        """The image store takes over what it lacks of (digest, staged file), once; the rest is removed."""
        holders = self.holders({digest for digest, _ in staged})
        held = {digest for digest, holder in holders.items() if not self.lacking(holder)}
        # Whoever has them may be purged before the rows of these are stored; until then `gc` is to leave them alone.
        self._bank.blobs.renew(held)
        holders = self.holders(held)
        taken = {digest: path for digest, path in staged if self.lacking(holders.get(digest))}
        self._bank.blobs.adopt(taken)
        for digest, path in staged:
            if taken.get(digest) != path:
                path.unlink(missing_ok=True)
