"""What became of the files of an import: lines, a summary, JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from seedbank.cli.printing import counted, emit, printable, say, table

if TYPE_CHECKING:
    from seedbank.importing.options import Report

FEW = 20
"""Rejected files that are listed, and remarks; the others are counted, and `--json` has them all."""
QUIET = ("known", "rejected before")
"""What a dry run and `--watch` have no line for: it was said before."""


def reported(reports: Iterable[Report], *, as_json: bool, shown: bool) -> int:
    """Tell what became of the files; the exit status. `shown`: a line for each file, and not only their number."""
    outcomes: Counter[str] = Counter()
    tools: Counter[tuple[str, str]] = Counter()
    rejected: list[Report] = []
    said = _Said()
    trashed = conflicts = 0
    ended = False
    try:
        for report in reports:
            outcomes[report.outcome] += 1
            trashed += report.trashed
            if report.outcome == "rejected":
                rejected = [*rejected, report][:FEW]
            elif report.made is not None:
                tools[report.made.tool or "nothing said", report.outcome] += 1
                conflicts += bool(report.made.conflicts)
            if as_json:
                emit(_json(report))
            elif shown and report.outcome not in QUIET:
                for line in _lines(report):
                    say(_line(line))
                said.hear(report)
        ended = True
    finally:
        if not as_json and (ended or outcomes):
            for line in said.lines():
                say(_line(line))
            _summary(outcomes, tools, [] if shown else rejected, trashed, conflicts)
    return 1 if outcomes and outcomes.keys() <= {"rejected", "rejected before", "passed over"} else 0


def _summary(
    outcomes: Counter[str], tools: Counter[tuple[str, str]], rejected: list[Report], trashed: int, conflicts: int
) -> None:
    for report in rejected:
        say(_line(f"rejected {report.path}: {report.reason}"))
    if (more := outcomes["rejected"] - len(rejected)) > 0 and rejected:
        say(f"… and {more:,} more; --json lists all")
    columns = [name for name in ("imported", "would import", "completed") if any(outcome == name for _, outcome in tools)]
    if columns:
        names = sorted({tool for tool, _ in tools}, key=lambda tool: (-sum(tools[tool, one] for one in columns), tool))
        rows = [[*(f"{tools[tool, one]:,}" for one in columns), tool] for tool in names]
        say("\n".join(table(rows, [*columns, "tool"], right=range(len(columns)))))
    said = [f"{number:,} {outcome}" for outcome, number in outcomes.items()]
    say(f"{counted(outcomes.total(), 'file')}: {', '.join(said) or 'no pictures found'}")
    if conflicts:
        say(f"  {counted(conflicts, 'file')} with texts that contradict each other: seedbank show says how")
    if others := outcomes["passed over"]:
        say(f"  {counted(others, 'file')} passed over, with nothing of the format of --tool: without it, they are imported")
    if again := outcomes["rejected before"]:
        say(f"  {counted(again, 'file')} left alone, rejected before and unchanged since: --retry looks at them again")
    if trashed:
        say(f"  {counted(trashed, 'file')} of entries in the trash: seedbank undo, or seedbank restore, brings them back")


def _line(text: str) -> str:
    return printable(text).replace("\n", "\ufffd")


def _lines(report: Report) -> Iterable[str]:
    if report.made is None:
        yield f"{report.outcome} {report.path}: {report.reason}"
        return
    said, made = report.made.said, report.made
    sure = "  ".join(f"{', '.join(names)} {share}" for share, names in _shares(said.confidence).items())
    number = f" {report.entry}" if report.entry else ""
    yield f"{report.outcome}{number} {report.path}  {made.tool or 'says nothing'}  {sure}".rstrip()
    for sentence in made.conflicts:
        yield f"  {sentence}"


def _shares(confidence: Mapping[str, float]) -> dict[str, list[str]]:
    """{confidence in per cent: the fields that have it}, the surest first."""
    shares: dict[str, list[str]] = {}
    for name, share in sorted(confidence.items(), key=lambda item: -item[1]):
        shares.setdefault(f"{share:.0%}", []).append(name)
    return shares


class _Said:
    """Remarks and obstacles, which many files share: each is told once, with the number of files and the first of them."""

    def __init__(self) -> None:
        self._files: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def hear(self, report: Report) -> None:
        if report.made is not None:
            for sentence in dict.fromkeys((*report.made.remarks, *report.made.new.obstacles)):
                self._files[sentence] += 1
                self._first.setdefault(sentence, report.path)

    def lines(self) -> Iterable[str]:
        """The most common first."""
        for sentence, number in self._files.most_common(FEW):
            where = self._first[sentence] if number == 1 else f"{number:,} files, such as {self._first[sentence]}"
            yield f"{where}: {sentence}"
        if (more := len(self._files) - FEW) > 0:
            yield f"… and {more:,} more remarks; --json lists all"


def _json(report: Report) -> dict[str, Any]:
    line: dict[str, Any] = {"path": report.path, "outcome": report.outcome, "id": report.entry}
    if report.reason:
        line["reason"] = report.reason
    if report.trashed:
        line["trash"] = True
    if (made := report.made) is not None:
        said = made.said
        names = [one.name for one in fields(said) if one.name not in ("extras", "confidence")]
        line |= {
            "tool": made.tool,
            "file_digest": made.digest,
            "image_digest": made.new.picture.digest if made.new.picture else None,
            "recipe": {name: _plain(name, value) for name in names if (value := getattr(said, name)) not in (None, ())},
            "confidence": dict(said.confidence),
            "conflicts": list(made.conflicts),
            "remarks": list(made.remarks),
            "obstacles": list(made.new.obstacles),
        }
    return line


def _plain(name: str, value: Any) -> Any:
    """A field of a foreign recipe as JSON values; a seed as text, like everywhere."""
    if name == "seed":
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {key: item for key, item in asdict(value).items() if item is not None}
    if isinstance(value, tuple):
        return [_plain(name, item) for item in value]
    return value
