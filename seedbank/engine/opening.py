"""Opening a model with the engine: find its files, verify them, load them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.engine.manifest import changed_files, read_model
from seedbank.engine.source import STANDIN, Source, find_model, source_of
from seedbank.errors import Blocked
from seedbank.records import Model

if TYPE_CHECKING:
    from seedbank.engine.process import Engine, Loaded


def read_source(engine: Engine, source: Source, on_bytes: Callable[[int], None] | None = None) -> Model:
    """The manifest of the files at `source`. The stand-in model is built into the cache when it is not there yet."""
    if source.name == STANDIN and not (source.folder / "model_index.json").exists():
        from seedbank.engine.process import build_standin

        build_standin(source.folder, engine.python)
    return read_model(source, on_bytes)


def load_source(
    engine: Engine,
    source: Source,
    model: Model,
    dtype: str | dict[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Loaded:
    """Load verified files, with the recorded `settings` of the pipeline when there are any.

    Raises `Blocked` when they changed since they were verified."""
    loaded = engine.load(
        {
            "kind": "file" if source.file else "folder",
            "path": str(source.file or source.folder),
            "config": str(source.folder) if source.file else None,
            "variant": source.variant,
            "pipeline": model.pipeline,
            "dtype": dtype,
            "settings": settings,
        }
    )
    if read_model(source).digest != model.digest:
        raise Blocked(
            f"The files of {source.name} changed while they were loaded.",
            "Wait until they are written, then try again.",
        )
    return loaded


def find_recorded(model: Model, given: str | None = None) -> Source:
    """The files of a recorded model: at `given` (a path or name) when it is said, else where it was last seen."""
    if given is not None:
        config = model.config if Path(given).is_file() else None
        return find_model(given, revision=model.revision, variant=model.variant, config=config, offline=True)
    if model.source is None:
        raise Blocked(f"The record does not say where the model {model.name} came from.", "Name its folder with --model.")
    return source_of(model.source, {"revision": model.revision, "variant": model.variant, "config": model.config})


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
