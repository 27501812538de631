"""Where a model's files are on this machine: `embedded`, a hub name, a local folder, or one `.safetensors` file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from seedbank.errors import BadInput, Blocked, MissingEngine, StorageError

PACKAGED = Path(__file__).resolve().parent.parent / "_models"
"""Folders of the models that travel with seedbank: today `embedded-2` alone, as a wheel has room for one."""
EMBEDDED = "embedded@2"
"""What the name `embedded` means in this version."""
STANDIN = "embedded@0"
COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class Source(Struct, frozen=True):
    """A model found on this machine, not read yet.

    name      what people call it: `embedded@1`, `Tongyi-MAI/Z-Image-Turbo`, the name of a folder or file
    spec      what finds it again: the name, or the absolute path
    folder    the pipeline folder; for a single file the folder with its configs
    file      the single `.safetensors` file, or None
    revision  the 40-hex commit of a hub model
    variant   `fp16` and the like
    """

    name: str
    spec: str
    folder: Path
    file: Path | None = None
    revision: str | None = None
    variant: str | None = None


def cache_folder() -> Path:
    """The folder for what can be made again: the stand-in model, remembered digests and answers, environments."""
    root = os.environ.get("SEEDBANK_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "seedbank")
    return Path(root).expanduser()


def made(folder: Path) -> Path:
    """The folder, which lies in the cache, made where it is not there. Raises `StorageError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"The cache folder {folder} cannot be made: {error.strerror}.", "Name another place in SEEDBANK_CACHE."
        ) from None
    return folder


def remember(path: Path, text: str) -> None:
    """Write a file of the cache whole, beside others who do so. Failing costs time later, nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.tmp")
        beside.write_text(text, "utf-8")
        beside.replace(path)
    except OSError:
        return


def find_model(
    spec: str,
    *,
    revision: str | None = None,
    variant: str | None = None,
    config: str | Path | None = None,
    offline: bool = False,
) -> Source:
    """The files that `spec` names.

    Hub names are resolved to a commit first and then fetched at that commit only, so that nothing can change in between;
    with `offline` nothing but the local hub cache is asked. Raises `Blocked` when the files are not to be had, `BadInput`
    where nothing of this name is, or no model.
    """
    if spec == "embedded" or spec.startswith("embedded@"):
        return _embedded(spec)
    path = Path(spec).expanduser()
    if path.is_dir():
        folder = path.resolve()
        if not (folder / "model_index.json").is_file():
            raise BadInput(
                f"{folder} has no model_index.json, so it is not a diffusers pipeline folder.", "Name another folder."
            )
        return Source(_folder_name(folder), str(folder), folder, revision=_snapshot_commit(folder), variant=variant)
    if path.is_file():
        # Links stay: in a hub cache the file behind the link has neither name nor suffix.
        return _single_file(Path(os.path.abspath(path)), config)
    if HUB_NAME.fullmatch(spec) and not spec.startswith("."):
        return _hub(spec, revision, variant, offline)
    raise BadInput(f"There is no model {spec!r}: no such folder or file.", "Check the path, or use --model embedded.")


def check_meant(spec: str, revision: str | None, variant: str | None, config: str | Path | None) -> None:
    """Raises `BadInput` for what is said beside `spec` and means nothing for such a model."""
    path = Path(spec).expanduser()
    given = {"--revision": revision, "--variant": variant, "--model-config": config}
    if spec == "embedded" or spec.startswith("embedded@"):
        what, takes = "comes with seedbank", set[str]()
    elif path.is_dir():
        what, takes = "is a folder", {"--variant"}
        if revision == _snapshot_commit(path.resolve()):
            takes.add("--revision")  # of a folder in a hub cache, as it was recorded
    elif path.is_file():
        what, takes = "is a single file", {"--model-config"}
    else:
        what, takes = "is a name on the hub", {"--revision", "--variant"}
    for option, value in given.items():
        if value is not None and option not in takes:
            raise BadInput(f"{option} has no effect here: {spec} {what}.", "Leave it away.")


def _embedded(spec: str) -> Source:
    name = EMBEDDED if spec == "embedded" else spec
    number = name.removeprefix("embedded@")
    folder = cache_folder() / "models" / "embedded-0" if name == STANDIN else PACKAGED / f"embedded-{number}"
    if not (folder / "model_index.json").exists() and name != STANDIN:
        raise BadInput(
            f"The model {name} is not part of this seedbank.",
            f"This one has {EMBEDDED}: use --model embedded, or name the folder that holds {name} with --model.",
        )
    return Source(name, name, folder)


def _single_file(path: Path, config: str | Path | None) -> Source:
    if config is None:
        raise BadInput(
            f"{path.name} is a single file, which does not say how its pipeline is put together.",
            "Add --model-config FOLDER: the pipeline folder with its configs, without weights.",
        )
    folder = Path(config).expanduser().resolve()
    if not (folder / "model_index.json").is_file():
        raise BadInput(f"The folder {folder} of --model-config has no model_index.json.", "Name a diffusers pipeline folder.")
    return Source(path.stem, str(path), folder, file=path)


def _snapshot_commit(folder: Path) -> str | None:
    """The commit of a folder inside a hub cache (`…/snapshots/<40-hex>`), else None."""
    return folder.name if folder.parent.name == "snapshots" and COMMIT.fullmatch(folder.name) else None


def hub_folder(folder: Path) -> tuple[str, str | None]:
    """(what people call a folder, its commit when it is a snapshot in a hub cache)."""
    return _folder_name(folder), _snapshot_commit(folder)


def _folder_name(folder: Path) -> str:
    """What people call a folder: a snapshot in a hub cache (`models--org--name/snapshots/<commit>`) by its hub name."""
    repository = folder.parent.parent.name
    if _snapshot_commit(folder) and repository.startswith("models--"):
        return repository.removeprefix("models--").replace("--", "/", 1)
    return folder.name


def _hub(name: str, revision: str | None, variant: str | None, offline: bool) -> Source:
    try:
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:
        raise MissingEngine("huggingface_hub is not installed.", "pip install seedbank-images") from None
    offline = offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    try:
        if not offline and not COMMIT.fullmatch(revision or ""):
            revision = HfApi().model_info(name, revision=revision).sha
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_patterns(variant), local_files_only=offline))
    except Exception as error:  # also those of its HTTP client, which is another one from release to release
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if offline and isinstance(error, LocalEntryNotFoundError):
            reason = "it is not in it, and there is no such folder."
        where = "the local hub cache" if offline else "the hub"
        raise Blocked(
            f"The model {name} could not be had from {where}: {reason}", "Fetch it first, or name a local folder."
        ) from None
    commit = _snapshot_commit(folder)
    if commit is None:
        raise Blocked(f"The revision {revision!r} of {name} did not resolve to a commit.", "Name a 40-digit commit.")
    return Source(name, name, folder, revision=commit, variant=variant)


def _patterns(variant: str | None) -> list[str]:
    weights = f"*.{variant}*.safetensors" if variant else "*.safetensors"
    return [weights, "*.json", "*.txt", "*.model", "*.jinja"]


def source_of(spec: str, known: Mapping[str, str | None]) -> Source:
    """The `Source` for a model that a bank knows: `known` has `revision`, `variant` and `config` as recorded."""
    return find_model(
        spec, revision=known.get("revision"), variant=known.get("variant"), config=known.get("config"), offline=True
    )
