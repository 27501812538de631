"""A simple judge: which scene does a picture show? By matching against rendered templates, no learning.

For pictures of one object in the default style. The background is the nearest of some sixty rendered ones, judged on
the pixels that agree best. Then every shape, size and grid position is tried at half resolution: outside the object
the background with its shadow must be seen, inside one colour with a slope of light (and one for darker and lighter
parts). The best fit wins; all fits are a few matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from training.render import PIXELS, _distances, _over, background, render
from training.scenes import COLOURS, MARGIN, RADII, SHAPES, STEP, Scenes

SIDE = 64  # resolution of the templates
_DETAILS = {2: 8, 3: 24, 4: 8}  # background kind -> how many of its variants are tried


@dataclass(frozen=True)
class Seen:
    """What pictures show, tensors (n,): indices as in ``training.scenes``; x, y, radius in widths of the picture."""

    shape: Tensor
    colour: Tensor
    size: Tensor
    x: Tensor
    y: Tensor
    background: Tensor
    background_colour: Tensor
    misfit: Tensor  # mean squared error of the best fit

    def place(self) -> tuple[Tensor, Tensor]:
        """The third of its room in which the object stands, along x and y: 0, 1 or 2."""
        room = 0.5 - torch.tensor(RADII)[self.size] - MARGIN

        def third(v: Tensor) -> Tensor:
            off = (v - 0.5) / room
            return 1 + (off > 0.4).long() - (off < -0.4).long()

        return third(self.x), third(self.y)


def scenes_of(rows: list[tuple[int, int, float, float, float, int, int, float]]) -> Scenes:
    """Scenes with one object from (shape, colour, x, y, radius, background, its colour, detail) rows."""
    shape, colour, x, y, radius, kind, hue, detail = (torch.tensor(column) for column in zip(*rows, strict=True))

    def pair(first: Tensor, second: float) -> Tensor:
        return torch.stack([first, torch.full_like(first, second)], 1)

    return Scenes(
        shape=pair(shape, 0), colour=pair(colour, 0), x=pair(x.float(), 0.5), y=pair(y.float(), 0.5),
        radius=pair(radius.float(), 0.0), background=kind, background_colour=hue, detail=detail.float(),
        style=torch.zeros(len(rows), dtype=torch.long),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _backgrounds() -> tuple[Tensor, Tensor, Tensor]:
    """Candidates at template resolution (k, 3, 64, 64), their kinds and colours (-1 where pictured)."""
    rows = [(0, 0, 0.5, 0.5, 0.0, kind, hue, 0.5) for kind in (0, 1) for hue in range(len(COLOURS))]
    for kind, many in _DETAILS.items():
        rows += [(0, 0, 0.5, 0.5, 0.0, kind, 0, (k + 0.5) / many) for k in range(many)]
    pictures = F.avg_pool2d(background(scenes_of(rows)), PIXELS // SIDE)
    kinds = torch.tensor([row[5] for row in rows])
    return pictures, kinds, torch.where(kinds <= 1, torch.tensor([row[6] for row in rows]), -1)


@dataclass(frozen=True)
class _Templates:
    shape: Tensor  # (m,)
    size: Tensor
    x: Tensor
    y: Tensor
    outside: Tensor  # (m, 4096) weights
    shade: Tensor  # (m, 4096) what the shadow leaves of the background
    regions: tuple[Tensor, ...]  # each (m, 4096): body without parts, its slope of light, dark parts, light parts


@lru_cache(maxsize=1)
def _templates() -> _Templates:
    rows, sizes = [], []
    for size, radius in enumerate(RADII):
        reach = int((0.5 - radius - MARGIN) / STEP + 0.51)
        places = [0.5 + STEP * k for k in range(-reach, reach + 1)]
        for shape in range(len(SHAPES)):
            for y in places:
                for x in places:
                    rows.append((shape, 0, x, y, radius, 0, 0, 0.5))
                    sizes.append(size)
    scenes = scenes_of(rows)
    kept: list[list[Tensor]] = [[] for _ in range(6)]
    for start in range(0, len(rows), 128):
        some = scenes[start : start + 128]
        layers, lx, ly = _distances(some, 0, 0.0, 0.0)
        fall = some.radius[:, 0].view(-1, 1, 1) * 0.16
        shadow = 0.34 * (0.5 - _distances(some, 0, fall, fall * 1.3)[0][:, 0:1] / 0.07).clamp(0, 1)
        body = _over(layers[:, 0:1])
        dark, light = body * _over(layers[:, 1:2]), body * _over(layers[:, 2:3])
        main = (body - dark - light).clamp(0)
        for into, picture in zip(kept, (1 - body, 1 - shadow, main, -(lx + ly), dark, light), strict=True):
            into.append(F.avg_pool2d(picture, PIXELS // SIDE).flatten(1))
    outside, shade, main, slope, dark, light = (torch.cat(part) for part in kept)
    centred = slope - (main * slope).sum(1, keepdim=True) / main.sum(1, keepdim=True)
    norm = (main * centred**2).sum(1, keepdim=True).sqrt()
    return _Templates(
        scenes.shape[:, 0], torch.tensor(sizes), scenes.x[:, 0], scenes.y[:, 0], outside, shade,
        (main, main * centred / norm, dark, light),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _paints() -> Tensor:
    """Mean colour of every shape's body in every colour: (shapes, colours, 3)."""
    rows = [(s, c, 0.5, 0.5, RADII[2], 0, 9, 0.5) for s in range(len(SHAPES)) for c in range(len(COLOURS))]
    scenes = scenes_of(rows)
    layers = _distances(scenes, 0, 0.0, 0.0)[0]
    core = _over(layers[:, 0:1]) * (1 - _over(layers[:, 1:2])) * (1 - _over(layers[:, 2:3]))
    mean = (render(scenes) * core).sum((2, 3)) / core.sum((2, 3))
    return mean.view(len(SHAPES), len(COLOURS), 3)


