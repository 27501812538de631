"""Models by content: what is hashed, and what is refused before anything reads it."""

import json
import os
import pickle
import shutil

import numpy
import pytest
from safetensors.numpy import save_file

from seedbank.engine.manifest import changed_files, check_safetensors, loaded_weights, read_model
from seedbank.engine.opening import check_same, find_recorded
from seedbank.engine.source import find_model
from seedbank.engine.unloaded import pipeline_class
from seedbank.errors import BadInput, Blocked
from seedbank.records import Model
from tests.rendering import shared_cache

EMBEDDED_DIGEST = "8ffb1463869f098447f8068dfa0804a83db0c5853aff3eae10d4e306034a2675"
"""Of `embedded@2`. Weights that change get a new number and a new constant; entries keep pointing to the old ones."""
FIRST_EMBEDDED_DIGEST = "eb13de3cf67159804c67e1453f31010fb33ad15d85f51a901dcc8c1504229863"
"""Of `embedded@1`, which no longer travels with seedbank."""
STANDIN_DIGEST = "cc29dd032d49a21388d1b4d81a99486f038854bd0051f28a9b38f6103391ae5c"
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "safety_checker": [None, None],
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "model"
    (root / "unet").mkdir(parents=True)
    (root / "scheduler").mkdir()
    (root / "model_index.json").write_text(json.dumps(INDEX))
    (root / "unet" / "config.json").write_text("{}")
    (root / "scheduler" / "scheduler_config.json").write_text("{}")
    save_file({"w": numpy.arange(64, dtype=numpy.float32)}, root / "unet" / "diffusion_pytorch_model.safetensors")
    (root / "README.md").write_text("not loaded")
    return root


def read(folder, **options):
    return read_model(find_model(str(folder), **options))


def test_the_manifest_holds_every_file_that_is_loaded_and_no_other(folder):
    model = read(folder)
    assert [item.path for item in model.files] == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    ]
    assert model.pipeline == "StableDiffusionPipeline"


def test_the_digest_follows_the_content_and_not_the_place(folder, tmp_path):
    first = read(folder)
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    (moved / "README.md").write_text("other words")
    assert read(moved).digest == first.digest
    assert read(moved).name == "elsewhere"


def test_one_flipped_byte_is_noticed_even_when_the_time_is_set_back(folder):
    first = read(folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    about = weights.stat()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(about.st_atime_ns, about.st_mtime_ns))
    second = read(folder)
    assert second.digest != first.digest
    assert [path for path, _, _ in changed_files(first, second)] == ["unet/diffusion_pytorch_model.safetensors"]


def test_a_file_is_hashed_once(folder):
    hashed = []
    source = find_model(str(folder))
    read_model(source)
    with_cache = read_model(source, hashed.append)
    assert with_cache.digest == read_model(source).digest
    assert len(hashed) == len(with_cache.files)


def test_a_file_in_a_hub_cache_is_not_trusted_for_its_name(folder, tmp_path):
    blob = tmp_path / ("0" * 64)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(blob)
    weights.symlink_to(blob)
    assert "0" * 64 not in {item.sha256 for item in read(folder).files}


def test_a_pickle_is_refused_whatever_it_is_called(folder, tmp_path):
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (os.system, (f"touch {marker}",))

    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(Blocked, match="pickled weights"):
        read(folder)
    assert not marker.exists()


def test_pickled_weights_without_safetensors_are_refused_by_name(folder):
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(Blocked, match="pickled weights"):
        read(folder)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        (2**62).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"nope",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{}tail",
    ],
)
def test_a_damaged_safetensors_file_is_refused(tmp_path, data):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(Blocked, match="damaged"):
        check_safetensors(path)


def test_custom_code_is_refused(folder):
    for change in (
        {"_class_name": ["pipeline.py", "Mine"]},
        {"unet": ["my_module", "Net"]},
        {"_class_name": "EvilPipeline"},
    ):
        (folder / "model_index.json").write_text(json.dumps(INDEX | change))
        with pytest.raises(Blocked):
            read(folder)


