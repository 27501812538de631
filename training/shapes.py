"""The twelve shapes as signed distances, computed once on a fine grid.

Local coordinates: x to the right, y down, a shape reaches about 1 from its centre. Distances are in the same units,
negative inside. Formulas: the usual exact distances to discs, boxes and polygons.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from training.scenes import SHAPES

EXTENT = 2.4  # the atlas covers -EXTENT..EXTENT
RESOLUTION = 320
LAYERS = ("body", "dark", "light")  # whole shape, parts in a darker tone, parts in a lighter tone
NOTHING = 9.0


def _grid() -> tuple[Tensor, Tensor]:
    axis = (torch.arange(RESOLUTION, dtype=torch.float32) + 0.5) / RESOLUTION * 2 * EXTENT - EXTENT
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


def _disc(x: Tensor, y: Tensor, cx: float, cy: float, r: float) -> Tensor:
    return torch.hypot(x - cx, y - cy) - r


def _box(x: Tensor, y: Tensor, cx: float, cy: float, hx: float, hy: float, rounding: float = 0.05) -> Tensor:
    dx, dy = (x - cx).abs() - hx + rounding, (y - cy).abs() - hy + rounding
    return torch.hypot(dx.clamp(0), dy.clamp(0)) + torch.maximum(dx, dy).clamp(max=0) - rounding


def _polygon(x: Tensor, y: Tensor, corners: list[tuple[float, float]], rounding: float = 0.0) -> Tensor:
    nearest = torch.full_like(x, 1e9)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = bx - ax, by - ay
        along = (((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        nearest = torch.minimum(nearest, torch.hypot(x - ax - along * ex, y - ay - along * ey))
        if ey != 0:
            crosses = ((ay > y) != (by > y)) & (x < ex * (y - ay) / ey + ax)
            inside = inside ^ crosses
    return torch.where(inside, -nearest, nearest) - rounding


def _star() -> list[tuple[float, float]]:
    points = []
    for i in range(10):
        r, a = (1.04 if i % 2 == 0 else 0.46), math.pi * (i / 5 - 0.5)
        points.append((r * math.cos(a), r * math.sin(a) + 0.06))
    return points


def _heart() -> list[tuple[float, float]]:
    points = []
    for i in range(72):
        a = 2 * math.pi * i / 72
        y = 13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)
        points.append((16 * math.sin(a) ** 3 / 17, -(y + 2.5) / 17))
    return points


def _union(*parts: Tensor) -> Tensor:
    return torch.stack(parts).amin(0)


@lru_cache(maxsize=1)
def atlas() -> Tensor:
    """Signed distances, float32 (shapes, 3 layers, RESOLUTION, RESOLUTION)."""
    x, y = _grid()
    none = torch.full_like(x, NOTHING)
    six = [math.tau * k / 6 for k in range(6)]
    roof = _polygon(x, y, [(-1.0, -0.08), (0.0, -0.95), (1.0, -0.08)], 0.03)
    walls = _box(x, y, 0, 0.42, 0.74, 0.54)
    trunk = _box(x, y, 0, 0.72, 0.16, 0.3)
    crown = _union(
        _polygon(x, y, [(0, -1.02), (0.5, -0.35), (-0.5, -0.35)], 0.03),
        _polygon(x, y, [(0, -0.7), (0.68, 0.1), (-0.68, 0.1)], 0.03),
        _polygon(x, y, [(0, -0.3), (0.85, 0.56), (-0.85, 0.56)], 0.03),
    )
    hull = _polygon(x, y, [(-0.98, 0.4), (0.98, 0.4), (0.6, 0.88), (-0.6, 0.88)], 0.03)
    mast = _box(x, y, -0.02, -0.2, 0.045, 0.68, 0.02)
    sails = _union(
        _polygon(x, y, [(0.08, -0.95), (0.08, 0.26), (0.82, 0.26)], 0.02),
        _polygon(x, y, [(-0.12, -0.62), (-0.12, 0.26), (-0.68, 0.26)], 0.02),
    )
    petals = _union(*(_disc(x, y, 0.58 * math.sin(a), -0.58 * math.cos(a), 0.37) for a in six))
    moon = torch.maximum(_disc(x, y, -0.12, 0, 0.95), -_disc(x, y, 0.33, -0.16, 0.78))
    table = {
        "circle": (_disc(x, y, 0, 0, 0.93), none, none),
        "square": (_box(x, y, 0, 0, 0.82, 0.82), none, none),
        "triangle": (_polygon(x, y, [(0, -0.95), (0.98, 0.75), (-0.98, 0.75)], 0.03), none, none),
        "star": (_polygon(x, y, _star(), 0.02), none, none),
        "heart": (_polygon(x, y, _heart()), none, none),
        "ring": (_disc(x, y, 0, 0, 0.69).abs() - 0.25, none, none),
        "cross": (_union(_box(x, y, 0, 0, 0.94, 0.31), _box(x, y, 0, 0, 0.31, 0.94)), none, none),
        "moon": (moon, none, none),
        "flower": (petals, none, _disc(x, y, 0, 0, 0.3)),
        "house": (
            _union(roof, walls),
            _union(roof, _box(x, y, -0.3, 0.62, 0.17, 0.34, 0.02)),
            _box(x, y, 0.33, 0.38, 0.18, 0.18, 0.02),
        ),
        "tree": (_union(crown, trunk), trunk.maximum(-crown), none),
        "boat": (_union(hull, mast, sails), _union(hull, mast), none),
    }
    return torch.stack([torch.stack(table[name]) for name in SHAPES]).clamp(max=NOTHING)
