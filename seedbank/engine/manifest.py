"""The manifest of a model: every weight and config file that is loaded, with its SHA-256. Its digest is the model digest.

Files are judged by content, never by name: a pickle renamed to `.safetensors` is refused, and a file in a hub cache whose
name is the *expected* digest is hashed all the same. A file is hashed once and remembered by path, size, modification
and change time and inode; the change time cannot be set back, so that a flipped byte is noticed behind any file name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from seedbank.engine.source import Source, cache_folder, remember
from seedbank.errors import Blocked
from seedbank.hashing import CHUNK, json_digest
from seedbank.pipelines import facts
from seedbank.records import Model, ModelFile

LIBRARIES = ("diffusers", "transformers")
"""Components come from these libraries only; anything else in a `model_index.json` is custom code."""
OF_PIPELINES = (["stable_diffusion", "StableDiffusionSafetyChecker"],)
"""Components that diffusers keeps beside a pipeline and lists by the name of its folder."""
CONFIG_SUFFIXES = (".json", ".txt", ".model", ".jinja")
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
SINGLE_FILE = "single.safetensors"
"""The name of a single-file model's weights in its manifest."""
LARGEST_CONFIG = 16 << 20
LARGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors format itself."""

OnBytes = Callable[[int], None]


def read_model(source: Source, on_bytes: OnBytes | None = None) -> Model:
    """The model at `source`, every loaded file hashed. `on_bytes(n)` is called as bytes are read, for a progress bar.

    Raises `Blocked` for a class that is not allowed, custom code, pickle weights and damaged files.
    """
    pipeline, _ = _read_index(source.folder)
    listed = hash_files(model_files(source), on_bytes)
    return Model(
        digest=manifest_digest(listed),
        name=source.name,
        files=listed,
        pipeline=pipeline,
        source=source.spec,
        revision=source.revision,
        variant=source.variant,
        config=str(source.folder) if source.file else None,
    )


def model_files(source: Source) -> dict[str, Path]:
    """{name in the manifest: file} of everything that is loaded. Raises `Blocked`."""
    _, components = _read_index(source.folder)
    return _single_files(source, components) if source.file else _folder_files(source, components)


def hash_files(files: Mapping[str, Path], on_bytes: OnBytes | None = None) -> tuple[ModelFile, ...]:
    """The entries of a manifest for {name in it: file}."""
    digests = RememberedDigests(cache_folder() / "digests.json")
    listed = tuple(ModelFile(name, path.stat().st_size, digests.digest(path, on_bytes)) for name, path in sorted(files.items()))
    digests.save()
    return listed


def manifest_digest(files: Iterable[ModelFile]) -> str:
    """The model digest: SHA-256 of the canonical JSON of ``{path: sha256}``."""
    return json_digest({item.path: item.sha256 for item in files})


def changed_files(old: Model, new: Model) -> list[tuple[str, str | None, str | None]]:
    """The files that differ between two manifests, as (path, old SHA-256 or None, new SHA-256 or None)."""
    before = {item.path: item.sha256 for item in old.files}
    after = {item.path: item.sha256 for item in new.files}
    return [(path, before.get(path), after.get(path)) for path in sorted(before | after) if before.get(path) != after.get(path)]


def total_bytes(source: Source) -> int:
    """How many bytes `read_model` would read at most, for a progress bar."""
    return sum(path.stat().st_size for path in model_files(source).values())


def loaded_weights(source: Source) -> dict[str, list[Path]]:
    """{component: its `.safetensors` files}; for a single file nothing, as its names are mapped while loading."""
    if source.file:
        return {}
    _, components = _read_index(source.folder)
    return {name: _weights(source.folder / name, source.variant) for name in components}


# -- which files are loaded -------------------------------------------------------------------------------------------


def _read_index(folder: Path) -> tuple[str, list[str]]:
    """(pipeline class, names of the components with files) from `model_index.json`."""
    path = folder / "model_index.json"
    if not folder.is_dir():
        raise Blocked(f"The model folder {folder} is gone.", "Put it back, or name another with --model.")
    if not path.is_file():
        raise Blocked(f"{folder} has no model_index.json, so it is not a diffusers pipeline folder.")
    index = _read_json(path)
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str):
        raise Blocked(f"{path} asks for custom code ({pipeline!r}), which seedbank never runs.")
    facts(pipeline)
    components = []
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or value[:1] == [None]:
            continue
        if len(value) != 2 or (value[0] not in LIBRARIES and value not in OF_PIPELINES):
            raise Blocked(
                f"The component {name} of {path} comes from {value[0]!r}, which is custom code.",
                "seedbank never runs it.",
            )
        components.append(name)
    return pipeline, components


def _folder_files(source: Source, components: list[str]) -> dict[str, Path]:
    files = {"model_index.json": source.folder / "model_index.json"}
    for name in components:
        folder = source.folder / name
        if not folder.is_dir():
            raise Blocked(f"The folder {folder} of the component {name} is missing.", "Fetch the model again.")
        files |= {f"{name}/{file}": path for file, path in component_files(folder, source.variant).items()}
    return files


def component_files(folder: Path, variant: str | None = None) -> dict[str, Path]:
    """{name: file} of what is loaded from the folder of one component; the weights are well-formed safetensors."""
    files = {
        path.name: path
        for path in sorted(folder.iterdir())
        if path.suffix in CONFIG_SUFFIXES and not _is_other_index(path.name, variant)
    }
    weights = _weights(folder, variant)
    for path in weights:
        check_safetensors(path)
    return files | {path.name: path for path in weights}


def _single_files(source: Source, components: list[str]) -> dict[str, Path]:
    """The file itself and the configs that say how its pipeline is put together, but none of the folder's weights."""
    assert source.file is not None
    check_safetensors(source.file)
    files = {SINGLE_FILE: source.file, "model_index.json": source.folder / "model_index.json"}
    for name in components:
        if (source.folder / name).is_dir():
            for path in sorted((source.folder / name).iterdir()):
                if path.suffix in CONFIG_SUFFIXES and not path.name.endswith(".index.json"):
                    files[f"{name}/{path.name}"] = path
    return files


