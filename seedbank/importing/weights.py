"""Weights by the names and hashes that other tools give them.

A file's hash has a kind, which follows from its form, and is compared with hashes of the same kind only:

=================  ==========  ==========================================================================================
form               kind        what is hashed
=================  ==========  ==========================================================================================
64 hex             `sha256`    the file. Its first 10 digits are A1111's model hash and Civitai's AutoV2
10 hex             `sha256`    the beginning of that
12 hex             `sha256`    of a textual inversion; of a model or a LoRA it is AutoV3, the next kind
12 hex             `data`      the bytes after a safetensors file's header; A1111 takes a LoRA's own word for it where
                               its header has one (`sshs`)
0x and 64 hex      `data`      SwarmUI's tensor hash
8 hex              `first`     bytes 0x100000 to 0x10FFFF only: many files share one
blake3: and hex    `blake3`    InvokeAI: the file, or of a folder the hashes of its weight files
=================  ==========  ==========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from seedbank.engine.hashes import BLAKE3, DATA, FIRST, SHA256, SSHS
from seedbank.hashing import json_digest
from seedbank.records import Model
from seedbank.worker import adapters as kinds

if TYPE_CHECKING:
    from seedbank.bank import Bank

MODEL, LORA, VAE, EMBEDDING = "model", kinds.LORA, kinds.VAE, kinds.EMBEDDING
NAME = "name"
WEIGHT_SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft")


@dataclass(frozen=True)
class Match:
    """A model for what a file names, and a remark on how sure that is."""

    model: Model
    remark: str | None = None


class Weights(Protocol):
    """Which weights are known by the name or the hash that a file gives them."""

    def find(self, kind: str, name: str | None, hash: str | None) -> Match | None:
        """The weights, None where none are known; `kind` is model, lora, vae or embedding."""
        ...


class NoWeights:
    """Knows no weights: every model stays a name."""

    def find(self, kind: str, name: str | None, hash: str | None) -> Match | None:
        return None


@lru_cache(256)  # a folder of pictures names few weights, each of them often
def named_model(kind: str, name: str | None, hash: str | None) -> Model:
    """What a file calls some weights, as a model without files: its digest is that of the hash, else of the name."""
    plain = plain_name(name)
    hashes = tuple(hash_of(kind, hash)) or (((NAME, plain),) if plain else ())
    shown = base_name(name) or hash or "without a name"
    return Model(
        digest=_named_digest(kind, hashes, shown),
        name=shown,
        pipeline=None if kind == MODEL else kind,
        hashes=hashes + (((NAME, plain),) if plain and hashes and hashes[0][0] != NAME else ()),
    )


def is_named(kind: str, model: Model) -> bool:
    """Whether a model without files is what `named_model` makes of its hashes, in whichever order they stand."""
    hashes = sorted(one for one in model.hashes if one[0] != NAME) or model.hashes[:1]
    return not model.files and model.digest == _named_digest(kind, hashes, model.name)


def _named_digest(kind: str, hashes: Iterable[tuple[str, str]], shown: str) -> str:
    return json_digest({"named": kind, "as": [list(one) for one in hashes] or shown})


def hash_of(kind: str, text: str | None) -> Iterator[tuple[str, str]]:
    """(kind of hash, hexadecimal digits in lower case, perhaps only the first ones) that a file's text for it stands for."""
    word = (text or "").strip().casefold()
    if (found := re.fullmatch(r"blake3:([0-9a-f]{64})", word)) is not None:
        yield BLAKE3, found[1]
    elif (found := re.fullmatch(r"0x([0-9a-f]{64})", word)) is not None:
        yield DATA, found[1]
    elif (found := re.fullmatch(r"(?:sha256:)?([0-9a-f]{64}|[0-9a-f]{10})", word)) is not None:
        yield SHA256, found[1]
    elif re.fullmatch(r"[0-9a-f]{12}", word):
        if kind in (LORA, MODEL):
            yield DATA, word
            yield SSHS, word
        else:
            yield SHA256, word
    elif re.fullmatch(r"[0-9a-f]{8}", word):
        yield FIRST, word


def told_hashes(hashes: Iterable[tuple[str, str]]) -> list[str]:
    """Hashes by the words that people know: `sha256 …`, `AutoV1 …`, `AutoV3 …`, `tensor hash …`; the same digits once."""
    told: dict[str, str] = {}
    for kind, digits in hashes:
        if kind == NAME:
            continue
        word = {FIRST: "AutoV1", DATA: "AutoV3" if len(digits) < 64 else "tensor hash", SSHS: "AutoV3"}.get(kind, kind)
        told.setdefault(digits, f"{word} {digits}")
    return list(told.values())


def base_name(name: str | None) -> str | None:
    """The last part of a path, also one of Windows, without the suffix of a weight file."""
    last = re.split(r"[/\\]", name or "")[-1].strip()
    suffix = next((suffix for suffix in WEIGHT_SUFFIXES if last.casefold().endswith(suffix)), "")
    return last[: len(last) - len(suffix)] or None


def plain_name(name: str | None) -> str | None:
    """The base name as it is compared: without case, and with one kind of gap. A1111 takes `:` and `,` out of names."""
    base = base_name(name)
    return None if base is None else re.sub(r"[\s_]+", "_", re.sub(r"[:,]", "", base.casefold())) or None


class BankWeights:
    """The weights that a bank was told of with `seedbank models add`, and those of its own entries by name."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._known: dict[tuple[str, str | None, str | None], Match | None] = {}

    def find(self, kind: str, name: str | None, hash: str | None) -> Match | None:
        """As `Weights.find`: by hash where the file has one that can be compared, else by name."""
        key = (kind, name, hash)
        if key not in self._known:
            self._known[key] = self._look(kind, name, hash)
        return self._known[key]

    def _look(self, kind: str, name: str | None, hash: str | None) -> Match | None:
        from seedbank.store.weights import meant_by

        hashes, plain = tuple(hash_of(kind, hash)), plain_name(name)
        found = meant_by(self._bank.store.database, kind, hashes or (((NAME, plain),) if plain else ()))
        if not found:
            return None
        if not hashes:
            return Match(found[0], f"The {kind} {name} is matched by its name only: the file has no hash of it.")
        if hashes[0][0] == FIRST:
            return Match(
                found[0], f"The {kind} {name or hash} is matched by 8 digits, which many files share: it may be another."
            )
        return Match(found[0])
