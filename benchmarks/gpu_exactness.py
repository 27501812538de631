"""What changes the bits of an image on a GPU, measured: a transformer of Z-Image's width at 1024x1024, random weights.

    python -m benchmarks.gpu_exactness --save gpu_exactness_h100 [--sections rerun,flips,…] [--device cpu --small]

Every section runs in a process of its own and prints one JSON object; a section that breaks is recorded with its
error, and the others go on. `--small` takes the embedded model at its own size: a rehearsal without a GPU.

Sections: `rerun` (are repeated renderings equal, within and between processes, as they come and in strict mode, and what
does strict mode cost) · `deterministic` (does use_deterministic_algorithms raise) · `philox` (is CUDA's noise what
its published mapping says, and where does it wrap) · `flips` (one setting changed: the first stage that differs) ·
`batch` (images of a batch against single ones, as they come and row by row) · `pressure` (with the memory full) ·
`streams` (two at once) · `tracing` (what a trace costs) · `cpu` (the same recipe on the CPU).
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS, save

SECTIONS = ("philox", "batch", "pressure", "streams", "tracing", "cpu", "rerun", "deterministic", "flips")
PROMPT = "a red circle on a blue background"
STRICT_VARIABLES = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


class Scene:
    """One loaded pipeline and the call that every section repeats."""

    def __init__(self, folder: str, device: str, size: int, steps: int, dtype: str) -> None:
        import torch
        from diffusers import DiffusionPipeline

        self.device, self.size, self.steps = device, size, steps
        kind = getattr(torch, dtype)
        self.pipe = DiffusionPipeline.from_pretrained(folder, torch_dtype=kind, local_files_only=True).to(device)
        self.pipe.set_progress_bar_config(disable=True)

    def call(self, seeds: tuple[int, ...] = (7,), **changed: Any) -> Any:
        """The pipeline's own result for a batch of seeds; noise from the CPU unless `generator` is given."""
        import torch

        settings: dict[str, Any] = {
            "prompt": [PROMPT] * len(seeds), "height": self.size, "width": self.size, "guidance_scale": 2.0,
            "num_inference_steps": self.steps, "output_type": "np",
            "generator": [torch.Generator().manual_seed(seed) for seed in seeds],
        }  # fmt: skip
        return self.pipe(**(settings | changed)).images

    def trace(self, level: str = "stages", **changed: Any) -> tuple[list[list[str]], str, float]:
        """[[stage, digest], …], the digest of the 8-bit picture, and the seconds it took."""
        from seedbank.worker.tracing import Trace

        began = time.perf_counter()
        with Trace(self.pipe, level) as trace:
            images = self.call(**changed)
        return trace.digests, pixels(images[0]), time.perf_counter() - began


def pixels(image: Any) -> str:
    """SHA-256 of the picture as 8-bit values."""
    import numpy as np

    return hashlib.sha256((np.asarray(image) * 255).round().astype("uint8").tobytes()).hexdigest()[:16]


def first_difference(one: list[list[str]], other: list[list[str]]) -> str | None:
    """The first stage whose digests differ."""
    return next((a[0] for a, b in zip(one, other, strict=True) if a[1] != b[1]), None)


def rerun(scene: Scene, options: argparse.Namespace) -> dict[str, Any]:
    """Ten renderings in this process; the parent compares several processes."""
    if options.strict:
        from seedbank.worker.settings import restore

        restore(None, "strict")
    scene.trace()
    runs = [scene.trace() for _ in range(options.repeats)]
    return {
        "picture": sorted({run[1] for run in runs}), "traces": len({json.dumps(run[0]) for run in runs}),
        "trace": hashlib.sha256(json.dumps(runs[0][0]).encode()).hexdigest()[:16],
        "renderings": len(runs), "seconds": round(statistics.median(run[2] for run in runs), 4),
    }  # fmt: skip


def deterministic(scene: Scene, _: argparse.Namespace) -> dict[str, Any]:
    """Whether the pipeline runs at all where every operation without a deterministic kernel raises."""
    import torch

    before = scene.trace()
    torch.use_deterministic_algorithms(True)
    try:
        after = scene.trace()
    except RuntimeError as error:
        return {"raises": str(error).splitlines()[0][:200]}
    finally:
        torch.use_deterministic_algorithms(False)
    return {"raises": None, "first_difference": first_difference(before[0], after[0]), "same_picture": before[1] == after[1]}


