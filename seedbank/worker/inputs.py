"""Input pictures and tensors: from the files that a recipe names by digest to the arguments of a pipeline call.

The role of an input is the name of the argument (``image``, ``mask_image``, ``control_image``, ``ip_adapter_image`` …).
An item of a recipe is ``{role, digest, kind}`` and, in a list of several, its ``index``. Kinds:

* ``picture``: decoded by Pillow, turned as its EXIF orientation says. With ``mode`` it is converted: what is transparent
  becomes white, in a mask black. With ``width`` and ``height`` it is resized: Lanczos for pictures, nearest for masks.
  Without these it reaches the pipeline as it was decoded.
* ``tensor``, ``array``: the one tensor of a safetensors file, as a torch tensor or as a numpy array. Where its elements lay in
  memory in another order than that of its dimensions (``channels_last``), ``strides`` says how: kernels are chosen by that.
"""

from __future__ import annotations

import functools
import hashlib
import io
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from .digests import nested_digest
from .refusal import BAD_INPUT, BLOCKED, Refusal

PICTURE, TENSOR, ARRAY = "picture", "tensor", "array"
KINDS = (PICTURE, TENSOR, ARRAY)
FORMATS = ("PNG", "JPEG", "WEBP")
ONLY = "tensor"
"""The name of the one tensor in a file."""
PLAIN_MODES = ("1", "L", "LA", "RGB", "RGBA", "I;16")
"""Modes whose pixels PNG holds as they are."""


def input_key(item: Mapping[str, Any]) -> str:
    """The name under which the file of an item is handed over: its role, in a list with its index."""
    return str(item["role"]) if item.get("index") is None else f"{item['role']}.{item['index']}"


def input_arguments(items: Iterable[Mapping[str, Any]], files: Mapping[str, str]) -> dict[str, Any]:
    """{argument: its value} for the items of a recipe that are pictures or tensors. Raises `Refusal`."""
    arguments: dict[str, Any] = {}
    for item in items:
        if item.get("kind") not in KINDS:
            continue
        if (key := input_key(item)) not in files:
            raise Refusal(BAD_INPUT, f"The input {key} of the recipe was not given.")
        value = read_input(item, files[key])
        if item.get("index") is None:
            arguments[item["role"]] = value
        else:
            arguments.setdefault(item["role"], []).append(value)
    return arguments


def read_input(item: Mapping[str, Any], path: str) -> Any:
    """A Pillow image, torch tensor or numpy array from the file of one item. Raises `Refusal`."""
    try:
        if item["kind"] == PICTURE:
            return prepared(decoded(path), item)
        import torch
        from safetensors.torch import load_file

        tensor = load_file(path)[ONLY]
        if strides := item.get("strides"):
            tensor = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype).copy_(tensor)
        return tensor if item["kind"] == TENSOR else tensor.numpy()
    except Refusal:
        raise
    except Exception as error:
        raise Refusal(BLOCKED, f"The input {input_key(item)} cannot be read: {error}") from error


def decoded(path: str) -> Image.Image:
    """The picture in a file, turned upright as its EXIF orientation says."""
    with Image.open(path, formats=FORMATS) as opened:
        opened.load()
        return ImageOps.exif_transpose(opened)


def prepared(image: Image.Image, item: Mapping[str, Any]) -> Image.Image:
    """The picture in the mode and size that the item names, if it names any."""
    is_mask = "mask" in item["role"]
    mode = item.get("mode")
    if mode is not None and image.mode != mode:
        if image.has_transparency_data and mode in ("RGB", "L"):
            image = image.convert("RGBA")
            ground = Image.new("RGBA", image.size, "black" if is_mask else "white")
            image = Image.alpha_composite(ground, image)
        image = image.convert(mode)
    size = (item.get("width") or image.width, item.get("height") or image.height)
    if image.size != size:
        image = image.resize(size, Image.Resampling.NEAREST if is_mask else Image.Resampling.LANCZOS)
    return image


