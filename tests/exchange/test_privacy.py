"""What privacy profiles leave out of input files and of the arguments of a call."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from seedbank import images
from seedbank.api import Library
from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.hashing import sha256
from seedbank.records import NewEntry
from tests.exchange.bundled import members, pixels, whole_recipe
from tests.importing.conftest import _kept, warm  # noqa: F401

pytestmark = pytest.mark.usefixtures("warm")
PLACES = ("secret-folder", "/home", "Users")


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "mine.db", create=True, user="ann") as bank:
        yield bank


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "other.db", create=True, user="carol") as bank:
        yield bank


def said_in(path: Path, words: tuple[str, ...]) -> list[str]:
    everything = b"\n".join(members(path).values())
    return [word for word in words if word.encode() in everything]


HOME = "/home/ann/secret-folder/style"


def _with_inputs(bank: Library, *inputs: tuple[str, bytes, str], **call: Any) -> int:
    """An entry whose recipe has these (role, bytes, media type) and further arguments of the call."""
    blobs = [bank.blobs.put(data, media_type) for _, data, media_type in inputs]
    items = [{"role": role, "digest": blob.digest} for (role, _, _), blob in zip(inputs, blobs, strict=True)]
    recipe = whole_recipe(77, inputs=items)
    recipe = replace(recipe, call={**recipe.call, **call})
    return bank.put_entry(pixels(77), NewEntry(recipe=recipe, inputs=tuple(blobs), origin="recorded")).id


def test_input_files_that_carry_texts_stay_at_home(mine: Library, other: Library, tmp_path: Path):
    drawn = pixels(3)
    plain = images.encode_png(drawn.mode, drawn.width, drawn.height, drawn.rows)
    with io.BytesIO() as stream:
        saved = PngImagePlugin.PngInfo()
        saved.add_text("parameters", f"Model: {HOME}")
        Image.open(io.BytesIO(plain)).save(stream, "PNG", pnginfo=saved)
        telling = stream.getvalue()
    header = json.dumps({"__metadata__": {"from": HOME}}).encode()
    tensors = len(header).to_bytes(8, "little") + header
    number = _with_inputs(
        mine,
        ("image", telling, "image/png"),
        ("mask_image", plain, "image/png"),
        ("latents", tensors, "application/vnd.safetensors"),
    )
    left = mine.export_bundle(number, tmp_path / "out.seedbank", privacy="share")
    assert [why for _, why in left.withheld] == [
        "Its input picture carries texts, which can hold paths.",
        "Its tensors carry texts, which can hold paths.",
    ]
    assert said_in(left.path, PLACES) == []
    assert f"files/{sha256(plain)[:2]}/{sha256(plain)}" in members(left.path)
    other.import_bundle(left.path)
    (came,) = other.find()
    assert came.recipe_digest == mine.entry(number).recipe_digest


@pytest.mark.parametrize(("profile", "left"), [("share", {"custom_prompt": "a red hat"}), ("public", {})])
def test_arguments_that_name_a_place_are_left_out_and_it_is_said(profile, left, mine: Library, other: Library, tmp_path: Path):
    call = {
        "custom_prompt": "a red hat",
        "style_file": HOME,
        "deep": {"places": [HOME, "C:\\Users\\ann", 4]},
        "output_type": "pil",
    }
    number = _with_inputs(mine, **call)
    path = mine.export_bundle(number, tmp_path / "out.seedbank", privacy=profile).path
    assert said_in(path, PLACES) == []
    other.import_bundle(path)
    (entry,) = other.find()
    assert {name: entry.recipe.call[name] for name in ("custom_prompt", "style_file") if name in entry.recipe.call} == left
    assert entry.recipe.call["deep"] == {"places": [4]}
    assert entry.recipe.call["output_type"] == "pil"
    assert entry.details["stripped"]["recipe_digest"] == mine.entry(number).recipe_digest
    assert entry.obstacles


def test_saved_searches_that_name_a_user_or_a_place_or_cannot_be_read_stay_at_home(mine: Library, tmp_path: Path):
    _with_inputs(mine)
    for name, query in {
        "who": "by:ann",
        "whose": "tag:x OR fav:bob",
        "where": f'model:"{HOME}"',
        "broken": "colour:red",
        "fine": "fav:yes",
    }.items():
        mine.store.curation.create_collection(name, query)

    def sent(**options: Any) -> set[str]:
        left = mine.export_bundle("", tmp_path / "out.seedbank", replace=True, **options)
        lines = members(left.path)["collections.jsonl"].splitlines()
        return {json.loads(line)["name"] for line in lines}

    assert sent(privacy="share") == {"fine"}
    assert sent(strip=["paths"]) == {"fine", "who", "whose"}
    assert sent(strip=["users"]) == {"fine", "where"}
    assert sent() == {"fine", "who", "whose", "where"}


def test_saved_searches_that_name_numbers_of_this_bank_stay_at_home_and_it_is_said(mine: Library, tmp_path: Path):
    _with_inputs(mine)
    for name, query in {"sweep": "run:1", "near": "fav:yes OR like:1~4", "some": "-id:3..9", "fine": "fav:yes"}.items():
        mine.store.curation.create_collection(name, query)
    left = mine.export_bundle("", tmp_path / "out.seedbank")
    assert set(left.searches) == {"sweep", "near", "some"}
    assert [json.loads(line)["name"] for line in members(left.path)["collections.jsonl"].splitlines()] == ["fine"]
    shared = mine.collection_json("some")
    assert shared["images"] == [entry.picture.digest for entry in mine.find("-id:3..9") if entry.picture]
    assert mine.collection_text("some").startswith("collection some\nimage ")


def test_a_pipe_is_not_waited_for(other: Library, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.seedbank")
    with pytest.raises(BadInput, match="is no regular file"):
        other.import_bundle(tmp_path / "pipe.seedbank")
