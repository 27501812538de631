"""What Pillow makes of a PNG file is the same after ISA-L has inflated it, whatever the file is like."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from seedbank.images import inflating
from seedbank.images.inflating import inflated
from seedbank.images.png import SIGNATURE

DICE = random.Random(2026)
NOISE = Image.frombytes("RGB", (90, 70), DICE.randbytes(90 * 70 * 3))
SMOOTH = Image.linear_gradient("L").resize((300, 250))
CLEAR = NOISE.convert("RGBA")
CLEAR.putalpha(SMOOTH.resize(NOISE.size))
TEXTS = PngImagePlugin.PngInfo()
TEXTS.add_text("IDAT", "no IDAT at all" * 30)
TEXTS.add(b"prVt", b"behind the pixels", after_idat=True)


def _png(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


FILES = {
    "RGB": _png(NOISE),
    "several blocks": _png(SMOOTH.convert("RGB")),
    "RGBA": _png(CLEAR),
    "L": _png(SMOOTH),
    "LA": _png(SMOOTH.convert("LA")),
    "bilevel": _png(SMOOTH.convert("1")),
    "4 bits": _png(NOISE.quantize(9)),
    "palette": _png(NOISE.quantize(200)),
    "palette with transparency": _png(CLEAR.quantize(100)),
    "one colour transparent": _png(NOISE, transparency=(1, 2, 3)),
    "16 bits": _png(Image.frombytes("I;16", (40, 30), DICE.randbytes(2400))),
    "animation": _png(NOISE, save_all=True, append_images=[SMOOTH.convert("RGB").resize(NOISE.size), NOISE.rotate(9)]),
    "texts": _png(NOISE, pnginfo=TEXTS),
}


def _seen(data: bytes) -> object:
    """All that Pillow tells of a file, or why it refuses it."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            frames = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                frames.append((image.mode, image.size, image.tobytes(), image.getpalette()))
            return frames, image.info
    except Exception as error:  # what Pillow raises for damaged files is not one class
        return type(error), str(error).partition("<")[0]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_picture_is_the_same(name: str):
    data = FILES[name]
    stored = inflated(data)
    assert stored != data
    assert _seen(stored) == _seen(data)


def test_what_is_damaged_is_for_pillow_to_judge():
    seen = set()
    for number in range(600):
        name = DICE.choice(list(FILES))
        data = bytearray(FILES[name])
        at = DICE.randrange(min(len(data), 200) if number % 2 else len(data))
        if number % 3 == 0:
            del data[at:]
        elif number % 3 == 1:
            data[at] = DICE.randrange(256)
        else:
            data[at:at] = DICE.randbytes(DICE.randrange(1, 9))
        stored = inflated(bytes(data))
        seen.add(stored == data)
        assert _seen(stored) == _seen(bytes(data)), (number, name)
    assert seen == {True, False}


@pytest.mark.parametrize("apart", [0, 4, 6])
def test_a_wrong_checksum_is_looked_at_where_pillow_looks_at_it(apart: int):
    """In a chunk of its own it never comes to Pillow's zlib, which has all rows by then."""
    header, data = SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 5, 8, 0, 0, 0, 0)), bytes(5 * (1 + 9))
    wrong = zlib.compress(data, 0)[:-4] + b"none"
    at = len(wrong) - apart
    file = header + _chunk(b"IDAT", wrong[:at]) + _chunk(b"IDAT", wrong[at:]) + _chunk(b"IEND", b"")
    assert _seen(inflated(file)) == _seen(file)


def test_more_rows_than_the_header_says_are_not_made(monkeypatch: pytest.MonkeyPatch):
    """A file that promises little and holds much, and one that is large: neither is inflated."""
    header = FILES["L"].index(b"IHDR") + 4
    bomb = bytearray(_png(Image.new("L", (4000, 4000))))
    bomb[header : header + 8] = b"\0\0\0\x01\0\0\0\x01"
    assert inflated(bytes(bomb)) == bomb
    monkeypatch.setattr(inflating, "LARGEST", 70 * (1 + 90 * 3) - 1)
    assert inflated(FILES["RGB"]) == FILES["RGB"]


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0 no PNG"])
def test_what_is_no_png_file_comes_back(data: bytes):
    assert inflated(data) == data
