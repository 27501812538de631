"""Pictures: pixels to files and back, how far two pictures are apart, and sheets of many.

Only this package loads Pillow. Import it inside functions: listing a bank needs no pictures.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seedbank.images.codec import DecodedImage, encode_png, picture_and_png, picture_of, read_image
    from seedbank.images.compare import metrics, perceptual_hash
    from seedbank.images.grids import Block, grid_sheet
    from seedbank.images.hidden import hidden_texts
    from seedbank.images.sheets import Cell, check_count, contact_sheet, difference_sheet, rewritten, smaller, thumbnail
    from seedbank.images.stripping import with_texts, without_metadata

_WHERE = {
    "Block": "grids",
    "Cell": "sheets",
    "DecodedImage": "codec",
    "check_count": "sheets",
    "contact_sheet": "sheets",
    "difference_sheet": "sheets",
    "encode_png": "codec",
    "grid_sheet": "grids",
    "hidden_texts": "hidden",
    "metrics": "compare",
    "perceptual_hash": "compare",
    "picture_and_png": "codec",
    "picture_of": "codec",
    "read_image": "codec",
    "rewritten": "sheets",
    "smaller": "sheets",
    "thumbnail": "sheets",
    "with_texts": "stripping",
    "without_metadata": "stripping",
}

__all__ = [
    "Block",
    "Cell",
    "DecodedImage",
    "check_count",
    "contact_sheet",
    "difference_sheet",
    "encode_png",
    "grid_sheet",
    "hidden_texts",
    "metrics",
    "perceptual_hash",
    "picture_and_png",
    "picture_of",
    "read_image",
    "rewritten",
    "smaller",
    "thumbnail",
    "with_texts",
    "without_metadata",
]


def __getattr__(name: str) -> Any:
    """Names are imported when they are asked for: who reads headers needs neither numpy nor a font."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
