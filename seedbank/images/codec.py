"""Pixels to PNG files that carry their recipe, and image files of any origin to pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

# WebP and AVIF are named, or Pillow would load all its forty formats to look for them: a tenth of a second in each process.
from PIL import AvifImagePlugin, Image, WebPImagePlugin  # noqa: F401

from seedbank.errors import BadInput
from seedbank.hashing import pixel_digest
from seedbank.images import png
from seedbank.images.inflating import inflated
from seedbank.recipe import Recipe
from seedbank.records import Picture
from seedbank.together import side_by_side

INPUT_FORMATS = ("PNG", "JPEG", "WEBP")
"""What a rendering takes as an input."""
FORMATS = (*INPUT_FORMATS, "GIF", "AVIF")
"""What is read at all. The decoders of other formats never run, so their flaws cannot be reached."""
PNG_MODES = tuple(png.FORMS)
MODES = (*PNG_MODES, "CMYK")
LARGEST_PIXELS = 89_478_485
"""Width times height that is still decoded, 256 MiB as RGB."""
LARGE = 1 << 20
"""Bytes of pixels from which on another thread costs less than it saves."""
LARGEST_TEXT = 8 * 2**20
"""Characters of metadata that are still read."""


class Pixels(Protocol):
    """Decoded pixels: `rows` from the top, without padding, as Pillow's ``Image.tobytes()`` gives them."""

    @property
    def mode(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def rows(self) -> bytes: ...


@dataclass(frozen=True)
class DecodedImage:
    """An image file, decoded. `text` holds the text chunks of a PNG, word for word."""

    mode: str
    width: int
    height: int
    rows: bytes = field(repr=False)
    text: Mapping[str, str]
    format: str
    lossy: bool
    """The pixels are not those that the program had that wrote the file, so `exact` cannot be judged."""

    @property
    def media_type(self) -> str:
        return f"image/{self.format.lower()}"


def image_of(pixels: Pixels) -> Image.Image:
    """The pixels as a Pillow image. Raises `BadInput` when the rows do not fit the size."""
    try:
        return Image.frombytes(pixels.mode, (pixels.width, pixels.height), pixels.rows)
    except ValueError:
        raise _other_rows(pixels.mode, pixels.width, pixels.height, pixels.rows) from None


def picture_of(mode: str, width: int, height: int, rows: bytes) -> Picture:
    """The image digest and the perceptual hash of the pixels."""
    from seedbank.images.compare import perceptual_hash

    pixels = DecodedImage(mode, width, height, rows, {}, "", False)
    return Picture(pixel_digest(mode, width, height, rows), mode, width, height, perceptual_hash(pixels))


def encode_png(
    mode: str,
    width: int,
    height: int,
    rows: bytes,
    recipe: Recipe | None = None,
    text: Mapping[str, str] | None = None,
) -> bytes:
    """A PNG file of the pixels.

    The recipe's canonical JSON goes into an iTXt chunk with the keyword ``seedbank``, so the SHA-256 of that text is
    the recipe digest; `text` adds further chunks. They are written uncompressed, as Pillow refuses to read compressed
    text of more than 1 MiB. Metadata never changes the image digest.
    """
    if mode not in PNG_MODES:
        raise BadInput(f"A PNG file cannot hold {mode} pixels as they are.", "Convert the image to RGB first.")
    texts = [] if recipe is None else [png.international_text("seedbank", recipe.canonical.decode("utf-8"))]
    texts += [png.text(keyword, value) for keyword, value in (text or {}).items()]
    try:
        return png.write_png(mode, width, height, rows, texts)
    except ValueError:
        raise _other_rows(mode, width, height, rows) from None


def picture_and_png(
    mode: str,
    width: int,
    height: int,
    rows: bytes,
    recipe: Recipe | None = None,
    text: Mapping[str, str] | None = None,
) -> tuple[Picture, bytes]:
    """`picture_of` and `encode_png` of the same pixels: of large ones side by side, as somebody may wait for both."""
    looking = partial(picture_of, mode, width, height, rows)
    encoding = partial(encode_png, mode, width, height, rows, recipe, text)
    acts: list[Callable[[], Any]] = [looking, encoding]
    picture, data = side_by_side(acts, 2 if len(rows) >= LARGE else 1)
    return picture, data


def read_image(data: bytes | Path, formats: tuple[str, ...] = FORMATS, *, animated: bool = False) -> DecodedImage:
    """The pixels and the text of an image file of one of the `formats`; its name and its suffix count for nothing.

    With `animated`, an animation is its first frame; without, it is refused.

    Palettes and bilevel pictures are expanded (to RGB, RGBA or L), as their indices alone say nothing. Orientation tags
    and colour profiles are not applied. Raises `BadInput`, in one sentence, for everything that is not such a file.
    """
    name = "The image" if isinstance(data, bytes) else str(data)
    if isinstance(data, Path):
        try:
            data = data.read_bytes()
        except OSError as error:
            raise BadInput(f"{name} cannot be read: {error.strerror}.") from None
    with opened(data, name, formats, animated=animated) as image:
        format_ = str(image.format)
        still = decoded(image, name)
        text = {key: str(value) for key, value in getattr(image, "text", {}).items()}
    if sum(map(len, text.values())) > LARGEST_TEXT:
        raise BadInput(f"{name} carries more than {LARGEST_TEXT >> 20} MiB of text.", "Save it without its metadata.")
    return DecodedImage(still.mode, still.width, still.height, still.tobytes(), text, format_, is_lossy(format_, data))


def opened(
    data: bytes | BinaryIO, name: str = "The image", formats: tuple[str, ...] = FORMATS, *, animated: bool = False
) -> Image.Image:
    """An image whose headers were read and found to be within the limits; a still one unless `animated`. Raises `BadInput`."""
    file = io.BytesIO(inflated(data)) if isinstance(data, bytes) else data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(file, formats=formats)
        if image.width * image.height > LARGEST_PIXELS:
            raise _too_large(name)
        frames = frames_of(image)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _too_large(name) from None
    except BadInput:
        raise
    except Exception as error:  # Pillow raises what its parsers raise: OSError, SyntaxError, struct.error, …
        raise BadInput(f"{name} is not a {_listed(formats)} file that can be read{_because(error)}.") from None
    if frames > 1 and not animated:
        raise BadInput(f"{name} is an animation of {frames} frames.", "Save the frame that you mean.")
    return image


def frames_of(image: Image.Image) -> int:
    """How many frames an opened image has. What Pillow raises for a damaged file passes through."""
    return int(getattr(image, "n_frames", 1))


def decoded(image: Image.Image, name: str = "The image") -> Image.Image:
    """The image with its pixels, in one of `MODES`. Raises `BadInput` for a damaged file."""
    try:
        image.load()
        still = _expanded(image)
    except Exception as error:
        raise BadInput(f"{name} is damaged{_because(error)}.", "Get a whole copy of it.") from None
    if still.mode not in MODES:
        raise BadInput(f"{name} has {still.mode} pixels, which cannot be compared.", "Convert it to RGB.")
    return still


def is_lossy(format: str, data: bytes) -> bool:
    """Whether the pixels can be others than those of the program that wrote the file. A GIF holds 256 colours only; how an
    AVIF was written does not stand in its header."""
    return format in ("JPEG", "GIF", "AVIF") or (format == "WEBP" and not _is_lossless_webp(data))


def _listed(formats: tuple[str, ...]) -> str:
    names = ["WebP" if name == "WEBP" else name for name in formats]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _expanded(image: Image.Image) -> Image.Image:
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image


def _is_lossless_webp(data: bytes) -> bool:
    """Whether the picture lies in a VP8L chunk (RFC 9649, section 2)."""
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind in (b"VP8L", b"VP8 "):
            return kind == b"VP8L"
        at += 8 + size + size % 2
    return False


def _other_rows(mode: str, width: int, height: int, rows: bytes) -> BadInput:
    return BadInput(f"These {len(rows)} bytes are no {mode} pixels of {width}x{height}.")


def _too_large(name: str) -> BadInput:
    return BadInput(f"{name} has more than {LARGEST_PIXELS // 10**6} million pixels.", "Scale it down first.")


def _because(error: Exception) -> str:
    """What Pillow said, where it said something that a person can use."""
    said = " ".join(str(error).split()).rstrip(".")
    if "MAX_TEXT" in said:  # of the chunks of a PNG file
        return ": its compressed text is larger than is read"
    return f": {said}" if said and "BytesIO" not in said else ""
