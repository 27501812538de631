"""How fast a sweep is beside a bare diffusers loop, and how long a contact sheet takes.

    python -m benchmarks.explore                 # 100 seeds on the embedded model, about two minutes
    python -m benchmarks.explore --seeds 20      # a short look

Both render the same seeds at one prompt. The bare loop is what a script does: it calls the pipeline, which encodes the prompt
every time, and saves a PNG. The sweep encodes it once, and records every image with its trace. Blocks of the two alternate in
one run, so that a change of the machine's speed hits both; `ratio` is the sweep's time by the loop's, the goal at most 1, and
`ratio_of_pairs` the median over neighbouring blocks, which a single disturbance does not move. `opening_seconds` is what a
sweep takes before its first image in a process that runs already: verifying the weights, the plan.

The same pictures say whether neighbouring seeds look alike: `neighbours` has how far the pictures of seeds k and k + 1 are
apart, and those of all other pairs, in bits of 64 of the perceptual hash, and the same for their initial noise as correlation.

The sheet is one of 400 cells of 128x128 pixels, read from the bank: at most 2 s.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as a render process has it: two of them share the cores here

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, save

PROMPT = "a red circle on a blue background"
GUIDANCE = 3.0
CELLS = 400


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--block", type=int, default=10, help="seeds in a row")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    swept, hashes = measure_sweep(options)
    values = {"sweep": swept, "neighbours": measure_neighbours(hashes), "sheet": measure_sheet()}
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save(options.save, values))


def measure_sweep(options: argparse.Namespace) -> tuple[dict[str, Any], list[int]]:
    """Seconds of the bare loop and of the sweep over the same seeds, in blocks that alternate; and the pictures' hashes."""
    import seedbank

    with tempfile.TemporaryDirectory() as folder, seedbank.open(Path(folder) / "bank.db", create=True) as bank:
        pipe = bare_pipeline(options.model)
        call = {"num_inference_steps": options.steps, "width": options.size, "height": options.size}
        given = {"model": options.model, "device": "cpu", "guidance": GUIDANCE, "steps": options.steps}
        given |= {"width": options.size, "height": options.size}
        bare, swept, opened, encoded, hashes = [], [], [], [], []
        for number in range(options.seeds // options.block + 1):
            first = number * options.block
            bare.append(bare_block(pipe, call, range(first, first + options.block), Path(folder)))
            started = time.perf_counter()
            with bank.sweeping(PROMPT, seeds=f"{first}..{first + options.block - 1}", **given) as sweep:
                opened.append(time.perf_counter() - started)
                started = time.perf_counter()
                cells = list(sweep)
                swept.append(time.perf_counter() - started)
            assert all(cell.entry is not None and not cell.reused for cell in cells)
            hashes += [int(cell.entry.picture.phash, 16) for cell in cells if cell.entry]
            encoded.append(max(cell.entry.output.seconds["encode"] for cell in cells if cell.entry))
    # The first block warms up: weights are hashed, kernels are chosen, the text is encoded for the first time.
    result = {
        "seeds": options.block * (len(bare) - 1),
        "block": options.block,
        "pipeline": options.model,
        "size": f"{options.size}x{options.size}",
        "steps": options.steps,
        "bare_seconds": round(sum(bare[1:]), 3),
        "sweep_seconds": round(sum(swept[1:]), 3),
        "ratio": round(sum(swept[1:]) / sum(bare[1:]), 4),
        "ratio_of_pairs": round(statistics.median(a / b for a, b in zip(swept[1:], bare[1:], strict=True)), 4),
        "goal": 1.0,
        "spread_of_bare": round(max(bare[1:]) / min(bare[1:]), 3),
        "encoding_seconds": round(encoded[0], 4),
        "opening_seconds": round(statistics.median(opened[1:]), 3),
    }
    return result, hashes


def measure_neighbours(hashes: list[int]) -> dict[str, Any]:
    """Mean distances of pictures and of noises: of seeds that follow each other, and of all others."""
    import torch

    size = (16, 16, 16)
    noises = [torch.randn(size, generator=torch.Generator().manual_seed(seed)).flatten() for seed in range(len(hashes))]
    apart: dict[bool, list[int]] = {True: [], False: []}
    alike: dict[bool, list[float]] = {True: [], False: []}
    for one in range(len(hashes)):
        for other in range(one + 1, len(hashes)):
            apart[other == one + 1].append((hashes[one] ^ hashes[other]).bit_count())
            alike[other == one + 1].append(abs(float(torch.corrcoef(torch.stack([noises[one], noises[other]]))[0, 1])))
    return {
        "pictures": len(hashes),
        "bits_apart_of_neighbours": round(statistics.mean(apart[True]), 2),
        "bits_apart_of_others": round(statistics.mean(apart[False]), 2),
        "noise_correlation_of_neighbours": round(statistics.mean(alike[True]), 4),
        "noise_correlation_of_others": round(statistics.mean(alike[False]), 4),
    }


def bare_pipeline(model: str) -> Any:
    """The pipeline as a script loads it."""
    import torch
    from diffusers import DiffusionPipeline

    from seedbank.engine.source import find_model

    folder = find_model(model, offline=True).folder
    pipe = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def bare_block(pipe: Any, call: dict[str, Any], seeds: range, folder: Path) -> float:
    """Seconds of the loop that people write."""
    import torch

    started = time.perf_counter()
    for seed in seeds:
        image = pipe(PROMPT, generator=torch.Generator().manual_seed(seed), guidance_scale=GUIDANCE, **call).images[0]
        image.save(folder / f"{seed}.png")
    return time.perf_counter() - started


def measure_sheet() -> dict[str, Any]:
    """Seconds of a contact sheet of 400 cells with their pictures in a bank: 20 x 20, and 400 of one axis."""
    import seedbank
    from seedbank.bank import Pixels
    from seedbank.explore.axes import parse_axis
    from seedbank.explore.plan import Grid
    from seedbank.explore.sheets import sweep_sheet

    side, root = 128, int(CELLS**0.5)
    with tempfile.TemporaryDirectory() as folder, seedbank.open(Path(folder) / "bank.db", create=True) as bank:
        cells: dict[int, int | str] = {}
        for number in range(CELLS):
            rows = random.Random(number).randbytes(side * 3) * side
            cells[number] = bank.add(Pixels("RGB", side, side, rows)).id
        table = Grid((parse_axis(f"guidance=1..{root}"), parse_axis(f"seed=1..{root}")))
        row = Grid((parse_axis(f"seed=1..{CELLS}"),))
        taken = {name: _seconds(lambda grid=grid: sweep_sheet(bank, grid, cells, PROMPT)) for name, grid in  # type: ignore[misc]
                 (("grid_seconds", table), ("seeds_seconds", row))}  # fmt: skip
    return {"cells": CELLS, "size": f"{side}x{side}", **taken, "goal": 2.0}


def _seconds(act: Any) -> float:
    started = time.perf_counter()
    act()
    return round(time.perf_counter() - started, 3)


if __name__ == "__main__":
    main()
