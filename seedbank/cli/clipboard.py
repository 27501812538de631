"""What the desktop is asked for: the clipboard, by its own tool or the terminal's OSC 52 sequence, and opening files."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys

from seedbank.errors import SeedbankError

TOOLS = (
    ("wl-copy", "WAYLAND_DISPLAY", (), "utf-8"),
    ("xclip", "DISPLAY", ("-selection", "clipboard"), "utf-8"),
    ("pbcopy", "", (), "utf-8"),
    ("clip.exe", "", (), "utf-16-le"),
)
"""(command, environment variable that must be set, arguments, encoding); clip.exe takes UTF-8 for the
code page of its Windows, in which Chinese becomes other characters, and keeps a byte order mark as a part of the text."""


def copy(text: str) -> str:
    """Put `text` on the clipboard; says how. Raises `SeedbankError` when there is neither a tool that works nor a terminal."""
    for command, variable, arguments, encoding in TOOLS:
        if shutil.which(command) and (not variable or os.environ.get(variable)):
            # What a tool says is not shown: a desktop that went away is not the user's question, and there is another way.
            done = subprocess.run([command, *arguments], input=text.encode(encoding), stderr=subprocess.DEVNULL, check=False)
            if done.returncode == 0:
                return f"copied with {command}"
    if sys.stderr.isatty():
        sys.stderr.write(f"\033]52;c;{base64.b64encode(text.encode()).decode()}\a")
        sys.stderr.flush()
        return "copied through the terminal"
    raise SeedbankError("There is no clipboard here: no desktop tool that works and no terminal.", "Use --print.")


def can_show() -> bool:
    """Whether there is a desktop on which a file can be opened: Linux says so in variables, other systems have one."""
    return not sys.platform.startswith("linux") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
    )
