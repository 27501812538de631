"""A checkpoint in one file, as people pass them on, loads offline with a folder of configurations."""

from __future__ import annotations

import pytest

from seedbank.errors import Blocked
from tests import tiny_checkpoint
from tests.engine.conftest import recipe_for
from tests.tiny_models import SD15

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(model, tmp_path_factory):
    return tiny_checkpoint.checkpoint(model(SD15), tmp_path_factory.mktemp("single") / "tiny.safetensors")


@pytest.fixture(scope="module")
def configuration(model, tmp_path_factory):
    return tiny_checkpoint.configuration(model(SD15), tmp_path_factory.mktemp("single") / "configuration")


def test_a_single_file_renders_what_the_folder_renders(engine, load, checkpoint, configuration):
    source = {"kind": "file", "path": str(checkpoint), "config": str(configuration), "pipeline": SD15}
    single = engine.load(source)
    from_file = engine.render(recipe_for(single))
    folder = load(engine, SD15)
    assert single.scheduler == folder.scheduler and single.dtypes == folder.dtypes
    assert engine.render(recipe_for(folder)).trace == from_file.trace


def test_a_single_file_that_lacks_a_component_is_blocked(engine, configuration, checkpoint, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = {name: tensor for name, tensor in load_file(checkpoint).items() if not name.startswith("cond_stage")}
    save_file(tensors, tmp_path / "half.safetensors")
    source = {"kind": "file", "path": str(tmp_path / "half.safetensors"), "config": str(configuration), "pipeline": SD15}
    with pytest.raises(Blocked, match="CLIPTextModel"):
        engine.load(source)