def input_stages(arguments: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """[[``input.<role>``, digest]] of what reaches the pipeline: another decoder shows here, not as a later riddle."""
    roles = list(dict.fromkeys(item["role"] for item in items if item.get("kind") in KINDS))
    return [[f"input.{role}", value_digest(arguments[role])] for role in roles]


def value_digest(value: Any) -> str:
    """Image digest of a picture, tensor digest of a tensor or array; of a list the SHA-256 over those of its items."""
    import torch

    if isinstance(value, (list, tuple)):
        return hashlib.sha256("\0".join(value_digest(item) for item in value).encode("ascii")).hexdigest()
    if isinstance(value, Image.Image):
        head = f"seedbank.pixels.v1\0{value.mode}\0".encode("ascii") + struct.pack("<II", value.width, value.height)
        return hashlib.sha256(head + value.tobytes()).hexdigest()
    return str(nested_digest(value if isinstance(value, torch.Tensor) else torch.from_numpy(value)))


# -- from a live value to a file --------------------------------------------------------------------------------------


def pack(value: Any) -> tuple[str, bytes] | None:
    """(kind, bytes of a file) from which `read_input` gives the same value; None for what cannot be kept like that."""
    import numpy
    import torch

    if isinstance(value, Image.Image):
        return _packed_picture(value)
    if isinstance(value, torch.Tensor) and value.layout is torch.strided:
        return TENSOR, _packed_tensor(value)
    if isinstance(value, numpy.ndarray) and value.dtype.kind in "fiub" and value.dtype.isnative:
        return ARRAY, _packed_tensor(torch.from_numpy(numpy.ascontiguousarray(value)))
    return None


def strides_of(value: Any) -> list[int] | None:
    """How the elements of a tensor or an array lie in memory, in elements; None for a picture and where they lie in order.

    None also where some lie twice or far apart, which no copy keeps.
    """
    import numpy
    import torch

    if isinstance(value, numpy.ndarray):
        value = torch.from_numpy(value) if value.dtype.kind in "fiub" and value.dtype.isnative else None
    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided or value.is_contiguous():
        return None
    order = sorted(range(value.dim()), key=lambda place: -value.stride(place))
    return list(value.stride()) if value.permute(order).is_contiguous() else None


def _packed_picture(image: Image.Image) -> tuple[str, bytes] | None:
    if image.mode not in PLAIN_MODES:
        return None
    stream = io.BytesIO()
    # Without its `info`: a picture that was opened from a file still carries EXIF, which would turn it again.
    plain = Image.frombytes(image.mode, image.size, image.tobytes())
    plain.save(stream, "PNG", compress_level=1)
    return PICTURE, stream.getvalue()


def _packed_tensor(tensor: Any) -> bytes:
    from safetensors.torch import save

    return save({ONLY: tensor.detach().to("cpu").contiguous()})


def write_tensor(tensor: Any, path: Path) -> str:
    """Write a tensor as the one of a safetensors file; the path."""
    path.write_bytes(_packed_tensor(tensor))
    return str(path)


class LastSample:
    """Context manager that keeps the sample after the last step of a fresh scheduler, for a second model to go on from."""

    def __init__(self, scheduler: Any, wanted: bool) -> None:
        self.sample: Any = None
        self._scheduler = scheduler
        self._wanted = wanted

    def __enter__(self) -> LastSample:
        if self._wanted:
            original = self._scheduler.step

            # `wraps` keeps the signature: pipelines look whether `step` takes eta or a generator.
            @functools.wraps(original)
            def step(*args: Any, **kwargs: Any) -> Any:
                result = original(*args, **kwargs)
                self.sample = result[0] if isinstance(result, tuple) else result.prev_sample
                return result

            self._scheduler.step = step
        return self

    def __exit__(self, *_: object) -> None:
        if self._wanted:
            del self._scheduler.step

    def write(self, path: Path) -> str | None:
        """Write the sample as the one tensor of a safetensors file; None when there is none."""
        if self.sample is None:
            return None
        return write_tensor(self.sample, path)


class GivenSample:
    """Context manager in which every step of a fresh scheduler gives the tensor in the file `path` instead of its result.

    The pipeline then decodes that tensor, with its own scaling, unpacking and whatever else its family does. Without a
    `path` nothing is changed. Raises `Refusal` inside the call for a tensor of another shape than the pipeline's sample.
    """

    def __init__(self, scheduler: Any, path: str | None) -> None:
        self._scheduler = scheduler
        self._path = path

    def __enter__(self) -> GivenSample:
        if self._path is not None:
            given = read_input({"role": "latents", "kind": TENSOR}, self._path)
            original = self._scheduler.step

            @functools.wraps(original)
            def step(model_output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any) -> Any:
                if given.shape != sample.shape:
                    shapes = ["x".join(map(str, tensor.shape)) for tensor in (given, sample)]
                    raise Refusal(BAD_INPUT, f"The latents have the shape {shapes[0]}; these need {shapes[1]}.")
                result = given.to(sample.device, sample.dtype)
                if kwargs.get("return_dict") is False:
                    return (result,)
                from diffusers.schedulers.scheduling_utils import SchedulerOutput

                return SchedulerOutput(prev_sample=result)

            self._scheduler.step = step
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            vars(self._scheduler).pop("step", None)
