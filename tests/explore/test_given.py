"""What cells are given beside the text: checked beforehand, and put in the place of what an entry has."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from seedbank.api import Library
from seedbank.engine.adapters import Adapter, check_vae
from seedbank.errors import BadInput, Blocked
from seedbank.explore.axes import parse_axis
from seedbank.explore.exchanging import Wanted, wanted_of
from seedbank.explore.given import as_options, bring_back, check_together, with_adapter, with_inputs
from seedbank.explore.sources import check_places
from seedbank.hashing import sha256
from seedbank.recipe import Recipe
from seedbank.recording.extras import Extras
from seedbank.recording.inputs import Pictures
from seedbank.records import Blob, Model
from seedbank.regen.bench import Setting

HERE = {"role": "image", "digest": "1" * 64, "kind": "picture", "mode": "RGB", "width": 64, "height": 64}
LOOKED_AT = {"role": "ip_adapter_image", "digest": "2" * 64, "kind": "picture", "mode": "RGB"}
CONTROLLED = {"kind": "controlnet", "digest": "3" * 64}


def recipe(pipeline: str, inputs=(), adapters=()) -> Recipe:
    return Recipe({"prompt": "x"}, {"seed": 1}, {}, pipeline=pipeline, inputs=tuple(inputs), adapters=tuple(adapters))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_every_file_of_an_axis_is_looked_at_before_anything_is_loaded(tmp_path: Path, photo: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    check_places(None, [parse_axis(f"image={photo},SKIP:{tmp_path}/nowhere.png"), parse_axis("embedding=none")], {})
    for axis, words in {
        f"image={photo},{tmp_path}/nowhere.png": "nowhere.png cannot be read",
        f"mask={tmp_path}/pipe": "pipe is no regular file",
        f"latents={tmp_path}/pipe": "pipe are no regular file",
        f"control_image={tmp_path}/text.png": "text.png",
        f"ip_image={tmp_path}": "cannot be read",
        f"latents={photo}": "is no safetensors file",
        f"controlnet={tmp_path}/empty": "config.json cannot be read",
        f"ip_adapter={tmp_path}/empty": "has 0 .safetensors files",
        f"embedding=none,{tmp_path}/thing.safetensors": "There is no file",
        "mode=as-is,fast": "The mode 'fast' does not exist",
    }.items():
        with pytest.raises(BadInput) as caught:
            check_places(None, [parse_axis(axis)], {})
        assert str(caught.value).startswith(f"The axis {axis!r} cannot be rendered: ") and words in str(caught.value)


def test_what_a_prompt_is_given_are_options_and_an_embedding_takes_the_place_of_its_word():
    given = {"embeddings": ["a.safetensors:<a>", "b.safetensors"]}
    assert as_options({"image": "a.png", "vae": "none", "ip_adapter.folder": "./x"}, given) == {
        "image": "a.png", "vae": None, "ip_adapter": "./x",
    }  # fmt: skip
    assert as_options({"embedding": "none"}, given) == {}
    assert as_options({"embedding": "c.safetensors:<a>"}, given) == {"embeddings": ["b.safetensors", "c.safetensors:<a>"]}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(mask="m.png"), "mask has no effect without image, which the entry has not. Add --axis image=FILE"),
        (Wanted(control_image="c.png"), "Add --axis controlnet=FOLDER"),
        (Wanted(ip_adapter="folder"), "Add --axis ip_image=FILE"),
        (Wanted(latents="l.safetensors", image="a.png"), "both say what to start from"),
    ],
)
def test_what_has_no_effect_on_an_entry_is_refused_with_what_is_missing(wanted: Wanted, words: str):
    with pytest.raises(BadInput) as caught:
        check_together(recipe("StableDiffusionPipeline"), wanted)
    assert words in f"{caught.value} {caught.value.hint}"


def test_what_the_entry_has_counts_for_the_others():
    check_together(recipe("StableDiffusionImg2ImgPipeline", [HERE]), Wanted(mask="m.png"))
    check_together(recipe("StableDiffusionControlNetPipeline", [HERE], [CONTROLLED]), Wanted(control_image="c.png"))
    check_together(recipe("StableDiffusionPipeline"), Wanted(ip_adapter="folder", ip_image="a.png"))
    with pytest.raises(BadInput, match="the mode is an axis of a prompt only"):
        wanted_of({"mode": "strict"}, None)


def test_a_picture_takes_the_place_of_the_recorded_one_and_the_other_inputs_stay(photo: Path):
    loaded = SimpleNamespace(pipeline="StableDiffusionImg2ImgPipeline", call={"image": {}, "ip_adapter_image": {}})
    base = recipe(loaded.pipeline, [HERE, LOOKED_AT])
    inputs = Pictures.of(Extras(image=photo)).inputs(loaded, 64, 64)
    new, names = with_inputs(base, base.pipeline, inputs, loaded, {"image": "old.png", "ip_adapter_image": "face.png"})
    assert new.inputs == ({**HERE, "digest": sha256(photo.read_bytes())}, LOOKED_AT)
    assert names == {"image": str(photo), "ip_adapter_image": "face.png"}


def test_the_picture_that_a_controlnet_follows_keeps_its_place_beside_one_to_start_from(photo: Path):
    loaded = SimpleNamespace(pipeline="StableDiffusionControlNetImg2ImgPipeline", call={"image": {}, "control_image": {}})
    base = recipe("StableDiffusionControlNetPipeline", [HERE])
    inputs = Pictures.of(Extras(image=photo)).inputs(loaded, 64, 64)
    new, names = with_inputs(base, base.pipeline, inputs, loaded, {"image": "lines.png"})
    assert new.inputs == ({**HERE, "digest": sha256(photo.read_bytes())}, {**HERE, "role": "control_image"})
    assert names == {"control_image": "lines.png", "image": str(photo)}


def test_another_adapter_keeps_the_place_and_what_is_new_stands_where_generate_puts_it():
    lora, looks = {"kind": "lora", "digest": "4" * 64, "weight": 0.5}, {"kind": "ip-adapter", "digest": "5" * 64}
    setting = Setting(None, None, adapters=(lora, looks))
    control = Adapter("controlnet", Path("x"), Model("6" * 64, "x", (), "controlnet"))
    with_it = with_adapter(setting, control, lambda item: item["kind"] == "controlnet")
    assert with_it.adapters == (control.recipe_item, lora, looks) and with_it.known == {"6" * 64: control.model}
    other = Adapter("ip-adapter", Path("y"), Model("7" * 64, "y", (), "ip-adapter"), weight=0.3)
    assert with_adapter(with_it, other, lambda item: item["kind"] == "ip-adapter").adapters[-1] == other.recipe_item


def test_an_input_that_is_gone_is_read_again_from_its_file_unless_that_changed(tmp_path: Path, photo: Path):
    digest = sha256(photo.read_bytes())
    base = recipe("StableDiffusionImg2ImgPipeline", [{**HERE, "digest": digest}])
    blobs, names = [Blob(digest, photo.stat().st_size, "image/png")], {"image": str(photo)}
    with Library.open(tmp_path / "art.db", create=True) as bank:
        data = photo.read_bytes()
        photo.write_bytes(data + b"more")
        with pytest.raises(Blocked, match=r"The image of this sweep is not in the image store any more, and .*photo\.png"):
            bring_back(bank, base, names, blobs)
        photo.write_bytes(data)
        bring_back(bank, base, names, blobs)
        assert bank.blobs.get(digest) == data
        photo.unlink()
        bring_back(bank, base, names, blobs)


def test_a_vae_of_another_family_is_refused_by_its_config(tmp_path: Path):
    def folder(name: str, **config: object) -> Path:
        path = tmp_path / name
        path.mkdir(parents=True)
        (path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL", **config}))
        return path

    def check(name: str, path: Path) -> None:
        check_vae(Adapter("vae", path, Model("8" * 64, name, (), "vae")), tmp_path / "flux")

    folder("flux/vae", latent_channels=16, shift_factor=0.1)
    check("same", folder("same", latent_channels=16, shift_factor=0.2))
    check("tiny", folder("tiny", _class_name="AutoencoderTiny", latent_channels=16, shift_factor=0.0))
    for name, config, words in (
        ("sd", {"latent_channels": 4}, "it has 4 latent channels, the model's own has 16"),
        ("half", {"latent_channels": 16, "shift_factor": None}, "it has no shift_factor"),
        ("qwen", {"_class_name": "AutoencoderKLQwenImage", "z_dim": 16}, "its class is AutoencoderKLQwenImage"),
    ):
        with pytest.raises(Blocked, match=f"The VAE {name} is of another family than the model: {words}"):
            check(name, folder(name, **config))
