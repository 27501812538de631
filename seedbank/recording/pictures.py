"""The pictures in the result of a pipeline call, whatever form its `output_type` gave them.

Every form is brought to the 8-bit pixels that ``output_type="pil"`` would have given, by the rule of diffusers'
``VaeImageProcessor.numpy_to_pil``: a regeneration renders those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seedbank.bank import Pixels, pixels_of
from seedbank.errors import SeedbankError

Picture = Callable[[], Pixels | None]
"""Gives the pixels of one image, or None for latents, when they are stored; what it needs is copied already."""
LATENT = "latent"
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def images_of(result: Any) -> list[Any]:
    """The images of a result as the pipeline returned them; empty when it has none."""
    images = getattr(result, "images", None)
    if images is None and isinstance(result, tuple) and result:
        images = result[0]
    return list(images) if images is not None else []


def pictures_of(result: Any, output_type: str | None = None) -> list[Picture]:
    """One for each image of the result. Raises `SeedbankError` for what is no picture."""
    images = images_of(result)
    if output_type == LATENT and images:
        return [lambda: None] * len(images)
    if not images or not all(_is_picture(image) for image in images):
        raise SeedbankError("The pipeline returned no pictures, so nothing was recorded.", "Ask for output_type='pil'.")
    return [_picture(image) for image in images]


def _is_picture(image: Any) -> bool:
    """A Pillow image, or a tensor or an array of floats."""
    if hasattr(image, "dtype"):
        return "float" in str(image.dtype) and len(image.shape) in (2, 3)
    return hasattr(image, "tobytes") and hasattr(image, "mode")


def _picture(image: Any) -> Picture:
    if hasattr(image, "detach"):
        from seedbank.worker.beside import copies

        (copied,) = copies(image)
        return lambda: _from_floats(copied.wait().permute(1, 2, 0).float().numpy())
    if hasattr(image, "dtype"):
        array = image.copy()
        return lambda: _from_floats(array)
    copied = image.copy()  # takes a quarter of the time of its bytes, which are asked for when it is stored
    return lambda: pixels_of(copied)


def _from_floats(array: Any) -> Pixels:
    """Pixels of an array (height, width, channels) or (height, width) of floats from 0 to 1."""
    height, width, channels = array.shape if array.ndim == 3 else (*array.shape, 1)
    if channels not in MODES:
        raise SeedbankError(f"An image of {channels} channels is no picture that can be stored.")
    return Pixels(MODES[channels], width, height, (array * 255).round().astype("uint8").tobytes())
