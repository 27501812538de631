"""The metadata of other tools: pure text to values and back, no files and no pictures."""
