"""Recipes that travel: as text, as a script, in bundles of entries, and to the tool that made them."""
