"""What a script may have done to the attention of a pipeline is read, and put back on a freshly loaded one."""

import pytest

from tests import tiny_models

pytestmark = pytest.mark.slow
MATH = "_native_math"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {family: tiny_models.build(family, root / family) for family in (tiny_models.SD15, tiny_models.Z_IMAGE)}


@pytest.fixture
def load(folders):
    from seedbank.worker.attention_settings import attention_default, restore_attention_default
    from seedbank.worker.loading import LoadRequest, load_pipeline

    before = attention_default()
    yield lambda family: load_pipeline(LoadRequest("folder", str(folders[family]), family), "cpu")
    restore_attention_default(before)


def plain_processors(pipe):
    from diffusers.models.attention_processor import AttnProcessor

    pipe.unet.set_attn_processor(AttnProcessor())


@pytest.mark.parametrize(
    "act",
    [
        lambda pipe: pipe.unet.set_attention_slice(1),
        lambda pipe: pipe.unet.fuse_qkv_projections(),
        lambda pipe: pipe.vae.enable_tiling(),
        lambda pipe: pipe.unet.enable_freeu(0.9, 0.2, 1.2, 1.4),
        plain_processors,
    ],
    ids=["slices", "fused projections", "tiles", "FreeU", "processors"],
)
def test_it_is_put_back(load, act):
    from seedbank.worker.pipeline_settings import pipeline_settings, restore_pipeline

    changed = load(tiny_models.SD15)
    plain = pipeline_settings(changed)
    act(changed)
    wanted = pipeline_settings(changed)
    assert wanted != plain
    fresh = load(tiny_models.SD15)
    assert restore_pipeline(fresh, wanted, "cpu") == []
    assert pipeline_settings(fresh) == wanted


def test_a_backend_of_one_pipeline_does_not_reach_the_next(load, folders):
    """diffusers makes the backend of one component the default of the whole process."""
    from seedbank.worker.attention_settings import attention_default
    from seedbank.worker.loading import LoadRequest, Shelf
    from seedbank.worker.pipeline_settings import pipeline_settings

    family = tiny_models.Z_IMAGE
    shelf = Shelf("cpu", "as-is")
    own = attention_default()
    plain = pipeline_settings(shelf.load(LoadRequest("folder", str(folders[family]), family)).pipe)
    changed = {**plain, "components": {**plain["components"]}}
    changed["components"]["transformer"] = {**plain["components"]["transformer"], "attention_backend": MATH}
    loaded = shelf.load(LoadRequest("folder", str(folders[family]), family, settings={**changed, "attention_default": MATH}))
    assert loaded.unrestored == [] and attention_default() == MATH
    shelf.load(LoadRequest("folder", str(folders[family]), family))
    assert attention_default() == own


def test_a_compiled_module_is_recorded_and_said_not_to_be_restored(load):
    import torch

    from seedbank.worker.pipeline_settings import pipeline_settings, restore_pipeline

    pipe = load(tiny_models.SD15)
    pipe.unet = torch.compile(pipe.unet)
    wanted = pipeline_settings(pipe)
    missed = restore_pipeline(load(tiny_models.SD15), wanted, "cpu")
    assert ["pipeline.components.unet.compiled", True, None] in missed
