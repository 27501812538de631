"""Scores the shipped model and prints one line per goal.

    python -m training.evaluate [--json] [--model FOLDER] [--only time] [--record benchmarks/results/embedded_model]

500 held-out captions (half of them Chinese) with seeds of their own, 8 steps, through diffusers' stock
``ZImagePipeline``, judged by ``training.oracle``. Takes about ten minutes on two cores. ``--only time`` measures time and
memory alone, in half a minute: they want a machine that does nothing else. ``--record`` writes what was measured beside
what the record already has of the same weights; each part names the machine and the load that it was measured under.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from seedbank.engine.manifest import read_model
from seedbank.engine.source import find_model
from training.captions import caption
from training.oracle import Seen, look
from training.render import PIXELS, render
from training.scenes import COLOURS, Named, draw_named, draw_uniforms, resolve

MODEL = Path(__file__).parents[1] / "seedbank" / "_models" / "embedded-2"
HELD_OUT = 987_654_321  # the seed of the captions: no training pool uses it
BATCH = 20
SHARPER = ("object colour", "background", "shape")
"""What guidance must make better."""
GAIN = 3.0  # percentage points above guidance 0: more than twice the standard error of such a difference at 500 captions
PARTS = ("scores", "time")


@dataclass(frozen=True)
class Line:
    """One measured number beside its goal; ``miss`` is how far the goal was missed, 0 where it was met."""

    name: str
    value: float
    goal: float | None = None
    at_most: bool = False
    unit: str = "%"
    n: int = 0

    @property
    def miss(self) -> float:
        """Never negative."""
        if self.goal is None:
            return 0.0
        return max(0.0, self.value - self.goal if self.at_most else self.goal - self.value)

    def text(self) -> str:
        """A row of the table."""
        goal = "" if self.goal is None else f"{'<=' if self.at_most else '>='} {self.goal:g} {self.unit}"
        state = "" if self.goal is None else ("met" if self.miss == 0 else f"missed by {self.miss:.3g}")
        many = f"n={self.n}" if self.n else ""
        return f"{self.name:<52} {self.value:8.2f} {self.unit:<4} {goal:<12} {state:<16} {many}".rstrip()


def held_out(n: int) -> tuple[Named, list[str]]:
    """Attributes and captions: one object, default style, shape, colour and background named; every second Chinese."""
    generator = torch.Generator().manual_seed(HELD_OUT)
    named = draw_named(60 * n, generator)
    flat = named.background <= 1
    good = (named.two == 0) & (named.style < 0) & (named.shape >= 0) & (named.colour >= 0) & (named.background >= 0)
    named = named[(good & (~flat | (named.background_colour >= 0))).nonzero().flatten()[:n]]
    rng = Random(HELD_OUT)
    return named, [caption(row, rng, ("en", "zh")[i % 2], unknown=False) for i, row in enumerate(named.rows())]


def load(folder: Path) -> Any:
    """The stock pipeline in float32."""
    from diffusers import ZImagePipeline

    pipe = ZImagePipeline.from_pretrained(str(folder), dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def paint(pipe: Any, prompts: list[str], seeds: list[int], guidance: float) -> Tensor:
    """Pictures (n, 3, 128, 128) in [0, 1], 8 steps, in batches."""
    out = []
    for start in range(0, len(prompts), BATCH):
        some = slice(start, start + BATCH)
        generators = [torch.Generator().manual_seed(s) for s in seeds[some]]
        out.append(
            pipe(
                list(prompts[some]), height=PIXELS, width=PIXELS, num_inference_steps=8, guidance_scale=guidance,
                generator=generators, output_type="pt", max_sequence_length=96,
            ).images
        )  # fmt: skip
    return torch.cat(out)


def shares(named: Named, seen: Seen) -> dict[str, tuple[float, int]]:
    """Per attribute: the percentage seen as named, and of how many."""
    px, py = seen.place()
    right = {
        "object colour": (seen.colour == named.colour, named.colour >= 0),
        "background": (
            (seen.background == named.background)
            & ((named.background > 1) | (seen.background_colour == named.background_colour)),
            named.background >= 0,
        ),
        "shape": (seen.shape == named.shape, named.shape >= 0),
        "position words": (
            ((named.px < 0) | (px == named.px)) & ((named.py < 0) | (py == named.py)),
            (named.px >= 0) | (named.py >= 0),
        ),
        "size words": (seen.size == named.size, named.size >= 0),
    }
    return {k: (100 * float(r[asked].float().mean()), int(asked.sum())) for k, (r, asked) in right.items()}


def _prompts_with_colour(colour: int) -> list[str]:
    words = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "white", "grey", "black")
    shapes = ("circle", "star", "heart", "square", "flower")
    return [f"a {words[colour]} {shape}" for shape in shapes]


def composition(pipe: Any, guidance: float, seeds: int) -> tuple[float, float, int]:
    """Percentage of pairs (same seed, other colour word) whose object moves by under 8 pixels; median shift; pairs."""
    first, second = COLOURS.index("red"), COLOURS.index("blue")
    one, other = _prompts_with_colour(first), _prompts_with_colour(second)
    numbers = [5_000 + k for k in range(seeds) for _ in one]
    a = look(paint(pipe, one * seeds, numbers, guidance))
    b = look(paint(pipe, other * seeds, numbers, guidance))
    shift = torch.hypot(a.x - b.x, a.y - b.y) * PIXELS
    return 100 * float((shift < 8).float().mean()), float(shift.median()), len(shift)


def memory_above_import(folder: Path, guidance: float) -> float:
    """Megabytes by which loading the model and rendering once raise the peak of a fresh process above its imports."""
    script = (
        "import sys, torch, diffusers, transformers\n"
        "from diffusers import ZImagePipeline\nfrom transformers import Qwen3Model\n"
        "from diffusers import AutoencoderKL, ZImageTransformer2DModel, FlowMatchEulerDiscreteScheduler\n"
        "torch.set_num_threads(2)\n"
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\nbefore = peak()\n"
        "pipe = ZImagePipeline.from_pretrained(sys.argv[1], dtype=torch.float32)\n"
        "pipe('a red circle', height=128, width=128, num_inference_steps=8, guidance_scale=float(sys.argv[2]))\n"
        "print(peak() - before)"
    )
    command = [sys.executable, "-c", script, str(folder), str(guidance)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def seconds_per_image(pipe: Any, guidance: float, threads: int = 2, images: int = 12) -> tuple[float, float, float]:
    """One image at a time, after a warm-up: least and median seconds, and the median of the processor's seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    taken, busy = [], []
    for k in range(images + 1):
        began, worked = time.perf_counter(), time.process_time()
        pipe("a red circle on a blue background", height=PIXELS, width=PIXELS, num_inference_steps=8,
             guidance_scale=guidance, generator=torch.Generator().manual_seed(k))  # fmt: skip
        taken.append(time.perf_counter() - began)
        busy.append(time.process_time() - worked)
    torch.set_num_threads(before)
    return min(taken[1:]), statistics.median(taken[1:]), statistics.median(busy[1:])


