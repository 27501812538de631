"""How fast an import is, against plain Pillow loops over the same files in the same run.

    python -m benchmarks.import                                   # short: 40 pictures of 1024x1024, 3,000 small files
    python -m benchmarks.import --pictures 1200 --headers 3000 --files 100000    # the figures of the record; 15 GB of disk

`rescan`     files a second of a folder that is known and unchanged: nothing is opened. Goal: 10,000.
`metadata`   images a second of an import with --metadata-only: headers and texts are read and understood, entries stored.
             The pictures are those of `full` over and over, each with a text of its own: their pixels are not looked at.
             `opening` is a loop that opens each file with Pillow and looks at its text, in one process. Goal: 1,000.
`full`       images a second of a whole import at 1024x1024: every byte is read and hashed, decoded, its pixels hashed, a
             preview made, the file copied into the image store and synced, the entry stored. `decoding` is a loop that
             decodes, makes a thumbnail of 256 pixels and saves it as WebP, in as many processes as the import has.
             Goals: 0.85 of that loop, and 40 on two cores.
`growth`     images a second of a whole import of small files, for each tenth of them, and the memory of the driver after
             each: both shall stay as they are, however many came before.

`hostile`    1,000 files that were cut, changed at random, or blown up: what became of them, the slowest, and the most memory
             that a process took. Goals: none ends the import, 2 seconds, 512 MB.

Rounds of loop and import alternate, a loop first and last, with nothing left to be written before each, and the files are in
the page cache for both. An import is held against the mean of the loops before and after it, so that a machine that grows
slower meanwhile does the same to both; `ratios` has each, and what counts is their median. An import starts with the quarter
of a second that its processes take to load their libraries; that is in its figures, so they need some thousand files.
`driver_ms` and `processes_ms` are the CPU time of a file in milliseconds: on a busy machine they say more than the rates.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import shutil
import statistics
import struct
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

import seedbank
from benchmarks.machine import machine, save
from seedbank.importing.examine import Examined, Rejected, Task
from seedbank.importing.pool import Pool

TEXT = """a lighthouse on a cliff number {seed}, masterpiece, best quality, oil painting, detailed sky, soft light
Negative prompt: blurry, low quality, watermark
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: {seed}, Size: {side}x{side}, Model hash: 6ce0161689, \
Model: v1-5-pruned, VAE hash: 735e4c3a44, Clip skip: 2, Version: v1.10.0"""
SIDE = 1024
DISTINCT = 300
"""Pictures that are made; more files than that are the same ones with other texts, so they are read and decoded as often."""
TENTHS = 10
HOSTILE = 1000


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=40, help="of 1024x1024")
    parser.add_argument("--headers", type=int, default=400, help="of 1024x1024, for the metadata; 2 MB each")
    parser.add_argument("--files", type=int, default=3000, help="small ones, for the rescan and the growth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seedbank-import-") as name:
        top = Path(name)
        os.environ["SEEDBANK_CACHE"] = str(top / "cache")
        large = make_large(top / "large", options.pictures, options.jobs)
        values = {
            "jobs": options.jobs,
            "hostile": hostile(top, options),  # first: the memory is the most that any child process ever had
            "full": compared(top, large, options, {}, {"decoding": many(decoding, options.jobs)}),
            "metadata": metadata(top, large, options),
            **growth(top, options),
        }
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save(options.save, values))


# -- what is measured --------------------------------------------------------------------------------------------------


def compared(
    top: Path, folder: Path, options: argparse.Namespace, how: dict[str, Any], loops: dict[str, Callable[[list[str]], None]]
) -> dict[str, Any]:
    """Images a second of the import and of the loops, the medians over the rounds, and the medians of their ratios."""
    files = [str(path) for path in sorted(folder.iterdir())]
    rates: dict[str, list[float]] = {"import": [], **{name: [] for name in loops}}
    times: list[tuple[float, float]] = []

    def run_loops() -> None:
        for name, loop in loops.items():
            os.sync()
            start = time.perf_counter()
            loop(files)
            rates[name].append(len(files) / (time.perf_counter() - start))

    run_loops()
    for number in range(options.rounds):
        with fresh_bank(top, f"{'-'.join(how) or 'full'}-{number}") as bank:
            os.sync()
            before, start = cpu_seconds(), time.perf_counter()
            found = list(bank.importing([folder], jobs=options.jobs, **how))
            rates["import"].append(len(files) / (time.perf_counter() - start))
            driver, processes = (1000 * (b - a) / len(files) for a, b in zip(before, cpu_seconds(), strict=True))
            times.append((driver, processes))
        assert [one.outcome for one in found] == ["imported"] * len(files)
        run_loops()
    ratios: dict[str, list[float]] = {
        name: [
            round(2 * rate / (before + after), 3)
            for rate, (before, after) in zip(rates["import"], pairwise(rates[name]), strict=True)
        ]
        for name in loops
    }
    medians = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    for name, values in zip(("driver_ms", "processes_ms"), zip(*times, strict=True), strict=True):
        medians[name] = round(statistics.median(values), 2)
    return {
        "files": len(files),
        "megabytes": round(sum(map(os.path.getsize, files)) / 1e6),
        **medians,
        **{f"of_{name}": round(statistics.median(values), 3) for name, values in ratios.items()},
        "ratios": ratios,
    }


def metadata(top: Path, large: Path, options: argparse.Namespace) -> dict[str, Any]:
    """As `compared`, of many pictures that differ in their texts."""
    folder = make_headers(top / "headers", sorted(large.iterdir()), options.headers)
    try:
        return compared(top, folder, options, {"metadata_only": True}, {"opening": opening})
    finally:
        shutil.rmtree(folder)


def cpu_seconds() -> tuple[float, float]:
    """User and system time of this process, and of its children that have ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    driver, children = (use.ru_utime + use.ru_stime for use in uses)
    return driver, children


