"""How evenly a blend goes from one picture to the other: the figures of docs/noise.md.

Films of 24 frames on the embedded model, each frame against both ends in perceptual distance (the mean of FLIP), and the
frames' exactness: every one is regenerated in another process.

python -m benchmarks.blends
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.machine import save

FRAMES = 24
CIRCLE, STAR, FLOWER = "a red circle on a blue background", "a yellow star in the night sky", "a white flower in a meadow"
FILMS: tuple[tuple[tuple[str, int], tuple[str, int], str, bool], ...] = (
    ((CIRCLE, 1024), (CIRCLE, 1025), "slerp", False),
    ((CIRCLE, 1024), (CIRCLE, 1025), "lerp", False),
    ((CIRCLE, 1026), (CIRCLE, 1027), "slerp", False),
    ((STAR, 7), (STAR, 9), "slerp", False),
    ((FLOWER, 5), (FLOWER, 42), "slerp", False),
    ((CIRCLE, 1024), (STAR, 1027), "slerp", True),
)
"""(one end, the other, curve, whether the texts are blended too)"""


def evenness(distances: Sequence[float]) -> dict[str, Any]:
    """Of distances that should grow: how many steps go back, and the largest such step in parts of the whole way."""
    steps = [later - earlier for earlier, later in pairwise(distances)]
    whole = distances[-1]
    return {
        "whole way": round(whole, 4),
        "steps back": sum(step < 0 for step in steps),
        "largest step back": round(max(0.0, -min(steps)) / whole, 4),
        "largest step": round(max(steps) / whole, 4),
    }


def film(bank: Any, ends: Sequence[int], curve: str, also_prompt: bool) -> dict[str, Any]:
    """One film: its frames against both ends, and the verdicts of their regenerations."""
    from seedbank.images.flip import flip

    plan = bank.plan_blend(list(ends), frames=FRAMES, curve=curve, also_prompt=also_prompt)
    shown = list(bank.blending(plan))
    pictures = [bank.pixels(one.entry) for one in shown]
    verdicts = [outcome.regeneration.verdict for outcome in bank.regen([one.entry.id for one in shown if one.new])]
    return {
        "from the first": evenness([flip(pictures[0], picture).mean for picture in pictures]),
        "from the last": evenness([flip(pictures[-1], picture).mean for picture in reversed(pictures)]),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
    }


def main() -> None:
    import seedbank

    results: dict[str, Any] = {"frames": FRAMES, "films": []}
    with tempfile.TemporaryDirectory() as folder, seedbank.open(Path(folder) / "art.db", create=True) as bank:
        entries: dict[tuple[str, int], int] = {}
        for first, last, curve, also_prompt in FILMS:
            for prompt, seed in (first, last):
                if (prompt, seed) not in entries:
                    (entry,) = bank.generate(prompt, seed=seed, device="cpu")
                    entries[prompt, seed] = entry.id
            told = {"first": list(first), "last": list(last), "curve": curve, "texts": also_prompt}
            results["films"].append(told | film(bank, [entries[first], entries[last]], curve, also_prompt))
            print(json.dumps(results["films"][-1], indent=2), flush=True)
    print(save("blends", results))


if __name__ == "__main__":
    main()
