"""Scenes to pictures: a vectorised renderer in torch, the same on the CPU and on a GPU.

Anti-aliased by distance: a pixel's coverage is its signed distance to the outline, in pixels, plus a half.
Pictures are float32 (n, 3, 128, 128) in [0, 1], sRGB values treated as plain numbers.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from training.scenes import PALETTE, Scenes
from training.shapes import EXTENT, NOTHING, atlas

PIXELS = 128


@lru_cache(maxsize=4)
def _constants(device: torch.device) -> dict[str, Tensor]:
    axis = (torch.arange(PIXELS, dtype=torch.float32) + 0.5) / PIXELS
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    generator = torch.Generator().manual_seed(5)
    paper = torch.zeros(PIXELS, PIXELS)
    for cells, weight in ((5, 1.0), (11, 0.7), (24, 0.35)):
        noise = torch.rand(1, 1, cells, cells, generator=generator) * 2 - 1
        paper += weight * F.interpolate(noise, size=(PIXELS, PIXELS), mode="bicubic", align_corners=False)[0, 0]
    stars = torch.zeros(PIXELS, PIXELS)
    for k in range(26):  # a fixed sky: multiples of the plastic number spread the stars evenly
        sx, sy = (0.13 + k * 0.754878) % 1, 0.03 + 0.76 * ((k * 0.569840 + 0.31) % 1)
        size = (0.0085, 0.006, 0.0105)[k % 3]
        stars += (0.75, 0.55, 1.0)[k % 3] * torch.exp(-((x - sx) ** 2 + (y - sy) ** 2) / (2 * size**2))
    raw = {"x": x, "y": y, "paper": paper, "stars": stars.clamp(max=1), "palette": torch.tensor(PALETTE)}
    return {name: value.to(device) for name, value in raw.items()} | {"atlas": atlas().to(device)}


def _rgb(*values: float, like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device, dtype=like.dtype).view(1, 3, 1, 1)


def _mix(a: Tensor, b: Tensor, amount: Tensor | float) -> Tensor:
    return a + (b - a) * amount


def _over(edge: Tensor, width: float = 1.0) -> Tensor:
    """Coverage of the half plane where ``edge`` (in picture widths) is negative, blurred over ``width`` pixels."""
    return (0.5 - edge * PIXELS / width).clamp(0, 1)


def background(scenes: Scenes) -> Tensor:
    """The backgrounds alone, in the default style: (n, 3, 128, 128)."""
    device = scenes.detail.device
    c = _constants(device)
    x, y = c["x"][None, None], c["y"][None, None]
    d = scenes.detail.view(-1, 1, 1, 1)
    colour = c["palette"][scenes.background_colour].view(-1, 3, 1, 1)
    white = torch.ones_like(colour)
    out = torch.zeros(len(scenes), 3, PIXELS, PIXELS, device=device)

    def put(kind: int, picture: Tensor) -> None:
        nonlocal out
        out = torch.where((scenes.background == kind).view(-1, 1, 1, 1), picture, out)

    centre = (x - 0.42) ** 2 + (y - 0.38) ** 2
    put(0, _mix(colour, white, (0.13 - 0.3 * centre).clamp(0)) * (1.02 - 0.24 * centre))
    put(1, _mix(_mix(colour, white, 0.62), colour * 0.86, y.clamp(0, 1)))
    put(2, _night(x, y, d, c["stars"][None, None]))
    put(3, _meadow(x, y, d))
    put(4, _sea(x, y, d))
    return out.clamp(0, 1)


def _night(x: Tensor, y: Tensor, d: Tensor, stars: Tensor) -> Tensor:
    sky = _mix(_rgb(0.045, 0.05, 0.17, like=x), _rgb(0.24, 0.20, 0.46, like=x), y**1.5)
    sky = sky + stars * _rgb(0.95, 0.93, 0.8, like=x) * (1 - 0.5 * y)
    hill = 0.87 + 0.045 * torch.sin(5.2 * x + 5 * d) + 0.015 * torch.sin(11 * x + 2)
    return _mix(sky, _rgb(0.05, 0.06, 0.13, like=x) * (1.4 - 0.4 * y), _over(hill - y))


def _meadow(x: Tensor, y: Tensor, d: Tensor) -> Tensor:
    sky = _mix(_rgb(0.36, 0.66, 0.95, like=x), _rgb(0.86, 0.95, 0.99, like=x), (y / 0.62).clamp(0, 1))
    sun = torch.hypot(x - (0.14 + 0.72 * d), y - 0.15)
    sky = sky + torch.exp(-((sun / 0.13) ** 2)) * _rgb(0.35, 0.25, 0.0, like=x)
    sky = _mix(sky, _rgb(1.0, 0.93, 0.55, like=x), _over(sun - 0.075))
    far = 0.60 + 0.05 * torch.sin(4.5 * x + 4 * d + 1)
    near = 0.74 + 0.05 * torch.sin(3.6 * x - 4 * d + 2.6)
    green_far = _mix(_rgb(0.56, 0.80, 0.40, like=x), _rgb(0.40, 0.68, 0.32, like=x), ((y - far) * 5).clamp(0, 1))
    green_near = _mix(_rgb(0.42, 0.72, 0.30, like=x), _rgb(0.22, 0.52, 0.22, like=x), ((y - near) * 4).clamp(0, 1))
    return _mix(_mix(sky, green_far, _over(far - y)), green_near, _over(near - y))


def _sea(x: Tensor, y: Tensor, d: Tensor) -> Tensor:
    horizon = 0.52
    sky = _mix(_rgb(0.52, 0.76, 0.96, like=x), _rgb(1.0, 0.90, 0.78, like=x), (y / horizon).clamp(0, 1) ** 1.6)
    deep = ((y - horizon) / (1 - horizon)).clamp(0, 1)
    water = _mix(_rgb(0.26, 0.66, 0.80, like=x), _rgb(0.04, 0.30, 0.56, like=x), deep)
    for row, (place, waves, tall) in enumerate(((0.60, 9, 0.006), (0.71, 6.5, 0.010), (0.85, 4.5, 0.015))):
        crest = place + tall * torch.sin(waves * math.pi * x + (6 * d if row % 2 else -6 * d))
        foam = torch.exp(-(((y - crest) / (0.007 + 0.004 * row)) ** 2))
        water = _mix(water, _rgb(0.78, 0.93, 0.97, like=x), 0.6 * foam)
    return _mix(sky, water, _over(horizon - y))


def _distances(scenes: Scenes, k: int, dx: float | Tensor, dy: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Layers (n, 3, 128, 128) of object ``k`` seen from pixels shifted by (dx, dy), in picture widths; local x, y."""
    c = _constants(scenes.detail.device)
    radius = scenes.radius[:, k].view(-1, 1, 1)
    scale = radius.clamp(min=1e-3)
    lx = (c["x"][None] - dx - scenes.x[:, k].view(-1, 1, 1)) / scale
    ly = (c["y"][None] - dy - scenes.y[:, k].view(-1, 1, 1)) / scale
    depth = (scenes.shape[:, k].float() + 0.5) / len(c["atlas"]) * 2 - 1
    where = torch.stack([lx / EXTENT, ly / EXTENT, depth.view(-1, 1, 1).expand_as(lx)], -1)
    volume = c["atlas"].transpose(0, 1)[None]  # (1, layers, shapes, h, w)
    got = F.grid_sample(volume, where[None], align_corners=False, padding_mode="border")[0]
    beyond = (lx.abs().maximum(ly.abs()) - EXTENT).clamp(0)
    distance = (got.transpose(0, 1) + beyond[:, None]) * scale[:, None]
    return torch.where(radius[:, None] > 0, distance, NOTHING), lx[:, None], ly[:, None]


