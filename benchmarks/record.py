"""What recording costs over the bare pipeline call, and what the worker needs over bare diffusers.

    python -m benchmarks.record                        # the embedded model on the CPU, about 1 s an image
    python -m benchmarks.record --device cuda --large  # a Z-Image of real width with random weights, 1024x1024
    python -m benchmarks.record --waiting              # 1024x1024 from a caller that waits, as for a GPU, without one

Blocks of bare, of traced and of recorded calls alternate in one process, so that a change of the machine's speed hits
all alike; a recorded block ends when its last entry is stored. Shared machines slow down for seconds at a time, so the
figure is `ratio_of_pairs`: the median, over all rounds, of a recorded block's time by that of the bare block beside it;
`ratio`, that of the least disturbed blocks, and the ratio of the medians stand beside it. Goals: at most 1.03 in time, at
most 1.1 in memory. `own_milliseconds` is what recording adds around the pipeline's own call, the
wait for the last entry included, and `own_share` its part of a bare image; `own_cpu_milliseconds` is the CPU time of it that
the calling thread spends, `last_wait_milliseconds` the wait for the last entry of a block, which a longer block spreads over
more images. `trace` compares calls that are only traced with bare ones: at most 1.02. What the waiting pipeline can and
cannot show says `pipelines.waiting_pipeline`; it is measured with a photograph and, as the worst case, with noise.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, save
from benchmarks.pipelines import PICTURES, large_pipeline, small_pipeline, waiting_pipeline

BLOCK, LARGE_BLOCK = 2, 8
"""Calls of one kind in a row. Of large images a longer row, as people render them: its end waits for one PNG."""
KINDS = ("bare", "traced", "recorded")
WAITING_STEPS = 9
PROMPT = "a red circle on a blue background"
BARE = """
import resource, sys, torch
from diffusers import DiffusionPipeline
pipe = DiffusionPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.float32, use_safetensors=True, local_files_only=True)
pipe.set_progress_bar_config(disable=True)
for seed in range(3):
    pipe(sys.argv[2], num_inference_steps=8, height=128, width=128, generator=torch.Generator().manual_seed(seed))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--block", type=int, help=f"calls in a row: {BLOCK}, of large images {LARGE_BLOCK}")
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long one bare image should take")
    parser.add_argument("--large", action="store_true", help="a Z-Image of real width, random weights, 1024x1024")
    parser.add_argument("--waiting", action="store_true", help="a Z-Image that waits as for a GPU, 1024x1024")
    parser.add_argument("--layers", type=int, default=8, help="of the large transformer; Z-Image has 30")
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    if options.waiting:
        values = {picture: measure_time(options, picture) for picture in PICTURES}
    else:
        values = {"time": measure_time(options)}
    if not options.large and not options.waiting and options.device == "cpu":
        values["memory"] = measure_memory(options.model)
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save(options.save, values))


