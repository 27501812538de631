"""What a render process tells of a pipeline that it has loaded and of an image that it has rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from seedbank.hashing import pixel_digest


@dataclass(frozen=True)
class Loaded:
    """A pipeline in the worker's memory, as it described itself."""

    key: str
    pipeline: str
    dtypes: Mapping[str, str]
    scheduler: Mapping[str, Any] | None
    call: Mapping[str, Mapping[str, Any]]
    """{argument: {default, annotation}}; no default when JSON has no word for it."""
    sizes: Mapping[str, int]
    """{vae_scale_factor, width, height}: what it renders when it is told no size."""
    device: str
    seconds: float
    unrestored: tuple[tuple[str, Any, Any], ...]
    """Settings of the pipeline that could not be restored: (name, wanted, got)."""
    description: Mapping[str, Any]
    """Everything that the worker said, the above included."""

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """The answer to ``load``."""
        missed = tuple((str(name), wanted, got) for name, wanted, got in said["unrestored"])
        names = ("key", "pipeline", "dtypes", "scheduler", "call", "sizes", "device", "seconds")
        return cls(**{name: said[name] for name in names}, unrestored=missed, description=said)


@dataclass(frozen=True)
class Rendering:
    """One image and how it came about. `rows` are the raw pixels from the top; `trace` ends with ``pixels``."""

    mode: str
    width: int
    height: int
    rows: bytes = field(repr=False)
    digest: str
    trace: tuple[tuple[str, str], ...]
    seconds: Mapping[str, float]
    peak_memory: int
    flags: Mapping[str, Any]
    random_state: bytes | None = field(default=None, repr=False)
    """Global random states before the call, when it drew from them: an input of the role ``rng-state`` replays it."""
    latents: bytes | None = field(default=None, repr=False)
    """The sample after the last step as a safetensors file, where it was asked for: what a second model goes on from."""

    @classmethod
    def read(
        cls,
        said: Mapping[str, Any],
        pictures: Sequence[bytes],
        random_state: bytes | None = None,
        latents: bytes | None = None,
        *,
        traced: bool = True,
    ) -> list[Self]:
        """The answer to ``render``, one of them for each picture, whose digest is the last stage where it was `traced`."""
        mode, width, height = said["mode"], said["width"], said["height"]
        told = (said["seconds"], said["peak_memory"], said["flags"], random_state, latents)
        renderings = []
        for rows in pictures:
            digest = pixel_digest(mode, width, height, rows)
            trace = (*stages_in(said), *[("pixels", digest)] * traced)
            renderings.append(cls(mode, width, height, rows, digest, trace, *told))
        return renderings


def stages_in(said: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The trace in an answer."""
    return tuple((str(stage), str(digest)) for stage, digest in said["trace"])
