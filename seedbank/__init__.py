"""seedbank: the seed database and asset library for diffusion images.

    import seedbank

    with seedbank.open("art.db", create=True) as bank:
        entry, = bank.generate("a red circle on a blue background", seed=7, tags=["poster"])
        print(bank.regen(entry.id)[0].regeneration.verdict)      # exact

Importing this package loads neither a database nor torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.errors import SeedbankError
    from seedbank.explore.latents import interpolate
    from seedbank.importing.reading import FileReading
    from seedbank.recipe import Recipe, used_seed
    from seedbank.recording.request import Request

    __version__: str

_WHERE = {
    "FileReading": "importing.reading",
    "Library": "api",
    "Recipe": "recipe",
    "Request": "recording.request",
    "SeedbankError": "errors",
    "interpolate": "explore.latents",
    "used_seed": "recipe",
}

__all__ = [
    "FileReading",
    "Library",
    "Recipe",
    "Request",
    "SeedbankError",
    "__version__",
    "interpolate",
    "open",
    "read",
    "used_seed",
]


def open(url: str | Path | None = None, *, create: bool = False, images: str | None = None, user: str | None = None) -> Library:
    """The bank at `url`: a path, `sqlite:///…` or `postgresql://…`; None is the bank that the configuration names.

    With `create` it is made where there is none; `images` is then the place of its image store (a folder or
    `s3://bucket/prefix`), by default a folder beside the SQLite file. Raises `NoBank`, `OtherSchema`, `StorageError`.
    """
    from seedbank import config
    from seedbank.api import Library

    place = config.locate(None if url is None else str(url))
    return Library.open(place.url, create=create, images=images, user=user)


def read(path: str | Path, *, deep: bool = False, tool: str | None = None) -> FileReading:
    """What a picture, or a text beside one, says of how it was made; no bank is needed.

    `.tool` is the tool that wrote it, `.recipe` what it says, each field as in the file and None where it says nothing,
    `.raw` the texts themselves. `deep` also looks for text that is hidden in the pixels of files that carry other
    metadata; `tool` names the one format to try. Raises `NotFound` and `BadInput` where the file cannot be opened.
    """
    from seedbank.importing import reading

    return reading.read(path, deep=deep, tool=tool)


def __getattr__(name: str) -> Any:
    """Names are imported when they are asked for; `importlib.metadata` alone costs as much as half of SQLAlchemy."""
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        return version("seedbank-images")
    if name not in _WHERE:
        raise AttributeError(f"module 'seedbank' has no attribute {name!r}")
    return getattr(import_module(f"seedbank.{_WHERE[name]}"), name)
