"""What recording costs over the bare pipeline call, and what the worker needs over bare diffusers.

    python -m benchmarks.record                        # the embedded model on the CPU, 128x128, about 1 s an image: two minutes
    python -m benchmarks.record --minutes 8            # the same, as many rounds as fit: on a machine that swings
    python -m benchmarks.record --waiting              # 1024x1024, a caller that waits as for a GPU, without one: three
    python -m benchmarks.record --device cuda --large  # a Z-Image of real width with random weights, 1024x1024

Rows of bare, of traced and of recorded calls come in shuffled rounds in one process (`rounds`). A recorded row ends when its
last entry is stored; of 1024x1024 it has eight calls, as people render them. The bare calls of a round are in two rows of
half the length: together they are what the others are held against, and `bare_against_bare`, the one against the other, says
what differences mean nothing on this machine at this time. Every `ratio` has its median, its interval and, as the figure that
disturbances move least, that of the least disturbed rows. Goals: at most 1.03 in time, at most 1.1 in memory, and 1.02 for
calls that are only traced.

`own_milliseconds` is what recording adds around the pipeline's own call, its part of the wait for the last entry included,
and `own_share` its part of a bare image; `own_cpu_milliseconds` is the CPU time of it that the calling thread spends;
`last_wait_milliseconds` the wait for the last entry of a row. `call_cpu_milliseconds` is what the calling thread computes
inside the pipeline's own call: what tracing and storing beside it add there is the difference to that of bare calls.
`process_cpu_milliseconds` is what all threads compute for an image, its storing included; where the pipeline computes on the
CPU, `cpu_ratio` holds it against that of bare calls, which others on the machine disturb least. `page_faults` are those of
the calling thread in an image. With `--keep-memory` the C library keeps what was freed: as it happens to lie, it gives some
10,000 pages back after each call of a row of either kind, which then take 20 ms to be cleared again, or none. What the
waiting pipeline can and cannot show says `pipelines.waiting_pipeline`; its pictures are a photograph and, as the worst case,
noise. On a GPU nothing was measured yet since stages are hashed in batches and rounds are shuffled.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, save
from benchmarks.pipelines import PICTURES, large_pipeline, small_pipeline, waiting_pipeline
from benchmarks.rounds import Spent, ratio, shuffled

BARE, AGAIN = "bare", "bare again"
ROUNDS, WAITING_ROUNDS = 10, 6
BUDGET = 140.0
"""Seconds after which no further round begins."""
WAITING_STEPS = 9
TUNED = (("M_MMAP_THRESHOLD", -3, 32 << 20), ("M_TRIM_THRESHOLD", -1, 1 << 30))
"""(name, number, value) for ``mallopt`` of <malloc.h>: the largest that the first may have, and more than is ever free."""
PROMPT = "a red circle on a blue background"
SCRIPT = """
import resource, sys, torch
from diffusers import DiffusionPipeline
pipe = DiffusionPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.float32, use_safetensors=True, local_files_only=True)
pipe.set_progress_bar_config(disable=True)
for seed in range(3):
    pipe(sys.argv[2], num_inference_steps=8, height=128, width=128, generator=torch.Generator().manual_seed(seed))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@dataclass(frozen=True)
class Row:
    """Calls of one kind in a row: `bare`, `traced` or `recorded`, and the picture that a waiting pipeline makes of them."""

    kind: str
    calls: int
    picture: str = PICTURES[0]


def rows_of(length: int) -> dict[str, Row]:
    """A round: rows of `length` calls, the bare ones in two halves."""
    bare = Row("bare", max(1, length // 2))
    return {BARE: bare, AGAIN: bare, "traced": Row("traced", length), "recorded": Row("recorded", length)}


SMALL, LARGE = rows_of(4), rows_of(8)
# A trace costs a caller that waits no more than any other.
WAITING = {BARE: LARGE[BARE], AGAIN: LARGE[AGAIN]} | {picture: Row("recorded", 8, picture) for picture in PICTURES}


@dataclass
class Measured:
    """What an image took in each round, by what they were spent on."""

    whole: list[Spent] = field(default_factory=list)
    call: list[Spent] = field(default_factory=list)
    """Inside the pipeline's own call."""
    waits: list[Spent] = field(default_factory=list)
    """Of the row for its last entry."""

    def add(self, row: Row, whole: Spent, call: Spent, wait: Spent) -> None:
        self.whole.append(whole / row.calls)
        self.call.append(call / row.calls)
        self.waits.append(wait)

    def of(self, which: str) -> list[float]:
        """One figure of `Spent` of every image."""
        return [float(getattr(spent, which)) for spent in self.whole]


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}, of a pipeline that waits {WAITING_ROUNDS}")
    parser.add_argument("--minutes", type=float, help="make as many rounds as fit; none begins after so many minutes")
    parser.add_argument("--keep-memory", action="store_true", help="let the C library keep what was freed (glibc only)")
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long one bare image should take")
    parser.add_argument("--large", action="store_true", help="a Z-Image of real width, random weights, 1024x1024")
    parser.add_argument("--waiting", action="store_true", help="a Z-Image that waits as for a GPU, 1024x1024")
    parser.add_argument("--layers", type=int, default=8, help="of the large transformer; Z-Image has 30")
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    if options.keep_memory:
        keep_memory()
    values = {"time": measure_time(options)}
    if not options.large and not options.waiting and options.device == "cpu":
        values["memory"] = measure_memory(options.model)
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save(options.save, values))