def hostile(top: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What becomes of broken files, and what the worst of them costs."""
    folder = make_hostile(top / "hostile", HOSTILE)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    with Pool[str](1) as pool:
        for path in sorted(folder.iterdir()):
            start, status = time.perf_counter(), path.stat()
            pool.give(path.name, Task(str(path), status.st_size, status.st_mtime_ns, preview=256))
            ((_, result),) = pool.collect()
            outcomes["examined" if isinstance(result, Examined) else "rejected"] += 1
            if isinstance(result, Rejected) and "ended" in result.reason:
                outcomes["process ended"] += 1
            if len(outcomes) > 1 or outcomes.total() > 1:  # the first one waits for the process to start
                slowest = max(slowest, time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    with fresh_bank(top, "hostile") as bank:
        found = Counter(report.outcome for report in bank.importing([folder], jobs=options.jobs))
    return {
        "files": HOSTILE,
        **outcomes,
        "imported": found["imported"],
        "slowest_seconds": round(slowest, 2),
        "process_megabytes": round(memory),
    }


def growth(top: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Images a second and memory for each tenth of the small files, then files a second of a rescan."""
    share = options.files // TENTHS
    rates, memory = [], []
    with fresh_bank(top, "growth") as bank:
        for tenth in range(TENTHS):
            folder = make_small(top / "small" / f"{tenth}", share, tenth * share)
            start = time.perf_counter()
            for _ in bank.importing([folder], jobs=options.jobs):
                pass
            rates.append(round(share / (time.perf_counter() - start), 1))
            memory.append(resident())
        rescans = []
        for _ in range(options.rounds):
            start = time.perf_counter()
            found = sum(report.outcome == "known" for report in bank.importing([top / "small"], jobs=options.jobs))
            assert found == share * TENTHS
            rescans.append(found / (time.perf_counter() - start))
    return {
        "growth": {"files": share * TENTHS, "images_per_second": rates, "driver_megabytes": memory},
        "rescan": {"files": share * TENTHS, "files_per_second": round(statistics.median(rescans))},
    }


def opening(files: list[str]) -> None:
    """The least that Pillow can do: open, and look at the text."""
    for path in files:
        with Image.open(path) as image:
            image.info.get("parameters")


def decoding(files: list[str]) -> None:
    """What a gallery does at least: decode, scale down, save as WebP."""
    for path in files:
        with Image.open(path) as image:
            image.thumbnail((256, 256))
            image.save(io.BytesIO(), "WEBP", quality=80)


def many(loop: Callable[[list[str]], None], jobs: int) -> Callable[[list[str]], None]:
    """The loop in several processes, each with its share of the files."""

    def shared(files: list[str]) -> None:
        with ProcessPoolExecutor(jobs) as pool:
            list(pool.map(loop, (files[number::jobs] for number in range(jobs))))

    return shared


# -- what it is measured on --------------------------------------------------------------------------------------------


def fresh_bank(top: Path, name: str) -> seedbank.Library:
    return seedbank.open(top / f"{name}.db", create=True)


def make_large(folder: Path, count: int, jobs: int) -> Path:
    """Pictures of 1024x1024 with shapes and some noise, as PNG at the level that most tools use: about 2 MB each."""
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(make_one, *zip(*paths(folder, min(count, DISTINCT)), strict=True)))
    return make_headers(folder, sorted(folder.iterdir()), count - DISTINCT, DISTINCT)