def look(pictures: Tensor) -> Seen:
    """Judges pictures (n, 3, 128, 128) in [0, 1]."""
    parts = [_look(p) for p in F.avg_pool2d(pictures.float(), PIXELS // SIDE).split(50)]
    return Seen(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _look(small: Tensor) -> tuple[Tensor, ...]:
    candidates, kinds, hues = _backgrounds()
    differences = torch.stack([(small - c).abs().mean(1).flatten(1) for c in candidates], 1)  # (n, k, pixels)
    agreeing = differences.kthvalue(int(0.6 * SIDE * SIDE), dim=2, keepdim=True).values
    best = torch.where(differences <= agreeing, differences, 0).sum(2).argmin(1)
    behind = candidates[best].flatten(2)  # (n, 3, pixels)
    seen = small.flatten(2)
    t = _templates()
    # Outside: squared distance to background times shade, expanded so that templates enter by matrix products.
    misfit = (seen**2).sum(1) @ t.outside.T
    misfit -= 2 * (seen * behind).sum(1) @ (t.outside * t.shade).T
    misfit += (behind**2).sum(1) @ (t.outside * t.shade**2).T
    misfit += (seen**2).sum(1) @ (1 - t.outside).T
    main = t.regions[0]
    for region in t.regions:
        weight = torch.ones(len(region), 1) if region is t.regions[1] else region.sum(1, keepdim=True).clamp(min=1e-3)
        for channel in range(3):
            misfit -= (seen[:, channel] @ region.T) ** 2 / weight.T
    found = misfit.argmin(1)
    shape = t.shape[found]
    inside = main[found]
    mean = (seen * inside[:, None]).sum(2) / inside.sum(1, keepdim=True)
    colour = ((_paints()[shape] - mean[:, None]) ** 2).sum(2).argmin(1)
    # The centre, finer than the grid: where the picture differs from background and shadow, near the object.
    near = F.max_pool2d((1 - t.outside[found]).view(-1, 1, SIDE, SIDE), 7, 1, 3).flatten(1)
    off = ((seen - behind * t.shade[found][:, None]).abs().mean(1) - 0.04).clamp(0, 0.12) * near + 1e-9
    axis = (torch.arange(SIDE) + 0.5) / SIDE
    mass = off.view(-1, SIDE, SIDE)
    whole = (1 - t.outside[found]).view(-1, SIDE, SIDE)

    def centroid(weights: Tensor, dim: int) -> Tensor:
        return (weights.sum(dim) * axis).sum(1) / weights.sum((1, 2))

    x = t.x[found] + centroid(mass, 1) - centroid(whole, 1)
    y = t.y[found] + centroid(mass, 2) - centroid(whole, 2)
    error = misfit.gather(1, found[:, None])[:, 0] / (3 * SIDE * SIDE)
    return shape, colour, t.size[found], x, y, kinds[best], hues[best], error