def _weights(folder: Path, variant: str | None) -> list[Path]:
    """The `.safetensors` files that diffusers loads from a component's folder: of the variant where it has one."""
    every = sorted(path for path in folder.iterdir() if path.suffix == ".safetensors")
    chosen = [path for path in every if variant and _is_variant(path.name, variant)]
    chosen = chosen or [path for path in every if not _has_variant(path.name)]
    if not chosen:
        if pickled := sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES):
            raise _pickle(folder / pickled[0])
        if every:
            raise Blocked(f"{folder} has weights of a variant only ({every[0].name}).", "Name it with --variant.")
    return chosen


def only_variant(folder: Path) -> str | None:
    """The one variant of which a pipeline folder has weights where it has no others, as a hub gives `fp16` alone; else None."""
    found = {
        re.sub(r"-\d+-of-\d+$", "", _stem_parts(path.name)[1])
        for part in folder.iterdir()
        if part.is_dir()
        and (weights := [path for path in part.iterdir() if path.suffix == ".safetensors"])
        and all(_has_variant(path.name) for path in weights)
        for path in weights
    }
    return found.pop() if len(found) == 1 else None


def _stem_parts(name: str) -> list[str]:
    return name.removesuffix(".safetensors").removesuffix(".safetensors.index.json").split(".")


def _is_variant(name: str, variant: str) -> bool:
    return any(part == variant or part.startswith(f"{variant}-0") for part in _stem_parts(name)[1:])


def _has_variant(name: str) -> bool:
    return len(_stem_parts(name)) > 1


def _is_other_index(name: str, variant: str | None) -> bool:
    """Whether this is the shard list of a variant that is not loaded."""
    if not name.endswith(".safetensors.index.json") and not name.endswith(".bin.index.json"):
        return False
    if name.endswith(".bin.index.json"):
        return True
    return not (_is_variant(name, variant) if variant else not _has_variant(name.removesuffix(".index.json")))


# -- what a file really is --------------------------------------------------------------------------------------------


def check_safetensors(path: Path) -> None:
    """Raises `Blocked` unless `path` is a well-formed safetensors file: by content, before anything else reads it.

    Format: uint64le header length, JSON header ``{name: {dtype, shape, data_offsets}}``, then the tensor bytes
    (huggingface/safetensors, "Format").
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        if start[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
            raise _pickle(path)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(LARGEST_HEADER, size - 8):
            raise Blocked(f"{path} is damaged: it is not a safetensors file.", "Fetch it again.")
        try:
            header = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise Blocked(f"{path} is damaged: its safetensors header cannot be read.", "Fetch it again.") from None
    if 8 + length + max(ends, default=0) != size:
        raise Blocked(
            f"{path} is damaged: it has {size:,} bytes, its header promises {8 + length + max(ends, default=0):,}.",
            "Fetch it again.",
        )


def _pickle(path: Path) -> Blocked:
    return Blocked(
        f"{path} holds pickled weights, which can run code when they are loaded.",
        "Convert them to safetensors where you trust them, then name that file.",
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if (size := path.stat().st_size) > LARGEST_CONFIG:
            raise Blocked(f"{path} has {size:,} bytes, which no configuration has.", "Fetch the model again.")
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Blocked(f"{path} cannot be read: {error}.", "Fetch the model again.") from None
    if not isinstance(value, dict):
        raise Blocked(f"{path} is damaged: it is not a JSON object.", "Fetch the model again.")
    return value


class RememberedDigests:
    """SHA-256 of files that were hashed before, kept in one JSON file that may be lost at any time without harm."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changed = False
        try:
            known = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            known = None
        self.known: dict[str, list[Any]] = known if isinstance(known, dict) else {}

    def digest(self, path: Path, on_bytes: OnBytes | None = None) -> str:
        """The SHA-256 of the file, read only when it is not the one that was hashed before."""
        real = path.resolve()
        about = real.stat()
        key, state = str(real), [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
        remembered = self.known.get(key)
        if isinstance(remembered, list) and len(remembered) == 5 and remembered[:4] == state:
            if on_bytes:
                on_bytes(about.st_size)
            return str(remembered[4])
        digest = _hash(real, on_bytes)
        if real.stat().st_mtime_ns != about.st_mtime_ns or real.stat().st_size != about.st_size:
            raise Blocked(f"{path} changed while it was read.", "Wait until it is written, then try again.")
        self.known[key] = [*state, digest]
        self.changed = True
        return digest

    def remember(self, path: Path, digest: str) -> None:
        """The file, as it is now, has this SHA-256: somebody else has read it."""
        about = path.stat()
        self.known[str(path)] = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, digest]
        self.changed = True

    def save(self) -> None:
        """Write what was learnt; failing to do so costs time later, nothing else."""
        if not self.changed:
            return
        remember(self.path, json.dumps(self.known))


def _hash(path: Path, on_bytes: OnBytes | None) -> str:
    import hashlib

    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            hasher.update(chunk)
            if on_bytes:
                on_bytes(len(chunk))
    return hasher.hexdigest()
