"""How a run writes down what its cells begin from, and how another process opens that again.

Everything is in the run's specification but the weights and inputs, which are there by their digests: so a sweep goes on
in another process, another folder, and before its first cell is finished.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any

from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked, NotFound, SeedbankError
from seedbank.explore.given import bring_back
from seedbank.explore.opening import adapter_models, open_recorded
from seedbank.explore.starts import Open, Say, Start, Values
from seedbank.keeping import known_adapters
from seedbank.recipe import AS_IS, Recipe
from seedbank.recording.rendered import Beside
from seedbank.records import Blob
from seedbank.regen.bench import Setting
from seedbank.regen.fields import parse_changes

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.explore.rendering import Renderer
    from seedbank.regen.bench import Bench

VERSION = 2
"""Of the specification; version 1 knew one model."""


def written(start: Start) -> dict[str, Any]:
    """A start as JSON values."""
    opened, beside = start.renderer.opened_before, start.renderer.beside
    return {
        "values": dict(start.values),
        "recipe": start.base.to_dict(),
        "environment": start.environment,
        "profile": dict(opened.environment.profile),
        "names": dict(beside.names),
        "inputs": [[blob.digest, blob.size, blob.media_type] for blob in start.renderer.inputs],
    }


def unopened(values: Values, label: str, error: SeedbankError) -> dict[str, Any]:
    """What could not be opened, whose cells fail."""
    return {"values": dict(values), "problem": error.message}


def remember(library: Library, starts: Iterable[Start]) -> None:
    """Let the bank know the weights of all starts, also of those that have no entry yet."""
    from seedbank.store.weights import add_weights

    needed = {}
    for start in starts:
        for model in (start.renderer.beside.model, *start.renderer.beside.adapters):
            if model is not None and not _is_known(library, model.digest):
                needed[model.digest] = model
    if needed:
        add_weights(library.store.database, library.store.user, needed.values())


def _is_known(library: Library, digest: str) -> bool:
    try:
        return bool(library.store.model(digest).files)
    except NotFound:
        return False


def reopen(library: Library, bench: Bench, specification: Mapping[str, Any], device: str | None, turn: RLock) -> Open:
    """What opens the starts of a run again, with its profiles put back; `device` is another than the recorded."""
    known = {frozenset(start["values"].items()): start for start in specification["starts"]}

    def open(values: Mapping[str, Any], say: Say) -> Renderer:
        start = known[frozenset(values.items())]
        if "problem" in start:
            raise Blocked(start["problem"])
        base = Recipe.from_dict(start["recipe"])
        model = library.store.model(str(base.model))
        adapters = known_adapters(library, base)
        setting = Setting(
            recorded=Environment({"profile": start["profile"]}),
            model=model,
            mode=base.mode or AS_IS,
            dtypes=base.dtypes or {},
            changes=parse_changes({"device": device}) if device else {},
            pipeline=base.pipeline,
            adapters=base.adapters,
            known=adapters,
        )
        beside = Beside(model, adapter_models(adapters, base), start["names"])
        inputs = [Blob(*values) for values in start["inputs"]]
        bring_back(library, base, start["names"], inputs)
        return open_recorded(library, bench, setting, base, beside, inputs, turn)

    return open


def began(specification: Mapping[str, Any]) -> dict[frozenset[tuple[str, Any]], str]:
    """{values of a start: the environment in which it began}."""
    opened = [start for start in specification["starts"] if "environment" in start]
    return {frozenset(start["values"].items()): start["environment"] for start in opened}


def without_environment(specification: Mapping[str, Any]) -> dict[str, Any]:
    """A specification without what says where it is rendered."""
    bare = {name: value for name, value in specification.items() if name != "environment"}
    left_out = ("environment", "profile")
    starts = [{name: value for name, value in start.items() if name not in left_out} for start in bare.get("starts", ())]
    return {**bare, "starts": starts}


def check_version(which: int | str, specification: Mapping[str, Any]) -> None:
    """Raises `BadInput` for a run whose specification this seedbank does not read."""
    if specification.get("v") != VERSION:
        raise BadInput(
            f"Sweep {which} was begun by another version of seedbank.",
            "Start it with the command that you began it with, under another --name: what is rendered is found again.",
        )
