"""Load a pipeline from local files, and keep loaded ones as long as memory lasts.

Only classes of diffusers, only safetensors, never code from a model, never the network: the driver has resolved names,
checked the class and the files before.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from . import adapters, capture
from .anatomy import anatomy, dtypes_of
from .attention_settings import attention_default, restore_attention_default
from .pipeline_settings import make_strict, restore_pipeline
from .refusal import BAD_INPUT, BLOCKED, FAILED, Refusal
from .uncollected import uncollected

FOLDER, FILE = "folder", "file"
DENOISERS = ("transformer", "unet", "prior")
HEADROOM = 1.25
"""A pipeline needs its weights and a quarter more while it is loaded."""
STORED = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class LoadRequest:
    """What to load. `dtype` is one name, one per component, or `None` for the default of the device."""

    kind: str
    path: str
    pipeline: str
    config: str | None = None
    variant: str | None = None
    dtype: str | Mapping[str, str] | None = None
    settings: Mapping[str, Any] | None = None
    adapters: Sequence[Mapping[str, Any]] = ()
    """{kind, digest, path, weight, token, class} of each, in order; see `adapters`."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LoadRequest:
        try:
            return cls(**values)
        except TypeError as error:
            raise Refusal(BAD_INPUT, f"The request to load a model is not understood: {error}.") from None

    @property
    def key(self) -> str:
        """Digest of the request and of the state of its files, so that changed files are loaded anew."""
        paths = [self.path, self.config, *(adapter.get("path") for adapter in self.adapters)]
        text = json.dumps([vars(self), [_state(Path(path)) for path in paths if path]], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class LoadedPipeline:
    """A pipeline in memory: its device, how long loading took, and the settings that could not be restored."""

    pipe: Any
    device: str
    key: str
    seconds: float
    unrestored: list[list[Any]] = field(default_factory=list)
    adapters: Sequence[Mapping[str, Any]] = ()
    texts: OrderedDict[str, Any] = field(default_factory=OrderedDict, repr=False)
    """What its texts were encoded to; see `remembering`."""


class Shelf:
    """Loaded pipelines by request, the most recently used last. The oldest go when memory gets tight."""

    def __init__(self, device: str, mode: str) -> None:
        self.device = device
        self.mode = mode
        self._loaded: OrderedDict[str, LoadedPipeline] = OrderedDict()
        self._attention = attention_default()

    def __len__(self) -> int:
        return len(self._loaded)

    def load(self, request: LoadRequest) -> LoadedPipeline:
        """The pipeline for `request`, from the shelf or from its files. Raises `Refusal`."""
        key = request.key
        if key in self._loaded:
            self._loaded.move_to_end(key)
            # Belongs to the process, and whichever pipeline was loaded last has set it.
            restore_attention_default((request.settings or {}).get("attention_default") or self._attention)
            return self._loaded[key]
        restore_attention_default(self._attention)
        self._make_room(weight_bytes(request))
        started = time.perf_counter()
        pipe = load_pipeline(request, self.device)
        if request.settings is None and self.mode == "strict":
            make_strict(pipe)
        unrestored = restore_pipeline(pipe, request.settings, self.device)
        self._loaded[key] = LoadedPipeline(pipe, self.device, key, time.perf_counter() - started, unrestored, request.adapters)
        return self._loaded[key]

    def get(self, key: str) -> LoadedPipeline:
        """A pipeline that was loaded before. Raises `Refusal` when it is not here any more."""
        if key not in self._loaded:
            raise Refusal(BAD_INPUT, "The pipeline is not loaded.", "Load it first.")
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def clear(self) -> None:
        """Forget every pipeline and give the memory back."""
        self._loaded.clear()
        capture.release_memory()

    def _make_room(self, needed: int) -> None:
        while self._loaded and not self._fits(needed * HEADROOM):
            self._loaded.popitem(last=False)
            capture.release_memory()

    def _fits(self, needed: float) -> bool:
        free = torch.cuda.mem_get_info()[0] if self.device.startswith("cuda") else capture.free_memory()
        return free is not None and needed < free


def choose_device(name: str) -> str:
    """`auto` is CUDA, then MPS, then the CPU. Raises `Refusal` for a device that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.split(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind not in there:
        raise Refusal(BAD_INPUT, f"The device {name!r} does not exist.", "Use auto, cpu, cuda, cuda:1 or mps.")
    if not there[kind]:
        raise Refusal(BLOCKED, f"There is no {kind} device here, or this build of torch cannot use it.", "Use --device cpu.")
    return name


def load_pipeline(request: LoadRequest, device: str) -> Any:
    """A diffusers pipeline on `device`, every component in an explicit dtype. Raises `Refusal`."""
    found = pipeline_class(request.pipeline)
    dtypes = chosen_dtypes(request, device)
    keyword = _dtype_keyword()
    options: dict[str, Any] = {keyword: dtypes, "local_files_only": True}
    try:
        options |= adapters.components(request.adapters, dtypes, keyword, request.config or request.path)
        if request.kind == FOLDER:
            pipe = found.from_pretrained(request.path, use_safetensors=True, variant=request.variant, **options)
        elif request.kind == FILE:
            pipe = found.from_single_file(request.path, config=request.config, **options)
        else:
            raise Refusal(BAD_INPUT, f"A model is a {FOLDER} or a {FILE}, not a {request.kind!r}.")
        adapters.attach(pipe, request.adapters, dtypes)
        adapters.mend_clip(pipe)
    except Refusal:
        raise
    except torch.OutOfMemoryError as error:
        raise Refusal(FAILED, f"There was not enough memory to load {request.path}.", "Try --dtype bfloat16.") from error
    except Exception as error:
        beside = f" with {', '.join(str(one['kind']) for one in request.adapters)}" if request.adapters else ""
        raise Refusal(BLOCKED, f"The model at {request.path}{beside} cannot be loaded: {_first_line(error)}") from error
    pipe.set_progress_bar_config(disable=True)
    if device == "cpu" or (request.settings or {}).get("offload", "none") == "none":
        pipe.to(device)
    return pipe


@uncollected()
def pipeline_class(name: str) -> Any:
    """The pipeline class of diffusers called `name`. Raises `Refusal`."""
    import diffusers

    try:
        found = getattr(diffusers, name, None)
    except (ImportError, RuntimeError) as error:
        # diffusers imports a class when it is asked for; the last line names the package that it misses.
        reason = str(error).strip().splitlines()[-1]
        raise Refusal(BLOCKED, f"{name} of diffusers {diffusers.__version__} cannot be imported: {reason}.") from error
    if not isinstance(found, type) or not issubclass(found, diffusers.DiffusionPipeline):
        raise Refusal(BLOCKED, f"diffusers {diffusers.__version__} has no pipeline {name}.", "Use another one.")
    return found


def live_dtypes(pipe: Any) -> dict[str, str]:
    """{component: dtype} by the dtype of most of its floating-point weights."""
    return dtypes_of(anatomy(pipe))


def chosen_dtypes(request: LoadRequest, device: str) -> Any:
    """The dtype for every component: as asked, else float32 on the CPU and the stored one of the denoiser elsewhere.

    It is always explicit: without one, files stored as float16 give pipelines of mixed dtypes.
    """
    if isinstance(request.dtype, Mapping):
        wanted = {name: _torch_dtype(dtype) for name, dtype in request.dtype.items()}
        if len(set(wanted.values())) == 1:
            return next(iter(wanted.values()))
        if request.kind == FILE:
            raise Refusal(
                BLOCKED, "A single-file model is loaded in one dtype, not in one per component.", "Use a model folder."
            )
        return {**wanted, "default": torch.float32}
    if request.dtype is not None:
        return _torch_dtype(request.dtype)
    return torch.float32 if device == "cpu" else stored_dtype(request)


def stored_dtype(request: LoadRequest) -> torch.dtype:
    """The dtype in which most bytes of the denoiser are stored; float32 when it cannot be told."""
    files = weight_files(request)
    denoiser = [path for path in files if path.parent.name in DENOISERS] or files
    sizes: dict[str, int] = {}
    for path in denoiser:
        for tensor in safetensors_header(path).values():
            start, end = tensor["data_offsets"]
            sizes[tensor["dtype"]] = sizes.get(tensor["dtype"], 0) + end - start
    return STORED.get(max(sizes, key=lambda name: sizes[name], default="F32"), torch.float32)


def weight_files(request: LoadRequest) -> list[Path]:
    """The safetensors files of the request, of its variant where it names one and such files exist."""
    if request.kind == FILE:
        return [Path(request.path)]
    files = sorted(Path(request.path).rglob("*.safetensors"))
    chosen = [path for path in files if request.variant and f".{request.variant}." in path.name]
    return chosen or files


def weight_bytes(request: LoadRequest) -> int:
    """Size of the weights on disk, in bytes: a first idea of the memory they take."""
    return sum(path.stat().st_size for path in weight_files(request) if path.exists())


def safetensors_header(path: Path) -> dict[str, Any]:
    """{tensor name: {dtype, shape, data_offsets}} of a safetensors file."""
    with path.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return {name: tensor for name, tensor in header.items() if name != "__metadata__"}


def _state(path: Path) -> list[list[Any]]:
    """[path, size, time of change, inode] of a file, or of every file in a folder."""
    found = []
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        stat = file.stat()
        found.append([str(file), stat.st_size, stat.st_mtime_ns, stat.st_ino])
    return found


def _torch_dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise Refusal(BAD_INPUT, f"There is no dtype {name!r}.", "Use float32, float16 or bfloat16.")
    return dtype


def _dtype_keyword() -> str:
    """diffusers renamed `torch_dtype` to `dtype`; the older name warns in newer releases."""
    from diffusers.pipelines import pipeline_utils

    return "dtype" if hasattr(pipeline_utils, "_resolve_dtype") else "torch_dtype"


def _first_line(error: BaseException) -> str:
    """The first line of an error, cut where libraries grow talkative."""
    return str(error).strip().split("\n")[0][:300] or type(error).__name__
