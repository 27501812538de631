"""N of N: entries of four pipeline families, each regenerated in a hundred fresh processes.

    python -m benchmarks.exactness --folder /var/tmp/exactness            # goes on where it stopped
    python -m benchmarks.exactness --folder /var/tmp/exactness --save

One entry of each family is recorded once: real diffusers pipelines, tiny and with random weights. Then every round
starts a render process that has rendered nothing before, rebuilds each entry from the record alone and compares image
and trace. No process rebuilds an entry twice, so the rounds count reruns across processes, not repetitions inside one.
The bank in `--folder` keeps every verdict; it is also what makes the measurement resumable.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import seedbank
from benchmarks.machine import machine, save
from seedbank.api import Library
from tests import tiny_models

PROMPT = "a red circle on a blue background"
TAG = "exactness"


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the bank and the models are kept")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--save", action="store_true", help="write results/exactness.json")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with seedbank.open(options.folder / "bank.db", create=True) as bank:
        record(bank, options.folder / "models")
        rerun(bank, options.rounds)
        values = counts(bank)
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save("exactness", values))


def record(bank: Library, models: Path) -> None:
    """One entry of each family that the bank does not have yet: 64x64, 4 steps, a seed of its own."""
    models.mkdir(parents=True, exist_ok=True)
    known = {entry.recipe.pipeline for entry in bank.find(f"tag:{TAG}", limit=None) if entry.recipe}
    for number, family in enumerate(tiny_models.FAMILIES):
        folder = models / family
        if not (folder / "model_index.json").exists():
            tiny_models.build(family, folder)
        if family not in known:
            bank.generate(PROMPT, seed=100 + number, model=str(folder), steps=4, width=64, height=64, device="cpu", tags=[TAG])


def rerun(bank: Library, rounds: int) -> None:
    """Regenerate every entry until each has `rounds` verdicts; each round is a process of its own."""
    ids = bank.resolve(f"tag:{TAG}")
    while short := [one for one in ids if len(bank.store.regenerations(one)) < rounds]:
        bank.regen(short)


def counts(bank: Library) -> dict[str, Any]:
    """{families: {pipeline: {reruns, verdicts, traces, environments}}}, and the sum of all."""
    families = {}
    for entry in bank.store.entries(bank.resolve(f"tag:{TAG}")):
        found = bank.store.regenerations(entry.id)
        assert entry.recipe is not None
        families[entry.recipe.pipeline] = {
            "reruns": len(found),
            "verdicts": dict(Counter(one.verdict for one in found)),
            "traces": dict(Counter(one.trace for one in found)),
            "environments": len({one.environment_digest for one in found}),
        }
    exact = sum(one["verdicts"].get("exact", 0) for one in families.values() if one["traces"] == {"same": one["reruns"]})
    reruns = sum(one["reruns"] for one in families.values())
    return {"families": families, "reruns": reruns, "exact_with_the_same_trace": exact}


if __name__ == "__main__":
    main()
