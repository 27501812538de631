"""Entries leave: their records, pictures, inputs and traces, and the weights when asked, become one file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seedbank.bank import Bank
from seedbank.errors import BadInput
from seedbank.exchange.bundle import privacy
from seedbank.exchange.bundle.archive import Writer
from seedbank.exchange.bundle.gathering import File, Leaving
from seedbank.exchange.bundle.values import environment_values, model_values
from seedbank.keeping import files_of, is_kept
from seedbank.progress import QUIET, Progress, Task
from seedbank.records import Blob, Model

SUFFIX = ".seedbank"


@dataclass(frozen=True)
class Left:
    """What an export wrote. `absent` are entries whose pictures are not here or not whole; their records went without."""

    path: Path
    entries: int
    files: int
    bytes: int
    absent: tuple[int, ...] = ()
    bared: int = 0
    """Pictures that were sent without their metadata."""
    withheld: tuple[tuple[int, str], ...] = ()
    """(entry, why) of pictures and inputs that stay here for privacy."""
    searches: tuple[str, ...] = ()
    """Saved searches that stay here, since they name runs or entries by the numbers of this bank."""


def checked_without(profile: str = "none", strip: Collection[str] = ()) -> tuple[str, ...]:
    """What is left out, of a profile and of single names. Raises `BadInput` for what is none."""
    for name in strip:
        if name not in privacy.ALL:
            raise BadInput(f"There is nothing called {name!r} to strip.", f"Use {', '.join(privacy.ALL)}.")
    if profile not in privacy.PROFILES:
        raise BadInput(f"There is no privacy profile {profile!r}.", f"Use {', '.join(privacy.PROFILES)}.")
    return tuple(name for name in privacy.ALL if name in strip or name in privacy.PROFILES[profile])


def export_bundle(
    bank: Bank,
    ids: Sequence[int],
    path: Path,
    *,
    without: Collection[str] = (),
    weights: bool = False,
    pictures: bool = True,
    searches: bool = False,
    replace: bool = False,
    progress: Progress = QUIET,
) -> Left:
    """Write the entries into a bundle at `path`, which is there whole or not at all.

    without    what is left out: `prompts`, `paths`, `users`
    weights    also the files of models and adapters; `Blocked` when they are not to be had
    pictures   else the records alone, with the digests of the pictures
    searches   also the saved searches of the bank, unless prompts are left out, whose words they have
    replace    also over a file that is there
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder.", f"Name a file in it: {path / 'out'}{SUFFIX}")
    if path.exists() and not path.is_file():  # a bundle would take the place of the device, or of the pipe
        raise BadInput(f"{path} is no regular file.", "Name a file that can be written.")
    if privacy.PROMPTS in without and weights:
        raise BadInput("Entries without their prompts cannot be rendered, so they need no weights.", "Leave out --weights.")
    wanted = bank.store.bundles.order(ids)
    if not wanted:
        raise BadInput("There is no entry to export.", "See what there is with: seedbank ls")
    leaving = Leaving(bank, wanted, tuple(without), pictures)
    with Writer(path, replace) as out:
        with progress.task("records", len(wanted)) as task:
            out.records("entries", leaving.entries(task))
        out.records("regenerations", leaving.regenerations())
        models = bank.store.bundles.models(leaving.models)
        out.records("models", (privacy.strip_model(model_values(model), without) for model in models))
        environments = (bank.store.environment(digest) for digest in sorted(leaving.environments))
        out.records("environments", map(environment_values, environments))
        out.records("opinions", leaving.opinions())
        out.records("collections", leaving.collections(searches and privacy.PROMPTS not in without))
        edges = bank.store.bundles.edges(wanted)
        out.records("edges", ({"child": child, "parent": parent, "kind": kind} for child, parent, kind in edges))
        out.records("users", leaving.users())
        files = leaving.files | (_weights(bank, models) if weights else {})
        total = sum(file.size for file in files.values())
        with progress.task("files", total, "B") as task:
            for digest in sorted(files):
                out.file(digest, _told(files[digest].pieces(bank), task))
        about = {"entries": len(wanted), "without": sorted(without), "weights": weights, "pictures": pictures}
        out.finish(about)
    return Left(
        path,
        len(wanted),
        len(files),
        path.stat().st_size,
        tuple(leaving.absent),
        len(leaving.bared),
        tuple(leaving.withheld),
        tuple(leaving.searches),
    )


def _told(pieces: Iterator[bytes], task: Task) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        task.advance(len(piece))


def _weights(bank: Bank, models: Sequence[Model]) -> dict[str, File]:
    """{file digest: where it is} of the files of models, kept or where they were last seen."""
    found = {}
    for model in models:
        kept = is_kept(bank, model)
        places = {} if kept or not model.files else files_of(model)
        for item in model.files:
            blob = Blob(item.sha256, item.size, "application/octet-stream") if kept else None
            found[item.sha256] = File(item.size, blob, None if kept else places[item.path])
    return found
