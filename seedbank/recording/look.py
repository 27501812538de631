"""What is known of a user's pipeline call before it runs: everything that decides the pixels, and what stands in the way.

Nothing of the user's is touched. What keeps an image from being regenerated is found here, while the evidence is still in
memory, and becomes an obstacle of the entry. Every recorded call pays for this look, so the pipeline is taken apart once,
and its files are read again only when one of them changed.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from seedbank.engine.manifest import loaded_weights, only_variant, read_model
from seedbank.engine.source import Source, find_model
from seedbank.environment import Environment
from seedbank.errors import SeedbankError
from seedbank.frozen import replace
from seedbank.hashing import json_digest
from seedbank.recording.noise import gpu_size
from seedbank.recording.surface import Given, Surface, given_of, surface_of
from seedbank.records import Model

if TYPE_CHECKING:
    from seedbank.worker.anatomy import Anatomy
    from seedbank.worker.departures import Stored
    from seedbank.worker.live import Samples

CALLBACKS = ("callback_on_step_end", "callback", "callback_steps", "callback_on_step_end_tensor_inputs")
DECIDED = ("generator", "output_type", "return_dict", "num_images_per_prompt", *CALLBACKS)
"""Arguments that stand elsewhere in the recipe or decide nothing that is recorded as an argument."""


@dataclass
class Call:
    """What is known of a call before it runs. `obstacles` grow while it is looked at."""

    pipe: Any
    device: Any
    arguments: dict[str, Any]
    seeds: list[int] | None
    noise: dict[str, Any]
    scheduler: Mapping[str, Any] | None
    dtypes: Mapping[str, str]
    model: Model | None
    environment: Environment
    output_type: str | None = None
    obstacles: list[str] = field(default_factory=list)
    random_state: bytes | None = None
    """Global random states before the call, packed, when the call drew from them."""
    drawn: list[str] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    """Copies of the pictures and tensors that were passed."""
    surface: Surface = field(default_factory=Surface)


def look(pipe: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
    """Look at the call ``pipe(*args, **kwargs)`` while everything is as it will be when it starts."""
    from seedbank.worker import describe
    from seedbank.worker.anatomy import anatomy, device_of, dtypes_of

    signature = _signature(type(pipe).__call__)
    values = _bound(signature, (pipe, *args), kwargs)
    obstacles: list[str] = []
    taken = anatomy(pipe)
    device = device_of(taken)
    environment = _environment(pipe, taken, str(device))
    seeds, noise = _noise(values.get("generator"), environment.parts["hardware"], obstacles)
    model, surface = _model(pipe, taken, device, obstacles)
    given: list[Given] = []
    return Call(
        pipe=pipe,
        device=device,
        arguments=_plain_arguments(values, signature, obstacles, given),
        seeds=seeds,
        noise=noise,
        scheduler=describe.scheduler_of(pipe),
        dtypes=dtypes_of(taken),
        model=model,
        environment=environment,
        output_type=values.get("output_type"),
        obstacles=obstacles,
        given=given,
        surface=surface,
    )


_signature: Callable[[Any], inspect.Signature] = lru_cache(maxsize=64)(inspect.signature)


def _bound(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """{argument: value} of a call, defaults included."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    values: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            values |= value
        elif name != "self":
            values[name] = value
    return values


# -- the model --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Files:
    """What the files of a source said when they were in `state`."""

    state: tuple[Any, ...]
    model: Model
    stored: Stored | None


_read: dict[Source, _Files] = {}
"""The files of each source as they were last read."""
_verified: WeakKeyDictionary[Any, tuple[str, Any, list[str]]] = WeakKeyDictionary()
"""{pipeline: (model digest, samples of its weights, components that differ from the files)} of the last look."""
_last_environment: list[tuple[Mapping[str, Any], Environment]] = []


def _model(pipe: Any, taken: Anatomy, device: Any, obstacles: list[str]) -> tuple[Model | None, Surface]:
    """The model that the pipeline was loaded from, where it is known, and the adapters on it; what departs from these
    becomes an obstacle."""
    from seedbank.worker import live
    from seedbank.worker.departures import departures

    source = _source_of(pipe, taken)
    if source is None:
        obstacles.append("It is not known from which folder the pipeline was loaded.")
        return None, Surface()
    try:
        files = _files_of(source)
        samples = live.sample_live(taken)
        surface = surface_of(pipe, taken, source, samples)
    except SeedbankError as error:
        obstacles.append(error.message)
        return None, Surface()
    obstacles += surface.obstacles
    if changed := _changed_weights(pipe, taken, files.model, source, surface, samples):
        obstacles.append(f"The weights in memory are not those of the files: {', '.join(changed)}.")
    if files.stored is not None:
        stored = replace(files.stored, configs={**files.stored.configs, **surface.configs})
        obstacles += departures(pipe, taken, stored, device, grown=surface.grown)
    return files.model, surface


def _files_of(source: Source) -> _Files:
    """What the files of `source` say; read again when one of them changed, came or went."""
    from seedbank.worker.departures import read_stored

    state = (_state(source.folder), None if source.file is None else _about(source.file))
    known = _read.get(source)
    if known is None or known.state != state:
        known = _Files(state, read_model(source), None if source.file else read_stored(source.folder))
        _read[source] = known
    return known


def _state(folder: str | os.PathLike[str]) -> tuple[Any, ...]:
    """Names, sizes, times and inodes of the files in a pipeline folder and in the folders of its components."""
    found = []
    with os.scandir(folder) as listed:
        for item in sorted(listed, key=lambda item: item.name):
            if item.is_dir():
                with os.scandir(item.path) as inner:
                    found += [(item.name, *_about(file.path)) for file in sorted(inner, key=lambda file: file.name)]
            else:
                found.append(_about(item.path))
    return tuple(found)


