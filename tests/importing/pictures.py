"""Pictures as other tools write them, made here."""

from __future__ import annotations

import io
import random
from pathlib import Path

from PIL import Image, PngImagePlugin

PARAMETERS = """a lighthouse number {seed}, masterpiece
Negative prompt: blurry
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, Size: 16x16, Model: tiny, RNG: CPU, Version: v1.10.0"""


def parameters(seed: int) -> str:
    return PARAMETERS.format(seed=seed)


def image(seed: int, size: tuple[int, int] = (16, 16)) -> Image.Image:
    """Noise that is the same for the same seed."""
    return Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))


def png(seed: int, text: str | None = None, extra: str = "") -> bytes:
    """The picture of `seed` as A1111 writes it; `extra` changes the file and not the pixels."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("parameters", parameters(seed) if text is None else text)
    if extra:
        chunks.add_text("Comment", extra)
    return encoded(image(seed), "PNG", pnginfo=chunks)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def folder_of(folder: Path, count: int, first: int = 0) -> Path:
    """`count` PNG files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        (folder / f"{seed:05}.png").write_bytes(png(seed))
    return folder
