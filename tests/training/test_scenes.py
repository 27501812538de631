"""Scenes and their renderer: what is named is drawn, what is not the noise decides."""

import torch

from training.noise import uniforms, with_uniforms
from training.render import render
from training.scenes import COLOURS, PALETTE, SHAPES, Named, draw_named, draw_uniforms, resolve

_ROW = {"two": 0, "shape": 0, "colour": 0, "size": 2, "px": 1, "py": 1, "background": 0, "background_colour": 9}


def _picture(**changes: int) -> torch.Tensor:
    u = torch.full((1, 11), 0.5)
    return render(resolve(Named.of([_ROW | changes]), u))[0]


def test_every_shape_draws_another_picture() -> None:
    pictures = [_picture(shape=s) for s in range(len(SHAPES))]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert (one - other).abs().mean() > 0.005


def test_the_middle_of_a_square_has_the_colour_that_is_named() -> None:
    palette = torch.tensor(PALETTE)
    for colour in range(len(COLOURS)):
        middle = _picture(shape=1, colour=colour, background_colour=(colour + 6) % 12)[:, 56:72, 56:72].mean((1, 2))
        assert int(((palette - middle) ** 2).sum(1).argmin()) == colour


def test_styles_change_the_picture_and_pictures_stay_in_range() -> None:
    default, watercolour, neon = (_picture(style=s) for s in range(3))
    assert (default - watercolour).abs().mean() > 0.02
    assert neon.mean() < 0.5 * default.mean()
    for picture in (default, watercolour, neon):
        assert picture.min() >= 0 and picture.max() <= 1 and torch.isfinite(picture).all()


def test_another_colour_word_leaves_everything_else_where_it_was() -> None:
    u = draw_uniforms(200, torch.Generator().manual_seed(1))
    red = resolve(Named.of([{"two": 0, "colour": 0, "shape": 3}] * 200), u)
    blue = resolve(Named.of([{"two": 0, "colour": 5, "shape": 3}] * 200), u)
    assert torch.equal(red.x, blue.x) and torch.equal(red.y, blue.y) and torch.equal(red.radius, blue.radius)
    assert torch.equal(red.background, blue.background)


def test_objects_keep_off_the_edge_and_differ_from_plain_backgrounds() -> None:
    generator = torch.Generator().manual_seed(2)
    scenes = resolve(draw_named(2000, generator), draw_uniforms(2000, generator))
    x, y, radius = scenes.x[:, 0], scenes.y[:, 0], scenes.radius[:, 0]
    assert bool(((x - radius > 0) & (x + radius < 1) & (y - radius > 0) & (y + radius < 1)).all())
    flat = (scenes.background <= 1) & (scenes.radius[:, 1] == 0)
    assert not bool((flat & (scenes.colour[:, 0] == scenes.background_colour)).any())


def test_the_functionals_of_noise_are_independent_standard_normals() -> None:
    noise = torch.randn(20_000, 16, 8, 8, generator=torch.Generator().manual_seed(3))
    u = uniforms(noise)
    assert (u.mean(0) - 0.5).abs().max() < 0.01
    assert (u.std(0) - 12**-0.5).abs().max() < 0.01
    assert (torch.corrcoef(u.T) - torch.eye(11)).abs().max() < 0.04


def test_noise_can_be_told_what_to_decide_and_stays_normal() -> None:
    generator = torch.Generator().manual_seed(4)
    u = draw_uniforms(5_000, generator)
    noise = with_uniforms(torch.randn(5_000, 16, 8, 8, generator=generator), u)
    assert torch.allclose(uniforms(noise), u, atol=2e-4)
    assert abs(float(noise.mean())) < 0.005 and abs(float(noise.std()) - 1) < 0.005
