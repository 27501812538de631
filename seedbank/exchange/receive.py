"""Recipes that come as text: what stands in a pasted block, a script, a JSON file, as an entry without bytes.

`receive` knows no bank. `Received.new_entry` makes of it what a bank records: a recipe whose image is not here yet, with
the image digest that travelled, which a regeneration must meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput
from seedbank.formats.reading import Reading
from seedbank.formats.stamp import Stamp
from seedbank.recipe import Recipe
from seedbank.records import NewEntry

if TYPE_CHECKING:
    from seedbank.api import Library

FORMS = ("block", "a1111", "json", "comfyui", "script")
"""The forms in which a recipe is written as text."""


@dataclass(frozen=True)
class Received:
    """A recipe that came as text.

    form      one of `FORMS`
    text      word for word
    reading   what its words say
    stamp     the digests that travelled with it, None where it has none
    recipe    the recipe as far as the text carries it
    trusted   whether the recipe is the one of the stamp, so that the image digest that travelled is its image's
    remarks   what the user should know, one sentence each
    """

    form: str
    text: str
    reading: Reading
    stamp: Stamp | None
    recipe: Recipe
    trusted: bool = False
    remarks: tuple[str, ...] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)

    def new_entry(self, library: Library) -> NewEntry:
        """What `library` records of it: the recipe and the image digest, without bytes."""
        raise NotImplementedError


def receive(text: str) -> Received:
    """The recipe in a text. Raises `BadInput` (mostly its `FormatError`) for a text that holds none."""
    raise BadInput("No recipe was found in this text.", "Paste what `seedbank recipe` prints.")
