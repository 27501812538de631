"""One image by one forward pass: the first rendering of a recipe and every later one go through this code."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from . import capture, randomness
from .adapters import check_adapters
from .calling import RANDOM_STATE, call_arguments, scheduler_for
from .inputs import GivenSample, LastSample, input_stages, write_tensor
from .loading import LoadedPipeline, live_dtypes
from .noise import noise_of
from .noise.supplied import check_latents
from .refusal import BAD_INPUT, BLOCKED, FAILED, Refusal
from .remembering import Remembered
from .texts import BlendedTexts
from .tracing import LEVELS, NONE, STAGES, Trace
from .weighting import WeightedTexts

PIXELS = "pixels"
RANDOM_FILE = "rng-state.json"
LATENTS_FILE = "latents.safetensors"


class _Enough(Exception):
    """As many steps were done as were asked for."""


def render(
    loaded: LoadedPipeline,
    recipe: Mapping[str, Any],
    out: Path,
    inputs: Mapping[str, str] | None = None,
    level: str = STAGES,
    on_step: Callable[[int, int], None] | None = None,
    keep_latents: bool = False,
    steps: int | None = None,
    given_latents: str | None = None,
    reuse_texts: bool = False,
) -> dict[str, Any]:
    """Render `recipe` (its JSON form) and write the raw rows of its images to ``out/pixels.000`` ….

    It is one image, or as many as the size of its batch. `inputs` maps roles to paths. Returns {mode, width, height, files,
    trace: [[stage, digest]], seconds: {load, encode, denoise, decode, total}, peak_memory (bytes), flags}. When the pipeline
    drew from global random states, their values before the call lie in ``out/rng-state.json``, named by `random_state`.
    With `keep_latents` the sample after the last step lies in ``out/latents.safetensors``, named by `latents`.
    With `steps` it ends after so many denoising steps (-1: all; 0: when the noise is drawn): there is no image, only the trace
    and the latents, which are then the noise as it was drawn. With `given_latents`, a file with a tensor, every step gives
    that instead of its result: the image is what the pipeline decodes it to. With `reuse_texts` a text that this pipeline has
    encoded before is not encoded again, where its bits are sure to be the same (`remembering`). Raises `Refusal`.
    """
    drawn_first: list[torch.Tensor] = []

    def step(done: int, total: int) -> None:
        if on_step is not None:
            on_step(done, total)
        if done == steps or (steps == -1 and done == total):
            raise _Enough

    def initial(values: torch.Tensor) -> None:
        drawn_first.append(values)
        raise _Enough

    if level not in LEVELS:
        raise Refusal(BAD_INPUT, f"There is no trace level {level!r}.", f"Use one of {', '.join(LEVELS)}.")
    pipe = loaded.pipe
    arguments = call_arguments(pipe, recipe, inputs)
    check_latents(pipe, arguments)
    noise = noise_of(recipe.get("noise") or {}, loaded.device, initial if steps == 0 else None)
    _check_dtypes(pipe, recipe)
    check_adapters(loaded, recipe)
    inputs_seen = input_stages(arguments, recipe.get("inputs") or []) if level != NONE else []
    _prepare_randomness(recipe, inputs or {})
    own_scheduler, pipe.scheduler = pipe.scheduler, scheduler_for(recipe)
    _reset_peak(loaded.device)
    before = randomness.snapshot()
    try:
        conditioning = recipe.get("conditioning") or {}
        weights, texts = WeightedTexts(pipe, conditioning), BlendedTexts(pipe, conditioning)
        given = GivenSample(pipe.scheduler, given_latents)
        last = LastSample(pipe.scheduler, keep_latents)
        remembered = Remembered(pipe, loaded.texts if reuse_texts and level == STAGES else None)
        with noise.around(pipe), remembered, weights, texts, given, last, Trace(pipe, level, step, loaded.device) as trace:
            started = time.perf_counter()
            result = pipe(**arguments, **noise.arguments)
            total = time.perf_counter() - started
    except Refusal:
        raise
    except _Enough:
        out.mkdir(parents=True, exist_ok=True)
        begun = {"trace": [*inputs_seen, *trace.digests]}
        if drawn_first:
            return begun | {"latents": write_tensor(drawn_first[0], out / LATENTS_FILE)}
        return begun if last.sample is None else begun | {"latents": last.write(out / LATENTS_FILE)}
    except torch.OutOfMemoryError as error:
        raise Refusal(
            FAILED, "There was not enough memory to render this.", "Try a smaller size, --dtype or --device cpu."
        ) from error
    except Exception as error:
        raise Refusal(FAILED, f"The pipeline broke: {type(error).__name__}: {error}") from error
    finally:
        pipe.scheduler = own_scheduler
    images = _images(result, (recipe.get("batch") or {}).get("size", 1))
    stages = trace.digests
    if trace.problem:
        raise Refusal(FAILED, f"The trace could not be taken: {trace.problem}")
    drawn = randomness.consumed(before, randomness.snapshot())
    out.mkdir(parents=True, exist_ok=True)
    files = [out / f"{PIXELS}.{index:03d}" for index in range(len(images))]
    for file, image in zip(files, images, strict=True):
        file.write_bytes(image.tobytes())
    rendering = {
        "mode": images[0].mode,
        "width": images[0].width,
        "height": images[0].height,
        "files": [str(file) for file in files],
        "trace": [*inputs_seen, *stages],
        "seconds": {"load": loaded.seconds, **trace.seconds, "total": total},
        "peak_memory": _peak(loaded.device),
        "flags": {**noise.flags, **_flags(result, drawn), **({"texts_reused": True} if remembered.used else {})},
    }
    if (latents := last.write(out / LATENTS_FILE)) is not None:
        rendering["latents"] = latents
    if drawn and recipe.get("mode") != "strict":
        (out / RANDOM_FILE).write_bytes(randomness.pack(before, drawn))
        rendering["random_state"] = str(out / RANDOM_FILE)
    return rendering


def _check_dtypes(pipe: Any, recipe: Mapping[str, Any]) -> None:
    wanted, live = dict(recipe.get("dtypes") or {}), live_dtypes(pipe)
    for name in sorted(set(wanted) | set(live)):
        if wanted.get(name) != live.get(name):
            raise Refusal(
                BLOCKED,
                f"The recipe has {name} in {wanted.get(name)}, it is loaded in {live.get(name)}.",
                "Load it as recorded.",
            )


def _prepare_randomness(recipe: Mapping[str, Any], inputs: Mapping[str, str]) -> None:
    """As-is leaves global random states alone but for replaying recorded ones; strict derives them from the recipe."""
    if recipe.get("mode") == "strict":
        randomness.seed_all(json.dumps(recipe, sort_keys=True).encode())
    needs_state = any(item.get("role") == RANDOM_STATE for item in recipe.get("inputs") or [])
    if needs_state != (RANDOM_STATE in inputs):
        raise Refusal(BAD_INPUT, "The recorded random state and the recipe do not belong together.")
    if needs_state:
        try:
            randomness.restore(Path(inputs[RANDOM_STATE]).read_bytes())
        except (OSError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
            raise Refusal(BLOCKED, f"The recorded random state cannot be restored: {error}") from error


def _images(result: Any, count: int) -> list[Any]:
    images = getattr(result, "images", None)
    if not isinstance(images, (list, tuple)) or len(images) != count or not hasattr(images[0], "tobytes"):
        raise Refusal(FAILED, f"The pipeline did not return {'one image' if count == 1 else f'{count} images'}.")
    return list(images)


def _flags(result: Any, drawn: list[str]) -> dict[str, Any]:
    flags: dict[str, Any] = {}
    if drawn:
        flags["global_random_state_consumed"] = drawn
    if any(getattr(result, "nsfw_content_detected", None) or []):
        flags["safety_checker_blackened"] = True
    return flags


def _reset_peak(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(torch.device(device))


def _peak(device: str) -> int:
    return int(torch.cuda.max_memory_allocated(torch.device(device))) if device.startswith("cuda") else capture.peak_memory()
