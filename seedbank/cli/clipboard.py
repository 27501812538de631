"""Putting text on the clipboard: the desktop's own tool where there is one, else the terminal's OSC 52 sequence."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys

from seedbank.errors import SeedbankError

TOOLS = (
    ("wl-copy", "WAYLAND_DISPLAY", ()),
    ("xclip", "DISPLAY", ("-selection", "clipboard")),
    ("pbcopy", "", ()),
    ("clip.exe", "", ()),
)
"""(command, environment variable that must be set, arguments)"""


def copy(text: str) -> str:
    """Put `text` on the clipboard; says how. Raises `SeedbankError` when there is neither a tool nor a terminal."""
    for command, variable, arguments in TOOLS:
        if shutil.which(command) and (not variable or os.environ.get(variable)):
            subprocess.run([command, *arguments], input=text.encode(), check=True)
            return f"copied with {command}"
    if sys.stderr.isatty():
        sys.stderr.write(f"\033]52;c;{base64.b64encode(text.encode()).decode()}\a")
        sys.stderr.flush()
        return "copied through the terminal"
    raise SeedbankError("There is no clipboard here: no desktop tool and no terminal.", "Use --print.")
