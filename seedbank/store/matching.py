"""What entries share, by name: the ids of models, tags, users, sizes, methods and environments that a pattern means.

A bank has few of these, so they are looked up first; what is left of a query then are comparisons of numbers.
Names are compared folded; ``*`` stands for any characters, the only one with a meaning, and ``[*]`` for itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select

from seedbank.dialects import LONGEST_NAME, SAMPLER_NAMES, SCHEDULE_NAMES, meaning
from seedbank.query.values import Shape
from seedbank.samplers import FLOW_SAMPLERS, NORMAL, OTHER_NAMES, SAMPLERS, SIGMAS, SPACINGS, is_flow
from seedbank.store.digests import begins
from seedbank.store.purges import last_purge
from seedbank.store.tables import adapters, environment_parts, methods, models, parts, settings, sizes
from seedbank.store.usage import adapters_of_settings
from seedbank.store.words import fold

SAID = "said"
"""Where `methods.config` has what the file of an import says: {tool, sampler, schedule}, in the words of the tool."""
DIGEST = re.compile("[0-9a-f]{4,64}")
"""What can be the beginning of one."""


def _pieces(text: str) -> list[str]:
    """What stands between the ``*`` of `text`, folded."""
    return [piece.replace("\0", "*") for piece in fold(text).replace("[*]", "\0").split("*")]


def pattern(text: str) -> re.Pattern[str]:
    """`text` folded, with ``*`` for any characters, to be matched against a whole folded name."""
    return re.compile(".*".join(map(re.escape, _pieces(text))), re.DOTALL)


def named(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """A folded name meets the pattern `text`."""
    first, *others = _pieces(text)
    if not others:
        return column == first
    escaped = (re.sub(r"([%_\\])", r"\\\1", piece) for piece in (first, *others))
    return column.like("%".join(escaped), escape="\\")


def ids_named(connection: Connection, table: Table, text: str, *, digests: bool = False) -> list[int]:
    """The ids of rows whose folded name is meant, or, with `digests`, whose digest begins like that."""
    condition = named(table.c.folded, text)
    if digests and DIGEST.fullmatch(text.lower()):
        condition = condition | begins(table.c.digest, text.lower())
    return list(connection.scalars(select(table.c.id).where(condition).order_by(table.c.id)))


def adapter_ids(connection: Connection, text: str) -> list[int]:
    """The ids of adapters whose name is meant, which stands with their files in `models`, or whose digest begins so."""
    beside = select(adapters.c.id).join(models, models.c.digest == adapters.c.digest).where(named(models.c.folded, text))
    return sorted({*ids_named(connection, adapters, text, digests=True), *connection.scalars(beside)})


def size_ids(connection: Connection, shape: Shape) -> list[int]:
    """The ids of the sizes of this shape."""
    width, height = sizes.c.width, sizes.c.height
    words = {"landscape": width > height, "portrait": width < height, "square": width == height}
    where = [words[shape.word]] if shape.word else []
    where += [column == side for column, side in ((width, shape.width), (height, shape.height)) if side is not None]
    return list(connection.scalars(select(sizes.c.id).where(*where).order_by(sizes.c.id)))


# -- methods: pipeline, scheduler with its settings, number formats -----------------------------------------------------


@dataclass(frozen=True)
class Method:
    """The folded names of one row of `methods`, for each key that looks for them."""

    names: Mapping[str, tuple[str, ...]]


def method_of(pipeline: str | None, scheduler: str | None, config: Any, dtypes: Any) -> Method:
    """What people call a method: the class names, and the words of other tools for the sampler and the schedule."""
    given = config if isinstance(config, Mapping) else {}
    samplers = [
        name
        for table in (SAMPLERS, FLOW_SAMPLERS)
        for name, (cls, wanted) in table.items()
        if cls == scheduler and all(given.get(key, default) == default for key, default in wanted.items())
    ]
    schedules = [name for name, flag in SIGMAS.items() if given.get(flag)]
    schedules += [name for name, spacing in SPACINGS.items() if given.get("timestep_spacing") == spacing]
    told = given.get(SAID)
    if isinstance(told, Mapping) and (said := said_of(told)):
        words = said.get("sampler"), said.get("schedule")
        meant = meaning(said.get("tool"), *words)
        samplers = [*samplers, *filter(None, (meant.sampler, words[0]))]
        schedules = [*schedules, *filter(None, (meant.schedule, words[1]))]
    elif is_flow(scheduler) and not schedules:
        schedules = [NORMAL, "simple", "sgm_uniform"]  # all of them are the pipeline's own way
    formats = dtypes.values() if isinstance(dtypes, Mapping) else ()
    return Method(
        {
            "pipeline": _folded([pipeline]),
            "scheduler": _folded([scheduler]),
            "sampler": _folded([*samplers, scheduler]),
            "schedule": _folded(schedules or ([NORMAL] if scheduler else [])),
            "dtype": _folded({str(value).removeprefix("torch.") for value in formats}),
        }
    )


def _folded(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(fold(name) for name in names if name)


def said_of(details: Mapping[str, Any]) -> dict[str, str]:
    """{tool, sampler, schedule} of an import in the words of its tool; empty where the file says neither of the last two."""
    said = {name: word for name in ("tool", "sampler", "schedule") if (word := _word(details.get(name)))}
    return said if said.keys() - {"tool"} else {}


def _word(value: Any) -> str | None:
    """What can be the name of a sampler; a file can hold anything."""
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_NAME else None


def sampler_words(key: str, text: str) -> set[str]:
    """A sampler or schedule as other tools write it (``DPM++ 2M``, ``Euler a``, ``Uniform``) in the words of our tables."""
    word = "_".join(text.lower().replace("-", " ").replace("_", " ").split())
    for other, ours in OTHER_NAMES.items():
        word = word.replace(other, ours)
    known = (SAMPLER_NAMES if key == "sampler" else SCHEDULE_NAMES).ours(text, None)
    return {word, known} if known else {word}


# -- what a process remembers --------------------------------------------------------------------------------------


@dataclass
class Remembered:
    """Rows that never change once they are stored, kept by a process that asks again and again. Gone ones do no harm.

    They are known by their digests where all can be listed, as SQLite gives the ids of purged rows again.
    """

    methods: dict[str, Method] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """{part: {name as pip compares it: folded versions}}"""
    adapters: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """{settings of recipes: digests of the adapters they need}, read anew after a purge."""
    last_settings: int = 0
    """The id of the last that were read."""
    purge: int = 0
    """The last purge that is known."""
    lock: Lock = field(default_factory=Lock)

    def method_ids(self, connection: Connection, key: str, text: str) -> list[int]:
        """The ids of the methods whose `key` (sampler, schedule, scheduler, pipeline, dtype) meets the pattern `text`."""
        ids = {row.digest: row.id for row in connection.execute(select(methods.c.id, methods.c.digest))}
        if missing := [number for digest, number in ids.items() if digest not in self.methods]:
            for row in connection.execute(select(methods).where(methods.c.id >= min(missing))):
                self.methods[row.digest] = method_of(row.pipeline, row.scheduler, row.config, row.dtypes)
        wanted = [pattern(text)]
        if key in ("sampler", "schedule"):
            wanted += [pattern(word) for word in sampler_words(key, text)]
        return sorted(
            number
            for digest, number in ids.items()
            if any(one.fullmatch(name) for one in wanted for name in self.methods[digest].names[key])
        )

    def method_names(self, key: str) -> set[str]:
        """The folded words that the methods known so far have for a key."""
        return {name for method in list(self.methods.values()) for name in method.names[key]}  # others may add to it

    def environment_names(self, key: str) -> set[str]:
        """The folded words that the environments known so far have for a key."""
        if key == "gpu":
            return {fold(name) for body in list(self.parts.values()) for name in _gpus(body)}
        if key == "device":
            return {_device(body) for body in list(self.parts.values()) if isinstance(body, Mapping) and "device" in body}
        name = _plain_name(key.removeprefix("env."))
        return {version for versions in list(self.versions.values()) for version in versions.get(name, ())}

    def settings_needing(self, connection: Connection, gone: Collection[str]) -> list[int]:
        """The ids of recipes' settings that need one of the adapters `gone`."""
        with self.lock:
            if (purge := last_purge(connection)) != self.purge:
                self.adapters, self.last_settings, self.purge = {}, 0, purge
            newest = connection.scalar(select(func.max(settings.c.id))) or 0
            self.adapters = self.adapters | adapters_of_settings(connection, self.last_settings)
            self.last_settings = newest
            return sorted(number for number, needed in self.adapters.items() if not set(gone).isdisjoint(needed))

    def environment_ids(self, connection: Connection, key: str, text: str) -> list[int]:
        """The ids of the environments that `key` (``gpu``, ``device``, ``env.NAME``) finds."""
        kinds = {"gpu": ("hardware",), "device": ("profile",)}.get(key, ("distributions", "system"))
        rows = connection.execute(
            select(environment_parts.c.environment_id, parts.c.id, parts.c.digest).join(parts).where(parts.c.kind.in_(kinds))
        ).all()
        for digest, number in {row.digest: row.id for row in rows if row.digest not in self.versions}.items():
            self.parts[digest] = body = connection.scalar(select(parts.c.body).where(parts.c.id == number))
            self.versions[digest] = _versions(body)
        if key in ("gpu", "device"):
            meets = _meets(key, text)
            return sorted({row.environment_id for row in rows if meets(self.parts[row.digest])})
        name, wanted = _plain_name(key.removeprefix("env.")), pattern(text)
        digests = {row.digest for row in rows}
        having = {one for one in digests if any(map(wanted.fullmatch, self.versions[one].get(name, ())))}
        return sorted({row.environment_id for row in rows if row.digest in having})


