"""What `seedbank ls` costs over importing SQLAlchemy and click: CPU time of whole processes, on a bank of 10,000 entries.

    python -m benchmarks.ls [--entries 10000] [--save ls]

The baseline is `python -c "import sqlalchemy, click"`. Runs alternate; the figure is the ratio of the medians. Goal: 1.3,
plus the printing of one page.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import seedbank
from benchmarks.machine import machine, save
from seedbank.environment import Environment
from seedbank.hashing import sha256
from seedbank.recipe import Recipe
from seedbank.records import Blob, Model, NewEntry, Picture


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    # As pip does when it installs: otherwise a checkout may be compiled anew by every process.
    compileall.compile_dir(str(Path(seedbank.__file__).parent), quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        bank = Path(folder) / "bank.db"
        fill(bank, options.entries)
        values = measure(bank, options.rounds) | {
            "entries": options.entries,
            "bytes_per_entry": bank.stat().st_size // options.entries,
        }
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save(options.save, values))


def fill(path: Path, count: int) -> None:
    """A bank of `count` entries that differ in seed and picture, with ten prompts and one tag in ten."""
    from seedbank.store import Store

    environment = Environment({"system": {"python": "3.11"}, "profile": {"device": "cpu", "threads": 2}})
    model = Model(digest=sha256(b"model"), name="embedded@1", pipeline="ZImagePipeline", source="embedded@1")
    call = {"num_inference_steps": 8, "guidance_scale": 3.0, "width": 128, "height": 128}
    with Store.create(str(path)) as store:
        for start in range(0, count, 1000):
            entries = []
            for number in range(start, min(start + 1000, count)):
                recipe = Recipe(
                    model=model.digest,
                    pipeline=model.pipeline,
                    conditioning={"prompt": f"a red circle on a blue background, version {number % 10}"},
                    noise={"kind": "torch-cpu", "seed": str(number)},
                    call=call,
                    scheduler={"class": "FlowMatchEulerDiscreteScheduler", "config": {"shift": 3.0}},
                    dtypes={"transformer": "float32"},
                )
                digest = sha256(str(number).encode())
                picture, blob = Picture(digest, "RGB", 128, 128, digest[:16]), Blob(digest, 1000, "image/png")
                entries.append(NewEntry(recipe=recipe, environment=environment, model=model, picture=picture, blob=blob))
            store.add_entries(entries)


def measure(bank: Path, rounds: int) -> dict[str, Any]:
    """Median CPU seconds of the baseline, of `ls --ids` and of `ls` with its table, and the ratios."""
    commands = {
        "import": [sys.executable, "-c", "import sqlalchemy, click"],
        "help": [sys.executable, "-m", "seedbank", "--help"],
        "ls_ids": [sys.executable, "-m", "seedbank", "ls", "--ids"],
        "ls": [sys.executable, "-m", "seedbank", "ls"],
        "ls_tag": [sys.executable, "-m", "seedbank", "ls", "seed:5000..5100"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            seconds[name].append(cpu_seconds(command, bank))
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    ratios = {name: round(value / medians["import"], 3) for name, value in medians.items()}
    return {
        "cpu_seconds": {name: round(value, 4) for name, value in medians.items()},
        "ratio": ratios,
        "goal": {"ls": 1.3},
    }


def cpu_seconds(command: list[str], bank: Path) -> float:
    """User and system time of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environ = os.environ | {"SEEDBANK_BANK": str(bank)}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
