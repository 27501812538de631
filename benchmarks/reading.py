"""What reading metadata costs: files a second on one core, in CPU time, warm.

    python -m benchmarks.reading [--folder PICTURES] [--save reading]

`scan` finds the texts that a file carries, `read` also understands them (`seedbank.read`); `pillow` only opens the file and
takes its `info`, which misses texts behind a PNG's picture data. Of each file the best of the rounds counts, since other
programs share the machine. Without a folder the files are made up: 1024x1024, with the metadata of four tools.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

import seedbank
from benchmarks.machine import machine, save
from seedbank.formats.containers import scan
from tests.formats.files import comment
from tests.formats.tool_samples import A1111, GRAPH, INVOKE, SWARM

SIDE = 1024


def main() -> None:
    """Measure, print, and with --save keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="measure the pictures below this folder instead")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        kinds = _real(options.folder) if options.folder else _made_up(Path(made))
        values = {kind: measure(paths, options.rounds) for kind, paths in kinds.items()}
    print(json.dumps({"machine": machine(), **values}, indent=2))
    if options.save:
        print(save(options.save, values))


def measure(paths: list[Path], rounds: int) -> dict[str, float]:
    """Files a second of each way of reading them."""
    ways: dict[str, Callable[[Path], object]] = {"scan": _scan, "read": seedbank.read, "pillow": _pillow}
    best = {(way, path): float("inf") for way in ways for path in paths}
    for _ in range(rounds):
        for path in paths:
            for way, function in ways.items():
                start = time.process_time()
                function(path)
                best[way, path] = min(best[way, path], time.process_time() - start)
    return {"files": len(paths)} | {way: round(len(paths) / sum(best[way, path] for path in paths)) for way in ways}


def _scan(path: Path) -> object:
    with open(path, "rb", buffering=16384) as file:
        return scan(file)


def _pillow(path: Path) -> object:
    try:
        with Image.open(path) as image:
            return dict(image.info)
    except OSError:
        return None


def _real(folder: Path) -> dict[str, list[Path]]:
    return {"real files": sorted(path for path in folder.rglob("*") if path.is_file())}


def _made_up(folder: Path) -> dict[str, list[Path]]:
    """Ten files of each kind. Noise does not compress, as photographs do not."""
    from PIL.PngImagePlugin import PngInfo

    noise = numpy.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), numpy.uint8)
    image = Image.fromarray(noise)
    workflow = json.dumps({"nodes": [], "links": [], "extra": {"y": ["y"] * 4000}})
    long = A1111.replace("a cat", "a cat, " * 80)
    texts: dict[str, dict[str, Any]] = {
        "PNG, A1111 text": {"parameters": long},
        "PNG, ComfyUI graph": {
            "prompt": json.dumps(GRAPH),
            "workflow": workflow,
        },
        "PNG, SwarmUI and graph": {"parameters": json.dumps(SWARM), "prompt": json.dumps(GRAPH)},
        "PNG, InvokeAI": {"invokeai_metadata": json.dumps(INVOKE)},
    }
    kinds: dict[str, list[Path]] = {}
    for kind, chunks in texts.items():
        info = PngInfo()
        for keyword, text in chunks.items():
            info.add_text(keyword, text)
        kinds[kind] = _copies(folder, image, "PNG", len(kinds), pnginfo=info, compress_level=1)
    block = b"Exif\0\0" + comment(b"UNICODE\0" + long.encode("utf-16-be"))
    for name in ("JPEG", "WEBP"):
        kinds[f"{name}, A1111 text"] = _copies(folder, image, name, len(kinds), exif=block)
    return kinds


def _copies(folder: Path, image: Image.Image, kind: str, number: int, **options: Any) -> list[Path]:
    file = io.BytesIO()
    image.save(file, kind, **options)
    paths = [folder / f"{number}-{copy}.{kind.lower()}" for copy in range(10)]
    for path in paths:
        path.write_bytes(file.getvalue())
    return paths


if __name__ == "__main__":
    main()
