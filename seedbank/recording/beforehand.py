"""Refuse at once what no pipeline of a model's class takes: nobody waits for torch to hear of a mistyped name or size.

The loaded pipeline is asked the same again; what cannot be told from files is left to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seedbank.engine.adapters import check_there
from seedbank.engine.source import Source
from seedbank.engine.unloaded import call_parameters, most_clip_skip, pipeline_class, vae_scale_factor
from seedbank.errors import BadInput
from seedbank.pipelines import FACTS, check_size, pipeline_for
from seedbank.recording.arguments import check_negative, typed
from seedbank.recording.extras import Extras, asked_adapters
from seedbank.recording.request import Request


def check_beforehand(request: Request, source: Source, extras: Extras) -> None:
    """Raises `BadInput` for adapters that are not there, and for what the pipeline of the model at `source` does not take."""
    for kind, place, *_ in asked_adapters(extras):
        check_there(kind, absolute(place))
    pipeline = task_class(source, extras)
    if pipeline is None:
        return
    arguments = {**request.arguments, **extras.arguments}
    check_arguments(pipeline, arguments, negative=request.negative is not None)
    check_clip_skip(arguments.get("clip_skip"), source.folder)
    if request.width is not None and request.height is not None:
        check_sizes(pipeline, source.folder, [(request.width, request.height)], extras.vae)


def task_class(source: Source, extras: Extras) -> str | None:
    """The pipeline class of a model for what it is given; None where seedbank loads none, of which the manifest says why."""
    named = pipeline_class(source.folder)
    return pipeline_for(named, extras.task) if named is not None and named in FACTS else None


def check_arguments(pipeline: str, arguments: Mapping[str, Any], *, negative: bool = False) -> None:
    """Raises `BadInput` for arguments, or a negative prompt, that a class of pipelines does not have or take."""
    if (arguments or negative) and (parameters := call_parameters(pipeline)) is not None:
        typed(arguments, pipeline, parameters)
        if negative:
            check_negative(pipeline, parameters)


def check_clip_skip(skip: Any, folder: Path) -> None:
    """Raises `BadInput` for a clip skip of more layers than the text encoders of the model in `folder` have."""
    most = most_clip_skip(folder)
    if isinstance(skip, int) and most is not None and skip > most:
        raise BadInput(f"A clip skip of {skip} leaves nothing of the text encoder.", f"At most {most} layers can be left out.")


def check_sizes(pipeline: str, folder: Path, sizes: Iterable[tuple[int, int]], vae: str | Path | None = None) -> None:
    """Raises `BadInput` for a (width, height) that the pipeline of the model in `folder` would crop or refuse.

    `vae` is another one than the model's own, as in `Extras`.
    """
    if (factor := vae_scale_factor(folder, None if vae is None else absolute(vae))) is not None:
        for width, height in sizes:
            check_size(pipeline, width, height, factor)


def absolute(place: str | Path) -> Path:
    """Where a user's path leads. Links stay: a hub cache and a kept model are made of links."""
    return Path(os.path.abspath(Path(place).expanduser()))
