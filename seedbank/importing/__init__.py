"""Bring in what other tools made: read files, make their recipes runnable, walk folders into a bank."""
