"""`seedbank.read`: what a file says, without a bank; never an exception for what is in it."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import quote

import numpy
import pytest
from PIL import Image

import seedbank
from seedbank.errors import BadInput
from seedbank.formats.reading import Foreign
from seedbank.importing.reading import read_bytes
from tests.formats.files import comment, png, saved, text
from tests.formats.tool_samples import A1111, GRAPH, INVOKE, LOG

CORPUS = Path(os.environ.get("SEEDBANK_CORPUS", Path(__file__).resolve().parents[3] / "shared" / "corpus"))


def test_a_picture_is_read_by_its_bytes_whatever_its_suffix(tmp_path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(png(text("parameters", A1111)))
    found = seedbank.read(path)
    assert (found.tool, found.kind) == ("a1111", "png")
    assert found.raw == {"png:parameters": A1111}
    recipe = found.recipe
    assert (recipe.prompt, recipe.negative_prompt, recipe.seed, recipe.steps) == ("a cat", "blurry", 5, 20)
    assert (recipe.model.name, recipe.guidance_scale, recipe.width, recipe.height) == ("m", 7.0, 64, 96)
    assert recipe.confidence["seed"] == 1.0 and found.remarks == () and found.conflicts == ()
    assert seedbank.read(str(path)) == found


def test_a_picture_that_says_nothing_has_an_empty_recipe(tmp_path):
    path = tmp_path / "plain.png"
    path.write_bytes(png())
    found = seedbank.read(path)
    assert (found.tool, found.recipe, found.raw, found.readings) == (None, Foreign(), {}, ())


def test_all_payloads_are_kept_also_two_at_one_place():
    found = read_bytes(png(text("parameters", A1111), text("parameters", "other"), text("prompt", json.dumps(GRAPH))))
    assert list(found.raw) == ["png:parameters", "png:parameters#2", "png:prompt"]
    assert found.tool == "comfyui" and [reading.tool for reading in found.readings] == ["comfyui", "a1111"]
    assert any(sentence.startswith("seed: ") for sentence in found.conflicts)


def test_a_file_of_text_is_read_as_what_it_holds(tmp_path):
    for name, content in (("a.txt", A1111), ("a.json", json.dumps(INVOKE)), ("b.txt", "\ufeff" + A1111)):
        (tmp_path / name).write_text(content, encoding="utf-8")
        assert seedbank.read(tmp_path / name).recipe.prompt == "a cat", name


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty."),
        (bytes(range(256)) * 4, "neither a picture that is known here nor a text"),
        (png(text("parameters", A1111))[:60], "it is not whole"),
        (png(text("parameters", "x" * 10_000_000)), "larger than the 8 MiB"),
        (png(text("invokeai_metadata", "{")), "invokeai: "),
        (b"a" * 9_000_000, "larger than the 8 MiB"),
    ],
)
def test_a_broken_or_hostile_file_is_a_remark_and_no_error(data, words):
    found = read_bytes(data)
    assert found.recipe == Foreign() and any(words in sentence for sentence in found.remarks)


def test_a_file_that_cannot_be_opened_is_a_sentence(tmp_path):
    with pytest.raises(BadInput, match="There is no file"):
        seedbank.read(tmp_path / "nowhere.png")
    with pytest.raises(BadInput, match="There is no file"):
        seedbank.read("nul\0.png")
    with pytest.raises(BadInput, match="is a folder"):
        seedbank.read(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadInput, match="is no regular file"):
        seedbank.read(tmp_path / "pipe.png")
    (tmp_path / "a.txt").write_text(A1111)
    with pytest.raises(BadInput, match="no format 'photoshop'"):
        seedbank.read(tmp_path / "a.txt", tool="photoshop")


def test_our_own_picture_gives_its_recipe_back():
    from seedbank.formats.a1111 import write_parameters
    from seedbank.images import encode_png
    from seedbank.recipe import Recipe

    recipe = Recipe(
        conditioning={"prompt": "一只猫, (word:1.2)\nNegative prompt: no", "negative_prompt": "模糊"},
        noise={"kind": "torch-cpu", "seed": 2**64 - 1},
        call={"num_inference_steps": 8, "guidance_scale": 3.0, "width": 64, "height": 96},
        scheduler={"class": "FlowMatchEulerDiscreteScheduler", "config": {"shift": 3.0}},
    )
    said = {"parameters": write_parameters(recipe, model_name="embedded@2", cfg=4.0)}
    found = read_bytes(encode_png("RGB", 2, 2, bytes(12), recipe, said))
    assert (found.tool, found.conflicts, found.remarks) == ("seedbank", (), ())
    assert Recipe.from_dict(found.recipe.extras["recipe"]) == recipe
    assert (found.recipe.prompt, found.recipe.seed, found.recipe.model.name) == (recipe.prompt, 2**64 - 1, "embedded@2")


# -- hidden text -------------------------------------------------------------------------------------------------------


def _hidden(value: str, channel: str, compressed: bool, mode: str = "RGBA", kind: str = "PNG", **more: object) -> bytes:
    """A picture with the text in its lowest bits, by the description of the format, pixel by pixel."""
    data = gzip.compress(value.encode()) if compressed else value.encode()
    signature = f"stealth_{'png' if channel == 'alpha' else 'rgb'}{'comp' if compressed else 'info'}"
    whole = signature.encode() + (len(data) * 8).to_bytes(4, "big") + data
    bits = iter([byte >> shift & 1 for byte in whole for shift in range(7, -1, -1)])
    image = Image.new(mode, (40, 64), (200, 100, 50, 255)[: len(mode)])
    pixels = image.load()
    for x in range(image.width):
        for y in range(image.height):
            values = list(pixels[x, y])
            for band in [3] if channel == "alpha" else [0, 1, 2]:
                values[band] = values[band] & ~1 | next(bits, values[band] & 1)
            pixels[x, y] = tuple(values)
    assert next(bits, None) is None, "the picture is too small for the text"
    file = io.BytesIO()
    image.save(file, kind, **{"lossless": True, "exact": True, **more})
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("compressed", [True, False])
def test_text_hidden_in_alpha_is_read_where_a_picture_says_nothing_else(kind, compressed):
    found = read_bytes(_hidden(A1111, "alpha", compressed, kind=kind))
    assert (found.tool, found.recipe.seed, found.raw) == ("a1111", 5, {"stealth:alpha": A1111})


def test_text_hidden_in_the_alpha_of_a_lossy_webp_is_read_since_that_is_lossless():
    data = _hidden(A1111, "alpha", True, kind="WEBP", lossless=False, quality=50)
    found = read_bytes(data)
    assert (found.lossless, found.raw) == (False, {"stealth:alpha": A1111})


def test_text_hidden_in_colours_is_read_when_asked_for():
    data = _hidden(A1111, "rgb", True, mode="RGB")
    assert read_bytes(data).tool is None
    assert read_bytes(data, deep=True).raw == {"stealth:rgb": A1111}


def test_other_metadata_keeps_the_pixels_unread_unless_asked(monkeypatch):
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add_text("parameters", A1111)
    data = _hidden(A1111.replace("Seed: 5", "Seed: 6"), "alpha", True, pnginfo=chunks)
    assert list(read_bytes(data, deep=True).raw) == ["png:parameters", "stealth:alpha"]
    monkeypatch.setattr("seedbank.images.read_image", None)
    assert list(read_bytes(data).raw) == ["png:parameters"]


def test_noise_in_alpha_and_a_false_length_are_no_text():
    noise = numpy.random.default_rng(0).integers(0, 256, (64, 40, 4), numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    assert read_bytes(file.getvalue()).payloads == ()
    for data in (b"\xff\xff\xff\xff", b"\0\0\x10\0"):
        bits = numpy.unpackbits(numpy.frombuffer(b"stealth_pngcomp" + data, numpy.uint8))
        noise.transpose(1, 0, 2).reshape(-1, 4)[: len(bits), 3] &= 0xFE
        flat = noise.transpose(1, 0, 2).copy().reshape(-1, 4)
        flat[: len(bits), 3] = flat[: len(bits), 3] & 0xFE | bits
        file = io.BytesIO()
        Image.fromarray(flat.reshape(40, 64, 4).transpose(1, 0, 2).copy()).save(file, "PNG")
        assert read_bytes(file.getvalue()).payloads == ()


# -- files beside ------------------------------------------------------------------------------------------------------


def test_files_beside_a_picture_are_read_where_it_says_nothing_itself(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.txt").write_text(A1111)
    (tmp_path / "b.png").write_bytes(png(text("parameters", A1111.replace("Seed: 5", "Seed: 6"))))
    (tmp_path / "b.txt").write_text(A1111)
    (tmp_path / "c.png").write_bytes(png())
    (tmp_path / "c.txt").write_text("a caption for a training, no recipe")
    beside = seedbank.read(tmp_path / "a.png")
    assert beside.raw == {"sidecar:.txt": A1111} and beside.recipe.seed == 5
    assert list(seedbank.read(tmp_path / "b.png").raw) == ["png:parameters"]
    assert seedbank.read(tmp_path / "c.png").tool is None
    (tmp_path / "a.json").write_text('{"something": "else"}')
    assert seedbank.read(tmp_path / "a.json").tool is None, "a text has no files beside it"


def test_a_name_that_has_the_prompt_in_it_is_read_where_nothing_else_says_anything(tmp_path):
    name = unicodedata.normalize("NFD", "DALL·E 2024-01-02 12.00.00 - a fox é.png")
    (tmp_path / name).write_bytes(png())
    found = seedbank.read(tmp_path / name)
    assert (found.tool, found.recipe.prompt, found.recipe.confidence) == ("dall-e", "a fox é", {"prompt": 0.5})
    (tmp_path / name).write_bytes(png(text("parameters", A1111)))
    assert seedbank.read(tmp_path / name).tool == "a1111"


def test_the_log_of_fooocus_beside_a_picture_is_read(tmp_path):
    said = quote(json.dumps(LOG), safe="")
    block = f'<div id="a_png" class="image-container"><button onclick="to_clipboard(\'{said}\')">x</button></div>'
    (tmp_path / "log.html").write_text(f"<html>{block}</html>")
    (tmp_path / "a.png").write_bytes(png())
    found = seedbank.read(tmp_path / "a.png")
    assert (found.tool, found.recipe.seed, list(found.raw)) == ("fooocus", LOG["Seed"], ["sidecar:log.html"])


# -- cost and the real files -------------------------------------------------------------------------------------------


def test_reading_loads_neither_a_database_nor_torch_nor_a_decoder(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(saved("JPEG", comment(b"UNICODE\0" + A1111.encode("utf-16-be"))))
    script = "import json, sys, seedbank; assert seedbank.read(sys.argv[1]).tool; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "sqlalchemy", "PIL", "numpy", "diffusers", "click"}


@pytest.mark.skipif(
    not (CORPUS / "manifest.csv").exists(), reason=f"the real files are not here; set SEEDBANK_CORPUS ({CORPUS})"
)
def test_real_files_of_many_tools_are_understood():
    """97 % of what they say, and nothing that they do not say."""
    spec = importlib.util.spec_from_file_location("score", CORPUS / "score.py")
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    predicted = {}
    with open(CORPUS / "manifest.csv", newline="") as manifest:
        for row in csv.DictReader(manifest):
            recipe = seedbank.read(CORPUS / row["local"]).recipe
            predicted[row["sha256"]] = {
                **{name: getattr(recipe, name) for name in ("prompt", "negative_prompt", "seed", "steps", "width", "height")},
                **{"cfg": recipe.guidance_scale, "sampler": recipe.sampler, "scheduler": recipe.schedule},
                "model": recipe.model and recipe.model.name,
                "model_hash": recipe.model and recipe.model.hash,
                "loras": [{"name": lora.name, "weight": lora.weight} for lora in recipe.loras],
            }
    _, fields, wrong, (left_empty, empty) = score.main(predicted)
    right, all_ = (sum(pair[place] for pair in fields.values()) for place in (0, 1))
    assert right >= 0.97 * all_, wrong
    assert left_empty == empty, wrong
