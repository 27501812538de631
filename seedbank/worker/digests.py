"""Digests of tensors: SHA-256 over ``seedbank.tensor.v1`` NUL dtype NUL shape NUL contiguous little-endian bytes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from typing import Any

import torch

UNSIGNED = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def tensor_digest(tensor: torch.Tensor) -> str:
    """Digest of one tensor (dtype ``float32``, shape ``1,16,16,16``), the same for every device and memory format."""
    values = tensor.detach().to("cpu").contiguous()
    hasher = hashlib.sha256(b"seedbank.tensor.v1\0" + f"{dtype_name(values.dtype)}\0{shape_text(values)}\0".encode("ascii"))
    hasher.update(little_endian(values))
    return hasher.hexdigest()


def nested_digest(value: Any) -> str | None:
    """Digest of every tensor inside lists, tuples and mappings, in order; `None` when there is none.

    A single tensor has its tensor digest. Several have the SHA-256 over ``seedbank.tensors.v1`` and their digests, each
    preceded by NUL.
    """
    found = [tensor_digest(tensor) for tensor in tensors_in(value)]
    if len(found) < 2:
        return found[0] if found else None
    return hashlib.sha256("\0".join(["seedbank.tensors.v1", *found]).encode("ascii")).hexdigest()


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor inside `value`, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif hasattr(value, "values") and callable(value.values):
        yield from tensors_in(list(value.values()))


def dtype_name(dtype: torch.dtype) -> str:
    """``float32`` for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


def shape_text(tensor: torch.Tensor) -> str:
    return ",".join(str(size) for size in tensor.shape)


def little_endian(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous CPU tensor, viewed as integers since bfloat16 has no numpy type."""
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    size = tensor.element_size()
    values = tensor.reshape(-1).view(UNSIGNED[size]).numpy()
    if sys.byteorder == "big" and size > 1:
        values = values.byteswap()
    return memoryview(values).cast("B")
