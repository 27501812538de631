"""Models that the bank keeps itself, and what an entry lacks to be rebuilt today.

Kept weights are files of the image store like any other, each under its SHA-256; a regeneration finds them there when
the folder they came from is gone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from seedbank.bank import Bank
from seedbank.engine.adapters import KINDS, adapter_files, read_adapter
from seedbank.engine.hashes import CHECKPOINT
from seedbank.engine.manifest import SINGLE_FILE, model_files, read_model
from seedbank.engine.opening import check_same, find_recorded
from seedbank.engine.source import cache_folder, made
from seedbank.errors import BadInput, Blocked, NotFound, SeedbankError, StorageError
from seedbank.pipelines import FACTS
from seedbank.progress import QUIET, Progress
from seedbank.recipe import Recipe
from seedbank.records import Entry, Model, ModelUse
from seedbank.store.recipes import is_digest

MEDIA_TYPES = {".safetensors": "application/vnd.safetensors", ".json": "application/json"}


def rendered_anew(entry: Entry) -> str:
    """What renders an entry that cannot be regenerated as it stands, as a new one; empty where nothing says how."""
    recipe = entry.recipe
    if recipe is None or not (recipe.missing() or (entry.picture is None and not entry.obstacles)):
        return ""
    model = "" if recipe.model is not None else " --model NAME"
    return f"To render what it says as a new entry: seedbank generate --from {entry.id}{model}"


def known_adapters(bank: Bank, *recipes: Recipe | None) -> Mapping[str, Model]:
    """{digest: what the bank knows} of the adapters of recipes."""
    known: dict[str, Model] = {}
    for digest in (item.get("digest") for recipe in recipes if recipe is not None for item in recipe.adapters):
        if not is_digest(digest) or digest in known:  # a recipe of elsewhere can say anything
            continue
        try:
            known[digest] = bank.store.model(digest)
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
    made(folder.parent)
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


def _are_named(bank: Bank, model: Model) -> bool:
    """Whether the bank knows that it keeps the files. What a process stored that was killed before it said so, `gc` takes."""
    try:
        return all(bank.store.blob(file.sha256) for file in model.files)
    except NotFound:
        return False


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


# -- which models there are -------------------------------------------------------------------------------------------


def models(bank: Bank) -> list[ModelUse]:
    """Every model and adapter of the bank, in the order in which they were first seen."""
    from seedbank.store.usage import needs

    counts: dict[str, int] = {}
    for digests, count in needs(bank.store):
        for digest in set(digests):
            counts[digest] = counts.get(digest, 0) + count
    meant = meanings(bank)
    return [
        ModelUse(model, counts.get(model.digest, 0), is_kept(bank, model), is_here(model) or model.digest in meant)
        for model in bank.store.models()
    ]


def missing_models(bank: Bank) -> tuple[list[ModelUse], int]:
    """(the models and adapters that entries need and that are neither here nor kept, how many entries that concerns)."""
    from seedbank.store.usage import needs

    gone = {use.model.digest: use for use in models(bank) if use.entries and not use.here and not use.kept}
    concerned = sum(count for digests, count in needs(bank.store) if gone.keys() & set(digests))
    return list(gone.values()), concerned


def gone(bank: Bank) -> set[str]:
    """Digests of the models and adapters that are neither where they were last seen nor kept, nor at hand by another name."""
    missing = {model.digest for model in bank.store.models() if not is_here(model) and not is_kept(bank, model)}
    return missing - meanings(bank).keys()


def meanings(bank: Bank, *, half: bool = False) -> Mapping[str, Model]:
    """{digest of a model that imported files only name: the model that it means here}, of those that are at hand.

    With `half` also checkpoints whose pipeline is not known, which nothing can be rendered with.
    """
    from seedbank.store.weights import counterparts

    usable = {
        digest: [one for one in found if (half or one.pipeline != CHECKPOINT) and (is_here(one) or is_kept(bank, one))]
        for digest, found in counterparts(bank.store.database).items()
    }
    return {digest: found[0] for digest, found in usable.items() if found}


def is_here(model: Model) -> bool:
    """Whether the model's files lie where they were last seen, by name and size. A regeneration reads and verifies them."""
    try:
        files = files_of(model)
        return bool(model.files) and all(
            item.path in files and files[item.path].stat().st_size == item.size for item in model.files
        )
    except (SeedbankError, OSError):
        return False


def files_of(model: Model) -> dict[str, Path]:
    """{name in the manifest: file} where a model or adapter was last seen. Raises `Blocked`."""
    if model.source is None:
        raise Blocked(f"It is not known where {model.name} came from.", "Its files are kept in the bank, or lost.")
    if model.pipeline in KINDS:
        try:
            return adapter_files(model.pipeline, Path(model.source))
        except BadInput as error:  # nobody has named it: it was recorded
            said = f"{error.message} It was recorded as {model.digest}."
            raise Blocked(said, "Bring its files back to that place.") from None
    if model.pipeline == CHECKPOINT:
        return {SINGLE_FILE: Path(model.source)}
    return model_files(find_recorded(model))


# -- keeping ----------------------------------------------------------------------------------------------------------


