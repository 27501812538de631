"""What one seed gives when something else than the seed changes: the figures of docs/why-a-seed-is-not-enough.md.

python -m benchmarks.seeds
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.machine import save

SHAPE = (1, 16, 128, 128)
"""Latents of a picture of 1024x1024 with 16 channels."""
PROMPTS = ("a red circle on a blue background", "a green square on a white background", "a yellow star on a black background")
NOISE = """
import json, sys, torch
values = torch.randn({shape}, generator=torch.Generator().manual_seed(int(sys.argv[1])))
print(json.dumps([torch.backends.cpu.get_cpu_capability(), values.view(torch.int32).flatten().tolist()]))
"""


def noise(seed: int, capability: str | None = None) -> tuple[str, list[int]]:
    """(instruction set, the numbers of the initial noise by their bits) from a fresh process."""
    environ = dict(os.environ) | ({"ATEN_CPU_CAPABILITY": capability} if capability else {})
    command = [sys.executable, "-c", NOISE.format(shape=SHAPE), str(seed)]
    told = json.loads(subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout)
    return told[0], told[1]


def noises() -> dict[str, Any]:
    """How many of the numbers differ between instruction sets, and between seeds that share their lower 32 bits."""
    name, own = noise(7)
    result: dict[str, Any] = {"numbers": len(own), "own instruction set": name}
    for capability in ("default", "avx2"):
        other, values = noise(7, capability)
        result[f"differ with {other}"] = sum(a != b for a, b in zip(own, values, strict=True))
    result["differ with seed 7 + 2^32"] = sum(a != b for a, b in zip(own, noise(7 + 2**32)[1], strict=True))
    return result


def batches(seeds: range = range(4)) -> dict[str, Any]:
    """Pictures rendered alone against the same seeds and prompts in a batch of three, on the embedded model."""
    import numpy
    import torch
    from diffusers import DiffusionPipeline

    from seedbank.engine.source import find_model

    pipe = DiffusionPipeline.from_pretrained(find_model("embedded").folder, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    options = {"num_inference_steps": 8, "height": 128, "width": 128, "guidance_scale": 2.0, "output_type": "np"}
    count, floats, pictures, largest = 0, 0, 0, 0
    for seed in seeds:
        numbers = [seed * len(PROMPTS) + k for k in range(len(PROMPTS))]
        together = pipe(list(PROMPTS), generator=[torch.Generator().manual_seed(n) for n in numbers], **options).images
        for number, prompt, batched in zip(numbers, PROMPTS, together, strict=True):
            alone = pipe([prompt], generator=[torch.Generator().manual_seed(number)], **options).images[0]
            levels = [numpy.round(image * 255).astype(int) for image in (alone, batched)]
            count += 1
            floats += not numpy.array_equal(alone, batched)
            pictures += not numpy.array_equal(*levels)
            largest = max(largest, int(numpy.abs(levels[0] - levels[1]).max()))
    return {"pictures": count, "computed otherwise": floats, "other pictures": pictures, "largest difference of 255": largest}


def main() -> None:
    results = {"noise": noises(), "batches of three": batches()}
    print(json.dumps(results, indent=2), f"\n{save('seeds', results)}")


if __name__ == "__main__":
    main()
