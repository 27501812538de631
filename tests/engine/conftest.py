"""Tiny models and one shared worker: importing torch costs seconds, so tests share what they do not change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seedbank.engine.process import Engine
from seedbank.engine.told import Loaded
from seedbank.recipe import Recipe
from tests import tiny_models
from tests.warm import Kept


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model, built when it is first asked for."""
    root = tmp_path_factory.mktemp("models")

    def folder(family: str) -> Path:
        return root / family if (root / family).exists() else tiny_models.build(family, root / family)

    return folder


@pytest.fixture(scope="session")
def engine(kept: Kept) -> Iterator[Engine]:
    """A worker for everybody; tests that change or kill one start their own."""
    with kept.engine(device="cpu") as shared:
        yield shared


@pytest.fixture(scope="session")
def other_process(engine: Engine, kept: Kept) -> Iterator[Engine]:
    """A second worker like the first."""
    with kept.engine(device="cpu") as second:
        yield second


@pytest.fixture(scope="session")
def load(model: Callable[[str], Path]) -> Callable[..., Loaded]:
    def loaded(engine: Engine, family: str, **more: Any) -> Loaded:
        return engine.load({"kind": "folder", "path": str(model(family)), "pipeline": family, **more})

    return loaded


def recipe_for(loaded: Loaded, prompt: str = "a red circle", seed: int = 7, mode: str = "as-is", **call: Any) -> Recipe:
    """A small recipe for a loaded pipeline: 64x64, three steps."""
    call = {"height": 64, "width": 64, "num_inference_steps": 3, "guidance_scale": 3.0} | call
    return Recipe(
        model="0" * 64,
        pipeline=loaded.pipeline,
        dtypes=loaded.dtypes,
        scheduler=loaded.scheduler,
        conditioning={"prompt": prompt},
        noise={"kind": "torch-cpu", "seed": seed},
        call=call,
        mode=mode,
    )
