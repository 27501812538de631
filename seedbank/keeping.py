"""Models that the bank keeps itself, and what an entry lacks to be rebuilt today.

Kept weights are files of the image store like any other, each under its SHA-256; a regeneration finds them there when
the folder they came from is gone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from seedbank.bank import Bank
from seedbank.engine.source import cache_folder
from seedbank.errors import Blocked, NotFound, StorageError
from seedbank.recipe import Recipe
from seedbank.records import Model


def known_adapters(bank: Bank, recipe: Recipe | None) -> Mapping[str, Model]:
    """{digest: what the bank knows} of the adapters of a recipe."""
    known = {}
    for item in recipe.adapters if recipe is not None else ():
        try:
            known[item["digest"]] = bank.store.model(item["digest"])
        except NotFound:
            continue
    return known


def kept_folder(bank: Bank, model: Model) -> Path | None:
    """A folder with the model's files as the bank keeps them, named as in its manifest; None when it does not keep them.

    The folder lies in the cache and can be made again at any time. A file of a local image store is linked, not copied.
    """
    if not is_kept(bank, model):
        return None
    folder = cache_folder() / "kept" / model.digest
    if folder.is_dir() and all((folder / file.path).exists() for file in model.files):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as building:
        whole = Path(building) / "model"
        for file in model.files:
            _bring(bank, file.sha256, whole / file.path)
        try:
            whole.replace(folder)
        except OSError:  # another process was quicker
            if not folder.is_dir():
                raise
    return folder


def is_kept(bank: Bank, model: Model) -> bool:
    """Whether every file of the model lies in the image store."""
    return bool(model.files) and all(bank.blobs.has(file.sha256) for file in model.files)


def _bring(bank: Bank, digest: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    local = bank.blobs.path(digest)
    try:
        if local is not None:
            os.symlink(local, path)
            return
        with bank.blobs.stream(digest) as stream, path.open("wb") as out:
            shutil.copyfileobj(stream, out, 1 << 20)
    except StorageError as error:
        raise Blocked(f"A kept file of the model cannot be read: {error.message}", error.hint) from None