def _meets(key: str, text: str) -> Any:
    wanted = pattern(text if "*" in text or key != "gpu" else f"*{text}*")
    if key == "gpu":
        return lambda body: any(wanted.fullmatch(fold(name)) for name in _gpus(body))
    return lambda body: wanted.fullmatch(_device(body)) is not None


def _device(body: Any) -> str:
    """The kind of device of a profile, folded."""
    return fold(str(body.get("device", "cpu"))).split(":")[0]


def _gpus(body: Any) -> list[str]:
    """The names of the GPUs in the hardware part of an environment."""
    gpu = body.get("gpu") if isinstance(body, Mapping) else None
    listed = gpu if isinstance(gpu, list) else [gpu]
    return [str(one.get("name", "")) if isinstance(one, Mapping) else str(one) for one in listed if one]


def _versions(body: Any) -> dict[str, list[str]]:
    """The versions that a part records, by name: of distributions, or python, os, libc of the system."""
    found: dict[str, list[str]] = {}
    for key, value in body.items() if isinstance(body, Mapping) else ():
        version = value.get("version") if isinstance(value, Mapping) else value
        if isinstance(version, (str, int, float)):
            found.setdefault(_plain_name(key), []).append(fold(str(version)))
    return found


def _plain_name(name: str) -> str:
    """Distribution names compared as pip does."""
    return re.sub(r"[-_.]+", "-", name).lower()