def measure_time(options: argparse.Namespace) -> dict[str, Any]:
    """Spent of bare, of traced and of recorded calls in shuffled rounds, and their ratios.

    A caller that waits does so in one thread, as one that launches kernels: others would only compete for the cores.
    """
    import torch

    import seedbank

    show = None
    rows, usual = (LARGE if options.large else SMALL), ROUNDS
    if options.waiting:
        torch.set_num_threads(1)
        rows, usual = WAITING, WAITING_ROUNDS
        name, (pipe, size, show) = "Z-Image that waits", waiting_pipeline(options.seconds, WAITING_STEPS)
    elif options.large:
        name = f"Z-Image width, {options.layers} layers, bf16, random weights"
        pipe, size = large_pipeline(options.device, options.layers)
    else:
        name, (pipe, size) = options.model, small_pipeline(options.model, options.device)
    pipe.set_progress_bar_config(disable=True)
    call: dict[str, Any] = {"prompt": PROMPT, "height": size, "width": size, "guidance_scale": 3.0}
    call["num_inference_steps"] = WAITING_STEPS if options.waiting else steps_for(pipe, call, options.seconds)
    measured = {kind: Measured() for kind in rows}
    rounds, budget = (options.rounds or usual, BUDGET) if options.minutes is None else (options.rounds, 60 * options.minutes)
    inside, seed = time_inside(pipe), 0
    with tempfile.TemporaryDirectory() as folder, seedbank.open(Path(folder) / "bank.db", create=True) as bank:
        for number, kind in shuffled(list(rows), rounds, budget):
            row = rows[kind] if number else Row(rows[kind].kind, 2, rows[kind].picture)
            if show is not None:
                show(row.picture)
            before = inside.spent
            whole, wait = run_row(row, bank, pipe, call, seed)
            seed += row.calls
            if number:  # the first round warms up: weights are hashed, kernels are chosen
                measured[kind].add(row, whole, inside.spent - before, wait)
    return {
        "pipeline": name,
        "size": f"{size}x{size}",
        "steps": call["num_inference_steps"],
        "rounds": len(measured[BARE].whole),
        "row": max(row.calls for row in rows.values()),
        **figures(rows, measured, pipe.device.type == "cpu" and not options.waiting),
    }


def figures(rows: Mapping[str, Row], measured: Mapping[str, Measured], computes: bool) -> dict[str, Any]:
    """What is told of the bare calls, and of each kind that is held against them.

    `computes` is whether the CPU makes the images, so that its time can be compared.
    """
    again = measured[AGAIN]
    bare = Measured(
        [(one + other) / 2 for one, other in zip(measured[BARE].whole, again.whole, strict=True)],
        [(one + other) / 2 for one, other in zip(measured[BARE].call, again.call, strict=True)],
    )
    told: dict[str, Any] = {
        "bare": {
            "seconds": round(statistics.median(bare.of("wall")), 4),
            "least_seconds": round(min(bare.of("wall")), 4),
            "spread": round(max(bare.of("wall")) / min(bare.of("wall")), 3),
            **_work(bare),
        },
        "bare_against_bare": ratio(again.of("wall"), measured[BARE].of("wall")),
    }
    if computes:
        told["bare_cpu_against_bare"] = ratio(again.of("process"), measured[BARE].of("process"))
    for kind, row in rows.items():
        if row.kind != "bare":
            told[kind] = {
                "ratio": ratio(measured[kind].of("wall"), bare.of("wall")),
                **({"cpu_ratio": ratio(measured[kind].of("process"), bare.of("process"))} if computes else {}),
                "goal": 1.02 if row.kind == "traced" else 1.03,
                **_work(measured[kind]),
                **(_own(measured[kind], bare) if row.kind == "recorded" else {}),
            }
    return told


