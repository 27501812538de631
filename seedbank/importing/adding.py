"""`models add`: the weights in a folder, hashed once in every way in which other tools name them.

A file is judged by its tensors, not by its name or place. What was read is remembered by path, size, times and inode, and
stored file by file, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seedbank.bank import Bank
from seedbank.engine.adapters import read_adapter
from seedbank.engine.hashes import CHECKPOINT, RememberedHashes, folder_hash, kind_of, source_hashes
from seedbank.engine.manifest import SINGLE_FILE, OnBytes, check_safetensors, hash_files, manifest_digest, read_model
from seedbank.engine.source import Source, find_model
from seedbank.errors import BadInput, Blocked, SeedbankError
from seedbank.frozen import replace
from seedbank.importing.weights import EMBEDDING, LORA, NAME, VAE, plain_name
from seedbank.pipelines import CONTROLNETS, VAES
from seedbank.progress import QUIET, Progress
from seedbank.records import Model
from seedbank.worker.adapters import CONTROLNET

PICKLED = (".ckpt", ".pt", ".pth", ".bin")
INDEX = "model_index.json"


@dataclass(frozen=True)
class Added:
    """What became of one file or folder. `model` is None for one that was not taken; `reason` says why, or what it lacks."""

    path: Path
    model: Model | None = None
    reason: str = ""


def add_models(
    bank: Bank, places: Sequence[str | Path], configs: Sequence[str | Path] = (), progress: Progress = QUIET
) -> Iterator[Added]:
    """Hash and store the weights at `places` (files, and folders with all that is in them); yields each once it is stored.

    `configs` are pipeline folders that say how single-file checkpoints are put together, one for each family. Raises
    `BadInput` for a place that is not there.
    """
    from seedbank.store.weights import add_weights

    pipelines = _pipelines(configs)
    found = [path for place in places for path in _walk(_existing(place))]
    hashes = RememberedHashes()
    with progress.task("hashing weights", total=sum(map(_size, found)), unit="B") as task:
        for path in found:
            try:
                added = _read(path, pipelines, hashes, task.advance)
            except (SeedbankError, OSError) as error:
                yield Added(path, reason=error.message if isinstance(error, SeedbankError) else str(error))
                continue
            if added.model is not None:
                add_weights(bank.store.database, bank.store.user, [added.model])
            yield added


def _existing(place: str | Path) -> Path:
    path = Path(os.path.abspath(Path(place).expanduser()))
    if not path.exists():
        raise BadInput(f"There is no file or folder {place}.", "Check the path.")
    return path


def _pipelines(configs: Sequence[str | Path]) -> Mapping[str, Path]:
    """{pipeline class: the folder with its configs}. Raises `BadInput`."""
    import json

    found = {}
    for place in configs:
        folder = _existing(place)
        try:
            found[str(json.loads((folder / INDEX).read_text("utf-8"))["_class_name"])] = folder
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise BadInput(
                f"{folder} has no {INDEX} that says a pipeline class.", "Name a diffusers pipeline folder."
            ) from None
    return found


def _walk(path: Path) -> Iterator[Path]:
    """The files and model folders at `path`, in the order of their names. Links to folders are not followed."""
    if not path.is_dir() or _is_model_folder(path):
        yield path
        return
    for folder, names, files in os.walk(path):
        here = Path(folder)
        names.sort()
        inside = [name for name in names if _is_model_folder(here / name)]
        yield from (here / name for name in inside)
        names[:] = [name for name in names if name not in inside and not name.startswith(".")]
        yield from (here / name for name in sorted(files) if name.endswith((".safetensors", *PICKLED)))


def _is_model_folder(path: Path) -> bool:
    return (path / INDEX).is_file() or _component(path) is not None


def _component(folder: Path) -> str | None:
    """`vae` or `controlnet` for the folder of one of these."""
    import json

    config = folder / "config.json"
    try:
        name = json.loads(config.read_text("utf-8")).get("_class_name") if config.is_file() else None
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return VAE if name in VAES else CONTROLNET if name in CONTROLNETS else None


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*.safetensors"))


def _read(path: Path, pipelines: Mapping[str, Path], hashes: RememberedHashes, on_bytes: OnBytes) -> Added:
    """The weights at `path` with their hashes. Raises `Blocked` for what is damaged or not to be loaded."""
    if path.is_dir():
        digests = folder_hash(path, hashes, on_bytes)
        part = _component(path)
        model = read_model(find_model(str(path))) if part is None else read_adapter(part, path).model
        return Added(path, _with(model, digests))
    if path.suffix in PICKLED:
        raise Blocked("Pickled weights, which can run code, are not read. Convert them to safetensors where you trust them.")
    if path.exists() and not path.is_file():  # a pipe would be waited for without an end
        raise Blocked("It is no regular file.")
    check_safetensors(path)
    kind, family = kind_of(path)
    digests = hashes.of(path, on_bytes)
    if kind in (LORA, EMBEDDING, VAE):
        return Added(path, _with(read_adapter(kind, path).model, digests))
    config = pipelines.get(family) if family is not None else next(iter(pipelines.values()), None)
    if config is not None:
        source = Source(path.stem, str(path), config, file=path)
        return Added(path, _with(read_model(source), source_hashes(source, hashes)))
    listed = hash_files({SINGLE_FILE: path})
    model = Model(manifest_digest(listed), path.stem, listed, pipeline=CHECKPOINT, source=str(path))
    what = f" of a {family}" if family else ""
    return Added(path, _with(model, digests), f"A single file{what}: to render with it, add it with --model-config FOLDER.")


def _with(model: Model, digests: Mapping[str, str]) -> Model:
    """The model with its hashes, and its name as names are compared."""
    plain = plain_name(model.name)
    return replace(model, hashes=(*digests.items(), *([(NAME, plain)] if plain else [])))


# -- what imports mean by their names ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """Weights that imported files name, how many live entries need them, and what they are here; None where not known."""

    model: Model
    entries: int
    meaning: Model | None


def named_weights(bank: Bank) -> list[Named]:
    """All weights that imported files name and that were not known when these came in."""
    from seedbank.keeping import meanings, models
    from seedbank.store.weights import counterparts

    asked, meant = counterparts(bank.store.database), meanings(bank, half=True)
    return [Named(use.model, use.entries, meant.get(use.model.digest)) for use in models(bank) if use.model.digest in asked]