def make_one(seed: int, path: Path) -> None:
    rng = np.random.default_rng((2026, seed))
    blocks = np.kron(rng.integers(0, 255, (32, 32, 3)), np.ones((SIDE // 32, SIDE // 32, 1)))
    pixels = (blocks + rng.normal(0, 4, blocks.shape)).clip(0, 255).astype(np.uint8)
    write(path, Image.fromarray(pixels), seed)


def make_headers(folder: Path, pictures: list[Path], count: int, first: int = 0) -> Path:
    """The pictures over and over, each with the text of another seed in the place of its own (a chunk as in PNG, 5.3)."""
    for seed, path in paths(folder, count, first):
        data = pictures[seed % len(pictures)].read_bytes()
        at = data.index(b"tEXt") - 4
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        text = b"parameters\0" + TEXT.format(seed=seed, side=SIDE).encode("latin-1")
        checksum = zlib.crc32(b"tEXt" + text)
        path.write_bytes(data[:at] + struct.pack(f">I4s{len(text)}sI", len(text), b"tEXt", text, checksum) + data[end:])
    return folder


def make_small(folder: Path, count: int, first: int) -> Path:
    """Pictures of 16x16: what is left is what an entry costs beside its pixels."""
    for seed, path in paths(folder, count, first):
        write(path, Image.frombytes("RGB", (16, 16), random.Random(seed).randbytes(768)), seed)
    return folder


def make_hostile(folder: Path, count: int) -> Path:
    """Files of five formats: cut, with bytes changed at random, with a header that promises more, and bombs."""
    dice = random.Random(2026)
    folder.mkdir()
    picture = Image.frombytes("RGB", (256, 256), dice.randbytes(3 * 256 * 256))
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("parameters", TEXT.format(seed=1, side=256))
    originals = {
        "png": encoded(picture, "PNG", pnginfo=chunks),
        "jpg": encoded(picture, "JPEG"),
        "webp": encoded(picture, "WEBP"),
        "gif": encoded(picture.quantize(), "GIF"),
        "avif": encoded(picture, "AVIF"),
    }
    bombs = [encoded(Image.new("1", (9400, 9400)), "PNG"), encoded(Image.new("L", (9400, 9400)), "PNG")]
    kinds = list(originals)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        data = bytearray(originals[kind])
        if number % 100 == 99:
            kind, data = "png", bytearray(bombs[number % len(bombs)])
        elif number % 3 == 0:
            del data[dice.randrange(len(data)) :]
        else:
            reach = 200 if number % 3 == 1 else len(data)  # in the headers, or anywhere
            for _ in range(dice.randint(1, 20)):
                data[dice.randrange(min(reach, len(data)))] = dice.randrange(256)
        (folder / f"{number:04}.{kind}").write_bytes(data)
    return folder


def encoded(image: Image.Image, kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def paths(folder: Path, count: int, first: int = 0) -> Iterator[tuple[int, Path]]:
    folder.mkdir(parents=True, exist_ok=True)
    return ((seed, folder / f"{seed:06}.png") for seed in range(first, first + count))


def write(path: Path, image: Image.Image, seed: int) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("parameters", TEXT.format(seed=seed, side=image.width))
    image.save(path, "PNG", pnginfo=chunks)


def resident() -> float:
    """Megabytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


if __name__ == "__main__":
    main()