@pytest.mark.parametrize(
    ("written", "said"),
    [("[" * 100_000, "cannot be read"), ("[]", "not a JSON object"), (" " * (17 << 20), "no configuration")],
)
def test_an_index_that_is_none_is_refused_before_it_fills_the_memory(folder, written: str, said: str):
    (folder / "model_index.json").write_text(written)
    assert pipeline_class(folder) is None
    with pytest.raises(Blocked, match=said):
        read(folder)


def test_a_variant_loads_its_own_weights_and_falls_back_where_a_component_has_none(folder):
    save_file({"w": numpy.zeros(4, numpy.float16)}, folder / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    plain, half = read(folder), read(folder, variant="fp16")
    assert plain.digest != half.digest
    assert [path.name for path in loaded_weights(find_model(str(folder), variant="fp16"))["unet"]] == [
        "diffusion_pytorch_model.fp16.safetensors"
    ]
    assert [path.name for path in loaded_weights(find_model(str(folder)))["unet"]] == ["diffusion_pytorch_model.safetensors"]


def test_a_single_file_needs_a_folder_of_configs(folder, tmp_path):
    single = tmp_path / "merged.safetensors"
    save_file({"w": numpy.zeros(4, numpy.float32)}, single)
    with pytest.raises(BadInput, match="single file"):
        find_model(str(single))
    model = read_model(find_model(str(single), config=folder))
    assert [item.path for item in model.files] == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "single.safetensors",
        "unet/config.json",
    ]


def test_a_snapshot_of_a_hub_cache_is_known_by_its_name_and_commit(folder, tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--org--tiny" / "snapshots" / commit
    shutil.copytree(folder, snapshot)
    model = read(snapshot)
    assert (model.name, model.revision) == ("org/tiny", commit)


def test_a_hub_name_is_resolved_to_a_commit_in_the_local_cache(folder, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--org--tiny"
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    source = find_model("org/tiny", offline=True)
    assert (source.revision, source.spec) == (commit, "org/tiny")
    with pytest.raises(Blocked, match="from the local hub cache: it is not in it, and there is no such folder"):
        find_model("org/absent", offline=True)


def test_a_model_that_is_not_there_is_named():
    for name in ("/no/such/folder", "embedded@99", __file__.removesuffix("/test_manifest.py")):
        with pytest.raises(BadInput, match=name):
            find_model(name)


def test_the_embedded_model_is_the_one_that_entries_point_to():
    model = read_model(find_model("embedded"))
    assert (model.name, model.source, model.digest) == ("embedded@2", "embedded@2", EMBEDDED_DIGEST)
    assert sum(item.size for item in model.files) <= 12_000_000


def test_weights_that_no_longer_travel_with_seedbank_are_named_with_their_digest_and_a_remedy():
    recorded = Model(digest=FIRST_EMBEDDED_DIGEST, name="embedded@1", pipeline="ZImagePipeline", source="embedded@1")
    with pytest.raises(Blocked) as blocked:
        find_recorded(recorded)
    assert "embedded@1 is not part of this seedbank" in blocked.value.message
    assert FIRST_EMBEDDED_DIGEST in blocked.value.message
    assert "--model" in blocked.value.hint


def test_weights_that_are_not_the_recorded_ones_are_named_with_both_digests():
    recorded = Model(digest=FIRST_EMBEDDED_DIGEST, name="embedded@1", pipeline="ZImagePipeline", source="embedded@1")
    with pytest.raises(Blocked, match=rf"{FIRST_EMBEDDED_DIGEST}.*{EMBEDDED_DIGEST}"):
        check_same(recorded, read_model(find_recorded(recorded, "embedded")))


def test_the_stand_in_model_has_the_same_bytes_on_every_machine(monkeypatch):
    monkeypatch.setenv("SEEDBANK_CACHE", str(shared_cache()))
    assert read_model(find_model("embedded@0")).digest == STANDIN_DIGEST
