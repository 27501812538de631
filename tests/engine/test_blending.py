"""Blends through real pipelines: the ends are the pictures themselves, in families that scale, pack and encode differently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.conftest import recipe_for
from tests.tiny_models import FLUX, SD15

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("family", [SD15, FLUX])
def test_a_blend_at_its_ends_is_the_picture_of_either(family, engine, load, tmp_path):
    recipe = recipe_for(load(engine, family))
    noise = {"noise": {"kind": "torch-cpu", "seed": "8"}, "curve": "slerp"}
    texts = {"conditioning": {"prompt": "a blue star in the night sky"}, "curve": "lerp"}

    def at(alpha):
        mixed = {**recipe.conditioning, "blend": texts | {"alpha": alpha}}
        return replace(recipe, noise={**recipe.noise, "blend": noise | {"alpha": alpha}}, conditioning=mixed)

    first, last = engine.render(recipe), engine.render(recipe_for(engine.loaded, "a blue star in the night sky", seed=8))
    half = engine.render(at(0.5))
    assert engine.render(at(0.0)).trace == first.trace
    assert engine.render(at(1.0)).trace == last.trace
    assert len({first.digest, half.digest, last.digest}) == 3
    assert dict(half.trace)["prompt"] not in (dict(first.trace)["prompt"], dict(last.trace)["prompt"])
    # The latents go out of the pipeline and into it again, whatever it does to them.
    given = tmp_path / "latents.safetensors"
    given.write_bytes(engine.latents(recipe))
    assert engine.decode(replace(recipe, call={**recipe.call, "num_inference_steps": 1}), given)[3] == first.rows
