"""Weights that other tools name: added, matched, and shown with the entries that need them. Nothing is rendered."""

import hashlib
import json
import struct

import pytest
from PIL import ExifTags, Image

from seedbank import images
from seedbank.formats.comfyui import api_prompt

TEXT = (
    "a red circle <lora:fine:0.5>\n"
    "Steps: 3, Sampler: Euler a, CFG scale: 5, Seed: 7, Size: 8x8, Model hash: {}, Model: some v1, RNG: CPU"
)


def weights(path, tensors):
    header, end = {}, 0
    for name, size in tensors.items():
        header[name] = {"dtype": "F16", "shape": [size, 1], "data_offsets": [end, end + 2 * size]}
        end += 2 * size
    head = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(end))
    return path


@pytest.fixture
def folder(tmp_path):
    weights(tmp_path / "models" / "renamed.safetensors", {"model.diffusion_model.a": 900, "cond_stage_model.b": 3})
    weights(tmp_path / "models" / "lora" / "fine.safetensors", {"x.lora_up.weight": 8})
    (tmp_path / "models" / "old.ckpt").write_bytes(b"PK")
    return tmp_path / "models"


@pytest.fixture
def imported(seedbank, tmp_path, folder):
    digest = hashlib.sha256((folder / "renamed.safetensors").read_bytes()).hexdigest()
    rows = bytes(8 * 8 * 3)
    (tmp_path / "a.png").write_bytes(images.encode_png("RGB", 8, 8, rows, text={"parameters": TEXT.format(digest[:10])}))
    seedbank("import", str(tmp_path / "a.png"))
    return seedbank


def test_what_files_name_is_listed_and_found_once_it_is_added(imported, folder):
    assert imported("models", "match", ok=(1,)).out.splitlines()[1:] == [
        "some v1  model        1  not known",
        "fine     lora         1  not known",
    ]
    added = imported("models", "add", str(folder))
    assert "checkpoint  renamed" in added.out and "lora  fine" in added.out
    assert "--model-config FOLDER" in added.err
    assert "not taken" in added.err and "old.ckpt  Pickled weights" in added.err
    assert "2 known now; 2 of the 2 that imported files name and that were not known are here." in added.err
    named = imported("models", "match", "--json").objects
    assert [(one["name"], one["kind"], one["entries"]) for one in named] == [("some v1", "model", 1), ("fine", "lora", 1)]
    assert named[0]["source"] == str(folder / "renamed.safetensors")


def test_all_hashes_of_what_was_added_are_told(seedbank, folder):
    objects = seedbank("models", "add", str(folder), "--json").objects
    assert [one["reason"] is None for one in objects] == [False, False, True]
    hashes = next(one["hashes"] for one in objects if one["name"] == "renamed")
    assert hashes["sha256"] == hashlib.sha256((folder / "renamed.safetensors").read_bytes()).hexdigest()
    assert {"data", "first", "blake3", "name"} <= hashes.keys()


def test_show_marks_another_engines_entry_and_lists_what_it_needs(imported):
    shown = imported("show", "1").out
    assert "another engine: what diffusers renders is an attempt to come close" in shown
    assert "part          model some v1: missing, sha256 " in shown
    assert "model         some v1   as the file names it" in shown
    assert imported("show", "1", "--json").objects[0]["made_by"] == "a1111"
    assert "lossy" not in shown


def test_show_says_that_a_lossy_original_cannot_be_met(seedbank, tmp_path):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + TEXT.format("0" * 10).encode("utf-16-be")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.jpg", exif=exif)
    seedbank("import", str(tmp_path / "a.jpg"))
    assert "an attempt to come close; the original is lossy, so exact cannot be judged" in seedbank("show", "1").out


def test_recipe_check_counts_what_is_here(imported, folder):
    told = imported("recipe", "1", "--check", ok=(1,)).lines[0]
    assert told.startswith("0 of 2 parts present; model some v1 missing, sha256 ") and "; lora fine missing" in told
    imported("models", "add", str(folder / "lora"))
    assert imported("recipe", "1", "--check", ok=(1,)).lines[0].startswith("1 of 2 parts present; model some v1 missing")


def test_regen_says_what_is_missing_and_who_made_it(imported):
    (told,) = imported("regen", "1", "--json", ok=(1,)).objects
    assert told["verdict"] == "blocked" and told["made_by"] == "a1111"
    assert "The lora fine" in told["explanation"]["line"]


def test_entries_of_unknown_weights_are_found_until_they_can_be_rendered(imported, folder):
    assert [one["id"] for one in imported("ls", "regenerable:no", "--json").objects] == [1]
    assert [one["id"] for one in imported("ls", 'model:"some v1"', "--json").objects] == [1]
    imported("models", "add", str(folder))
    assert [one["id"] for one in imported("ls", "regenerable:no", "--json").objects] == [1]  # without its configs
    assert "single file; add it again with --model-config" in imported("regen", "1", ok=(1,)).out


def test_a_place_that_is_not_there_is_said(seedbank):
    assert "There is no file or folder /nowhere." in seedbank("models", "add", "/nowhere", ok=(2,)).err


def test_a_folder_without_weights_is_exit_1(seedbank, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "0 known now." in seedbank("models", "add", str(tmp_path / "empty"), ok=(1,)).err


def test_the_sender_of_a_graph_is_told_that_it_is_the_files_own(seedbank, tmp_path):
    names = {"model": "dream.safetensors", "positive": "a cat", "negative": "", "sampler_name": "euler", "scheduler": "karras"}
    graph = api_prompt(**names, seed=5, steps=20, cfg=7.0, width=8, height=8)
    (tmp_path / "a.png").write_bytes(images.encode_png("RGB", 8, 8, bytes(8 * 8 * 3), text={"prompt": json.dumps(graph)}))
    seedbank("import", str(tmp_path / "a.png"))
    for command in (("recipe", "1"), ("copy", "1", "--print")):
        ran = seedbank(*command, "--as", "comfyui")
        assert "look it over for paths" in ran.err and "look it over" not in ran.out
        assert seedbank(*command, "--as", "block").err == ""
