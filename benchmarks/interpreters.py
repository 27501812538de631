"""Other interpreters: the engine with the oldest and the newest torch and diffusers that are supported.

    python -m benchmarks.interpreters --folder /var/tmp/interpreters --python /envs/old/bin/python \\
        --python /envs/new/bin/python --save

In each interpreter four pipeline families are recorded by one render process and rebuilt by another; nothing is installed
there. What is expected is `exact` with the same trace, every recorded setting restored, and a whole fingerprint.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import seedbank
from benchmarks.machine import machine, save
from benchmarks.upgrade_and_return import described
from seedbank.api import Library
from seedbank.engine.process import Engine
from seedbank.errors import SeedbankError
from seedbank.recording.generate import ModelChoice, generate
from seedbank.recording.request import Request
from seedbank.regen import Options
from seedbank.worker.fingerprint import PROBES
from tests import tiny_models

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the bank and the models are kept")
    parser.add_argument("--python", action="append", required=True)
    parser.add_argument("--save", action="store_true", help="write results/interpreters.json")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with seedbank.open(options.folder / "bank.db", create=True) as bank:
        interpreters = [
            tried(bank, python, options.folder / f"models-{number}") for number, python in enumerate(options.python)
        ]
    values = {"interpreters": interpreters}
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save("interpreters", values))


def build(python: str, models: Path) -> None:
    """The tiny models, saved by the libraries of that interpreter: older ones do not read what newer ones write."""
    program = "import sys; from pathlib import Path; from tests import tiny_models as t\n"
    program += "for one in t.FAMILIES: t.build(one, Path(sys.argv[1]) / one)"
    if not models.exists():
        models.mkdir(parents=True)
        subprocess.run([python, "-c", program, str(models)], check=True, cwd=ROOT)


def tried(bank: Library, python: str, models: Path) -> dict[str, Any]:
    """Versions, what could not be recorded and why, and the verdicts of what could."""
    build(python, models)
    ids, problems = [], {}
    with Engine(python=python, device="cpu") as engine:
        for family in tiny_models.FAMILIES:
            request = Request("a red circle", seed=7, steps=3, width=64, height=64)
            try:
                ids += [entry.id for entry in generate(bank, request, engine, ModelChoice(str(models / family)))]
            except SeedbankError as error:
                problems[family] = error.message
        environment = engine.environment
    found = [outcome.regeneration for outcome in bank.regen(ids, Options(python=python))] if ids else []
    return {
        **described(environment),
        "recorded": len(ids),
        "problems": problems,
        "verdicts": dict(Counter(one.verdict for one in found)),
        "traces": dict(Counter(one.trace for one in found)),
        "not_restored": sorted({item[0] for one in found for item in one.evidence.get("unrestored", ())}),
        "probes_left_out": sorted(set(PROBES) - set(environment.parts["fingerprint"]["cpu"])),
    }


if __name__ == "__main__":
    main()
