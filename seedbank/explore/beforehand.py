"""Refuse changes at once that no pipeline of an entry's or a model's class takes; the loaded pipeline is asked the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seedbank.bank import Bank
from seedbank.engine.opening import find_recorded
from seedbank.errors import BadInput, Blocked
from seedbank.explore.axes import FIELDS, LOADED, PLACES, Axis
from seedbank.explore.cells import tried
from seedbank.explore.changes import TEXTS, Change, has_place
from seedbank.keeping import known_adapters
from seedbank.recording.beforehand import check_arguments, check_clip_skip, check_sizes
from seedbank.records import Entry
from seedbank.worker.adapters import VAE

ARGUMENTS = ("strength", "clip_skip", "prompt_2")
"""Fields that are arguments of the pipeline by their own names."""
REQUESTED = ("steps", "guidance", "cfg")
"""Fields that are other arguments by the class of the pipeline."""


def as_changes(arguments: Mapping[str, Any]) -> list[Change]:
    """Arguments of the pipeline, by its own names, as changes. Raises `BadInput` for a field, which has a type of its own."""
    for name in arguments:
        if name in FIELDS and name not in ARGUMENTS:
            offer = f"Use its own option, or: seedbank sweep --from WHICH --axis {name}=VALUES"
            raise BadInput(f"{name} is no argument of the pipeline but a field of the recipe.", offer)
    return [("negative_2" if name == TEXTS["negative_2"] else name, value) for name, value in arguments.items()]


def loaded_for(bank: Bank, entry: Entry) -> tuple[str | None, Path | None, Path | None]:
    """(the pipeline class of an entry, the folder of its model, its VAE where that is not the model's own).

    Nothing is known of the files where the model or the VAE is not where it was: the bank may have kept them.
    """
    recipe, model = entry.recipe, entry.model
    if recipe is None or recipe.pipeline is None or model is None:
        return None, None, None
    vae = next((item.get("digest") for item in recipe.adapters if item.get("kind") == VAE), None)
    known = None if vae is None else known_adapters(bank, recipe).get(vae)
    place = None if known is None or known.source is None else Path(known.source)
    if vae is not None and (place is None or not place.exists()):
        return recipe.pipeline, None, None
    try:
        return recipe.pipeline, find_recorded(model).folder, place
    except Blocked:
        return recipe.pipeline, None, None


def check_changes(pipeline: str | None, folder: Path | None, changes: Iterable[Change], vae: str | Path | None = None) -> None:
    """Raises `BadInput` for changes that the pipeline of the model in `folder` does not take, with another `vae` if given."""
    if pipeline is None:
        return
    named = {field: value for field, value in changes if not has_place(field) and field not in REQUESTED}
    sizes = [named.pop("size")] if "size" in named else []
    check_arguments(pipeline, named)
    if folder is not None:
        check_sizes(pipeline, folder, sizes, vae)
        check_clip_skip(named.get("clip_skip"), folder)


def check_axes(axes: Sequence[Axis], pipeline: str | None, folder: Path | None, vae: str | Path | None = None) -> None:
    """As `check_changes` for what axes change, where the pipeline of all cells is known."""
    if any(axis.field in PLACES for axis in axes):
        return
    for axis in axes:
        for value in tried(axis) if axis.field not in LOADED else ():
            try:
                check_changes(pipeline, folder, [(axis.field, value)], vae)
            except BadInput as error:
                raise BadInput(f"The axis {axis.text!r} cannot be rendered: {error.message}", error.hint) from None