def named_models(bank: Bank, which: str) -> list[Model]:
    """The models that `which` names: a name, the beginning of a digest, or the entries that were made with them."""
    known = bank.store.models()
    found = [model for model in known if which == model.name or (len(which) >= 6 and model.digest.startswith(which))]
    if found:
        return found
    wanted: dict[str, None] = {}
    for entry in bank.store.entries(bank.resolve(which)):
        items = entry.recipe.adapters if entry.recipe is not None else ()
        wanted |= dict.fromkeys([*([entry.model.digest] if entry.model else []), *(item["digest"] for item in items)])
    meant = meanings(bank)
    return list(dict.fromkeys(meant.get(model.digest, model) for model in known if model.digest in wanted))


def keep(bank: Bank, wanted: Iterable[Model], progress: Progress = QUIET) -> Iterator[ModelUse]:
    """Copy the files of the models into the image store, verified; yields each model once it is kept whole.

    Raises `Blocked` when the files are not to be had or are not the recorded ones. A file that several models share is
    stored once.
    """
    from seedbank.store.usage import keep_files

    counts = {use.model.digest: use for use in models(bank)}
    for model in wanted:
        if not (is_kept(bank, model) and _are_named(bank, model)):
            files = files_of(model)
            check_same(model, _present(model))
            with progress.task(f"keeping {model.name}", total=sum(item.size for item in model.files), unit="B") as task:
                blobs = []
                for item in model.files:
                    media_type = MEDIA_TYPES.get(Path(item.path).suffix, "application/octet-stream")
                    blobs.append(bank.blobs.put_file(files[item.path], item.sha256, media_type))
                    task.advance(item.size)
            keep_files(bank.store, model.digest, blobs)
        use = counts[model.digest]
        yield ModelUse(model, use.entries, True, use.here)


def _present(model: Model) -> Model:
    """The manifest of the files that lie where the model was last seen."""
    if model.pipeline in KINDS:
        return read_adapter(model.pipeline, str(model.source)).model
    return read_model(find_recorded(model))


def half_sentence(model: Model) -> str:
    """What a checkpoint lacks whose pipeline is not known."""
    return f"The model {model.name} is a single file; add it again with --model-config FOLDER."


def is_foreign(entry: Entry) -> bool:
    """Whether another tool made the entry, and its record is made whole only when it is rendered."""
    return entry.origin == "imported" and "tool" in entry.details and (entry.recipe is None or bool(entry.recipe.missing()))


# -- what an entry lacks ----------------------------------------------------------------------------------------------


class Lacks:
    """What entries lack to be rebuilt today, asked for many: what they share is looked for once.

    Nothing is hashed or loaded: files count as there by name and size. Whether this machine has the recorded device or
    the recorded versions is not asked; a regeneration says so.
    """

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._models: dict[str, str | None] = {}
        self._meant: Mapping[str, Model] | None = None

    def __call__(self, entry: Entry) -> list[str]:
        """One sentence for each thing that `entry` lacks; empty when nothing is known to stand in the way."""
        said = list(entry.obstacles)
        recipe = entry.recipe
        if recipe is None:
            return said or ["It has no recipe."]
        if entry.picture is None:
            said.append("It has no image digest to compare with.")
        if is_foreign(entry):  # what its recipe lacks comes from the model, once that is here
            said += ["The file names no model."] if entry.model is None and not entry.obstacles else []
        else:
            said += [f"Its recipe does not say the {part}." for part in recipe.missing() if not entry.obstacles]
        if recipe.pipeline is not None and recipe.pipeline not in FACTS:
            sentence = f"The pipeline class {recipe.pipeline!r} is not one that seedbank loads."
            said += [sentence] if not any(recipe.pipeline in one for one in said) else []
        model = entry.model.digest if entry.model is not None and is_foreign(entry) else recipe.model
        needed = [("model", model)] if model is not None else []
        needed += [(str(item["kind"]), item["digest"]) for item in recipe.adapters]
        said += [lack for kind, digest in needed if (lack := self._model(kind, digest)) is not None]
        files = [(str(item["role"]), item["digest"]) for item in recipe.inputs]
        files += [("batch", recipe.batch["cohort"])] if recipe.batch is not None and "cohort" in recipe.batch else []
        said += [f"The input {role} is missing from the image store." for role, one in files if not self._bank.blobs.has(one)]
        return said

    def _model(self, kind: str, digest: str) -> str | None:
        if digest not in self._models:
            self._models[digest] = self._look(kind, digest)
        return self._models[digest]

    def _look(self, kind: str, digest: str) -> str | None:
        try:
            model = self._bank.store.model(digest)
        except NotFound:
            return f"The {kind} {digest[:12]} is not known to this bank."
        if is_here(model) or is_kept(self._bank, model):
            return None
        if not model.files:
            self._meant = meanings(self._bank, half=True) if self._meant is None else self._meant
            if digest in self._meant:
                return None if self._meant[digest].pipeline != CHECKPOINT else half_sentence(self._meant[digest])
            return f"The {kind} {model.name}, which its file names, is not among the weights that this bank knows."
        where = f", last seen at {model.source}" if model.source else ""
        return f"The {kind} {model.name} ({digest[:12]}) is not here{where}, and not kept."
