"""The hashes by which other tools call a file of weights, all of them from reading it once; and what kind of weights it holds.

The kinds are those of `seedbank.importing.weights`. Sources: `modules/sd_models.py` (`model_hash`) and `modules/hashes.py`
of A1111, `extensions-builtin/Lora/network.py`, `networks/…/addnet_hash_safetensors` of kohya's scripts, SwarmUI's
`T2IModelHandler` (tensor hash), InvokeAI's `backend/model_hash/model_hash.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from seedbank.engine.manifest import LARGEST_HEADER, RememberedDigests, check_safetensors
from seedbank.engine.source import Source, cache_folder, remember
from seedbank.errors import Blocked

SHA256, DATA, SSHS, FIRST, BLAKE3 = "sha256", "data", "sshs", "first", "blake3"
CHUNK = 1 << 22
"""Bytes read at a time."""
FIRST_RANGE = (0x100000, 0x110000)
FIRST_DIGITS = 8
INVOKEAI_SUFFIXES = (".ckpt", ".safetensors", ".bin", ".pt", ".pth")
CHECKPOINT = "checkpoint"
"""Kind of a file that holds a denoiser, without the configs that say how its pipeline is put together."""

OnBytes = Callable[[int], None]
Hashes = dict[str, str]


class RememberedHashes:
    """Hashes of files that were read before, by path, size, modification and change time and inode.

    One JSON file in the cache, written after each file, so that an interrupted run goes on where it was. It may be lost
    at any time without harm.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_folder() / "weight-hashes.json"
        try:
            known = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            known = None
        self._known: dict[str, list[Any]] = known if isinstance(known, dict) else {}

    def of(self, path: Path, on_bytes: OnBytes | None = None) -> Hashes:
        """{kind: hexadecimal digits} of a safetensors file. Raises `Blocked` for one that changes while it is read."""
        real = path.resolve()
        before = _state(real)
        known = self._known.get(str(real))
        if isinstance(known, list) and known[:-1] == before and isinstance(known[-1], dict):
            if on_bytes:
                on_bytes(before[0])
            return dict(known[-1])
        found = read_hashes(real, on_bytes)
        if _state(real) != before:
            raise Blocked(f"{path} changed while it was read.", "Wait until it is written, then try again.")
        self._known[str(real)] = [*before, found]
        self._save()
        digests = RememberedDigests(cache_folder() / "digests.json")
        digests.remember(real, found[SHA256])
        digests.save()
        return dict(found)

    def _save(self) -> None:
        remember(self.path, json.dumps(self._known))


def read_hashes(path: Path, on_bytes: OnBytes | None = None) -> Hashes:
    """All kinds of hashes of a safetensors file. Raises `Blocked` unless it is one."""
    from blake3 import blake3

    check_safetensors(path)
    whole, data, first, blake = hashlib.sha256(), hashlib.sha256(), hashlib.sha256(), blake3()
    with path.open("rb") as stream, ThreadPoolExecutor(3) as pool:
        start = 8 + int.from_bytes(stream.read(8), "little")
        stream.seek(0)
        at = 0
        while chunk := stream.read(CHUNK):
            view = memoryview(chunk)
            parts = [
                (whole, view),
                (blake, view),
                (data, view[max(0, start - at) :]),
                (first, view[max(0, FIRST_RANGE[0] - at) : max(0, FIRST_RANGE[1] - at)]),
            ]
            list(pool.map(lambda part: part[0].update(part[1]), parts))
            at += len(chunk)
            if on_bytes:
                on_bytes(len(chunk))
    found = {
        SHA256: whole.hexdigest(),
        DATA: data.hexdigest(),
        FIRST: first.hexdigest()[:FIRST_DIGITS],
        BLAKE3: blake.hexdigest(),
    }
    claimed = header(path).get("__metadata__", {}).get("sshs_model_hash")
    return found | ({SSHS: claimed.casefold()} if isinstance(claimed, str) and _is_hex(claimed) else {})


def folder_hash(folder: Path, hashes: RememberedHashes, on_bytes: OnBytes | None = None) -> Hashes:
    """{blake3: digits} of a folder as InvokeAI takes it: BLAKE3 over the hashes of its weight files, as text, by their paths.

    Empty when one of them is no safetensors file, which is never read here.
    """
    from blake3 import blake3

    paths = sorted(Path(root, name) for root, _, names in os.walk(folder) for name in names if name.endswith(INVOKEAI_SUFFIXES))
    if not paths or any(path.suffix != ".safetensors" for path in paths):
        return {}
    together = blake3()
    for path in paths:
        together.update(hashes.of(path, on_bytes)[BLAKE3].encode())
    return {BLAKE3: together.hexdigest()}


def source_hashes(source: Source, hashes: RememberedHashes, on_bytes: OnBytes | None = None) -> Hashes:
    """{kind: digits} of a model: of its single file, or of its folder."""
    return hashes.of(source.file, on_bytes) if source.file is not None else folder_hash(source.folder, hashes, on_bytes)


# -- what a file holds ------------------------------------------------------------------------------------------------

LORA_MARKS = ("lora_up.", "lora_down.", ".lora_A.", ".lora_B.", ".lora.up.", ".lora.down.", ".hada_w1", ".lokr_w", "oft_blocks")
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "StableDiffusionXLPipeline": ("conditioner.embedders.1.", "conditioner.embedders.0.model."),
    "StableDiffusionPipeline": ("cond_stage_model.",),
    "StableDiffusion3Pipeline": ("model.diffusion_model.joint_blocks.", "joint_blocks."),
    "FluxPipeline": ("model.diffusion_model.double_blocks.", "double_blocks."),
}
"""{pipeline class: beginnings of tensor names that only its checkpoints have}"""
VAE_PARTS = ("encoder.", "decoder.", "first_stage_model.", "quant_conv.", "post_quant_conv.", "vae.")
MOST_EMBEDDING_TENSORS = 4
LARGEST_EMBEDDING = 128
"""Vectors of a textual inversion."""


def header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: {tensor: {dtype, shape, data_offsets}} and `__metadata__`."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        found = json.loads(stream.read(min(length, LARGEST_HEADER)))
    return found if isinstance(found, dict) else {}


def kind_of(path: Path) -> tuple[str, str | None]:
    """(`lora`, `embedding`, `vae` or `checkpoint`, pipeline class of a checkpoint where its tensors tell). By its tensors."""
    tensors = {name: value for name, value in header(path).items() if name != "__metadata__"}
    if any(mark in name for name in tensors for mark in LORA_MARKS):
        return "lora", None
    shapes = [value.get("shape") or [] for value in tensors.values()]
    if 0 < len(tensors) <= MOST_EMBEDDING_TENSORS and all(_is_vectors(shape) for shape in shapes):
        return "embedding", None
    if tensors and all(name.startswith(VAE_PARTS) for name in tensors):
        return "vae", None
    return CHECKPOINT, _family(tensors)


def _is_vectors(shape: list[int]) -> bool:
    return len(shape) in (1, 2) and (len(shape) == 1 or shape[0] <= LARGEST_EMBEDDING)


def _family(names: Iterable[str]) -> str | None:
    listed = list(names)
    return next((family for family, marks in FAMILIES.items() if any(name.startswith(marks) for name in listed)), None)


def _state(path: Path) -> list[int]:
    about = path.stat()
    return [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]


def _is_hex(text: str) -> bool:
    return len(text) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in text)
