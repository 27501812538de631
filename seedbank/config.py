"""Where the bank is and who is at work.

Looked up in this order, first found counts: the `--bank` option, ``SEEDBANK_BANK``, a ``seedbank.toml`` in the working
folder or one above it, the one in the user's configuration folder, at last the default bank in the user's data folder.

    # seedbank.toml
    bank = "art.db"          # a path, relative to this file; or sqlite:///…, postgresql://…
    user = "mei"
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from seedbank.errors import BadInput

FILE = "seedbank.toml"
KEYS = ("bank", "user")


class Place(Struct, frozen=True):
    """The bank's path or database URL, and what named it. Only the default one is made by commands that write."""

    url: str
    named_by: str

    @property
    def is_named(self) -> bool:
        """Whether this command was told the bank: the next one is not, unless it is told, too."""
        return self.named_by in ("--bank", "SEEDBANK_BANK")

    @property
    def is_default(self) -> bool:
        return self.named_by == "default"


def locate(bank: str | None = None) -> Place:
    """The bank that `bank`, the environment or a configuration file names, else the default one; it need not exist."""
    if bank is not None:
        if not bank.strip():  # a variable that is not set, perhaps: it does not mean another bank
            raise BadInput("The name of the bank is empty.", "Name a file or a database URL.")
        return Place(bank, "--bank")
    if named := os.environ.get("SEEDBANK_BANK"):
        return Place(named, "SEEDBANK_BANK")
    for path, values in _files():
        if named := values.get("bank"):
            return Place(named if "://" in named else str(path.parent / Path(named).expanduser()), str(path))
    return Place(str(_user_folder("XDG_DATA_HOME", ".local/share") / "bank.db"), "default")


def user() -> str:
    """Whose operations and opinions are recorded: ``SEEDBANK_USER``, a configuration file, or the login name."""
    if name := os.environ.get("SEEDBANK_USER", "").strip():
        return name
    for _, values in _files():
        if named := values.get("user"):
            return named
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # containers run under numbers that no account has
        return f"user-{os.getuid()}"


def _files() -> Iterator[tuple[Path, dict[str, str]]]:
    """The configuration files that exist, nearest first, with their values."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (path := folder / FILE).is_file():
            yield path, _read(path)
            break
    if (path := _user_folder("XDG_CONFIG_HOME", ".config") / FILE).is_file():
        yield path, _read(path)


def _user_folder(variable: str, default: str) -> Path:
    """The user's own folder for seedbank, by the XDG Base Directory Specification or as is usual on macOS."""
    if named := os.environ.get(variable):
        return Path(named) / "seedbank"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/seedbank"
    return Path.home() / default / "seedbank"


def _read(path: Path) -> dict[str, str]:
    import tomllib

    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.", "Correct or remove it.") from None
    for key, value in values.items():
        if key not in KEYS:
            raise BadInput(f"{path} has the key {key!r}, which means nothing.", f"It can have {' and '.join(KEYS)}.")
        if not isinstance(value, str):
            raise BadInput(f"{key} in {path} is not a text.", f'Write {key} = "…".')
    return values