def score(folder: Path, captions: int, guidances: tuple[float, ...]) -> list[Line]:
    """What the pictures show: at the default guidance, and at others."""
    default = default_guidance(folder)
    pipe = load(folder)
    named, prompts = held_out(captions)
    truth = render(resolve(named, draw_uniforms(len(named), torch.Generator().manual_seed(HELD_OUT))))
    lines = [Line(f"oracle on ground truth: {k}", v, 98, n=n) for k, (v, n) in shares(named, look(truth)).items()]
    seen = {g: look(paint(pipe, prompts, list(range(len(prompts))), g)) for g in dict.fromkeys((default, *guidances))}
    goals = {"object colour": 95, "background": 95, "shape": 85, "position words": 85}
    scored = {g: shares(named, of) for g, of in seen.items()}
    lines += [Line(f"{k} (guidance {default:g})", v, goals.get(k), n=n) for k, (v, n) in scored[default].items()]
    for language, which in (("English", slice(0, None, 2)), ("Chinese", slice(1, None, 2))):
        part = Seen(*(v[which] for v in vars(seen[default]).values()))
        lines += [Line(f"{k}, {language}", v, n=n) for k, (v, n) in shares(named[which], part).items() if k == "shape"]
    stable, shift, pairs = composition(pipe, default, max(2, captions // 25))
    lines.append(Line("composition: shift under 8 px, colour word changed", stable, 80, n=pairs))
    lines.append(Line("composition: median shift", shift, unit="px", n=pairs))
    for g in guidances:
        lines += [Line(f"guidance {g:g}: {k}", scored[g][k][0], n=captions) for k in SHARPER]
    for g in guidances if 0.0 in guidances else ():
        if g >= 2:
            gains = {k: scored[g][k][0] - scored[0.0][k][0] for k in SHARPER}
            lines += [Line(f"guidance {g:g} above guidance 0: {k}", v, GAIN, unit="pt", n=captions) for k, v in gains.items()]
    return lines


def cost(folder: Path) -> list[Line]:
    """Time, memory and size, at the default guidance."""
    guidance = default_guidance(folder)
    pipe = load(folder)
    least, median, _ = seconds_per_image(pipe, guidance)
    work = seconds_per_image(pipe, guidance, threads=1)[2]
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
    return [
        Line("time per image, 2 threads, least of 12", least, 0.35, True, "s"),
        Line("time per image, 2 threads, median of 12", median, unit="s"),
        Line("processor time per image, 1 thread, median of 12", work, unit="s"),
        Line("memory above the imports", memory_above_import(folder, guidance), 400, True, "MB"),
        Line("size on disk", size, 12, True, "MB"),
    ]


def default_guidance(folder: Path) -> float:
    """What the packed folder recommends."""
    return float(json.loads((folder / "seedbank.json").read_text())["defaults"]["guidance_scale"])


def machine() -> dict[str, str]:
    """What it ran on: no names, no paths."""
    import diffusers
    import transformers

    info = Path("/proc/cpuinfo")
    told = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in told if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(), "cores": str(len(names) or "?"), "python": platform.python_version(),
        "torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__,
        "load before": f"{os.getloadavg()[0]:.1f}",
        "threads": str(torch.get_num_threads()),
    }  # fmt: skip


def record(path: Path, model: str, parts: dict[str, Any]) -> None:
    """Writes `path`.json and .txt: these parts, and the others that it already has of the same model digest."""
    file = path.with_suffix(".json")
    old = json.loads(file.read_text()) if file.exists() else {}
    known = old.get("parts", {}) if old.get("model") == model else {}
    parts = {name: parts.get(name) or known[name] for name in PARTS if name in parts or name in known}
    file.write_text(json.dumps({"model": model, "parts": parts}, indent=1) + "\n")
    text = [f"model {model}"]
    for part in parts.values():
        rows = [{k: v for k, v in row.items() if k != "miss"} for row in part["lines"]]
        text += ["", *(Line(**row).text() for row in rows), "  ".join(f"{k} {v}" for k, v in part["machine"].items())]
    path.with_suffix(".txt").write_text("\n".join(text) + "\n")


def main() -> None:
    """The command line; exit status 0 whether or not the goals are met: the table says it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--captions", type=int, default=500)
    parser.add_argument("--guidances", type=float, nargs="*", default=[0.0, 2.0, 4.0, 6.0])
    parser.add_argument("--only", choices=PARTS, help="measure this part alone")
    parser.add_argument("--threads", type=int, default=2, help="for the scores; time is measured with 2 and with 1")
    parser.add_argument("--json", action="store_true", help="one object per line")
    parser.add_argument("--record", type=Path, help="also write NAME.json and NAME.txt")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    parts = {}
    for name in (args.only,) if args.only else PARTS:
        about, began = machine(), time.time()
        lines = cost(args.model) if name == "time" else score(args.model, args.captions, tuple(args.guidances))
        about["minutes"] = f"{(time.time() - began) / 60:.1f}"
        told = [asdict(line) | {"miss": line.miss} for line in lines]
        parts[name] = {"machine": about, "lines": told}
        for line, row in zip(lines, told, strict=True):
            print(json.dumps(row) if args.json else line.text())
        print(json.dumps({"machine": about}) if args.json else "  ".join(f"{k} {v}" for k, v in about.items()), flush=True)
    if args.record:
        record(args.record, read_model(find_model(str(args.model))).digest, parts)


if __name__ == "__main__":
    main()
