"""What recording costs over the bare pipeline call, and what the worker needs over bare diffusers.

    python -m benchmarks.record                        # the embedded model on the CPU, 128x128, about 1 s an image: two minutes
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
inside the pipeline's own call: what tracing and storing beside it add there is the difference to that of bare calls. What the
waiting pipeline can and cannot show says `pipelines.waiting_pipeline`; its pictures are a photograph and, as the worst case,
noise. On a GPU nothing was measured yet since stages are hashed in batches and rounds are shuffled.
"""

from __future__ import annotations

import argparse
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
from benchmarks.rounds import Seconds, ratio, shuffled

BARE, AGAIN = "bare", "bare again"
ROUNDS, WAITING_ROUNDS = 10, 6
BUDGET = 140.0
"""Seconds after which no further round begins."""
WAITING_STEPS = 9
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
    """Seconds of an image in each round, by what they were spent on."""

    whole: list[Seconds] = field(default_factory=list)
    call: list[Seconds] = field(default_factory=list)
    """Inside the pipeline's own call."""
    waits: list[Seconds] = field(default_factory=list)
    """Of the row for its last entry."""

    def add(self, row: Row, whole: Seconds, call: Seconds, wait: Seconds) -> None:
        self.whole.append(whole / row.calls)
        self.call.append(call / row.calls)
        self.waits.append(wait)

    @property
    def wall(self) -> list[float]:
        return [seconds.wall for seconds in self.whole]


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}, of a pipeline that waits {WAITING_ROUNDS}")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds after which no further round begins")
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long one bare image should take")
    parser.add_argument("--large", action="store_true", help="a Z-Image of real width, random weights, 1024x1024")
    parser.add_argument("--waiting", action="store_true", help="a Z-Image that waits as for a GPU, 1024x1024")
    parser.add_argument("--layers", type=int, default=8, help="of the large transformer; Z-Image has 30")
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    values = {"time": measure_time(options)}
    if not options.large and not options.waiting and options.device == "cpu":
        values["memory"] = measure_memory(options.model)
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save(options.save, values))


def measure_time(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of bare, of traced and of recorded calls in shuffled rounds, and their ratios.

    A caller that waits does so in one thread, as one that launches kernels: others would only compete for the cores.
    """
    import torch

    import seedbank

    show = None
    rows, rounds = (LARGE if options.large else SMALL), options.rounds or ROUNDS
    if options.waiting:
        torch.set_num_threads(1)
        rows, rounds = WAITING, options.rounds or WAITING_ROUNDS
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
    inside, seed = time_inside(pipe), 0
    with tempfile.TemporaryDirectory() as folder, seedbank.open(Path(folder) / "bank.db", create=True) as bank:
        for number, kind in shuffled(list(rows), rounds, options.budget):
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
        **figures(rows, measured),
    }


def figures(rows: Mapping[str, Row], measured: Mapping[str, Measured]) -> dict[str, Any]:
    """What is told of the bare calls, and of each kind that is held against them."""
    again = measured[AGAIN]
    bare = Measured(
        [(one + other) / 2 for one, other in zip(measured[BARE].whole, again.whole, strict=True)],
        [(one + other) / 2 for one, other in zip(measured[BARE].call, again.call, strict=True)],
    )
    told: dict[str, Any] = {
        "bare": {
            "seconds": round(statistics.median(bare.wall), 4),
            "least_seconds": round(min(bare.wall), 4),
            "spread": round(max(bare.wall) / min(bare.wall), 3),
            "call_cpu_milliseconds": _milliseconds(bare.call, "cpu"),
        },
        "bare_against_bare": ratio(again.wall, measured[BARE].wall),
    }
    for kind, row in rows.items():
        if row.kind != "bare":
            told[kind] = {
                "ratio": ratio(measured[kind].wall, bare.wall),
                "goal": 1.02 if row.kind == "traced" else 1.03,
                "call_cpu_milliseconds": _milliseconds(measured[kind].call, "cpu"),
                **(_own(measured[kind], bare) if row.kind == "recorded" else {}),
            }
    return told


def _own(recorded: Measured, bare: Measured) -> dict[str, float]:
    """What recording adds around the pipeline's own call."""
    own = [whole - call for whole, call in zip(recorded.whole, recorded.call, strict=True)]
    return {
        "own_milliseconds": _milliseconds(own, "wall"),
        "own_least_milliseconds": round(1000 * min(spent.wall for spent in own), 1),
        "own_share": round(statistics.median(spent.wall for spent in own) / statistics.median(bare.wall), 4),
        "own_cpu_milliseconds": _milliseconds(own, "cpu"),
        "last_wait_milliseconds": _milliseconds(recorded.waits, "wall"),
    }


def _milliseconds(spent: list[Seconds], which: str) -> float:
    return round(1000 * float(statistics.median(map(attrgetter(which), spent))), 1)


def run_row(row: Row, bank: Any, pipe: Any, call: dict[str, Any], seed: int) -> tuple[Seconds, Seconds]:
    """What the calls of a row take, of recorded ones until the last is stored; and that wait alone.

    Every kind keeps what a call gave while it makes the next, as scripts do: where it lies decides which memory is fresh.
    """
    import torch

    from seedbank.worker.tracing import Trace

    last: Any = None
    begun = Seconds.now()
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
    called = Seconds.now()
    if row.kind == "recorded":
        assert len(last.entries) == 1 and not last.entries[0].obstacles, last.entries
    return Seconds.now() - begun, Seconds.now() - called


class Inside:
    """The seconds that were spent inside calls of the pipeline so far."""

    spent = Seconds(0.0, 0.0)


def time_inside(pipe: Any) -> Inside:
    """Collect the seconds of every call of the pipeline itself, so that what recording adds around it can be told apart."""
    inside = Inside()
    call = type(pipe).__call__

    @functools.wraps(call)
    def timed_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = Seconds.now()
        result = call(self, *args, **kwargs)
        inside.spent += Seconds.now() - started
        return result

    type(pipe).__call__ = timed_call
    return inside


def steps_for(pipe: Any, call: dict[str, Any], seconds: float) -> int:
    """How many steps make one image last about `seconds`.

    On the CPU by the calling thread's CPU time, which is the wall time of a machine that nobody else uses.
    """
    clock = attrgetter("cpu" if pipe.device.type == "cpu" else "wall")

    def lasting(steps: int) -> float:
        started = Seconds.now()
        pipe(**call, num_inference_steps=steps)  # its own copy of the image to the CPU waits for the GPU
        return float(clock(Seconds.now() - started))

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
