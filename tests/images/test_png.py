"""PNG files as they are written here: other programs read the same pixels and texts from them."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seedbank.images import png
from seedbank.images.sheets import png_of


def _noise(count: int) -> bytes:
    return np.random.default_rng(7).integers(0, 256, count, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("mode", png.FORMS)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (5, 3000), (70_000, 2), (257, 129)])
def test_another_decoder_reads_the_same_pixels(mode: str, width: int, height: int) -> None:
    rows = _noise(width * height * png.FORMS[mode][2])
    with Image.open(io.BytesIO(png.write_png(mode, width, height, rows))) as image:
        image.load()
        assert (image.mode, image.size) == (mode, (width, height))
        assert image.tobytes() == rows


def test_every_filter_is_used_and_read() -> None:
    ramp = np.tile(np.arange(0, 192, 3, dtype=np.uint8), (64, 1))
    grain = 100 + np.frombuffer(_noise(64 * 64), np.uint8).reshape(64, 64) % 32
    picture = np.concatenate((ramp, ramp.T, grain)).astype(np.uint8)
    filtered = png._filtered(picture, np.concatenate((np.zeros((1, 64), np.uint8), picture[:-1])), 1)
    assert set(filtered[:, 0].tolist()) == {png.SUB, png.UP, png.AVERAGE}
    with Image.open(io.BytesIO(png.write_png("L", 64, 192, picture.tobytes()))) as image:
        assert image.tobytes() == picture.tobytes()


def test_pieces_that_were_compressed_side_by_side_are_one_valid_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "PIECE", 1000)
    rows = _noise(300 * 90)
    data = png.write_png("RGB", 100, 90, rows)
    stream = zlib.decompressobj()  # unlike Pillow, it refuses a wrong checksum
    start = data.index(b"IDAT") + 4
    filtered = stream.decompress(data[start:])
    assert stream.eof and len(filtered) == 90 * 301
    assert len(stream.unused_data) == 4 + 12, "a CRC and the last chunk"
    with Image.open(io.BytesIO(data)) as image:
        assert image.tobytes() == rows


@pytest.mark.parametrize(("first", "second"), [(b"", b""), (b"", b"a"), (b"\xff" * 6000, b"\xff" * 9000), (b"ab", b"c")])
def test_a_checksum_of_two_texts_is_that_of_both_on_end(first: bytes, second: bytes) -> None:
    joined = png.joined_adler(zlib.adler32(first), zlib.adler32(second), len(second))
    assert joined == zlib.adler32(first + second)


def test_smooth_pictures_become_small() -> None:
    values = np.add.outer(np.arange(512), np.arange(512)) // 4
    rows = np.stack([values, values // 2, 255 - values], axis=-1).astype(np.uint8).tobytes()
    assert len(png.write_png("RGB", 512, 512, rows)) < len(rows) / 20


def test_texts_are_written_as_other_tools_write_them() -> None:
    plain = {"parameters": "a café\nSteps: 8", "Comment": "一只橘色的星星"}
    texts = [*(png.text(keyword, value) for keyword, value in plain.items()), png.international_text("seedbank", "{}")]
    data = png.write_png("L", 2, 2, bytes(4), texts)
    assert [kind in data for kind in (b"tEXtparameters\0", b"iTXtComment\0", b"iTXtseedbank\0")] == [True] * 3
    with Image.open(io.BytesIO(data)) as image:
        assert image.text == plain | {"seedbank": "{}"}


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError):
        png.write_png("RGB", 0, 0, b"")


def test_sheets_are_written_by_it(tmp_path: Path) -> None:
    image = Image.frombytes("RGB", (40, 30), _noise(3600))
    (tmp_path / "sheet.png").write_bytes(png_of(image))
    with Image.open(tmp_path / "sheet.png") as read:
        assert read.tobytes() == image.tobytes()
