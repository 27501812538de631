"""Files that other processes write for an image store in a folder, before it takes them over."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from msgspec import Struct

from seedbank import posix


class Staging(Struct, frozen=True):
    """A place in the `tmp/` of an image store. The names of its files begin alike, so that they are known again.

    It crosses to the processes that write. What nobody adopts is removed by `clear`; after a crash `gc` finds it.
    """

    folder: str
    prefix: str

    def write(self, data: bytes) -> Path:
        """A new file of these bytes, to be synced by the store before it adopts it. Raises `OSError`."""
        return posix.write_new(Path(self.folder), [data], self.prefix, sync=False)

    def clear(self) -> None:
        """Remove what is left, as far as that is possible."""
        with contextlib.suppress(OSError), os.scandir(self.folder) as items:
            for item in items:
                if item.name.startswith(self.prefix):
                    with contextlib.suppress(OSError):
                        os.unlink(item.path)