def measure_time(options: argparse.Namespace, picture: str | None = None) -> dict[str, Any]:
    """Seconds of bare, of traced and of recorded calls, alternating, and their ratios.

    A caller that waits does so in one thread, as one that launches kernels: others would only compete for the cores.
    """
    import torch

    import seedbank

    if picture:
        torch.set_num_threads(1)
    name, pipe, size = pipeline_for(options, picture)
    pipe.set_progress_bar_config(disable=True)
    call: dict[str, Any] = {"prompt": PROMPT, "height": size, "width": size, "guidance_scale": 3.0}
    call["num_inference_steps"] = WAITING_STEPS if picture else steps_for(pipe, call, options.seconds)
    size_of_block = options.block or (LARGE_BLOCK if size > 128 else BLOCK)
    kinds = ("bare", "recorded") if picture else KINDS  # a trace costs no more of a caller that waits
    blocks: dict[str, list[Seconds]] = {kind: [] for kind in kinds}
    own: list[Seconds] = []
    waits: list[Seconds] = []
    inside = time_inside(pipe)
    with tempfile.TemporaryDirectory() as folder, seedbank.open(Path(folder) / "bank.db", create=True) as bank:
        for number in range(max(1, options.images // size_of_block) + 1):
            for kind in kinds:
                before = inside.spent
                spent, waited = one_block(kind, bank, pipe, call, range(number * size_of_block, (number + 1) * size_of_block))
                if number:  # the first round warms up: weights are hashed, kernels are chosen
                    blocks[kind].append(spent)
                    own += [(spent - (inside.spent - before)) / size_of_block] if kind == "recorded" else []
                    waits += [waited] if kind == "recorded" else []
    wall = {kind: [block.wall / size_of_block for block in blocks[kind]] for kind in kinds}
    least, median = min, statistics.median
    return {
        "images": options.images,
        "block": size_of_block,
        "pipeline": name,
        "size": f"{size}x{size}",
        "steps": call["num_inference_steps"],
        "bare_seconds": round(least(wall["bare"]), 4),
        "recorded_seconds": round(least(wall["recorded"]), 4),
        "ratio_of_pairs": _of_pairs(wall["recorded"], wall["bare"]),
        "goal": 1.03,
        "ratio": round(least(wall["recorded"]) / least(wall["bare"]), 4),
        "own_milliseconds": round(1000 * median(spent.wall for spent in own), 1),
        "own_least_milliseconds": round(1000 * least(spent.wall for spent in own), 1),
        "last_wait_milliseconds": round(1000 * median(waited.wall for waited in waits), 1),
        "own_cpu_milliseconds": round(1000 * median(spent.cpu for spent in own), 1),
        "own_share": round(median(spent.wall for spent in own) / median(wall["bare"]), 4),
        "ratio_of_medians": round(median(wall["recorded"]) / median(wall["bare"]), 4),
        "spread_of_bare": round(max(wall["bare"]) / least(wall["bare"]), 3),
        **({"trace": _traced(blocks, wall)} if "traced" in kinds else {}),
    }


def pipeline_for(options: argparse.Namespace, picture: str | None) -> tuple[str, Any, int]:
    """(what it is called, the pipeline, width and height of its images)."""
    if picture:
        return f"Z-Image that waits for a {picture}", *waiting_pipeline(options.seconds, WAITING_STEPS, picture)
    if options.large:
        name = f"Z-Image width, {options.layers} layers, bf16, random weights"
        return name, *large_pipeline(options.device, options.layers)
    return options.model, *small_pipeline(options.model, options.device)


def _traced(blocks: Mapping[str, Sequence[Seconds]], wall: Mapping[str, list[float]]) -> dict[str, float]:
    """What calls cost that are only traced."""
    traced, bare = wall["traced"], wall["bare"]
    return {
        "seconds": round(min(traced), 4),
        "ratio_of_pairs": _of_pairs(traced, bare),
        "ratio": round(min(traced) / min(bare), 4),
        "ratio_of_medians": round(statistics.median(traced) / statistics.median(bare), 4),
        "cpu_ratio": round(min(block.cpu for block in blocks["traced"]) / min(block.cpu for block in blocks["bare"]), 4),
        "goal": 1.02,
    }


def _of_pairs(seconds: list[float], bare: list[float]) -> float:
    """The median of the ratios of neighbouring blocks."""
    return round(statistics.median(one / other for one, other in zip(seconds, bare, strict=True)), 4)


@dataclass(frozen=True)
class Seconds:
    """Wall time, and the CPU time of the calling thread alone, which a busy machine does not lengthen."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Seconds:
        return cls(time.perf_counter(), time.thread_time())

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall - other.wall, self.cpu - other.cpu)

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)

    def __truediv__(self, number: int) -> Seconds:
        return Seconds(self.wall / number, self.cpu / number)


def one_block(kind: str, bank: Any, pipe: Any, call: dict[str, Any], seeds: range) -> tuple[Seconds, Seconds]:
    """What calls of one kind with these seeds take, of recorded ones until the last is stored; and that wait alone."""
    import torch

    from seedbank.worker.tracing import Trace

    begun = Seconds.now()
    for seed in seeds:
        arguments = call | {"generator": torch.Generator().manual_seed(seed)}
        if kind == "recorded":
            last = bank.record(pipe, **arguments)
        elif kind == "traced":
            with Trace(pipe, device=pipe.device) as trace:
                pipe(**arguments)
            assert trace.digests
        else:
            pipe(**arguments)
    called = Seconds.now()
    if kind == "recorded":
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


def timed(act: Any) -> float:
    """Seconds of wall time; the pipeline's own copy of the image to the CPU waits for the GPU."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def steps_for(pipe: Any, call: dict[str, Any], seconds: float) -> int:
    """How many steps make one image last about `seconds`."""

    def lasting(steps: int) -> float:
        return min(timed(lambda: pipe(**call, num_inference_steps=steps)) for _ in range(3))

    few = lasting(2)
    step = max(1e-4, (lasting(12) - few) / 10)
    return max(2, round((seconds - few) / step) + 2)


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
    run = subprocess.run([sys.executable, "-c", BARE, str(source.folder), PROMPT], capture_output=True, text=True, check=True)
    bare = int(run.stdout.split()[-1])
    return {
        "worker_mb": round(worker / 2**20),
        "bare_mb": round(bare / 2**20),
        "ratio": round(worker / bare, 3),
        "goal": 1.1,
    }


if __name__ == "__main__":
    main()
