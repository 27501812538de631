"""Starts render processes and speaks with them; needs no torch itself."""
