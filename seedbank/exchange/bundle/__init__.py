"""Bundles: entries with everything that belongs to them as one file, and back into any bank. See docs/bundles.md."""
