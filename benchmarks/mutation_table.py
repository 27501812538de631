"""Put the tables of the mutation suite and of the fields into docs/exactness.md, between their marks.

python -m benchmarks.mutation_table [--check]
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS
from seedbank.regen.fields import FIELDS, Field
from seedbank.regen.stages import EVERYTHING

PAGE = Path(__file__).resolve().parent.parent / "docs" / "exactness.md"
ORDER = ("prompt", "encoded", "noise", "step", "vae.in", "vae.out", "pixels")
HEADS = {
    "single": "One setting changed, told to `regen`",
    "pair": "Two settings changed, told to `regen`",
    "untold": "Changed behind the back of record and options",
    "elsewhere": "Recorded on another CPU",
}


def fields_table() -> str:
    """Every field: its name, what it takes, what it can reach."""
    rows = [f"| `{one.name}` | {one.about} | {_values(one)} | {_reach(one)} |" for one in FIELDS.values()]
    return "\n".join(["| field | what it is | takes | reaches |", "|---|---|---|---|", *rows])


def _values(field: Field) -> str:
    if field.values is int:
        return "1, 2, …"
    return ", ".join(f"`{word}`" for word in field.words) or "a text"


def _reach(field: Field) -> str:
    stages = [stage for stage in ORDER if stage in field.reaches]
    told = "everything" if field.reaches >= EVERYTHING else ", ".join(stage for stage in stages if stage != "vae.in")
    return told + (" (CUDA only)" if field.devices else "")


def results_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One table for each kind of case; a cell says what happened to one family."""
    parts = []
    for kind, head in HEADS.items():
        these = [row for row in rows if row["kind"] == kind]
        families = list(dict.fromkeys(row["family"] for row in these))
        if not these:
            continue
        table = [f"| {head} | {' | '.join(families)} |", "|---|" + "---|" * len(families)]
        for case in dict.fromkeys(row["case"] for row in these):
            cells = {row["family"]: _cell(row) for row in these if row["case"] == case}
            table.append(f"| {case.strip('()')} | {' | '.join(cells.get(family, '') for family in families)} |")
        parts.append("\n".join(table))
    return "\n\n".join(parts)


def _cell(row: Mapping[str, Any]) -> str:
    if row["effect"] in ("none", "not here"):
        return "no effect here" if row["verdict"] == "exact" else "not possible here"
    verdict = "drift" if row["verdict"] == "exact" else row["verdict"]
    changed = [part.partition("=")[0] for part in row["case"].split(" + ")]
    part = row["kind"] == "pair" and 0 < len(row["proven"]) < len(changed)
    return f"{verdict} from {row['stage']}, {row['grade']}" + (f" ({', '.join(row['proven'])} alone)" if part else "")


def summary_text(summary: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    versions = machine["versions"]
    return "\n".join(
        [
            f"Measured with torch {versions['torch']} and diffusers {versions['diffusers']} on {machine['cores']} cores of an "
            f"{machine['cpu']}:",
            "",
            f"- {summary['n']} cases. Settings told to `regen` that had an effect: {summary['told, with an effect']}; detected "
            f"{summary['told: detected']}, first stage right {summary['told: stage right']}, cause proven "
            f"{summary['told: proven']}.",
            f"- Changes that nobody was told of, with an effect: {summary['untold, with an effect']}; detected "
            f"{summary['untold: detected']}, first stage right in {summary['untold: stage right']} of those that were not "
            "`unstable`.",
            f"- Recorded on a smaller CPU and proven by keeping to its instruction set: {summary['elsewhere: proven']}.",
            f"- Falsely `exact`: {summary['false exact']}. Falsely `proven`: {summary['false proven']}. Alarms without an "
            f"effect: {summary['alarms without an effect']}. Cases without an effect on this machine, which count for "
            f"nothing: {summary['no effect here']}.",
        ]
    )


def page(text: str) -> str:
    """`text` with the tables put between their marks."""
    found = json.loads((RESULTS / "mutations.json").read_text("utf-8"))
    blocks = {
        "fields": fields_table(),
        "summary": summary_text(found["summary"], found["machine"]),
        "mutations": results_table(found["rows"]),
    }
    for name, block in blocks.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(pattern, lambda match, block=block: f"{match[1]}{block}\n{match[2]}", text, flags=re.S)
        assert count == 1, f"docs/exactness.md has no mark for {name}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="Only say whether the page is up to date.")
    options = parser.parse_args()
    text = PAGE.read_text("utf-8")
    if options.check:
        raise SystemExit(
            0 if page(text) == text else "docs/exactness.md is not up to date: python -m benchmarks.mutation_table"
        )
    PAGE.write_text(page(text), "utf-8")


if __name__ == "__main__":
    main()
