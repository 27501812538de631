"""Import what lies in folders now, once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from seedbank.bank import Bank
from seedbank.importing.options import REJECTED, Options, Report
from seedbank.importing.service import Import
from seedbank.importing.walk import walk
from seedbank.progress import QUIET, Progress


def import_files(
    bank: Bank, paths: Sequence[str | Path], options: Options | None = None, progress: Progress = QUIET
) -> Iterator[Report]:
    """Import the pictures that `paths` name and those in the folders that they name; a report for each file.

    What is reported is kept. Raises `BadInput` for a path that does not exist; what is wrong with a file is in its report.
    """
    options = options or Options()
    named = tuple(os.path.abspath(os.path.expanduser(path)) for path in paths)
    rejected: list[Report] = []

    def say(path: str, reason: str) -> None:
        rejected.append(Report(path, REJECTED, reason=reason))

    label = "importing, and reading what is kept" if options.mend else "importing"
    with Import(bank, named, options) as under_way, progress.task(label, unit=" files") as task:

        def reports() -> Iterator[Report]:
            yield from under_way.feed(walk(named, say, under_way.own_folders))
            yield from under_way.flush()

        for report in reports():
            task.advance()
            yield report
            while rejected:
                task.advance()
                yield rejected.pop()
        yield from rejected
        under_way.finish()
