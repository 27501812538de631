"""The pictures in the result of a pipeline call."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from seedbank.recording.pictures import pictures_of  # noqa: E402

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)
FORMS = {
    "Pillow, RGB": lambda: Image.fromarray(np.stack([GREY] * 3, axis=-1)),
    "Pillow, L": lambda: Image.fromarray(GREY),
    "array": lambda: GREY[..., None].repeat(3, 2) / np.float32(255),
    "tensor": lambda: torch.from_numpy(GREY / np.float32(255))[None].expand(3, 6, 8).clone(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_that_of_the_call_whatever_its_owner_draws_on_it_later(form: str) -> None:
    image = FORMS[form]()
    (picture,) = pictures_of(SimpleNamespace(images=[image]))
    if isinstance(image, Image.Image):
        image.paste("white", (0, 0, 8, 6))
    else:
        image[...] = 1
    pixels = picture()
    assert pixels is not None and (pixels.width, pixels.height) == (8, 6)
    assert pixels.rows == (GREY.tobytes() if pixels.mode == "L" else GREY.repeat(3).tobytes())