def _work(measured: Measured) -> dict[str, float]:
    """What an image takes of the processor and of the memory."""
    return {
        "call_cpu_milliseconds": _milliseconds(measured.call, "cpu"),
        "process_cpu_milliseconds": _milliseconds(measured.whole, "process"),
        "page_faults": round(statistics.mean(measured.of("faults"))),
    }


def _own(recorded: Measured, bare: Measured) -> dict[str, float]:
    """What recording adds around the pipeline's own call."""
    own = [whole - call for whole, call in zip(recorded.whole, recorded.call, strict=True)]
    return {
        "own_milliseconds": _milliseconds(own, "wall"),
        "own_least_milliseconds": round(1000 * min(spent.wall for spent in own), 1),
        "own_share": round(statistics.median(spent.wall for spent in own) / statistics.median(bare.of("wall")), 4),
        "own_cpu_milliseconds": _milliseconds(own, "cpu"),
        "last_wait_milliseconds": _milliseconds(recorded.waits, "wall"),
    }


def _milliseconds(spent: list[Spent], which: str) -> float:
    return round(1000 * float(statistics.median(map(attrgetter(which), spent))), 1)


def run_row(row: Row, bank: Any, pipe: Any, call: dict[str, Any], seed: int) -> tuple[Spent, Spent]:
    """What the calls of a row take, of recorded ones until the last is stored; and that wait alone.

    Every kind keeps what a call gave while it makes the next, as scripts do: where it lies decides which memory is fresh.
    """
    import torch

    from seedbank.worker.tracing import Trace

    last: Any = None
    begun = Spent.now()
    for number in range(row.calls):
        arguments = call | {"generator": torch.Generator().manual_seed(seed + number)}
        if row.kind == "recorded":
            last = bank.record(pipe, **arguments)
        elif row.kind == "traced":
            with Trace(pipe, device=pipe.device) as trace:
                last = pipe(**arguments)
            assert trace.digests
        else:
            last = pipe(**arguments)
    called = Spent.now()
    if row.kind == "recorded":
        assert len(last.entries) == 1 and not last.entries[0].obstacles, last.entries
    return Spent.now() - begun, Spent.now() - called


class Inside:
    """The seconds that were spent inside calls of the pipeline so far."""

    spent = Spent()


def time_inside(pipe: Any) -> Inside:
    """Collect the seconds of every call of the pipeline itself, so that what recording adds around it can be told apart."""
    inside = Inside()
    call = type(pipe).__call__

    @functools.wraps(call)
    def timed_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = Spent.now()
        result = call(self, *args, **kwargs)
        inside.spent += Spent.now() - started
        return result

    type(pipe).__call__ = timed_call
    return inside


def keep_memory() -> None:
    """Tell the C library to take memory from its heap only, and to keep what is freed there. Raises `OSError`."""
    library = ctypes.CDLL(None)
    for name, setting, value in TUNED:
        if not library.mallopt(setting, value):
            raise OSError(f"The C library refuses {name}={value}.")


def steps_for(pipe: Any, call: dict[str, Any], seconds: float) -> int:
    """How many steps make one image last about `seconds`.

    On the CPU by the calling thread's CPU time, which is the wall time of a machine that nobody else uses.
    """
    clock = attrgetter("cpu" if pipe.device.type == "cpu" else "wall")

    def lasting(steps: int) -> float:
        started = Spent.now()
        pipe(**call, num_inference_steps=steps)  # its own copy of the image to the CPU waits for the GPU
        return float(clock(Spent.now() - started))

    pairs = [(lasting(2), lasting(12)) for _ in range(4)]
    few, many = (min(times) for times in zip(*pairs, strict=True))
    step = max(1e-4, (many - few) / 10)
    return int(max(2, round((seconds - few) / step) + 2))


def measure_memory(model: str) -> dict[str, Any]:
    """Peak resident memory of the worker after three images against that of bare diffusers, each in a fresh process."""
    from seedbank.engine.opening import load_source, read_source
    from seedbank.engine.process import Engine
    from seedbank.engine.source import find_model
    from seedbank.recording.request import Request, make_plan

    source = find_model(model)
    with Engine(device="cpu") as engine:
        known = read_source(engine, source)
        loaded = load_source(engine, source, known, "float32")
        plan = make_plan(Request(PROMPT, seed=0, count=3, steps=8, width=128, height=128), loaded, known, {}, {})
        worker = max(engine.render(recipe).peak_memory for recipe in plan.recipes)
    run = subprocess.run([sys.executable, "-c", SCRIPT, str(source.folder), PROMPT], capture_output=True, text=True, check=True)
    bare = int(run.stdout.split()[-1])
    return {
        "worker_mb": round(worker / 2**20),
        "bare_mb": round(bare / 2**20),
        "ratio": round(worker / bare, 3),
        "goal": 1.1,
    }


if __name__ == "__main__":
    main()
