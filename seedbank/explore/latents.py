"""Noise and latents of an entry as numpy arrays, between two of them, and back to a picture. Torch stays in its process.

Everything is that of the image rendered alone; of one that was rendered in a batch the last bits can differ.

Arrays are float32 (float64 where the pipeline computes so): that holds float16 and bfloat16 exactly. Shapes are the
pipeline's own: noise as it is drawn, most often ``(1, channels, height // factor, width // factor)``; latents as they stand
between two denoising steps, which some families pack (FLUX: ``(1, tokens, 64)``).
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seedbank.bank import Pixels, now
from seedbank.errors import BadInput, NotFound
from seedbank.explore.opening import check_own_noise, open_entry
from seedbank.frozen import replace
from seedbank.recipe import Recipe
from seedbank.recording.latents import ROLE, array_of, latents_file
from seedbank.records import Entry, Output
from seedbank.worker.interpolation import CURVES, SLERP, between

if TYPE_CHECKING:
    from seedbank.api import Library

Array = NDArray[Any]
Like = int | str | Entry | Recipe
"""An entry, what names one, or a recipe whose model the bank knows."""


def noise_of(library: Library, like: Like) -> Array:
    """The noise that the picture is made of, as its pipeline draws it and before it is scaled or packed.

    Where the recipe starts from supplied latents it is these. Raises `Blocked` for noise that has no seed of its own.
    """
    entry = _entry(library, like)
    assert entry.recipe is not None
    supplied = [item for item in entry.recipe.inputs if item.get("role") == ROLE]
    return array_of(library.blobs.get(supplied[0]["digest"])) if supplied else _latents(library, entry, 0)


def latents_of(library: Library, like: Like, step: int = -1) -> Array:
    """The latents after a denoising step: `step` 0 is the first, as ``step.000`` in a trace, and -1 the last.

    Raises `BadInput` for a step that is not there.
    """
    if step < -1:
        raise BadInput(f"There is no step {step}.", "Steps count from 0; -1 is the last.")
    return _latents(library, _entry(library, like), step if step == -1 else step + 1)


def interpolate(a: Array, b: Array, alpha: float, curve: str = SLERP) -> Array:
    """`alpha` (0: `a`, 1: `b`) of the way between two arrays of one shape.

    On the great circle (`slerp`), which keeps noise as large as a model expects it, or straight (`lerp`). It is the
    arithmetic that `seedbank blend` uses. Raises `BadInput` for other shapes.
    """
    one, other = np.asarray(a), np.asarray(b)
    if one.shape != other.shape:
        raise BadInput(f"Between the shapes {one.shape} and {other.shape} there is nothing.", "Give two of one shape.")
    if curve not in CURVES:
        raise BadInput(f"There is no curve {curve!r}.", f"Use one of {', '.join(CURVES)}.")
    if not 0 <= alpha <= 1:
        raise BadInput(f"alpha is {alpha:g}; that is not between the two.", "Use 0 to 1.")
    dtype = np.result_type(np.float32, one.dtype, other.dtype)
    return between(one.astype(np.float64), other.astype(np.float64), float(alpha), curve).astype(dtype)


def decode(library: Library, latents: Array, like: Like) -> Pixels:
    """The picture that the pipeline of `like` makes of final latents, such as `latents_of` gives them.

    The pipeline itself decodes: it is called with one step, whose result is replaced. Raises `BadInput` for another shape.
    """
    entry = _entry(library, like)
    assert entry.recipe is not None
    call = {name: value for name, value in entry.recipe.call.items() if name not in ("timesteps", "sigmas")}
    # With a strength, a part of the steps is left out.
    call["num_inference_steps"] = math.ceil(1 / float(call.get("strength") or 1))
    recipe = replace(entry.recipe, call=call, batch=None)
    with open_entry(library, entry) as renderer, tempfile.TemporaryDirectory(prefix="seedbank-") as folder:
        given = Path(folder) / "latents.safetensors"
        given.write_bytes(latents_file(latents))
        return Pixels(*renderer.opened.engine.decode(recipe, given, renderer.files(recipe)))


def _latents(library: Library, entry: Entry, steps: int) -> Array:
    check_own_noise(library, entry)
    with open_entry(library, entry) as renderer:
        recipe = renderer.base
        return array_of(renderer.opened.engine.latents(recipe, renderer.files(recipe), steps))


def _entry(library: Library, like: Like) -> Entry:
    """The entry; for a recipe one that is not in the bank, with the settings of the newest entry that has its model."""
    if isinstance(like, Recipe):
        if like.model is None:
            raise NotFound("The recipe names no model.", "Take that of an entry and change it.")
        model, newest = library.store.model(like.model), library.find(f"model:{like.model}", limit=1)
        settings = newest[0].environment_digest if newest else None
        return Entry(0, "", now(), None, "", "", like, like.digest, settings, model, None, None, Output(), (), {})
    return like if isinstance(like, Entry) else library.entry(like)
