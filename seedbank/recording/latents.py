"""Latents that a user gives instead of drawn noise: the one tensor of a safetensors file or an array, checked without torch.

The tensor is kept in a file of its own, without the names and metadata around it, so that the digest is that of its numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput
from seedbank.hashing import sha256

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROLE, TENSOR, ONLY = "latents", "tensor", "tensor"
"""Role and kind of the input, and the name of the one tensor in its file, as `seedbank.worker.inputs` has them."""
MEDIA_TYPE = "application/vnd.safetensors"
LARGEST_HEADER = 1 << 20
FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""{dtype: bytes of a number} of what a pipeline can start from."""


def read_latents(place: str | Path) -> tuple[dict[str, Any], bytes]:
    """(item of a recipe, bytes of the file to keep). Raises `BadInput` for anything but one tensor of floats."""
    path = Path(place).expanduser()
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for without an end
        raise BadInput(f"The latents {path} are no regular file.", "Write what comes through it into a file first.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"The latents {path} cannot be read: {error.strerror}.", "Check the path.") from None
    tensors, body = _parsed(data, path)
    if len(tensors) != 1:
        raise BadInput(f"{path} holds {len(tensors)} tensors; latents are one.", "Save it with one tensor alone.")
    (tensor,) = tensors.values()
    numbers, size = body[slice(*tensor["data_offsets"])], FLOATS.get(tensor["dtype"])
    count = 1
    for side in tensor["shape"]:
        count *= side
    if size is None:
        raise BadInput(f"The latents in {path} are {tensor['dtype']}, which are no floats.", f"Use one of {', '.join(FLOATS)}.")
    if len(numbers) != count * size:
        raise BadInput(f"{path} is damaged: its tensor has {len(numbers):,} bytes instead of {count * size:,}.")
    return _kept(tensor["dtype"], tensor["shape"], numbers)


def latents_of_array(array: Any) -> tuple[dict[str, Any], bytes]:
    """(item of a recipe, bytes of the file to keep) of a numpy array of floats."""
    return _kept(*_numbers(array))


def latents_file(array: Any) -> bytes:
    """A numpy array of floats as the one tensor of a safetensors file. Raises `BadInput`."""
    return _kept(*_numbers(array))[1]


def array_of(data: bytes) -> NDArray[Any]:
    """The one tensor of a safetensors file as numbers: float64 as they are, all others as float32, which holds them exactly."""
    import numpy as np

    tensors, body = _parsed(data, Path("The tensor"))
    (tensor,) = tensors.values()
    numbers = body[slice(*tensor["data_offsets"])]
    if tensor["dtype"] == "BF16":  # the upper half of a float32
        values = (np.frombuffer(numbers, "<u2").astype("<u4") << 16).view("<f4")
    else:
        values = np.frombuffer(numbers, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[tensor["dtype"]])
    return values.astype(np.float64 if tensor["dtype"] == "F64" else np.float32).reshape(tensor["shape"])


def _numbers(array: Any) -> tuple[str, list[int], bytes]:
    import numpy as np

    names = {"float64": "F64", "float32": "F32", "float16": "F16"}
    values = np.ascontiguousarray(array)
    if values.dtype.name not in names or not values.size or not np.isfinite(values).all():
        raise BadInput(f"Latents are finite floats; this is an array of {values.dtype.name}.", f"Use {', '.join(names)}.")
    return names[values.dtype.name], list(values.shape), values.astype(values.dtype.newbyteorder("<")).tobytes()


def _kept(dtype: str, shape: list[int], numbers: bytes) -> tuple[dict[str, Any], bytes]:
    kept = _file({ONLY: {"dtype": dtype, "shape": shape, "data_offsets": [0, len(numbers)]}}, numbers)
    return {"role": ROLE, "digest": sha256(kept), "kind": TENSOR}, kept


def _parsed(data: bytes, path: Path) -> tuple[dict[str, Any], bytes]:
    """({name: its entry in the header}, the bytes after the header) of a safetensors file."""
    length = int.from_bytes(data[:8], "little")
    try:
        if not 2 <= length <= min(LARGEST_HEADER, len(data) - 8):
            raise ValueError
        header = json.loads(data[8 : 8 + length])
        tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        for tensor in tensors.values():
            start, end = tensor["data_offsets"]
            if not all(isinstance(one, int) and one >= 0 for one in (start, end, *tensor["shape"])) or not tensor["dtype"]:
                raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            f"{path} is no safetensors file.", "Save the tensor with safetensors.torch.save_file({'latents': tensor}, path)."
        ) from None
    return tensors, data[8 + length :]


def _file(header: dict[str, Any], body: bytes) -> bytes:
    """A safetensors file; the header is padded to 8 bytes."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body
