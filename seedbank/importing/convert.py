"""From what another tool's file says to a recipe in our words. Pure values: no torch, no files, no database.

What the file does not say stays unknown (`Recipe.missing` names it), and what diffusers cannot follow becomes an obstacle,
one sentence each. The conversion is made again whenever an import is regenerated, with the weights that are known then;
`Converted.details` holds what it needs for that beside the recipe, and belongs into the entry's `details`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from seedbank.formats.reading import Foreign, Reading
from seedbank.recipe import Recipe
from seedbank.records import Model


class Weights(Protocol):
    """Which weights are known by the hash or the name that a file gives them."""

    def find(self, kind: str, name: str | None, hash: str | None) -> tuple[Model | None, str | None]:
        """(the model, a remark on how sure the match is); `kind` is model, lora, vae or embedding."""
        ...


class NoWeights:
    """Knows no weights: every model stays a name."""

    def find(self, kind: str, name: str | None, hash: str | None) -> tuple[Model | None, str | None]:
        return None, None


@dataclass(frozen=True)
class Converted:
    """A foreign record as far as it can be said in our words.

    recipe     None where the file holds no recipe at all
    model      the weights that were matched; else the name that the file gives them, as a `Model` without files
    adapters   the same for LoRAs, embeddings and another VAE, in the order of `recipe.adapters`
    obstacles  what cannot be followed at all, one sentence each; the entry cannot be regenerated while there is one
    remarks    what is followed only nearly, one sentence each
    details    what the entry keeps in its `details`, as JSON values, so that it can be converted again
    """

    recipe: Recipe | None = None
    model: Model | None = None
    adapters: tuple[Model, ...] = ()
    obstacles: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def convert(reading: Reading, weights: Weights | None = None) -> Converted:
    """The reading in our words, with the weights that `weights` knows."""
    said = reading.recipe
    if said == Foreign():
        return Converted()
    conditioning = {"prompt": said.prompt, "negative_prompt": said.negative_prompt}
    call = {"num_inference_steps": said.steps, "width": said.width, "height": said.height}
    noise = {} if said.seed is None else {"seed": str(said.seed)}
    recipe = Recipe(conditioning=conditioning, noise=noise, call=call, mode=None)
    return Converted(recipe)
