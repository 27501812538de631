"""Pages for a browser: self-contained HTML files of entries."""

from seedbank.pages.gallery import MOST, gallery

__all__ = ["MOST", "gallery"]
