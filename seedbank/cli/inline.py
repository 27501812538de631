"""Pictures inside a terminal: the protocols of kitty and of iTerm2, which other terminals have taken over.

kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/ · iTerm2: https://iterm2.com/documentation-images.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

KITTY, ITERM = "kitty", "iterm2"
CHUNK = 4096
"""Characters that kitty takes in one piece."""


def protocol(environ: Mapping[str, str]) -> str | None:
    """How this terminal shows pictures, None when it is not known to. Multiplexers swallow both protocols."""
    program, term = environ.get("TERM_PROGRAM", ""), environ.get("TERM", "")
    if environ.get("TMUX") or term.startswith(("screen", "tmux")):
        return None
    if environ.get("KITTY_WINDOW_ID") or term in ("xterm-kitty", "xterm-ghostty") or program == "ghostty":
        return KITTY
    if program in ("iTerm.app", "WezTerm", "mintty") or environ.get("LC_TERMINAL") == "iTerm2":
        return ITERM
    return None


def picture(png: bytes, how: str, rows: int) -> str:
    """What a terminal must be sent to show a PNG file `rows` lines high."""
    data = base64.b64encode(png).decode()
    if how == ITERM:
        return f"\033]1337;File=inline=1;size={len(png)};height={rows};preserveAspectRatio=1:{data}\a"
    pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    said = []
    for number, piece in enumerate(pieces):
        control = f"a=T,f=100,q=2,r={rows}," if number == 0 else ""
        said.append(f"\033_G{control}m={int(number < len(pieces) - 1)};{piece}\033\\")
    return "".join(said)


def show(png: bytes, how: str, rows: int) -> None:
    """Send it to the terminal."""
    import click

    click.echo(picture(png, how, rows), color=True)
