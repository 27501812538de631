"""Which models a bank needs, keeping them in it, and what an entry lacks. Nothing is rendered."""

import json
import shutil

import numpy
import pytest
from safetensors.numpy import save_file

import seedbank
from seedbank.bank import Pixels
from seedbank.check import collect_garbage
from seedbank.engine.adapters import parse_place, read_adapter
from seedbank.engine.manifest import read_model
from seedbank.engine.opening import find_recorded_adapters, find_verified
from seedbank.engine.source import find_model
from seedbank.errors import BadInput, Blocked
from seedbank.keeping import Lacks, kept_folder, missing_models
from seedbank.recipe import Recipe
from seedbank.records import NewEntry
from tests.rendering import CommandLine

COMMIT = "0123456789abcdef0123456789abcdef01234567"
INDEX = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def bank(tmp_path):
    with seedbank.open(tmp_path / "art.db", create=True, user="ann") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path):
    """A snapshot in a hub cache, as huggingface_hub lays it out: files are links to blobs."""
    repository = tmp_path / "hub" / "models--org--name"
    snapshot = repository / "snapshots" / COMMIT
    (snapshot / "unet").mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    weights = repository / "blobs" / "abc"
    save_file({"w": numpy.arange(64, dtype=numpy.float32)}, weights)
    (snapshot / "model_index.json").write_text(json.dumps(INDEX))
    (snapshot / "unet" / "config.json").write_text("{}")
    (snapshot / "unet" / "diffusion_pytorch_model.safetensors").symlink_to(weights)
    return snapshot


@pytest.fixture
def lora(tmp_path):
    path = tmp_path / "style.safetensors"
    save_file({"unet.a.lora_A.weight": numpy.ones((2, 4), dtype=numpy.float32)}, path)
    return path


def added(bank, model, adapters=(), inputs=(), **more):
    recipe = Recipe(
        model=model.digest,
        pipeline="StableDiffusionPipeline",
        conditioning={"prompt": "a red circle"},
        noise={"kind": "torch-cpu", "seed": 7},
        call={"width": 8, "height": 8, "num_inference_steps": 1, **more},
        scheduler={"class": "DDIMScheduler", "config": {}},
        dtypes={"unet": "float32"},
        adapters=tuple(adapter.recipe_item for adapter in adapters),
        inputs=tuple({"role": "image", "digest": blob.digest, "kind": "picture"} for blob in inputs),
    )
    new = NewEntry(recipe=recipe, model=model, adapters=tuple(one.model for one in adapters), inputs=tuple(inputs))
    return bank.put_entry(Pixels("RGB", 8, 8, bytes(192)), new)


def test_a_hub_name_is_resolved_to_its_commit_in_the_local_cache(folder, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder.parents[2]))
    source = find_model("org/name", offline=True)
    assert (source.name, source.revision, source.folder) == ("org/name", COMMIT, folder)
    assert read_model(source).revision == COMMIT
    assert find_model("org/name", revision=COMMIT, offline=True).revision == COMMIT
    with pytest.raises(Blocked, match="org/other could not be had from the local hub cache"):
        find_model("org/other", offline=True)


def test_entries_are_found_by_whether_they_could_be_rebuilt_today(bank, folder, lora):
    model = read_model(find_model(str(folder)))
    whole = added(bank, model).id
    styled = added(bank, model, [read_adapter("lora", lora)], guess=1).id

    def found(query):
        return [entry.id for entry in bank.find(query)]

    assert (found("regenerable:no"), found("regenerable:yes")) == ([], [styled, whole])
    lora.unlink()
    assert (found("regenerable:no"), found("regenerable:yes")) == ([styled], [whole])
    shutil.rmtree(folder.parents[1])
    assert (found("regenerable:no"), found("regenerable:yes")) == ([styled, whole], [])


def test_models_and_adapters_are_listed_with_the_entries_that_need_them(bank, folder, lora):
    model, style = read_model(find_model(str(folder))), read_adapter("lora", lora, 0.5)
    added(bank, model, [style])
    added(bank, model, guess=1)
    trashed = added(bank, model, guess=2)
    bank.trash(trashed.id)
    uses = {use.model.name: use for use in bank.models()}
    assert {name: (use.entries, use.kept, use.here) for name, use in uses.items()} == {
        "org/name": (2, False, True),
        "style": (1, False, True),
    }
    assert uses["org/name"].model.revision == COMMIT
    assert uses["style"].model.pipeline == "lora"


def test_what_is_gone_is_missing_until_it_is_kept(bank, folder, lora):
    model, style = read_model(find_model(str(folder))), read_adapter("lora", lora)
    entry, plain = added(bank, model, [style]), added(bank, model, guess=1)
    assert missing_models(bank) == ([], 0)
    bank.keep_models("org/name")
    shutil.rmtree(folder.parents[1])
    lora.unlink()
    gone, concerned = missing_models(bank)
    assert ([use.model.name for use in gone], concerned) == (["style"], 1)
    with pytest.raises(Blocked, match=f"There is no file {lora} for the lora. It was recorded as {style.model.digest}."):
        bank.keep_models("style")
    (lack,) = bank.lacks(entry)
    assert lack.startswith("The lora style (")
    assert str(lora) in lack
    assert bank.lacks(plain) == []


