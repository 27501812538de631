"""Pages for a browser: self-contained HTML files of entries."""

from seedbank.pages.gallery import MOST, gallery
from seedbank.pages.grid import grid

__all__ = ["MOST", "gallery", "grid"]