def _about(path: str | os.PathLike[str]) -> tuple[Any, ...]:
    about = os.stat(path)  # of what a link points to, as a hub cache is made of links
    return (os.fspath(path), about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)


def _changed_weights(pipe: Any, taken: Anatomy, model: Model, source: Source, surface: Surface, samples: Samples) -> list[str]:
    """The components whose weights are not those of the files; files are read again only when the weights moved."""
    from seedbank.worker import live
    from seedbank.worker.captured import TOKENS

    known = _verified.get(pipe)
    digest = json_digest([model.digest, *(adapter.model.digest for adapter in surface.adapters)])
    if known is None or known[0] != digest or known[1] != samples:
        compared = samples
        if surface.grown:  # the tables of words were compared when the embeddings were read
            compared = {
                name: {key: value for key, value in values.items() if not key.endswith(TOKENS)}
                for name, values in samples.items()
            }
        known = (digest, samples, live.differing(taken, compared, {**loaded_weights(source), **surface.weights}))
        _verified[pipe] = known
    return known[2]


def _source_of(pipe: Any, taken: Anatomy) -> Source | None:
    """The folder that the pipeline was loaded from, as far as its configs tell."""
    named = [getattr(pipe.config, "_name_or_path", None) or pipe.config.get("_name_or_path")]
    for component in taken.components.values():
        config = getattr(component, "config", None)
        path = getattr(config, "_name_or_path", None) or (config.get("_name_or_path") if isinstance(config, Mapping) else None)
        if path:
            named.append(os.path.dirname(os.path.normpath(path)))
    for name in dict.fromkeys(named):
        if name and (Path(name) / "model_index.json").is_file():
            return find_model(str(name), variant=only_variant(Path(name)))
    return None


# -- the environment and the arguments --------------------------------------------------------------------------------


def _environment(pipe: Any, taken: Anatomy, device: str) -> Environment:
    """What surrounds the call; the value of the call before when nothing changed, with its digests computed already."""
    from seedbank.worker import capture
    from seedbank.worker.pipeline_settings import pipeline_settings

    parts = capture.environment_parts(device, guest=True)
    parts = {**parts, "profile": {**parts["profile"], "pipeline": pipeline_settings(pipe, taken)}}
    if not _last_environment or _last_environment[0][0] != parts:
        _last_environment[:] = [(parts, Environment(parts))]
    return _last_environment[0][1]


def _noise(generator: Any, hardware: Mapping[str, Any], obstacles: list[str]) -> tuple[list[int] | None, dict[str, Any]]:
    """(seeds, noise without its seed) of what was passed as `generator`."""
    import torch

    generators = list(generator) if isinstance(generator, (list, tuple)) else [generator]
    if any(one is None for one in generators):
        if any(one is not None for one in generators):
            obstacles.append("Some images of the batch had a generator and others had none, which is not recorded.")
        return None, {"kind": "global"}  # replayed from the random state that is kept with the entry
    if len(set(map(id, generators))) < len(generators):
        obstacles.append("One generator was passed for several images, which draw from it one after the other.")
    device = generators[0].device.type
    for one in generators:
        fresh = torch.Generator(one.device).manual_seed(one.initial_seed())
        if not torch.equal(fresh.get_state(), one.get_state()):
            obstacles.append("The generator had been used before the call, so its seed does not say what it drew.")
            break
    # What a CUDA generator gives depends on the size of its GPU.
    noise: dict[str, Any] = {"kind": f"torch-{device}", **(gpu_size(hardware) if device == "cuda" else {})}
    if any(one is torch.default_generator for one in generators):
        # What has no generator, as the steps of many pipelines, draws from this one too, in turn with what has one.
        if len(generators) > 1:
            obstacles.append("One of several generators is torch's global one, which is not recorded.")
        noise["global"] = True
    return [one.initial_seed() % 2**64 for one in generators], noise


def _plain_arguments(
    values: Mapping[str, Any], signature: inspect.Signature, obstacles: list[str], given: list[Given]
) -> dict[str, Any]:
    """Copies of the arguments that JSON can hold. Pictures and tensors are added to `given`, others named as obstacles."""
    plain = {}
    for name, value in values.items():
        if value is None and name in signature.parameters and signature.parameters[name].default is not None:
            # A recipe leaves None out, so a regeneration would take the default instead.
            obstacles.append(f"The argument {name} was None, where the pipeline's default is another.")
        if name in ("callback_on_step_end", "callback") and value is not None:
            obstacles.append(f"The call had a {name}, which may have changed the latents.")
        if name in DECIDED:
            if name == "num_images_per_prompt":
                plain[name] = value
            continue
        value = _without_numpy(value)
        if name not in signature.parameters:
            obstacles.append(f"The pipeline names no argument {name}, so it is not known what it did.")
        elif _is_plain(value):
            plain[name] = copy.deepcopy(value)
        elif (inputs := given_of(name, value)) is not None:
            given += inputs
        else:
            obstacles.append(f"The argument {name} is a {type(value).__name__}, which is not recorded yet.")
    return plain


def _without_numpy(value: Any) -> Any:
    """Numbers of numpy, as loops over its ranges give them, as Python's own; tensors and arrays as they are."""
    import numpy

    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, (list, tuple)) and any(isinstance(item, numpy.generic) for item in value):
        return [_without_numpy(item) for item in value]
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))