def test_kept_files_survive_the_garbage_and_are_found_under_their_names(bank, folder, lora):
    model, style = read_model(find_model(str(folder))), read_adapter("lora", lora, 0.5)
    entry = added(bank, model, [style])
    assert [use.model.name for use in bank.keep_models(str(entry.id))] == ["org/name", "style"]
    shutil.rmtree(folder.parents[1])
    lora.unlink()
    assert collect_garbage(bank, grace_hours=0).blobs == 0
    assert not list(bank.check(read_data=True))
    source, present = find_verified(None, model, None, lambda one: kept_folder(bank, one))
    assert (present.digest, source.revision) == (model.digest, COMMIT)
    known = {style.model.digest: style.model}
    (found,) = find_recorded_adapters(entry.recipe.adapters, known, lambda one: kept_folder(bank, one))
    assert found.model.digest == style.model.digest
    assert found.weight == 0.5
    with pytest.raises(Blocked, match="The lora style"):
        find_recorded_adapters(entry.recipe.adapters, known, lambda one: None)


def test_files_that_a_killed_process_left_unnamed_are_named_when_the_model_is_kept_again(bank, folder):
    model = read_model(find_model(str(folder)))
    entry = added(bank, model)
    for file in model.files:
        bank.blobs.put_file(folder / file.path, file.sha256, "application/octet-stream")
    assert [use.kept for use in bank.keep_models(str(entry.id))] == [True]
    assert collect_garbage(bank, grace_hours=0).blobs == 0


def test_other_weights_than_the_recorded_ones_are_never_kept(bank, folder, lora):
    entry = added(bank, read_model(find_model(str(folder))), [read_adapter("lora", lora)])
    save_file({"unet.a.lora_A.weight": numpy.zeros((2, 4), dtype=numpy.float32)}, lora)
    with pytest.raises(Blocked, match="not the recorded ones"):
        bank.keep_models(str(entry.id))
    assert [use.model.name for use in bank.models() if use.kept] == ["org/name"]


def test_an_entry_says_everything_that_it_lacks(bank, folder):
    model = read_model(find_model(str(folder)))
    picture = bank.blobs.put(b"a picture", "image/png")
    entry = added(bank, model, inputs=[picture])
    assert bank.lacks(entry) == []
    bank.blobs.remove(picture.digest)
    shutil.rmtree(folder.parents[1])
    lacks = Lacks(bank)
    assert len(lacks(entry)) == 2
    assert "The input image is missing from the image store." in lacks(entry)
    assert lacks(bank.add(Pixels("RGB", 8, 8, bytes(192)))) == ["It was recorded without a recipe."]


def test_the_command_line_lists_keeps_and_names_what_is_missing(bank, folder, lora, tmp_path):
    added(bank, read_model(find_model(str(folder))), [read_adapter("lora", lora)])
    import os

    command = CommandLine(tmp_path / "art.db", {**os.environ, "SEEDBANK_USER": "ann"})
    assert [item["name"] for item in command("models", "--json").objects] == ["org/name", "style"]
    assert "org/name" in command("models", "keep", "org/name").lines[1]
    lora.unlink()
    ran = command("models", "missing", "--json", ok=[1])
    assert [(item["name"], item["kind"], item["entries"]) for item in ran.objects] == [("style", "lora", 1)]
    assert "1 entry cannot be rebuilt" in command("models", "missing", ok=[1]).err


def test_a_weight_stands_after_the_last_colon(tmp_path):
    assert parse_place("style.safetensors:0.7", "lora") == ("style.safetensors", 0.7)
    assert parse_place("c:style.safetensors", "lora") == ("c:style.safetensors", None)
    odd = tmp_path / "odd:1"
    odd.write_bytes(b"")
    assert parse_place(str(odd), "lora") == (str(odd), None)
    with pytest.raises(BadInput, match="out of range"):
        parse_place("style.safetensors:1000", "lora")


@pytest.mark.parametrize("kind", ["lora", "embedding", "vae", "controlnet", "ip-adapter"])
def test_an_adapter_that_is_not_there_is_one_sentence(kind, tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        read_adapter(kind, tmp_path / "nowhere")


def test_a_folder_of_another_kind_and_a_pickle_are_refused(tmp_path):
    import pickle

    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "EvilModel"}))
    with pytest.raises(Blocked, match="'EvilModel', which is no vae"):
        read_adapter("vae", tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(Blocked, match="pickled weights"):
        read_adapter("lora", tmp_path / "bad.safetensors")
