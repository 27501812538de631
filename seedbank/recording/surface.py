"""What a user's call and pipeline have beside a model and a text: input pictures and tensors, and adapters.

Looking costs next to nothing while nothing changes; what has to be read from memory or from files is remembered.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from seedbank.bank import Bank
from seedbank.engine.adapters import Adapter, read_adapter
from seedbank.engine.manifest import loaded_weights, manifest_digest
from seedbank.engine.source import Source
from seedbank.errors import SeedbankError
from seedbank.hashing import sha256
from seedbank.records import Blob, Model, ModelFile
from seedbank.worker.adapters import COMPONENTS, CONTROLNET, ENCODER_FOLDER, IP_ADAPTER

if TYPE_CHECKING:
    from seedbank.worker.anatomy import Anatomy
    from seedbank.worker.captured import Found
    from seedbank.worker.live import Samples

SAFETENSORS, PNG = "application/vnd.safetensors", "image/png"


# -- adapters ---------------------------------------------------------------------------------------------------------


@dataclass
class Surface:
    """The adapters on a pipeline, and what they explain of its departure from its folder."""

    adapters: list[Adapter] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    """The files of adapters that are in memory only."""
    obstacles: list[str] = field(default_factory=list)
    weights: dict[str, list[Path]] = field(default_factory=dict)
    """{component: its `.safetensors` files}, where these are not in the pipeline's own folder."""
    configs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """{component: its configuration}, likewise."""
    grown: bool = False
    """Whether words were added to the text encoders, which moves their tables in memory."""


_surfaces: WeakKeyDictionary[Any, tuple[tuple[Any, ...], Surface]] = WeakKeyDictionary()
"""{pipeline: (state of its adapters, what was found)} of the last look."""


def surface_of(pipe: Any, taken: Anatomy, source: Source, samples: Samples) -> Surface:
    """The adapters on `pipe`, which was loaded from `source`; `samples` of its weights show that one was changed."""
    from seedbank.worker import captured

    folders = captured.component_folders(taken, source.folder)
    state = (*captured.state_of(pipe, taken, samples), *(_times(folder) for folder in folders.values()))
    known = _surfaces.get(pipe)
    if known is None or known[0] != state:
        known = (state, _read_surface(pipe, taken, source, folders))
        _surfaces[pipe] = known
    return known[1]


def _times(folder: Path) -> tuple[Any, ...]:
    found = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
    return tuple((name, about.st_size, about.st_mtime_ns, about.st_ino) for name, about in found)


def _read_surface(pipe: Any, taken: Anatomy, source: Source, folders: Mapping[str, Path]) -> Surface:
    from seedbank.worker import captured

    surface = Surface()
    stored = {**loaded_weights(source)}
    for name in COMPONENTS:
        if name in folders:
            _add_folder(surface, name, folders[name])
        elif name == CONTROLNET and taken.components.get(name) is not None and name not in stored:
            surface.obstacles.append("It is not known from which folder the ControlNet was loaded.")
    try:
        for found in (*captured.loras(pipe, taken), *captured.embeddings(pipe, taken, {**stored, **surface.weights})):
            _add_content(surface, found)
        if (adapter := captured.ip_adapter(pipe, taken)) is not None:
            _add_ip_adapter(surface, adapter, "image_encoder" in stored)
    except captured.Unclear as error:
        surface.obstacles.append(str(error))
    except SeedbankError as error:
        surface.obstacles.append(error.message)
    return surface


def _add_folder(surface: Surface, kind: str, folder: Path) -> None:
    try:
        surface.adapters.append(read_adapter(kind, folder))
    except SeedbankError as error:
        surface.obstacles.append(error.message)
        return
    surface.weights[kind] = sorted(folder.glob("*.safetensors"))
    surface.configs[kind] = json.loads((folder / "config.json").read_text("utf-8"))


def _add_content(surface: Surface, found: Found) -> None:
    assert found.content is not None
    files = (ModelFile(f"{found.kind}.safetensors", len(found.content), sha256(found.content)),)
    model = Model(manifest_digest(files), found.name or found.kind, files, pipeline=found.kind)
    surface.adapters.append(Adapter(found.kind, Path(), model, found.weight, found.token))
    surface.contents.append(found.content)
    surface.grown = surface.grown or found.token is not None


def _add_ip_adapter(surface: Surface, found: Found, own_encoder: bool) -> None:
    assert found.path is not None
    surface.adapters.append(read_adapter(IP_ADAPTER, found.path, found.weight))
    if not own_encoder:
        surface.weights[ENCODER_FOLDER] = sorted((found.path.parent / ENCODER_FOLDER).glob("*.safetensors"))


# -- pictures and tensors ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """A copy of one picture or tensor of a call, under the name of its argument; `index` counts in a list."""

    role: str
    index: int | None
    value: Any


def given_of(name: str, value: Any) -> list[Given] | None:
    """Copies of the pictures or tensors that `value` is or lists; None for anything else."""
    many = isinstance(value, (list, tuple))
    items = list(value) if many else [value]
    if not items or not all(_is_input(item) for item in items):
        return None
    return [Given(name, index if many else None, _copied(item)) for index, item in enumerate(items)]


def _is_input(value: Any) -> bool:
    return (hasattr(value, "tobytes") and hasattr(value, "mode")) or (hasattr(value, "dtype") and hasattr(value, "shape"))


def _copied(value: Any) -> Any:
    return value.detach().to("cpu", copy=True) if hasattr(value, "detach") else copy.deepcopy(value)


def keep_given(bank: Bank, given: Sequence[Given]) -> tuple[list[dict[str, Any]], list[Blob], list[tuple[str, str]], list[str]]:
    """(items of the recipe, their blobs, stages of the trace, obstacles), the files stored without loss."""
    from seedbank.worker.inputs import PICTURE, input_stages, pack, strides_of

    items: list[dict[str, Any]] = []
    blobs: list[Blob] = []
    obstacles: list[str] = []
    arguments: dict[str, Any] = {}
    for one in given:
        packed = pack(one.value)
        if packed is None:
            what = getattr(one.value, "mode", None) or getattr(one.value, "dtype", "")
            obstacles.append(f"The argument {one.role} is a {type(one.value).__name__} ({what}), which cannot be kept.")
            continue
        kind, data = packed
        blobs.append(bank.blobs.put(data, PNG if kind == PICTURE else SAFETENSORS))
        item: dict[str, Any] = {"role": one.role, "digest": blobs[-1].digest, "kind": kind}
        if (strides := strides_of(one.value)) is not None:
            item["strides"] = strides
        items.append(item if one.index is None else item | {"index": one.index})
        if one.index is None:
            arguments[one.role] = one.value
        else:
            arguments.setdefault(one.role, []).append(one.value)
    stages = [(str(stage), str(digest)) for stage, digest in input_stages(arguments, items)]
    return items, blobs, stages, obstacles


def keep_contents(bank: Bank, surface: Surface) -> Iterator[Blob]:
    """Store the files of adapters that are in memory only."""
    for content in surface.contents:
        yield bank.blobs.put(content, SAFETENSORS)
