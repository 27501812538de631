"""Files without their metadata have the same pixels and say nothing any more."""

from __future__ import annotations

import io

import pytest
from PIL import Image, PngImagePlugin

from seedbank.errors import BadInput
from seedbank.images import read_image, with_texts, without_metadata
from tests.pictured import drawing

SECRET = "a secret prompt"


def _file(kind: str, **options: object) -> bytes:
    picture, file = drawing(1), io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = SECRET  # ImageDescription
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("parameters", SECRET)
        chunks.add_itxt("prompt", SECRET, zip=True)
        options |= {"pnginfo": chunks, "exif": exif}
    elif kind == "GIF":
        options |= {"comment": SECRET}
    else:
        options |= {"exif": exif}
    if kind == "JPEG":
        options |= {"comment": SECRET.encode()}
    if kind == "WEBP":
        options |= {"xmp": SECRET.encode()}
    picture.save(file, kind, **options)
    return file.getvalue()


FILES = {
    "PNG": {},
    "JPEG": {"icc_profile": b"a profile"},
    "progressive JPEG": {"progressive": True, "subsampling": 0},
    "WEBP": {"icc_profile": b"a profile"},
    "lossless WEBP": {"lossless": True},
    "GIF": {},
}


@pytest.mark.parametrize("name", FILES)
def test_metadata_goes_and_pixels_stay(name: str):
    data = _file(name.split()[-1], **FILES[name])
    bare = without_metadata(data)
    assert SECRET.encode() not in bare
    before, after = read_image(data), read_image(bare)
    assert (before.mode, before.rows, before.format) == (after.mode, after.rows, after.format)
    assert Image.open(io.BytesIO(bare)).info.get("icc_profile") == FILES[name].get("icc_profile")
    assert not Image.open(io.BytesIO(bare)).getexif()
    assert without_metadata(bare) == bare


def test_what_hangs_behind_the_picture_goes_too():
    for kind in ("PNG", "JPEG"):
        assert SECRET.encode() not in without_metadata(_file(kind) + SECRET.encode())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_damaged_file_is_refused(kind: str):
    data = _file(kind)
    for end in range(0, len(data) - 3, max(1, len(data) // 40)):
        with pytest.raises(BadInput):
            without_metadata(data[:end])


def test_a_picture_that_hides_a_text_is_refused():
    picture = Image.new("RGBA", (64, 64), (200, 100, 50, 254))
    bits = "".join(f"{byte:08b}" for byte in b"stealth_pnginfo" + (8 * len(SECRET)).to_bytes(4, "big") + SECRET.encode())
    for at, bit in enumerate(bits):
        picture.putpixel((at // 64, at % 64), (200, 100, 50, 254 | int(bit)))
    file = io.BytesIO()
    picture.save(file, "PNG")
    with pytest.raises(BadInput, match="hides a text"):
        without_metadata(file.getvalue())


def test_texts_are_added_to_a_png_and_read_by_others():
    bare = without_metadata(_file("PNG"))
    written = with_texts(bare, {"parameters": "plain: é", "seedbank": "山谷"})
    assert Image.open(io.BytesIO(written)).text == {"parameters": "plain: é", "seedbank": "山谷"}
    assert without_metadata(written) == bare
    with pytest.raises(BadInput, match="PNG files only"):
        with_texts(_file("JPEG"), {})
