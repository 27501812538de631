"""One look at a file finds what separate tools find, in little memory."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from seedbank.errors import BadInput
from seedbank.images import looking, picture_of, read_image
from seedbank.images.headers import look
from seedbank.images.looking import look_closely


def _image(mode: str, size: tuple[int, int] = (90, 60)) -> Image.Image:
    across, down = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    rgb = np.stack([across, down, 255 - across], -1).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray((across * 257).astype(np.uint16))
    return Image.fromarray(rgb).convert(mode)


def _file(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind", "lossy"),
    [
        *((mode, "PNG", False) for mode in ("L", "LA", "RGB", "RGBA", "I;16", "P", "1")),
        ("RGB", "JPEG", True),
        ("CMYK", "JPEG", True),
        ("RGB", "WEBP", True),
        ("RGB", "AVIF", True),
        ("P", "GIF", True),
    ],
)
def test_a_look_finds_what_decoding_the_whole_file_finds(monkeypatch: pytest.MonkeyPatch, mode: str, kind: str, lossy: bool):
    data = _file(_image(mode), kind)
    monkeypatch.setattr(looking, "STRIP", 1000)  # some rows at once
    looked, whole = look_closely(data), read_image(data)
    assert looked.picture == picture_of(whole.mode, whole.width, whole.height, whole.rows)
    assert (looked.media_type, looked.lossy, whole.lossy) == (f"image/{kind.lower()}", lossy, lossy)


def test_headers_alone_give_the_size_and_no_digest():
    looked = look(io.BytesIO(_file(_image("RGB"), "PNG")))
    assert (looked.width, looked.height, looked.picture) == (90, 60, None)


def test_a_preview_is_as_small_as_asked_for():
    preview = look_closely(_file(_image("RGBA", (600, 300)), "PNG"), preview=256).preview
    assert preview is not None
    with Image.open(io.BytesIO(preview)) as image:
        assert (image.format, image.size) == ("WEBP", (256, 128))


@pytest.mark.parametrize(
    ("tags", "when"),
    [
        ({0x9003: "2025:06:01 12:30:00", 0x9011: "+02:00"}, datetime(2025, 6, 1, 10, 30, tzinfo=UTC)),
        ({0x9003: "2025:06:01 12:30:00"}, datetime(2025, 6, 1, 12, 30).astimezone()),
        ({0x9003: "0000:00:00 00:00:00"}, None),
        ({}, None),
    ],
    ids=["with its zone", "in this machine's zone", "a camera without a clock", "nothing"],
)
def test_the_time_is_the_one_that_exif_gives(tags: dict[int, str], when: datetime | None):
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    assert look(io.BytesIO(_file(_image("RGB"), "JPEG", exif=exif.tobytes()))).taken == when


def test_a_cut_file_is_damaged():
    with pytest.raises(BadInput, match="damaged"):
        look_closely(_file(_image("RGB"), "PNG")[:-60])
