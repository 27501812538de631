"""Pictures: pixels to files and back, how far two pictures are apart, and sheets of many.

Only this package loads Pillow. Import it inside functions: listing a bank needs no pictures.
"""

from __future__ import annotations

from seedbank.images.codec import DecodedImage, encode_png, picture_of, read_image
from seedbank.images.compare import metrics, perceptual_hash
from seedbank.images.grids import Block, grid_sheet
from seedbank.images.hidden import hidden_texts
from seedbank.images.sheets import Cell, contact_sheet, difference_sheet, rewritten, smaller, thumbnail
from seedbank.images.stripping import with_texts, without_metadata

__all__ = [
    "Block",
    "Cell",
    "DecodedImage",
    "contact_sheet",
    "difference_sheet",
    "encode_png",
    "grid_sheet",
    "hidden_texts",
    "metrics",
    "perceptual_hash",
    "picture_of",
    "read_image",
    "rewritten",
    "smaller",
    "thumbnail",
    "with_texts",
    "without_metadata",
]
