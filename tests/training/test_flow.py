"""What a training step is made of: noisy latents, captions, and the velocity that leads to the clean image."""

import torch

from training.flow import Pool, batch

_N = 4000


def _pool(scenes: int = 64) -> Pool:
    """Latents and captions that tell which scene they are of."""
    number = torch.arange(scenes)
    latents = torch.randn(scenes, 16, 8, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    short = (10 + number).to(torch.int16).view(-1, 1, 1).expand(scenes, 4, 32).clone()
    return Pool(
        u=torch.rand(scenes, 11, generator=torch.Generator().manual_seed(1)), latents=latents, short=short,
        short_counts=torch.full((scenes, 4), 32, dtype=torch.int16), long=short[:, 0].repeat(1, 2),
        long_counts=torch.full((scenes,), 64, dtype=torch.int16),
    )  # fmt: skip


def _share_told_of_their_own_picture(swap: float) -> float:
    pool = _pool()
    torch.manual_seed(2)
    mixed, t, ids, _, target = batch(pool, _N, long=False, swap=swap)
    clean = mixed + (1 - t).view(-1, 1, 1, 1) * target
    told = pool.latents.float()[ids[:, 0] - 10]
    return float(((clean - told).abs().amax((1, 2, 3)) < 1e-2).float().mean())


def test_following_the_target_from_any_noise_level_ends_at_the_image_of_the_caption() -> None:
    assert _share_told_of_their_own_picture(0.0) == 1.0


def test_a_known_share_of_captions_is_given_to_another_picture() -> None:
    assert abs(_share_told_of_their_own_picture(0.1) - 0.9) < 0.03


def test_the_way_back_from_too_far_ends_at_the_clean_image_too() -> None:
    pool = _pool()
    torch.manual_seed(3)
    mixed, t, ids, _, target = batch(pool, _N, long=False, overshoot=4.0)
    s = (1 - t).view(-1, 1, 1, 1)
    clean = pool.latents.float()[ids[:, 0] - 10]
    assert torch.allclose(mixed + s * target, clean, atol=1e-2)
    halfway = (s.flatten() > 0.4) & (s.flatten() < 0.6)
    noise = (mixed - (1 - s) * clean)[halfway] / s[halfway]  # pure noise has deviation 1, pictures gone too far more
    far = (noise.flatten(1).std(1) > 1.3).float().mean()
    assert 0.25 < far < 0.5


def test_a_known_share_of_captions_is_taken_away() -> None:
    torch.manual_seed(4)
    _, _, ids, counts, _ = batch(_pool(), _N, long=False, drop=0.15)
    empty = counts == 2
    assert abs(float(empty.float().mean()) - 0.15) < 0.03
    assert ids[empty].unique(dim=0).tolist() == [[2, 3] + [0] * 30]