def philox(_: Scene | None, options: argparse.Namespace) -> dict[str, Any]:
    """`torch.rand` and `torch.randn` on the GPU against seedbank's Philox, which computes them on the CPU."""
    import numpy as np
    import torch

    from seedbank.worker.noise import nvidia

    if options.device == "cpu":
        return {"skipped": "needs CUDA"}
    about = torch.cuda.get_device_properties(0)
    full = nvidia.cuda_threads(2**40, about.multi_processor_count, about.max_threads_per_multi_processor)
    rows = []
    for count in [2**k for k in range(12, 23, 2)] + [full, full + 1, 4 * full, 4 * full + 1]:
        generator = torch.Generator("cuda").manual_seed(7)
        drawn = torch.rand(count, generator=generator, device="cuda").cpu().numpy()
        normal = torch.randn(count, generator=generator.manual_seed(7), device="cuda").cpu().numpy()
        threads = nvidia.cuda_threads(count, about.multi_processor_count, about.max_threads_per_multi_processor)
        element = np.arange(count, dtype=np.uint64)
        turn = element // np.uint64(threads)
        words = np.stack(nvidia.philox(7, turn // np.uint64(4), element % np.uint64(threads)))
        word = words[(turn % np.uint64(4)).astype(np.int64), np.arange(count)]
        unit = (word.astype(np.float32) * np.float32(2**-32) + np.float32(2**-33)).astype(np.float32)
        unit[unit == 1] = 0
        gap = np.abs(nvidia.cuda_normal(7, (count,), 0, threads)[0] - normal)
        rows.append({"elements": count, "uniform_equal": int((unit == drawn).sum()),
                     "normal_equal": int((gap == 0).sum()), "normal_largest_gap": float(gap.max())})  # fmt: skip
    return {"threads_at_once": full, "rows": rows}


def flips(scene: Scene, _: argparse.Namespace) -> dict[str, Any]:
    """One setting changed at a time: the first stage that differs from the rendering as it comes."""
    before = scene.trace()
    again = scene.trace()
    rows = [{"setting": "nothing", "first_difference": first_difference(before[0], again[0]), "same_picture": True}]
    for name, change in changes(scene):
        try:
            with change:
                found = scene.trace()
        except (RuntimeError, ValueError, ImportError) as error:
            rows.append({"setting": name, "refused": str(error).splitlines()[0][:160]})
            continue
        rows.append({"setting": name, "first_difference": first_difference(before[0], found[0]),
                     "same_picture": before[1] == found[1], "seconds": round(found[2], 4)})  # fmt: skip
    back = scene.trace()
    return {"rows": rows, "back_to_the_first": back[0] == before[0], "seconds": round(again[2], 4)}


def changes(scene: Scene) -> Iterator[tuple[str, contextlib.AbstractContextManager[Any]]]:
    """(name, context in which the setting is another), the settings of EXACTNESS that a running process can change."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    @contextlib.contextmanager
    def setting(owner: Any, name: str, value: Any) -> Iterator[None]:
        old = getattr(owner, name)
        setattr(owner, name, value)
        try:
            yield
        finally:
            setattr(owner, name, old)

    @contextlib.contextmanager
    def done(act: Callable[[], Any], undo: Callable[[], Any]) -> Iterator[None]:
        act()
        try:
            yield
        finally:
            undo()

    @contextlib.contextmanager
    def both(*contexts: contextlib.AbstractContextManager[Any]) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for context in contexts:
                stack.enter_context(context)
            yield

    backends = torch.backends
    yield "cudnn.benchmark on", setting(backends.cudnn, "benchmark", True)
    yield "cudnn.deterministic on", setting(backends.cudnn, "deterministic", True)
    yield "cudnn off", setting(backends.cudnn, "enabled", False)
    yield "conv TF32 off", setting(backends.cudnn.conv, "fp32_precision", "ieee")
    yield "matmul TF32 on", setting(backends.cuda.matmul, "fp32_precision", "tf32")
    reduction = "allow_bf16_reduced_precision_reduction"
    yield "bf16 reduced precision off", setting(backends.cuda.matmul, reduction, (False, True))
    # Without split-K torch insists on cuBLASLt.
    blas = backends.cuda.preferred_blas_library
    yield "cuBLASLt", done(lambda: blas("cublaslt"), lambda: blas("default"))
    yield (
        "cuBLASLt, bf16 reduced precision and split-K off",
        both(
            done(lambda: blas("cublaslt"), lambda: blas("default")),
            setting(backends.cuda.matmul, reduction, (False, False)),
        ),
    )
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH):
        yield f"attention {backend.name}", sdpa_kernel(backend)
    vae = scene.pipe.vae
    yield "VAE tiling", done(vae.enable_tiling, vae.disable_tiling)
    yield "VAE slicing", done(vae.enable_slicing, vae.disable_slicing)
    layouts = torch.channels_last, torch.contiguous_format
    yield "VAE channels_last", done(lambda: vae.to(memory_format=layouts[0]), lambda: vae.to(memory_format=layouts[1]))
    if scene.device != "cpu":
        yield "generator on the GPU", setting(scene, "call", _cuda_noise(scene))
        transformer = scene.pipe.transformer
        plain = transformer.forward
        yield ("transformer compiled", done(
            lambda: object.__setattr__(transformer, "forward", torch.compile(plain)),
            lambda: object.__setattr__(transformer, "forward", plain)))  # fmt: skip


def _cuda_noise(scene: Scene) -> Callable[..., Any]:
    import torch

    original = scene.call
    return lambda **changed: original(**changed, generator=[torch.Generator(scene.device).manual_seed(7)])


def batch(scene: Scene, options: argparse.Namespace) -> dict[str, Any]:
    """How many images of a batch equal their single rendering, as they come and with linear layers row by row."""
    import torch

    def linear_by_rows(module: Any, inputs: Any) -> Any:
        (x,) = inputs
        return torch.cat([plain(module, row[None]) for row in x]) if x.ndim == 2 and len(x) > 1 else plain(module, x)

    plain = torch.nn.Linear.forward
    rows = []
    for exact in (False, True):
        if exact:
            torch.nn.Linear.forward = lambda module, x: linear_by_rows(module, (x,))  # type: ignore[method-assign]
            scene.pipe.vae.enable_slicing()
        singles = {seed: pixels(scene.call((seed,))[0]) for seed in range(8)}
        for size in (1, 2, 4, 8)[: 4 if not options.small else 3]:
            scene.call(tuple(range(size)))
            began = time.perf_counter()
            images = scene.call(tuple(range(size)))
            taken = (time.perf_counter() - began) / size
            equal = sum(pixels(image) == singles[seed] for seed, image in enumerate(images))
            rows.append({"row_by_row": exact, "batch": size, "equal": equal, "seconds_per_image": round(taken, 4)})
    torch.nn.Linear.forward = plain  # type: ignore[method-assign]
    return {"rows": rows}


def pressure(scene: Scene, options: argparse.Namespace) -> dict[str, Any]:
    """The same rendering with nearly all of the GPU's memory taken."""
    import torch

    if options.device == "cpu":
        return {"skipped": "needs CUDA"}
    before = scene.trace()
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info()[0]
    rows = []
    for left in (16, 8, 6):
        taken = torch.empty(max(0, free - left * 2**30), dtype=torch.uint8, device="cuda")
        try:
            found = scene.trace()
            rows.append({"gib_left": left, "first_difference": first_difference(before[0], found[0])})
        except torch.cuda.OutOfMemoryError:
            rows.append({"gib_left": left, "out_of_memory": True})
        del taken
        torch.cuda.empty_cache()
    return {"rows": rows}


def streams(scene: Scene, options: argparse.Namespace) -> dict[str, Any]:
    """Two renderings at once on two streams of one process: how many differ from the single one."""
    import torch

    if options.device == "cpu":
        return {"skipped": "needs CUDA"}
    from copy import copy

    from diffusers import FlowMatchEulerDiscreteScheduler

    alone = pixels(scene.call()[0])
    found: list[str] = []

    def work() -> None:
        own = copy(scene)
        own.pipe = type(scene.pipe)(**scene.pipe.components)
        own.pipe.scheduler = FlowMatchEulerDiscreteScheduler.from_config(scene.pipe.scheduler.config)
        own.pipe.set_progress_bar_config(disable=True)
        with torch.cuda.stream(torch.cuda.Stream()):
            found.extend(pixels(own.call()[0]) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"renderings": len(found), "unequal": sum(picture != alone for picture in found)}


def tracing(scene: Scene, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a rendering with each level of trace over a bare one, and of hashing 32 MB from the GPU."""
    from seedbank.worker import tracing as levels

    def lasting(act: Callable[[], Any]) -> float:
        began = time.perf_counter()
        act()
        return time.perf_counter() - began

    rows: dict[str, list[float]] = {}
    for _ in range(options.repeats + 1):
        rows.setdefault("bare", []).append(lasting(scene.call))
        for level in levels.LEVELS:
            rows.setdefault(str(level), []).append(lasting(lambda level=level: scene.trace(level)))
    told = {name: round(min(seconds[1:]), 4) for name, seconds in rows.items()}
    return {"seconds": told, "ratio": {name: round(value / told["bare"], 4) for name, value in told.items()}}


def cpu(scene: Scene, options: argparse.Namespace) -> dict[str, Any]:
    """The recipe at a quarter of the size, fp32, two steps: on the device, then on the CPU."""
    import numpy as np
    import torch

    small = {"height": scene.size // 2, "width": scene.size // 2, "num_inference_steps": 2}
    scene.pipe.to(dtype=torch.float32)
    here = scene.trace(**small)
    picture = scene.call(**small)[0]
    scene.pipe.to("cpu")
    there = scene.trace(**small)
    other = scene.call(**small)[0]
    gap = np.abs((picture * 255).round() - (other * 255).round())
    return {"first_difference": first_difference(here[0], there[0]), "largest_difference_of_255": int(gap.max()),
            "channels_unequal": round(float((gap > 0).mean()), 4)}  # fmt: skip


def child(options: argparse.Namespace) -> None:
    """Run one section here and print its result as the last line."""
    scene = None
    if options.section != "philox":
        size, steps = (128, 4) if options.small else (1024, 6)
        scene = Scene(options.folder, options.device, size, steps, "float32" if options.small else "bfloat16")
    print("\n" + json.dumps(globals()[options.section](scene, options)))


def build(options: argparse.Namespace) -> str:
    """The folder of the model: the embedded one, or one of Z-Image's width with random weights made here."""
    if options.small:
        from seedbank.engine.source import find_model

        return str(find_model("embedded").folder)
    from benchmarks.pipelines import large_pipeline

    folder = tempfile.mkdtemp(prefix="seedbank-gpu-")
    large_pipeline(options.device, options.layers)[0].save_pretrained(folder, safe_serialization=True)
    return folder


def run_section(name: str, folder: str, options: argparse.Namespace, *, strict: bool = False) -> dict[str, Any]:
    """The result of a section, run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.gpu_exactness", "--section", name, "--folder", folder]
    command += ["--device", options.device, "--repeats", str(options.repeats)]
    command += [flag for flag, given in (("--small", options.small), ("--strict", strict)) if given]
    environ = {**os.environ, **(STRICT_VARIABLES if strict else {})}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1][:300] if done.stderr.strip() else str(done.returncode)}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def three_processes(folder: str, options: argparse.Namespace) -> dict[str, Any]:
    """`rerun` in three processes as they come and three in strict mode."""
    out: dict[str, Any] = {}
    for mode in ("as-is", "strict"):
        runs = [run_section("rerun", folder, options, strict=mode == "strict") for _ in range(options.processes)]
        whole = [run for run in runs if "failed" not in run]
        out[mode] = {
            "processes": len(runs), "renderings": sum(run["renderings"] for run in whole),
            "pictures": len({tuple(run["picture"]) for run in whole}), "traces": len({run["trace"] for run in whole}),
            "traces_within": max((run["traces"] for run in whole), default=0),
            "seconds": min((run["seconds"] for run in whole), default=None), "picture": whole[0]["picture"] if whole else None,
            "trace": whole[0]["trace"] if whole else None, "failed": [run["failed"] for run in runs if "failed" in run],
        }  # fmt: skip
    return out


def main() -> None:
    """Run the sections one after the other, print each as it ends, and keep the whole with --save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sections", default=",".join(SECTIONS))
    parser.add_argument("--small", action="store_true", help="the embedded model at its own size")
    parser.add_argument("--layers", type=int, default=4, help="of the large transformer; Z-Image has 30")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    parser.add_argument("--section", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--strict", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.section:
        child(options)
        return
    folder = build(options)
    model = "embedded" if options.small else f"Z-Image width, {options.layers} layers, bf16, 1024x1024"
    found: dict[str, Any] = {"model": model}
    if options.save and (RESULTS / f"{options.save}.json").exists():  # sections that are not run again stay
        found |= json.loads((RESULTS / f"{options.save}.json").read_text("utf-8"))
        found.pop("machine", None)
    for name in options.sections.split(","):
        began = time.perf_counter()
        found[name] = three_processes(folder, options) if name == "rerun" else run_section(name, folder, options)
        print(f"{name} ({time.perf_counter() - began:.0f} s): {json.dumps(found[name])}", flush=True)
        if options.save:
            save(options.save, found)
    if options.save:
        import torch  # noqa: F401  # so that the machine's description names the GPU

        print(Path(save(options.save, found)).name)


if __name__ == "__main__":
    main()
