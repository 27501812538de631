"""Banks with drawn pictures, for tests that look at a catalogue and render nothing."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seedbank.api import Library
from seedbank.records import Entry, Model
from tests.rendering import Ran

MODELS = (Model("a" * 64, "z-image-turbo"), Model("b" * 64, "sdxl-base"))
PROMPTS = ("a red circle on a blue background", "山谷里的小木屋，晨雾", "a lighthouse at night", "portrait of a fox 🦊")


def drawing(number: int, side: int = 64) -> Image.Image:
    """A picture of soft shapes that looks like no other number's."""
    noise = np.random.default_rng(number).uniform(0, 255, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


def recipe(number: int, **changes: Any) -> dict[str, Any]:
    """A recipe as JSON values; `changes` are arguments of the call."""
    return {
        "model": MODELS[number % 2].digest,
        "pipeline": "StableDiffusionPipeline",
        "conditioning": {"prompt": PROMPTS[number % len(PROMPTS)], "negative_prompt": "blurry"},
        "noise": {"kind": "torch-cpu", "seed": str(7000 + number)},
        "call": {"width": 64, "height": 64, "num_inference_steps": 8, "guidance_scale": 7.5} | changes,
        "scheduler": {"class": "EulerDiscreteScheduler", "config": {}},
        "dtypes": {"unet": "float32"},
    }


def add(bank: Library, number: int, tags: Sequence[str] = ()) -> Entry:
    """The entry with picture and recipe `number`."""
    return bank.add(drawing(number), recipe(number), model=MODELS[number % 2], tags=tags)


@dataclass
class InProcess:
    """`seedbank --bank …` in this process: as the command line, but without starting Python each time."""

    bank: Path

    def __call__(self, *arguments: str, ok: Sequence[int] = (0,)) -> Ran:
        from seedbank.__main__ import run

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["--bank", str(self.bank), *arguments])
        ran = Ran(code, out.getvalue(), err.getvalue())
        assert code in ok, (arguments, ran)
        return ran

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects that the command prints with ``--json``."""
        return [json.loads(line) for line in self(*arguments, "--json").lines]
