"""A look at a picture that is to become the input of a rendering; its pixels are decoded by the render process."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from seedbank.errors import BadInput
from seedbank.images.codec import INPUT_FORMATS, read_image

EXIF_ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
"""EXIF orientations in which width and height change places."""


@dataclass(frozen=True)
class InputPicture:
    """What is worth knowing before a picture is used. Width and height are those of the upright picture."""

    width: int
    height: int
    media_type: str
    lossy: bool
    """Another version of the decoder may give other pixels."""
    transparent: bool
    turned: bool
    """Its EXIF orientation says that it does not lie upright in the file."""


def look_at(data: bytes, name: str) -> InputPicture:
    """Reads the whole file once, so that a damaged or unsuitable one is refused before anything is rendered.

    Raises `BadInput`."""
    try:
        decoded = read_image(data, INPUT_FORMATS)
    except BadInput as error:
        raise BadInput(error.message.replace("The image", name, 1), error.hint) from None
    if decoded.mode == "I;16":
        raise BadInput(f"{name} has 16 bits a channel, which no pipeline takes.", "Save it with 8 bits.")
    with Image.open(io.BytesIO(data), formats=INPUT_FORMATS) as image:
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    width, height = (decoded.height, decoded.width) if orientation in TURNED else (decoded.width, decoded.height)
    transparent = decoded.mode in ("RGBA", "LA") and _has_holes(decoded.rows, len(decoded.mode))
    return InputPicture(width, height, decoded.media_type, decoded.lossy, transparent, orientation in range(2, 9))


def _has_holes(rows: bytes, channels: int) -> bool:
    """Whether any pixel is not wholly opaque; the alpha channel is the last."""
    alpha = rows[channels - 1 :: channels]
    return alpha.count(255) != len(alpha)
