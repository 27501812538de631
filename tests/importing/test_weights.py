"""What files call weights is found by hashes of the same kind, and by names where there is no hash."""

import pytest

from seedbank.hashing import json_digest
from seedbank.importing.weights import BankWeights, base_name, hash_of, named_model, plain_name
from seedbank.recipe import Recipe
from seedbank.records import Model, ModelFile, NewEntry
from seedbank.store.weights import add_weights, counterparts

SHA, DATA, SSHS, BLAKE = "a1" * 32, "b2" * 32, "c3" * 32, "d4" * 32


class Bank:
    """As much of a bank as looking up weights needs."""

    def __init__(self, store):
        self.store = store


def model(name="checkpoint one", kind="StableDiffusionPipeline", **hashes):
    known = {"sha256": SHA, "data": DATA, "sshs": SSHS, "first": "e5e5e5e5", "blake3": BLAKE} | hashes
    digest = json_digest([name, kind])
    named = ("name", plain_name(name))
    return Model(
        digest, name, (ModelFile("single.safetensors", 1, known["sha256"]),), kind, "/models/x", hashes=(*known.items(), named)
    )


@pytest.fixture
def weights(store):
    add_weights(store.database, "ann", [model(), model("some lora", "lora", sha256="f6" * 32)])
    return BankWeights(Bank(store))


@pytest.mark.parametrize(
    ("kind", "text", "kinds"),
    [
        ("model", SHA.upper(), ["sha256"]),
        ("model", SHA[:10], ["sha256"]),
        ("model", "0x" + DATA, ["data"]),
        ("model", "blake3:" + BLAKE, ["blake3"]),
        ("model", "e5e5e5e5", ["first"]),
        ("model", DATA[:12], ["data", "sshs"]),
        ("lora", DATA[:12], ["data", "sshs"]),
        ("embedding", SHA[:12], ["sha256"]),
        ("model", "random:" + BLAKE, []),
        ("model", "unknown", []),
        ("model", None, []),
    ],
)
def test_the_kind_of_a_hash_follows_from_its_form(kind, text, kinds):
    assert [found for found, _ in hash_of(kind, text)] == kinds


@pytest.mark.parametrize("hash", [SHA, SHA[:10], SHA.upper(), "0x" + DATA, "blake3:" + BLAKE, DATA[:12], SSHS[:12]])
def test_every_kind_of_hash_finds_the_model(weights, hash):
    match = weights.find("model", "any name", hash)
    assert match.model.name == "checkpoint one" and match.remark is None


def test_a_hash_of_another_kind_finds_nothing(weights):
    assert weights.find("model", "checkpoint one", DATA[:10]) is None
    assert weights.find("model", "checkpoint one", "0x" + SHA) is None
    assert weights.find("model", "checkpoint one", "blake3:" + SHA) is None
    assert weights.find("model", "checkpoint one", SHA[:12]) is None


def test_eight_digits_are_matched_and_not_trusted(weights):
    match = weights.find("model", "x", "E5E5E5E5")
    assert match.model.name == "checkpoint one" and "many files share" in match.remark


def test_a_name_counts_where_there_is_no_hash_only(weights):
    match = weights.find("model", r"SD\Checkpoint_One.safetensors", None)
    assert match.model.name == "checkpoint one" and "by its name only" in match.remark
    assert weights.find("model", "checkpoint one", "0" * 10) is None
    assert weights.find("model", "checkpoint one", "random:1") is not None


def test_a_name_that_two_files_have_is_nobodys(store, weights):
    add_weights(store.database, "ann", [model("Checkpoint One", sha256="77" * 32)])
    assert BankWeights(Bank(store)).find("model", "checkpoint one", None) is None


def test_a_lora_is_not_taken_for_a_model(weights):
    assert weights.find("model", None, "f6" * 32) is None
    assert weights.find("lora", None, "f6" * 32).model.name == "some lora"
    assert weights.find("lora", "checkpoint one", None) is None


def test_what_an_import_names_meets_the_model_when_it_comes(store):
    named = named_model("model", "sd/checkpoint one.ckpt", SHA[:10])
    recipe = Recipe(conditioning={"prompt": "x"}, noise={}, call={}, mode=None)
    entry = store.add_entry(NewEntry(recipe=recipe, model=named, origin="imported"))
    assert entry.model.name == "checkpoint one" and entry.model.files == ()
    assert counterparts(store.database) == {named.digest: []}
    add_weights(store.database, "ann", [model()])
    assert [one.name for one in counterparts(store.database)[named.digest]] == ["checkpoint one"]
    assert store.entry(entry.id).model == entry.model  # the record stays what the file says


def test_the_same_hash_is_one_named_model_whatever_it_is_called():
    assert named_model("model", "a", SHA[:10]).digest == named_model("model", "b", SHA[:10]).digest
    assert named_model("model", "a", None).digest == named_model("model", "dir/A.safetensors", None).digest
    assert named_model("model", "a", None).digest != named_model("lora", "a", None).digest


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("a/b/c.safetensors", "c"),
        ("a\\b c.ckpt", "b c"),
        ("v1.5", "v1.5"),
        ("model.v2.fp16", "model.v2.fp16"),
        ("", None),
        (None, None),
    ],
)
def test_names_are_compared_without_folders_and_suffixes(name, base):
    assert base_name(name) == base


def test_adding_a_model_again_changes_nothing(store):
    first = add_weights(store.database, "ann", [model()])
    assert add_weights(store.database, "ann", [model()]) == first
    assert len(store.models()) == 1
