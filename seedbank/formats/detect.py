"""Which tools' metadata a file carries: every format is asked, in the order of trust."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from seedbank.formats.reading import FormatError, Payload, Reading

ORDER = (
    "own",
    "swarmui",
    "stabilitymatrix",
    "tensorart",
    "fooocus",
    "comfyui",
    "invokeai",
    "novelai",
    "drawthings",
    "imaginairy",
    "mold",
    "easydiffusion",
    "dgenerate",
    "artbot",
    "a1111",
    "diffusersjson",
    "descriptions",
)
"""Modules of this package that have `read`, the most trusted first. Our own recipe is whole. Formats with names of their own
for their fields come before those that many tools write; what was executed (a graph) comes before a text that a node made
of it; what only a picture's caption says comes last."""


class Reader(Protocol):
    """One format. None: nothing here is mine. Raises `FormatError` for what is mine and broken, and nothing else."""

    def __call__(self, payloads: Sequence[Payload], /) -> Reading | None: ...


@dataclass(frozen=True)
class Examination:
    """All that was found, and a sentence for each format that found its own and could not read it."""

    readings: tuple[Reading, ...]
    remarks: tuple[str, ...] = ()


@cache
def reader(name: str) -> Reader:
    """The reader of a format, by its name in `ORDER`."""
    try:
        found: Reader = import_module(f"seedbank.formats.{name}").read
    except (ModuleNotFoundError, AttributeError):
        return lambda payloads: None  # until all of them are there
    return found


def examine(payloads: Sequence[Payload], only: str | None = None) -> Examination:
    """What every format makes of the payloads, or the one that is named, the most trusted first."""
    found: list[Reading] = []
    remarks: list[str] = []
    for name in ORDER if only is None else (only,):
        try:
            reading = reader(name)(payloads)
        except FormatError as error:
            remarks.append(f"{name}: {error.message}")
            continue
        if reading is not None:
            found.append(reading)
    return Examination(tuple(found), tuple(remarks))


def readings(payloads: Sequence[Payload]) -> list[Reading]:
    """What every format makes of the payloads, the most trusted first."""
    return list(examine(payloads).readings)


COMPARED = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "width", "height")
"""Fields that mean the same in all tools. Samplers and models have other names in each, so they are not compared."""


def conflicts(found: Sequence[Reading]) -> list[str]:
    """One sentence for each field in which a reading differs from the most trusted one that has it."""
    return list(_conflicts(found))


def _conflicts(found: Sequence[Reading]) -> Iterator[str]:
    for name in COMPARED:
        said = [(reading, value) for reading in found if (value := getattr(reading.recipe, name)) is not None]
        for reading, value in said[1:]:
            if _plain(value) != _plain(said[0][1]):
                yield (
                    f"{name}: {_short(said[0][1])} says {said[0][0].tool} ({said[0][0].place}), "
                    f"{_short(value)} says {reading.tool} ({reading.place})."
                )


def _plain(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


def _short(value: Any) -> str:
    text = _plain(str(value))
    return repr(text if len(text) <= 40 else f"{text[:37]}…") if isinstance(value, str) else text
