"""Opening a model with the engine: find its files, verify them, load them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.engine.adapters import Adapter, check_vae, read_adapter, single_file
from seedbank.engine.manifest import SINGLE_FILE, changed_files, read_model
from seedbank.engine.source import STANDIN, Source, find_model, source_of
from seedbank.errors import BadInput, Blocked
from seedbank.records import Model

if TYPE_CHECKING:
    from seedbank.engine.process import Engine
    from seedbank.engine.told import Loaded

Kept = Callable[[Model], Path | None]
"""The folder with a model's files as the bank keeps them, None when it does not."""


def read_source(engine: Engine, source: Source, on_bytes: Callable[[int], None] | None = None) -> Model:
    """The manifest of the files at `source`. The stand-in model is built into the cache when it is not there yet."""
    if source.name == STANDIN and not (source.folder / "model_index.json").exists():
        from seedbank.engine.standin import build_standin

        build_standin(source.folder, engine.python)
    return read_model(source, on_bytes)


def load_source(
    engine: Engine,
    source: Source,
    model: Model,
    dtype: str | dict[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    pipeline: str | None = None,
    adapters: Sequence[Adapter] = (),
) -> Loaded:
    """Load verified files, with the recorded `settings` of the pipeline when there are any.

    `pipeline` is another class of the same family than the folder names; `adapters` are put on the fresh weights.

    Raises `Blocked` when they changed since they were verified, and for a VAE that does not fit."""
    for adapter in adapters:
        check_vae(adapter, source.folder)
    loaded = engine.load(
        {
            "kind": "file" if source.file else "folder",
            "path": str(source.file or source.folder),
            "config": str(source.folder) if source.file else None,
            "variant": source.variant,
            "pipeline": pipeline or model.pipeline,
            "dtype": dtype,
            "settings": settings,
            "adapters": [adapter.load_item for adapter in adapters],
        }
    )
    for adapter in adapters:
        if read_adapter(adapter.kind, adapter.path).model.digest != adapter.model.digest:
            raise Blocked(f"The files of {adapter.path} changed while they were loaded.", "Wait, then try again.")
    if read_model(source).digest != model.digest:
        raise Blocked(
            f"The files of {source.name} changed while they were loaded.",
            "Wait until they are written, then try again.",
        )
    return loaded


def find_recorded(model: Model, given: str | None = None) -> Source:
    """The files of a recorded model: at `given` (a path or name) when it is said, else where it was last seen.

    Raises `Blocked`, with the recorded digest, when there is nothing any more.
    """
    if given is not None:
        config = model.config if Path(given).is_file() else None
        return find_model(given, revision=model.revision, variant=model.variant, config=config, offline=True)
    if model.source is None:
        raise Blocked(f"It is not known where the model {model.name} ({model.digest}) lies.", "Name its folder with --model.")
    try:
        return source_of(model.source, {"revision": model.revision, "variant": model.variant, "config": model.config})
    except (BadInput, Blocked) as error:
        raise Blocked(
            f"{error.message} The recorded weights have the digest {model.digest}.",
            "Name the folder that holds them now with --model, or try others with --model NAME --allow-other-weights.",
        ) from None


def find_recorded_adapters(items: Sequence[Mapping[str, Any]], known: Mapping[str, Model], kept: Kept) -> tuple[Adapter, ...]:
    """The adapters that a recipe names, verified: where each was last seen, else among the files that the bank keeps.

    `known` maps digests to what the bank knows of them. Raises `Blocked`.
    """
    return tuple(_find_recorded_adapter(item, known.get(item["digest"]), kept) for item in items)


def _find_recorded_adapter(item: Mapping[str, Any], model: Model | None, kept: Kept) -> Adapter:
    kind, digest = item["kind"], item["digest"]
    if model is None or not model.files:
        name = f"{model.name} ({digest})" if model is not None and not digest.startswith(model.name) else digest
        raise Blocked(f"The bank does not know where the {kind} {name} lies.")
    lies_at = None if model.source is None else Path(model.source)
    found, reason = None, f"it is not known where the {kind} came from"
    if lies_at is not None:
        try:
            found = read_adapter(kind, lies_at, item.get("weight"), item.get("token"))
        except (BadInput, Blocked) as error:
            reason = error.message
    if found is not None and found.model.digest == digest:
        return found
    if (folder := kept(model)) is not None:
        path = folder / single_file(kind) if model.files[0].path == single_file(kind) else folder
        return read_adapter(kind, path, item.get("weight"), item.get("token"))
    if found is not None:
        check_same(model, found.model)
    raise Blocked(f"The {kind} {model.name} ({digest}) is not here: {reason}", "Bring its files back to that place.")


def find_verified(engine: Engine, model: Model, given: str | None, kept: Kept, other: bool = False) -> tuple[Source, Model]:
    """The files of a recorded model and their manifest: `given`, where it was last seen, or the files that the bank keeps.

    With `other`, weights that are not the recorded ones are taken too. Raises `Blocked`.
    """
    try:
        source = find_recorded(model, given)
        present = read_source(engine, source)
        if not other:
            check_same(model, present)
    except Blocked:
        folder = kept(model) if given is None else None
        if folder is None:
            raise
        source = kept_source(model, folder)
        present = read_source(engine, source)
        check_same(model, present)
    return source, present


def kept_source(model: Model, folder: Path) -> Source:
    """The source of a model whose files lie in `folder` under the names of its manifest."""
    single = folder / SINGLE_FILE
    return Source(
        model.name,
        model.source or str(folder),
        folder,
        file=single if single.exists() else None,
        revision=model.revision,
        variant=model.variant,
    )


def check_same(recorded: Model, present: Model) -> None:
    """Raises `Blocked`, with both digests and the first file that changed, for other weights than the recorded ones."""
    if recorded.digest == present.digest:
        return
    changes = changed_files(recorded, present)
    detail = ""
    if changes:
        path, old, new = changes[0]
        detail = f" {path}: recorded {_short(old)}, now {_short(new)}" + (
            f", and {len(changes) - 1} more files." if len(changes) > 1 else "."
        )
    raise Blocked(
        f"The weights of {recorded.name} are not the recorded ones: recorded {recorded.digest}, now {present.digest}.{detail}",
        "Bring the recorded files back, name them with --model, or try --allow-other-weights.",
    )


def _short(digest: str | None) -> str:
    return "absent" if digest is None else f"{digest[:12]}…"
