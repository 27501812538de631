"""Weights and configs by content: models and adapters."""

from __future__ import annotations

from msgspec import Struct


class ModelFile(Struct, frozen=True):
    """One file of a model: its path inside the model, size in bytes and SHA-256."""

    path: str
    size: int
    sha256: str


class Model(Struct, frozen=True):
    """Weights and configs by content. `digest` covers `files`; the rest says where they came from and were last seen."""

    digest: str
    name: str
    files: tuple[ModelFile, ...] = ()
    pipeline: str | None = None
    """The class of the pipeline; of an adapter its kind, `lora` and so on."""
    source: str | None = None
    """What loads it again: `embedded`, a hub name, a folder or a file."""
    revision: str | None = None
    """The 40-hex commit of a hub model."""
    variant: str | None = None
    config: str | None = None
    """The folder given with --model-config for a single file."""
    hashes: tuple[tuple[str, str], ...] = ()
    """(kind, digits) of its bytes as other tools write them, see `seedbank.importing.weights`. They are stored with the
    model and looked up from there; a model that is read with an entry does not list them."""

    @property
    def short_hash(self) -> str | None:
        """What A1111 calls a model by: the first 10 digits of its single file's SHA-256. A folder has none."""
        return next((item.sha256[:10] for item in self.files if item.path == "single.safetensors"), None)


class ModelUse(Struct, frozen=True):
    """A model or an adapter and what it means to a bank.

    entries   how many live entries were made with it
    kept      whether its files lie in the image store
    here      whether its files lie where they were last seen, by name and size; the bytes are not read
    """

    model: Model
    entries: int
    kept: bool
    here: bool
