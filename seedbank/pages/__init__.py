"""Pages for a browser: self-contained HTML files of entries."""

from seedbank.pages.gallery import MOST, gallery
from seedbank.pages.grid import check_count, grid

__all__ = ["MOST", "check_count", "gallery", "grid"]
