"""What an import is told, and what it tells of each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seedbank.importing.entries import Made

IMPORTED, KNOWN, COMPLETED, WOULD = "imported", "known", "completed", "would import"
REJECTED, BEFORE, PASSED, RESTORED = "rejected", "rejected before", "passed over", "restored"


@dataclass(frozen=True)
class Options:
    """How to import.

    tool            the only format to try, None for all; files that hold nothing of it are passed over
    tags            for every picture that comes in; those that are known already keep theirs
    copy            keep the bytes in the image store; else they stay where they are, and only there
    metadata_only   decode nothing: entries get their pictures when the files are imported again without this
    dry_run         only say what would be imported
    jobs            processes that decode, by default one for each core
    name            of the run
    retry           also files that were rejected before and have not changed since
    mend            look at what the image store keeps of known files; what it has lost or holds damaged is stored again, and
                    what an older seedbank did not keep of their words is read from the texts that it kept
    """

    tool: str | None = None
    tags: tuple[str, ...] = ()
    copy: bool = True
    metadata_only: bool = False
    dry_run: bool = False
    jobs: int | None = None
    name: str | None = None
    retry: bool = False
    mend: bool = False

    def specification(self, paths: Sequence[str]) -> dict[str, Any]:
        """What makes two imports the same piece of work, as JSON values."""
        named = {"tool": self.tool, "tags": list(self.tags), "metadata_only": self.metadata_only or None}
        return {"paths": list(paths), "copy": self.copy} | {key: value for key, value in named.items() if value}


@dataclass(frozen=True)
class Report:
    """What became of one file: `imported`, `known`, `completed` (its entry lacked its picture or its bytes), `rejected`,
    `rejected before` (and not looked at again, as it has not changed), `restored` (it was known, and the image store had lost
    its bytes or held them damaged, or its entry lacked words of it), `passed over` (it holds nothing of the one format that was
    to be tried), `would import`.

    made     what was understood of it; None for a file that was known, rejected or passed over
    reason   of a file that was not imported or is stored again, in one sentence
    """

    path: str
    outcome: str
    entry: int | None = None
    trashed: bool = False
    made: Made | None = None
    reason: str = ""
