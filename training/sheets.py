"""Contact sheets of the shipped model for the documentation, in ``docs/pictures``.

    python -m training.sheets

prompts x seeds, guidance 0, 2, 4 and 6 side by side, one colour word changed at fixed seeds, and a blend of two noises.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from training.evaluate import MODEL, default_guidance, load
from training.render import PIXELS

PROMPTS = (
    "a red circle on a blue background", "一只橘色的星星在夜空",
    "a yellow moon in the night sky", "一颗粉色的爱心，白色背景",
    "a white boat on the sea", "一座红色的房子在草地上",
    "a small green tree on a pink background", "一个大的青色圆环，橙色渐变背景",
    "a purple flower on a meadow, watercolour", "a yellow star, neon",
)  # fmt: skip
GUIDED = (
    "a small green star on a pink background", "a red house in a meadow", "一颗粉色的爱心，白色背景",
    "a yellow moon in the night sky", "a large teal ring on an orange background",
)  # fmt: skip
GUIDANCES = (0.0, 2.0, 4.0, 6.0)
HEAD = 20  # pixels above a column for its heading


def pictures(pipe: Any, prompts: list[str], noises: list[Tensor], guidance: float) -> list[Tensor]:
    """One picture (3, 128, 128) per prompt and noise (16, 8, 8), each rendered alone as seedbank does."""
    out = []
    for prompt, noise in zip(prompts, noises, strict=True):
        out.append(
            pipe(
                prompt, height=PIXELS, width=PIXELS, num_inference_steps=8, guidance_scale=guidance, latents=noise[None],
                output_type="pt",
            ).images[0]
        )  # fmt: skip
    return out


def noise(seed: int) -> Tensor:
    """What the pipeline draws for this seed on the CPU: (16, 8, 8)."""
    return torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(seed))[0]


def between(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The blend of two noises that stays N(0, 1): the circle through both."""
    return math.cos(t * math.pi / 2) * a + math.sin(t * math.pi / 2) * b


def save(rows: list[list[Tensor]], path: Path, gap: int = 4, heads: tuple[str, ...] = ()) -> None:
    """A sheet of rows of pictures with white gaps, and a heading over each column where `heads` has one."""
    high, wide = len(rows), max(map(len, rows))
    top = HEAD if heads else 0
    sheet = torch.ones(3, top + high * (PIXELS + gap) - gap, wide * (PIXELS + gap) - gap)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            y, x = top + r * (PIXELS + gap), c * (PIXELS + gap)
            sheet[:, y : y + PIXELS, x : x + PIXELS] = picture
    image = Image.fromarray((sheet.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())
    for c, head in enumerate(heads):
        place = (c * (PIXELS + gap) + PIXELS // 2, HEAD // 2)
        ImageDraw.Draw(image).text(place, head, fill="black", anchor="mm", font_size=14)
    image.save(path, optimize=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--to", type=Path, default=Path("docs/pictures"))
    args = parser.parse_args()
    pipe, g = load(args.model), default_guidance(args.model)
    seeds = [noise(s) for s in (11, 13, 14)]
    rows = [pictures(pipe, [prompt] * 3, seeds, g) for prompt in PROMPTS]
    save([rows[i] + rows[i + 1] for i in range(0, len(rows), 2)], args.to / "embedded_prompts.png")
    columns = [(s, at) for s in (21, 22, 23) for at in GUIDANCES]
    save(
        [[picture for s, at in columns for picture in pictures(pipe, [prompt], [noise(s)], at)] for prompt in GUIDED],
        args.to / "embedded_guidance.png", heads=tuple(f"guidance {at:g}" for _, at in columns),
    )  # fmt: skip
    colours = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
    save([pictures(pipe, [f"a {c} heart" for c in colours], [noise(s)] * 7, g) for s in (31, 32, 33)],
         args.to / "embedded_colours.png")  # fmt: skip
    ends = ((41, 42, "a red boat on the sea"), (43, 44, "一颗黄色的星星在夜空"), (45, 46, "a purple flower"))
    save(
        [pictures(pipe, [p] * 9, [between(noise(a), noise(b), k / 8) for k in range(9)], g) for a, b, p in ends],
        args.to / "embedded_blend.png",
    )


if __name__ == "__main__":
    main()
