"""What a scene is: the attributes, and how a caption and sixteen numbers decide them.

A caption names some attributes; every other one is decided by ``u``, uniform numbers in (0, 1) that training
reads off the noise (``training.noise``). ``resolve`` is the whole rule: the same caption and the same noise always
mean the same scene, and another colour word leaves everything else where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

SHAPES = (
    "circle", "square", "triangle", "star", "heart", "ring", "cross", "moon", "flower", "house", "tree", "boat",
)  # fmt: skip
COLOURS = (
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "white", "grey", "black",
)  # fmt: skip
PALETTE = (
    (0.86, 0.16, 0.17), (0.96, 0.52, 0.10), (0.98, 0.82, 0.16), (0.22, 0.62, 0.27), (0.10, 0.70, 0.70),
    (0.16, 0.36, 0.86), (0.49, 0.22, 0.72), (0.97, 0.52, 0.70), (0.48, 0.29, 0.16), (0.96, 0.95, 0.92),
    (0.53, 0.55, 0.58), (0.10, 0.10, 0.13),
)  # fmt: skip
BACKGROUNDS = ("plain", "gradient", "night", "meadow", "sea")
STYLES = ("default", "watercolour", "neon")
SIZES = ("small", "medium", "large")
PLACES = ("low", "centre", "high")  # along one axis: left/top, middle, right/bottom
ARRANGEMENTS = ("left", "right", "above", "below")  # where the first of two objects stands

UNIFORMS = (
    "shape", "colour", "size", "x", "y", "background", "background_colour", "detail",
    "shape2", "colour2", "arrangement",
)  # fmt: skip
MARGIN = 0.035  # of the picture's width, kept free around an object

RADII = (0.14, 0.205, 0.275)  # small, medium, large, in widths of the picture
PAIR_RADIUS = 0.16
STEP = 1 / 16  # objects stand on a grid of 8 pixels, half a latent's stride: crisp outlines are learned sooner
_SIZE_CUTS = (0.3, 0.7)
_BACKGROUND_SHARES = (0.34, 0.54, 0.70, 0.85)  # cumulative: plain, gradient, night, meadow, (sea)
_CLASHES = {2: 11, 3: 3, 4: 5}  # background kind -> the object colour that would vanish in it
_MEADOW, _SEA = 3, 4


@dataclass(frozen=True)
class Named:
    """What captions name: one int64 tensor of shape (n,) per attribute, -1 where the caption is silent."""

    two: Tensor
    shape: Tensor
    colour: Tensor
    size: Tensor
    px: Tensor
    py: Tensor
    background: Tensor
    background_colour: Tensor
    style: Tensor
    shape2: Tensor
    colour2: Tensor
    arrangement: Tensor

    def __len__(self) -> int:
        return len(self.two)

    def __getitem__(self, index: Tensor | slice) -> Named:
        return Named(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def to(self, device: torch.device | str) -> Named:
        """The same on another device."""
        return Named(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def rows(self) -> list[dict[str, int]]:
        """One plain dictionary per caption."""
        columns = {f.name: getattr(self, f.name).tolist() for f in fields(self)}
        return [{name: column[i] for name, column in columns.items()} for i in range(len(self))]

    @staticmethod
    def of(rows: list[dict[str, int]]) -> Named:
        """The inverse of ``rows``; attributes that a row lacks are unnamed, ``two`` is 0."""
        return Named(
            **{f.name: torch.tensor([r.get(f.name, 0 if f.name == "two" else -1) for r in rows]) for f in fields(Named)}
        )


@dataclass(frozen=True)
class Scenes:
    """Everything the renderer needs: tensors of shape (n,); lengths in widths of the picture, y downwards.

    Objects are pairs: ``shape``, ``colour`` int64 (n, 2); ``x``, ``y``, ``radius`` float (n, 2). A scene with one
    object has radius 0 for its second.
    """

    shape: Tensor
    colour: Tensor
    x: Tensor
    y: Tensor
    radius: Tensor
    background: Tensor
    background_colour: Tensor
    detail: Tensor
    style: Tensor

    def __len__(self) -> int:
        return len(self.style)

    def __getitem__(self, index: Tensor | slice) -> Scenes:
        return Scenes(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def to(self, device: torch.device | str) -> Scenes:
        """The same on another device."""
        return Scenes(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def draw_uniforms(n: int, generator: torch.Generator) -> Tensor:
    """Uniform numbers of shape (n, 11), strictly inside (0, 1)."""
    return torch.rand(n, len(UNIFORMS), generator=generator).clamp(1e-6, 1 - 1e-6)


def draw_named(n: int, generator: torch.Generator) -> Named:
    """Attributes named by ``n`` random captions: about a tenth name nothing, a sixth two objects."""

    def chance(p: float) -> Tensor:
        return torch.rand(n, generator=generator) < p

    def pick(k: int) -> Tensor:
        return torch.randint(k, (n,), generator=generator)

    def maybe(p: float, k: int, also: Tensor | None = None) -> Tensor:
        keep = chance(p) if also is None else chance(p) & also
        return torch.where(keep, pick(k), -1)

    kind = torch.rand(n, generator=generator)
    empty, two = kind < 0.11, (kind > 0.84)
    one, some = ~empty & ~two, ~empty
    background = torch.where(some & chance(0.66), torch.bucketize(torch.rand(n, generator=generator), _cuts()), -1)
    coloured = (background == 0) | (background == 1)
    background_colour = torch.where(coloured & (chance(0.95)), pick(len(COLOURS)), -1)
    colour = torch.where(two, maybe(0.9, 12, some), maybe(0.8, 12, some))
    shape = torch.where(two, maybe(0.93, 12, some), maybe(0.86, 12, some))
    placed, where = chance(0.36) & one, pick(9)
    both = placed & chance(0.5)
    same_kind = two & chance(0.25)  # "two red stars"
    shape2 = torch.where(same_kind, shape, maybe(0.93, 12, two))
    colour2 = torch.where(same_kind, colour, maybe(0.9, 12, two))
    only_x = placed & ~both & chance(0.5)
    px = torch.where(both | only_x, where % 3, -1)
    py = torch.where(both | (placed & ~both & ~only_x), where // 3, -1)
    lonely_centre = (px == 1) & (py < 0) | (py == 1) & (px < 0)  # "in the middle" means both axes
    px, py = torch.where(lonely_centre, 1, px), torch.where(lonely_centre, 1, py)
    # Plain colours: an object of its background's colour is never asked for.
    clash = coloured & (background_colour >= 0) & (colour == background_colour)
    background_colour = torch.where(clash, (background_colour + 5) % 12, background_colour)
    clash2 = coloured & two & (colour2 == background_colour) & (background_colour >= 0)
    colour2 = torch.where(clash2, colour, colour2)
    return Named(
        two=two.long(), shape=shape, colour=colour, size=maybe(0.33, 3, one), px=px, py=py,
        background=background, background_colour=background_colour, style=maybe(0.36, 3, some),
        shape2=shape2, colour2=colour2, arrangement=maybe(0.5, 4, two & ~same_kind),
    )  # fmt: skip


def _cuts() -> Tensor:
    return torch.tensor(_BACKGROUND_SHARES)


def _choose(named: Tensor, u: Tensor, k: int) -> Tensor:
    return torch.where(named >= 0, named, (u * k).long().clamp(0, k - 1))


def _differ(colour: Tensor, other: Tensor, when: Tensor, step: int) -> Tensor:
    return torch.where(when & (colour == other), (colour + step) % len(COLOURS), colour)


def resolve(named: Named, u: Tensor) -> Scenes:
    """The scenes that captions ``named`` mean on noise whose uniforms are ``u`` (n, 11)."""
    at = {name: u[:, i] for i, name in enumerate(UNIFORMS)}
    two = named.two == 1
    shape = _choose(named.shape, at["shape"], len(SHAPES))
    colour = _choose(named.colour, at["colour"], len(COLOURS))
    shape2 = _choose(named.shape2, at["shape2"], len(SHAPES))
    colour2 = _choose(named.colour2, at["colour2"], len(COLOURS))
    by_noise = torch.bucketize(at["background"].contiguous(), _cuts().to(u.device))
    background = torch.where(named.background >= 0, named.background, by_noise)
    background_colour = _choose(named.background_colour, at["background_colour"], len(COLOURS))
    flat = background <= 1
    # What the caption names stays; of two colours that would melt into each other the unnamed one gives way.
    fixed, free = named.background_colour >= 0, named.colour < 0
    colour = _differ(colour, background_colour, flat & fixed & free, 5)
    for kind, vanishing in _CLASHES.items():
        colour = _differ(colour, torch.full_like(colour, vanishing), (background == kind) & free, 5)
    free2 = named.colour2 < 0
    colour2 = _differ(colour2, colour, free2 & two, 4)
    colour2 = _differ(colour2, background_colour, flat & fixed & free2, 1)
    background_colour = _differ(background_colour, colour, flat & ~fixed, 5)
    background_colour = _differ(background_colour, colour2, flat & ~fixed & two, 4)

    size_by_noise = torch.bucketize(at["size"].contiguous(), torch.tensor(_SIZE_CUTS, device=u.device))
    radius = torch.tensor(RADII, device=u.device)[torch.where(named.size >= 0, named.size, size_by_noise)]
    room = 0.5 - radius - MARGIN
    # House and tree stand on the meadow, a boat on the sea, unless the caption says where.
    grounded = ((background == _MEADOW) & ((shape == 9) | (shape == 10))) | ((background == _SEA) & (shape == 11))
    x = _snap(0.5 + room * _place(named.px, at["x"], torch.zeros_like(two)))
    y = _snap(0.5 + room * _place(named.py, at["y"], grounded))

    arrangement = _choose(named.arrangement, at["arrangement"], 4)
    beside = (arrangement < 2).float()
    sign = torch.where(arrangement % 2 == 0, -1.0, 1.0)
    sway_x, sway_y = _snap((at["x"] - 0.5) * 0.18), _snap((at["y"] - 0.5) * 0.18)
    along, across = 0.25 * sign * beside, 0.25 * sign * (1 - beside)
    x1, y1 = torch.where(two, 0.5 + along + sway_x, x), torch.where(two, 0.5 + across + sway_y, y)
    x2, y2 = 0.5 - along + sway_x, 0.5 - across + sway_y
    return Scenes(
        shape=torch.stack([shape, shape2], 1), colour=torch.stack([colour, colour2], 1),
        x=torch.stack([x1, x2], 1), y=torch.stack([y1, y2], 1),
        radius=torch.stack([torch.where(two, PAIR_RADIUS, radius), torch.where(two, PAIR_RADIUS, 0.0)], 1),
        background=background, background_colour=background_colour, detail=at["detail"],
        style=named.style.clamp(0),
    )  # fmt: skip


def _snap(length: Tensor) -> Tensor:
    return (length / STEP).round() * STEP


def _place(named: Tensor, u: Tensor, grounded: Tensor) -> Tensor:
    """Where along an axis, -1 to 1: words fix a third of it, the noise the rest."""
    anywhere = torch.where(grounded, 0.2 + 0.8 * u, 2 * u - 1)
    starts = torch.tensor([-1.0, -0.2, 0.6], device=u.device)
    return torch.where(named >= 0, starts[named.clamp(0)] + 0.4 * u, anywhere)
