"""Adapters on this machine: LoRAs, embeddings, IP-Adapters, and VAEs and ControlNets beside a model or in place of its own.

Each is a `Model` like any other: a manifest of files by SHA-256, whose digest a recipe names; its `pipeline` is the kind.
The names of files in a manifest are fixed, so that the digest follows the content alone. What each kind is made of:

* ``lora``, ``embedding``: one `.safetensors` file;
* ``vae``, ``controlnet``: a folder with `config.json` and safetensors weights; a VAE also one file, which is put into the
  model's own architecture;
* ``ip-adapter``: a folder with one `.safetensors` file and, mostly, `image_encoder/`; or that file among others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedbank.engine.manifest import OnBytes, check_safetensors, component_files, hash_files, manifest_digest
from seedbank.engine.source import hub_folder
from seedbank.errors import BadInput, Blocked
from seedbank.pipelines import CONTROLNETS, VAES
from seedbank.records import Model
from seedbank.worker.adapters import CONTROLNET, EMBEDDING, ENCODER_FOLDER, IP_ADAPTER, LORA, VAE

CLASSES: Mapping[str, Sequence[str]] = {VAE: VAES, CONTROLNET: CONTROLNETS}
"""The component classes that are loaded; anything else would be custom code."""
ALONE = ("AutoencoderKLQwenImage", "AutoencoderDC")
"""Classes of VAEs that no other one stands in for; the rest take each other's latents."""
KINDS = (VAE, CONTROLNET, LORA, EMBEDDING, IP_ADAPTER)
IP_FILE = "ip-adapter.safetensors"
"""The name of the IP-Adapter's own weights in its manifest, whatever the file is called."""


@dataclass(frozen=True)
class Adapter:
    """An adapter that was found and hashed. `path` is its file or folder, `model` its manifest."""

    kind: str
    path: Path
    model: Model
    weight: Any = None
    """How strongly a LoRA or IP-Adapter acts; a LoRA can have one weight for each component."""
    token: str | None = None
    """The word in a prompt that stands for an embedding."""

    @property
    def recipe_item(self) -> dict[str, Any]:
        """What stands in a recipe."""
        item = {"kind": self.kind, "digest": self.model.digest, "weight": self.weight, "token": self.token}
        return {name: value for name, value in item.items() if value is not None}

    @property
    def load_item(self) -> dict[str, Any]:
        """What the render process is told."""
        item = self.recipe_item | {"path": str(self.path)}
        item |= {"class": _class_of(self.path, self.kind)} if self.kind in CLASSES and self.path.is_dir() else {}
        if self.kind == IP_ADAPTER:
            file = ip_file(self.path)
            item |= {"path": str(file.parent), "file": file.name}
        return item


def read_adapter(
    kind: str, place: str | Path, weight: Any = None, token: str | None = None, on_bytes: OnBytes | None = None
) -> Adapter:
    """The adapter at `place`, every file hashed. Raises `BadInput` where nothing is, `Blocked` for what it should not be."""
    path = Path(os.path.abspath(Path(place).expanduser()))  # links stay: a hub cache and a kept model are made of links
    files = adapter_files(kind, path)
    listed = hash_files(files, on_bytes)
    name, revision = hub_folder(path if path.is_dir() else path.parent)
    model = Model(
        digest=manifest_digest(listed),
        name=name if revision and path.is_dir() else path.stem if path.is_file() else path.name,
        files=listed,
        pipeline=kind,
        source=str(path),
        revision=revision,
    )
    return Adapter(kind, path, model, weight, token)


def adapter_files(kind: str, path: Path) -> dict[str, Path]:
    """{name in the manifest: file}. Raises `BadInput` where nothing is, else `Blocked`."""
    check_there(kind, path)
    if kind in (LORA, EMBEDDING) or (kind == VAE and path.is_file()):
        check_safetensors(path)
        return {single_file(kind): path}
    if kind == IP_ADAPTER:
        files = {IP_FILE: ip_file(path)}
        check_safetensors(files[IP_FILE])
        encoder = files[IP_FILE].parent / ENCODER_FOLDER
        found = component_files(encoder) if encoder.is_dir() else {}
        return files | {f"{ENCODER_FOLDER}/{name}": file for name, file in found.items()}
    _class_of(path, kind)
    return component_files(path)


def check_there(kind: str, path: Path) -> None:
    """Raises `BadInput` unless there is a file or folder, whichever an adapter of this kind is made of."""
    if kind in (LORA, EMBEDDING):
        what, there = "file", path.is_file()
    elif kind in (VAE, IP_ADAPTER):
        what, there = "file or folder", path.exists()
    else:
        what, there = "folder", path.is_dir()
    if not there:
        raise BadInput(f"There is no {what} {path} for the {kind}.", "Check the path.")


def check_vae(adapter: Adapter, model: Path) -> None:
    """Raises `Blocked` for a VAE of other latents than the model's own, as far as their configs tell.

    `model` is the folder with the configs of its components.
    """
    if adapter.kind != VAE or not adapter.path.is_dir():
        return  # one file is put into the architecture of the model's own
    given, own = (_config(folder) for folder in (adapter.path, model / VAE))
    sizes = [config.get("z_dim", config.get("latent_channels")) for config in (given, own)]
    classes = [config.get("_class_name") for config in (given, own)]
    name = adapter.model.name
    if own and classes[0] != classes[1] and set(classes) & set(ALONE):
        reason = f"its class is {classes[0]}, that of the model's own {classes[1]}"
    elif None not in sizes and sizes[0] != sizes[1]:
        reason = f"it has {sizes[0]} latent channels, the model's own has {sizes[1]}"
    elif own.get("shift_factor") is not None and given.get("shift_factor") is None:
        reason = "it has no shift_factor, by which the pipeline moves its latents"
    else:
        return
    raise Blocked(f"The VAE {name} is of another family than the model: {reason}.", "Take a VAE of the model's family.")


def _config(folder: Path) -> Mapping[str, Any]:
    """What ``config.json`` says; empty where there is none."""
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def single_file(kind: str) -> str:
    """The name in its manifest of an adapter that is one file."""
    return f"{kind}.safetensors"


def ip_file(folder: Path) -> Path:
    """The one `.safetensors` file of an IP-Adapter's folder, or the file itself where it was named."""
    if folder.is_file():
        return folder
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        raise Blocked(
            f"The IP-Adapter's folder {folder} has {len(found)} .safetensors files; one is needed.",
            "Make a folder with the one that you mean, and image_encoder/ beside it.",
        )
    return found[0]


def _class_of(folder: Path, kind: str) -> str:
    path = folder / "config.json"
    try:
        name = json.loads(path.read_text("utf-8")).get("_class_name")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise Blocked(f"{folder} is no folder of a {kind}: {path.name} cannot be read.", "Name its folder.") from error
    if name not in CLASSES[kind]:
        raise Blocked(f"{folder} holds a {name!r}, which is no {kind}.", f"Known are {', '.join(CLASSES[kind])}.")
    return str(name)


def parse_place(text: str, kind: str) -> tuple[str, float | None]:
    """``FILE[:WEIGHT]`` as (place, weight). A colon that no number follows belongs to the name."""
    place, colon, number = text.rpartition(":")
    if colon and place and not Path(text).expanduser().exists():
        try:
            weight = float(number)
        except ValueError:
            return text, None
        if not -100 <= weight <= 100:
            raise BadInput(f"The weight {number} of the {kind} is out of range.", "Use a number such as 0.8.")
        return place, weight
    return text, None