def _tones(base: Tensor, layers: Tensor, lx: Tensor, ly: Tensor) -> Tensor:
    """An object's paint: light from the upper left, a darker rim, darker and lighter parts."""
    light = (0.5 - 0.32 * (lx + ly)).clamp(0, 1)
    paint = _mix(base * 0.72, _mix(base, torch.ones_like(base), 0.30), light)
    dark, bright = _over(layers[:, 1:2]), _over(layers[:, 2:3])
    paint = _mix(_mix(paint, paint * 0.66, dark), _mix(base, torch.ones_like(base), 0.62), bright)
    rim = _over(-layers[:, 0:1] - 0.012, 3.0)
    return paint * (1 - 0.22 * rim)


def _draw(picture: Tensor, scenes: Scenes, k: int) -> Tensor:
    """Object ``k`` painted on ``picture`` in each scene's style."""
    c = _constants(picture.device)
    style = scenes.style.view(-1, 1, 1, 1)
    paper = c["paper"][None, None]
    wobble = (style == 1) * 0.010 * paper
    layers, lx, ly = _distances(scenes, k, 0.0, 0.0)
    layers = layers + wobble
    body = layers[:, 0:1]
    base = c["palette"][scenes.colour[:, k]].view(-1, 3, 1, 1)

    fall = scenes.radius[:, k].view(-1, 1, 1) * 0.16
    shadow = 0.34 * (0.5 - _distances(scenes, k, fall, fall * 1.3)[0][:, 0:1] / 0.07).clamp(0, 1)
    default = _mix(picture * (1 - shadow), _tones(base, layers, lx, ly), _over(body))

    wash = _mix(base, torch.ones_like(base), 0.16 + 0.20 * paper) * (1 - 0.10 * (lx + ly).clamp(-1, 1))
    pigment = torch.exp(-((body / 0.012) ** 2))
    wash = _mix(wash, base * 0.62, 0.75 * pigment)
    wash = _mix(wash, base * 0.62, 0.6 * _over(layers[:, 1:2], 3.0))
    wash = _mix(wash, torch.ones_like(wash), 0.55 * _over(layers[:, 2:3], 3.0))
    watercolour = _mix(picture, wash, 0.94 * _over(body, 2.5))

    glow = _mix(base, torch.ones_like(base), 0.12) + 0.10 * (base.amax(1, keepdim=True) < 0.2)
    lines = torch.minimum(body.abs(), torch.where(body < 0.02, layers[:, 1:].amin(1, keepdim=True).abs(), 9.0))
    tube = _over(lines - 0.014, 1.5)
    halo = torch.exp(-lines / 0.035)
    neon = picture * (1 - 0.35 * _over(body)) + 0.55 * halo * glow
    neon = _mix(neon, _mix(glow, torch.ones_like(glow), 0.45 * torch.exp(-((lines / 0.009) ** 2))), tube)
    drawn = torch.where(style == 1, watercolour, torch.where(style == 2, neon, default))
    return torch.where(scenes.radius[:, k].view(-1, 1, 1, 1) > 0, drawn, picture)


def render(scenes: Scenes) -> Tensor:
    """Pictures of scenes: float32 (n, 3, 128, 128) in [0, 1], on the scenes' device."""
    c = _constants(scenes.detail.device)
    paper = c["paper"][None, None]
    style = scenes.style.view(-1, 1, 1, 1)
    picture = background(scenes)
    frame = torch.maximum((c["x"] - 0.5).abs(), (c["y"] - 0.5).abs())[None, None] + 0.012 * paper
    washed = _mix(picture, torch.ones_like(picture), 0.30 + 0.16 * paper)
    washed = _mix(washed, _rgb(0.97, 0.96, 0.93, like=picture).expand_as(washed), _over(0.47 - frame, 4.0))
    night = picture * 0.20 + 0.015
    picture = torch.where(style == 1, washed, torch.where(style == 2, night, picture))
    for k in range(2):
        picture = _draw(picture, scenes, k)
    return picture.clamp(0, 1)
