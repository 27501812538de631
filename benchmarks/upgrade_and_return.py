"""Upgrade and return: entries of one environment, tried in others, and rebuilt in their own.

    python -m benchmarks.upgrade_and_return --folder /var/tmp/upgrade --old /envs/old/bin/python \\
        --new /envs/new/bin/python --new /envs/newer/bin/python --save

1. Entries are recorded by a render process in the `--old` interpreter.
2. Each is regenerated in every `--new` interpreter: the upgrade.
3. Each is regenerated with ``--env recorded``: an environment made from nothing but the recorded list of distributions.

`--old` is only used for recording; it may be gone for the third step. Every step is a durable run, so the same command goes
on where it stopped. The embedded model, 128x128, 8 steps.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import seedbank
from benchmarks.machine import machine, save
from seedbank.api import Library
from seedbank.engine.process import Engine
from seedbank.environment import Environment, compare_environments
from seedbank.recording.generate import ModelChoice, generate
from seedbank.recording.request import Request
from seedbank.regen import Options

TAG = "upgrade"
SHAPES = ("circle", "square", "triangle", "star", "ring")
COLOURS = ("red", "green", "blue", "yellow", "white")
GROUNDS = ("blue", "black", "grey", "orange")
NAMED = ("torch", "diffusers", "transformers")


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the bank is kept")
    parser.add_argument("--old", required=True, help="the interpreter that the entries are recorded with")
    parser.add_argument("--new", action="append", required=True, help="an interpreter to upgrade to")
    parser.add_argument("--entries", type=int, default=100)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--find-links", action="append", help="folders with wheels for --env recorded")
    parser.add_argument("--save", action="store_true", help="write results/upgrade_and_return.json")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with seedbank.open(options.folder / "bank.db", create=True) as bank:
        ids = record(bank, options.old, options.entries, options.model)
        upgrades = [Options(name=f"upgrade {number}", python=python) for number, python in enumerate(options.new)]
        back = Options(name="return", env="recorded", find_links=tuple(options.find_links or ()) or None)
        for step in (*upgrades, back):
            for _ in bank.regenerating(ids, step):
                pass
        values = {
            "recorded": described(bank.environment(ids[0])),
            "entries": len(ids),
            "upgraded": [counts(bank, ids, str(step.name)) for step in upgrades],
            "returned": counts(bank, ids, "return"),
        }
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save("upgrade_and_return", values))


def record(bank: Library, python: str, wanted: int, model: str) -> list[int]:
    """The ids of `wanted` entries, those that are not there yet recorded in the interpreter `python`."""
    pictures = list(itertools.islice(itertools.product(COLOURS, SHAPES, GROUNDS), wanted))
    known = {entry.seed for entry in bank.find(f"tag:{TAG}", limit=None)}
    with Engine(python=python, device="cpu") as engine:
        for seed, (colour, shape, ground) in enumerate(pictures):
            if seed not in known:
                request = Request(f"a {colour} {shape} on a {ground} background", seed=seed, steps=8, width=128, height=128)
                list(generate(bank, request, engine, ModelChoice(model), tags=[TAG]))
    return bank.resolve(f"tag:{TAG}")


def counts(bank: Library, ids: list[int], run: str) -> dict[str, Any]:
    """What came of the entries in one run, and what it ran in."""
    number = bank.store.run(run).id
    found = [one for entry in ids for one in bank.store.regenerations(entry) if one.run == number]
    digests = {one.environment_digest for one in found if one.environment_digest}
    first = bank.environment(ids[0])
    present = [bank.store.environment(digest) for digest in digests]
    return {
        "ran": [described(one) for one in present],
        "tried": len(found),
        "verdicts": dict(Counter(one.verdict for one in found)),
        "traces": dict(Counter(one.trace for one in found)),
        "first_difference": dict(Counter(one.first_difference for one in found if one.first_difference)),
        "largest_channel_difference": max((one.drift["max"] for one in found if "max" in one.drift), default=0),
        "operations_that_compute_other_bits": [compare_environments(first, one).operations for one in present],
        "notes": sorted({note for one in found for note in one.explanation.get("notes", ())}),
    }


def described(environment: Environment) -> dict[str, Any]:
    """Versions of an environment, and how many distributions it has."""
    return {
        "python": environment.parts["system"]["python"],
        **{name: environment.version(name) for name in NAMED},
        "distributions": len(environment.parts["distributions"]),
    }


if __name__ == "__main__":
    main()
