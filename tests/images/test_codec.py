"""Files to pixels and back: the image digest survives, the recipe travels, and strange files are one sentence."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seedbank import images
from seedbank.errors import BadInput
from seedbank.hashing import pixel_digest, sha256
from seedbank.images import codec, encode_png, picture_and_png, picture_of, read_image
from seedbank.recipe import Recipe

SEED = 2**64 - 1
RECIPE = Recipe(
    conditioning={"prompt": "一只橘色的星星在夜空", "negative_prompt": "blurry, “soft”"},
    noise={"kind": "torch-cpu", "seed": SEED},
    call={"height": 48, "width": 64, "num_inference_steps": 8, "guidance_scale": 3.0},
)
ROWS = bytes(range(256)) * 36


def _file(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _picture(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.frombytes("RGB", size, (ROWS * 10)[: size[0] * size[1] * 3]).convert(mode)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pixels_survive_the_file_in_every_mode(mode: str) -> None:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 2}[mode]
    rows = ROWS[: 64 * 36 * channels]
    decoded = read_image(encode_png(mode, 64, 36, rows))
    assert (decoded.mode, decoded.width, decoded.height, decoded.rows) == (mode, 64, 36, rows)
    assert not decoded.lossy
    assert decoded.media_type == "image/png"


def test_the_recipe_in_the_file_is_the_recipe_and_its_text_has_the_recipe_digest() -> None:
    text = read_image(encode_png("RGB", 64, 48, ROWS, recipe=RECIPE)).text["seedbank"]
    assert Recipe.from_dict(json.loads(text)) == RECIPE
    assert sha256(text.encode("utf-8")) == RECIPE.digest
    assert Recipe.from_dict(json.loads(text)).seed == SEED


def test_metadata_never_changes_the_image_digest() -> None:
    bare = read_image(encode_png("RGB", 64, 48, ROWS))
    full = read_image(encode_png("RGB", 64, 48, ROWS, recipe=RECIPE, text={"parameters": "a\nSteps: 8"}))
    assert picture_of(bare.mode, bare.width, bare.height, bare.rows) == picture_of("RGB", 64, 48, full.rows)
    assert full.text["parameters"] == "a\nSteps: 8"


def test_a_recipe_of_several_mebibytes_comes_back() -> None:
    recipe = Recipe(conditioning={"prompt": "星" * 1_500_000}, noise={}, call={})
    assert sha256(read_image(encode_png("RGB", 64, 48, ROWS, recipe=recipe)).text["seedbank"].encode()) == recipe.digest


def test_the_same_pixels_in_other_files_have_the_same_image_digest(tmp_path: Path) -> None:
    image = _picture()
    digests = set()
    for kind, options in (("PNG", {}), ("PNG", {"compress_level": 9}), ("WEBP", {"lossless": True})):
        path = tmp_path / "picture.any"
        path.write_bytes(_file(image, kind, **options))
        decoded = read_image(path)
        digests.add(pixel_digest(decoded.mode, decoded.width, decoded.height, decoded.rows))
    assert digests == {pixel_digest("RGB", 64, 48, image.tobytes())}


def test_lossy_files_say_so() -> None:
    rgba = _picture("RGBA")
    rgba.putalpha(100)
    assert read_image(_file(_picture(), "JPEG")).lossy
    assert read_image(_file(_picture(), "WEBP")).lossy
    assert read_image(_file(rgba, "WEBP", icc_profile=b"x" * 129)).lossy
    assert not read_image(_file(_picture(), "WEBP", lossless=True)).lossy
    assert not read_image(_file(rgba, "WEBP", lossless=True, icc_profile=b"x" * 129)).lossy
    assert read_image(_file(_picture(), "JPEG")).media_type == "image/jpeg"


def test_palettes_are_expanded_since_their_indices_alone_say_nothing() -> None:
    red, blue = Image.new("P", (4, 4), 0), Image.new("P", (4, 4), 0)
    red.putpalette([255, 0, 0])
    blue.putpalette([0, 0, 255])
    decoded = [read_image(_file(image, "PNG")) for image in (red, blue)]
    assert [image.mode for image in decoded] == ["RGB", "RGB"]
    assert decoded[0].rows != decoded[1].rows
    assert read_image(_file(red, "PNG", transparency=0)).mode == "RGBA"
    assert read_image(_file(Image.new("1", (9, 3), 1), "PNG")).rows == b"\xff" * 27


@pytest.mark.parametrize("mode", ["P", "CMYK", "F", "1"])
def test_pixels_that_a_png_cannot_hold_are_refused(mode: str) -> None:
    with pytest.raises(BadInput, match="cannot hold"):
        encode_png(mode, 4, 4, bytes(64))


def test_rows_of_another_length_are_refused() -> None:
    with pytest.raises(BadInput, match="64x48"):
        encode_png("RGB", 64, 48, ROWS[:-1])


def _bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8, 640])
def test_what_is_done_side_by_side_is_what_is_done_one_after_the_other(side: int) -> None:
    rows = (bytes(range(256)) * (side * side // 64))[: side * side * 3]
    done = picture_and_png("RGB", side, side, rows, RECIPE, {"parameters": "a"})
    assert done == (picture_of("RGB", side, side, rows), encode_png("RGB", side, side, rows, RECIPE, {"parameters": "a"}))
    with pytest.raises(BadInput, match="no RGB pixels"):
        picture_and_png("RGB", side, side, rows[1:])


PNG = encode_png("RGB", 64, 48, ROWS, recipe=RECIPE)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "not a PNG"),
        (b"hello", "not a PNG"),
        (PNG[:40], "not a PNG"),
        (PNG[:-60], "damaged"),
        (PNG[:-20] + bytes([PNG[-20] ^ 1]) + PNG[-19:], "damaged"),
        (_bomb(12_000), "million pixels"),
        (_bomb(2**31 - 1), "million pixels"),
        (_file(_picture(), "BMP"), "not a PNG"),
        (_file(_picture(), "TIFF"), "not a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
        (_file(_picture(), "PNG", save_all=True, append_images=[_picture("L").convert("RGB")]), "animation of 2"),
    ],
    ids=["empty", "text", "header", "cut", "flipped", "144MP", "huge", "bmp", "tiff", "svg", "animation"],
)
def test_what_is_no_picture_is_one_sentence(data: bytes, match: str) -> None:
    with pytest.raises(BadInput, match=match) as caught:
        read_image(data)
    assert "\n" not in str(caught.value)
    assert "BytesIO" not in str(caught.value)


def test_every_cut_and_every_flip_of_a_header_is_a_picture_or_one_sentence() -> None:
    small = encode_png("RGB", 8, 8, ROWS[:192], text={"parameters": "x"})
    for at in range(len(small)):
        for data in (small[:at], small[:at] + bytes([small[at] ^ 0x55]) + small[at + 1 :]):
            try:
                read_image(data)
            except BadInput as error:
                assert error.message.startswith("The image")


def test_a_compressed_text_bomb_is_refused() -> None:
    at = len(PNG) - 12
    body = b"parameters\0\0" + zlib.compress(b"x" * 50_000_000)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    with pytest.raises(BadInput):
        read_image(PNG[:at] + chunk + PNG[at:])


def test_more_text_than_any_recipe_has_is_refused() -> None:
    data = encode_png("RGB", 8, 8, ROWS[:192], text={"parameters": "x" * (codec.LARGEST_TEXT + 1)})
    with pytest.raises(BadInput, match="MiB of text"):
        read_image(data)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"absent\.png cannot be read"):
        read_image(tmp_path / "absent.png")


def test_a_thumbnail_fits_and_is_never_larger_than_the_picture() -> None:
    array = np.zeros((100, 400, 3), np.uint8)
    wide = codec.DecodedImage("RGB", 400, 100, array.tobytes(), {}, "PNG", False)
    assert Image.open(io.BytesIO(images.thumbnail(wide, 256))).size == (256, 64)
    assert Image.open(io.BytesIO(images.thumbnail(wide, 1000))).size == (400, 100)
