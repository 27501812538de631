"""What a pipeline is given as files: pictures and latents, which become inputs of the recipe by the digest of their bytes.

How pictures are decoded, turned, converted and resized is written in `seedbank.worker.inputs`; what that changes is said
beforehand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank
from seedbank.errors import BadInput
from seedbank.hashing import sha256
from seedbank.pipelines import facts
from seedbank.recipe import input_key
from seedbank.recording.extras import Extras, Place
from seedbank.records import Blob

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seedbank.engine.told import Loaded
    from seedbank.images.inputs import InputPicture


@dataclass(frozen=True)
class Input:
    """One input of a recipe: its item there, the bytes of its file, and what people call it."""

    item: Mapping[str, Any]
    data: bytes
    media_type: str
    name: str


@dataclass(frozen=True)
class Pictures:
    """The pictures of a request, read once: {what it is: (place, bytes, what it looks like)}."""

    read: Mapping[str, tuple[str, bytes, InputPicture]]

    @classmethod
    def of(cls, extras: Extras) -> Pictures:
        """Reads and checks every picture. Raises `BadInput`."""
        from seedbank.images.inputs import look_at

        places = {
            "image": extras.image,
            "mask_image": extras.mask,
            "control_image": extras.control_image,
            "ip_adapter_image": extras.ip_image,
        }
        read = {}
        for role, place in places.items():
            if place is not None:
                path = Path(place).expanduser()
                data = bytes_of(path)
                read[role] = (str(path.resolve()), data, look_at(data, path.name))
        return cls(read)

    def size(self, pipeline: str, vae_scale_factor: int) -> tuple[int, int] | None:
        """The size that is rendered when none is asked for: that of the picture, cut down to what the pipeline takes."""
        multiple = facts(pipeline).size_multiple(vae_scale_factor)
        for role in ("image", "control_image"):
            if role in self.read:
                seen = self.read[role][2]
                width, height = (max(multiple, side // multiple * multiple) for side in (seen.width, seen.height))
                return width, height
        return None

    def inputs(self, loaded: Loaded, width: int, height: int) -> tuple[Input, ...]:
        """The inputs of a recipe that renders `width` x `height`."""
        made = []
        for role, (place, data, seen) in self.read.items():
            item: dict[str, Any] = {"role": _argument(role, loaded), "digest": sha256(data), "kind": "picture"}
            item["mode"] = "L" if role == "mask_image" else "RGB"
            if role != "ip_adapter_image":  # its encoder has a size of its own
                item |= {"width": width, "height": height}
            made.append(Input(item, data, seen.media_type, place))
        return tuple(made)

    def remarks(self, width: int, height: int) -> Iterator[str]:
        """What happens to the pictures that their owner may not expect."""
        for role, (place, _, seen) in self.read.items():
            name = Path(place).name
            if seen.turned:
                yield f"{name} is turned upright as its EXIF orientation says."
            if seen.transparent:
                ground = "black: kept" if role == "mask_image" else "white"
                yield f"{name} is transparent in places; these become {ground}."
            if role != "ip_adapter_image" and (seen.width, seen.height) != (width, height):
                changed = abs(seen.width * height - seen.height * width) > max(width, height)
                also = ", and its proportions change" if changed else ""
                yield f"{name} is resized from {seen.width}x{seen.height} to {width}x{height}{also}."
            if seen.lossy:
                yield f"{name} is stored lossily: another version of its decoder may give other pixels, which the trace shows."


def _argument(role: str, loaded: Loaded) -> str:
    """The pipeline's name for the argument: some call the control image `image`."""
    return "image" if role == "control_image" and role not in loaded.call else role


def bytes_of(path: Path) -> bytes:
    """The bytes of a picture's file. Raises `BadInput`."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for without an end
        raise BadInput(f"The picture {path} is no regular file.", "Write what comes through it into a file first.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"The picture {path} cannot be read: {error.strerror}.", "Check the path.") from None


def latents_input(place: Place | NDArray[Any], loaded: Loaded) -> Input:
    """The latents that are started from instead of drawn noise. Raises `BadInput`."""
    from seedbank.recording.latents import MEDIA_TYPE, ROLE, latents_of_array, read_latents

    if ROLE not in loaded.call:
        raise BadInput(f"{loaded.pipeline} takes no latents.", "Leave --latents away.")
    if not isinstance(place, (str, Path)):
        return Input(*latents_of_array(place), MEDIA_TYPE, "an array")
    item, data = read_latents(place)
    return Input(item, data, MEDIA_TYPE, str(Path(place).expanduser().resolve()))


@contextmanager
def input_files(inputs: Sequence[Input]) -> Iterator[dict[str, Path]]:
    """{key of an input: a file with its bytes} for the render process, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="seedbank-") as folder:
        files = {}
        for one in inputs:
            path = files[input_key(one.item)] = Path(folder) / one.item["digest"]
            path.write_bytes(one.data)
        yield files


def store_inputs(bank: Bank, inputs: Sequence[Input]) -> tuple[Blob, ...]:
    """The bytes of the inputs in the image store, as they were given."""
    return tuple(bank.blobs.put(one.data, one.media_type) for one in inputs)
