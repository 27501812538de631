"""The settings of a profile by the names that people know: what each may be, what it reaches, where it is recorded.

`regen --with threads=1 --with attention=math` changes fields for an experiment; an explanation names fields, not the
places where torch and diffusers keep them. `FIELDS` is the one table of both; docs/exactness.md is checked against it.

A profile is what `seedbank.worker.settings.read_profile` wrote: switches by name, environment variables under
``variables``, the loaded pipeline's settings under ``pipeline``.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seedbank.errors import BadInput
from seedbank.regen.stages import COMPUTED, DENOISING, ENCODED, NOISE, PROMPT, VAE
from seedbank.worker.settings import relevant_variables

Profile = Mapping[str, Any]
Read = Callable[[Profile], Any]
Write = Callable[[dict[str, Any], Any], None]

ON_OFF = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}
UNSET = "unset"
"""The word for a variable that is not set."""
CONVOLUTIONAL = ("vae", "unet", "controlnet")
DENOISERS = ("transformer", "unet", "prior")
KERNELS = ("flash", "efficient", "math", "cudnn")
SWITCH_OF = {"flash": "sdpa.flash", "efficient": "sdpa.mem_efficient", "math": "sdpa.math", "cudnn": "sdpa.cudnn"}


@dataclass(frozen=True)
class Field:
    """One setting. `values` says what it takes: `bool`, `int` (one or more) or the words in a tuple.

    reaches   the kinds of stages that it can change by itself
    devices   on which it has any effect; empty for all
    places    where the environment keeps it: ``profile.threads``, with ``*`` for any component
    """

    name: str
    about: str
    values: type[bool] | type[int] | tuple[str, ...] | None
    reaches: frozenset[str]
    places: tuple[str, ...]
    read: Read
    write: Write
    devices: tuple[str, ...] = ()

    def parse(self, value: Any) -> Any:
        """`value` as typed, in the form that is stored. Raises `BadInput` that says what the field takes."""
        word = str(value).lower()
        if self.values is bool and word in ON_OFF:
            return ON_OFF[word]
        if self.values is int and not isinstance(value, bool) and word.isascii() and word.isdigit() and int(word) > 0:
            return int(word)
        if isinstance(self.values, tuple):
            known = {item.lower(): item for item in self.values}
            if word in known:
                return known[word]
        if self.values is None and isinstance(value, str | int):
            return str(value)
        raise BadInput(f"The setting {self.name} cannot be {value!r}.", f"{self.takes}{_nearest(word, self.words)}")

    @property
    def words(self) -> tuple[str, ...]:
        return self.values if isinstance(self.values, tuple) else ("on", "off") if self.values is bool else ()

    @property
    def takes(self) -> str:
        """What it takes, in a sentence."""
        if self.values is int:
            return "It takes a whole number from 1 on."
        return f"It takes {', '.join(self.words)}." if self.words else "It takes a text."

    def text(self, value: Any) -> str:
        """A value as people read it."""
        return ("on" if value else "off") if isinstance(value, bool) else "unknown" if value is None else str(value)


def parse_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """{name: value} of `--with`, checked. Raises `BadInput` that names the nearest field for an unknown one."""
    return {field(name).name: field(name).parse(value) for name, value in changes.items()}


def field(name: str) -> Field:
    """The field called `name`, or an environment variable that can change bits by its own name."""
    if name in FIELDS:
        return FIELDS[name]
    for one in FIELDS.values():
        if f"variables.{name}" in one.places:
            return one
    if relevant_variables({name: ""}):
        return _variable(name, "", COMPUTED, name=name)
    raise BadInput(
        f"There is no setting {name!r} that can be changed.", f"{_nearest(name, FIELDS)} Known are {', '.join(FIELDS)}.".strip()
    )


def apply(profile: Profile, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `profile` with parsed changes. Raises `BadInput` where the profile has no such setting."""
    changed: dict[str, Any] = copy.deepcopy(dict(profile))
    for name, value in changes.items():
        one = field(name)
        one.write(changed, value)
        if one.read(changed) != value:
            raise BadInput(f"The recorded profile has no setting {name} that could become {one.text(value)}.")
    return changed


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word.lower(), list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


# -- kinds of places ---------------------------------------------------------------------------------------------------


def _switch(
    key: str,
    about: str,
    values: Any,
    reaches: frozenset[str] = COMPUTED,
    name: str | None = None,
    also: tuple[str, ...] = (),
    stored: Callable[[Any], Any] = lambda value: value,
    shown: Callable[[Any], Any] = lambda value: value,
    devices: tuple[str, ...] = (),
) -> Field:
    """A switch of torch, or several that are set together (`also`)."""
    keys = (key, *also)

    def read(profile: Profile) -> Any:
        found = [profile[item] for item in keys if item in profile]
        return None if not found else shown(found[0]) if all(item == found[0] for item in found) else "mixed"

    def write(profile: dict[str, Any], value: Any) -> None:
        profile |= {item: stored(value) for item in keys if item in profile}

    places = tuple(f"profile.{item}" for item in keys)
    return Field(name or key, about, values, reaches, places, read, write, devices)


def _variable(variable: str, about: str, reaches: frozenset[str], name: str, values: Any = None) -> Field:
    """An environment variable; `unset` takes it away."""

    def read(profile: Profile) -> Any:
        return profile.get("variables", {}).get(variable, UNSET)

    def write(profile: dict[str, Any], value: Any) -> None:
        kept = {key: item for key, item in profile.get("variables", {}).items() if key != variable}
        profile["variables"] = kept if value == UNSET else kept | {variable: value}

    words = (*values, UNSET) if values else None
    return Field(name, about, words, reaches, (f"profile.variables.{variable}", f"variables.{variable}"), read, write)


def _component(
    key: str,
    about: str,
    values: Any,
    components: tuple[str, ...],
    reaches: frozenset[str],
    name: str,
    default: Any = None,
    devices: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    marker: str | None = None,
) -> Field:
    """A setting of components of the pipeline; `marker` is a key that every component has which can take it."""

    def those(profile: Profile) -> dict[str, dict[str, Any]]:
        found = profile.get("pipeline", {}).get("components", {})
        return {item: found[item] for item in found if item in components and (marker or key) in found[item]}

    def read(profile: Profile) -> Any:
        found = [settings.get(key, default) for settings in those(profile).values()]
        return None if not found else found[0] if all(item == found[0] for item in found) else "mixed"

    def write(profile: dict[str, Any], value: Any) -> None:
        for settings in those(profile).values():
            settings[key] = value

    places = tuple(f"profile.pipeline.components.{item}.{one}" for item in components for one in (key, *also))
    return Field(name, about, values, reaches, places, read, write, devices)


def _sdpa() -> Field:
    """Which of torch's attention kernels may be used; the first one that fits the inputs is."""

    def read(profile: Profile) -> Any:
        enabled = [kernel for kernel in KERNELS if profile.get(SWITCH_OF[kernel])]
        if not any(SWITCH_OF[kernel] in profile for kernel in KERNELS):
            return None
        return "any" if len(enabled) == len(KERNELS) else "+".join(enabled) or "none"

    def write(profile: dict[str, Any], value: Any) -> None:
        profile |= {key: value in ("any", kernel) for kernel, key in SWITCH_OF.items() if key in profile}

    places = (*(f"profile.{key}" for key in SWITCH_OF.values()), "profile.sdpa.overrideable")
    about = "torch's attention kernels: one alone, or any that fits (flash first)"
    return Field("attention", about, (*KERNELS, "any"), COMPUTED, places, read, write)


def _pipeline(key: str, about: str, values: Any, name: str, devices: tuple[str, ...] = ()) -> Field:
    def read(profile: Profile) -> Any:
        return profile.get("pipeline", {}).get(key)

    def write(profile: dict[str, Any], value: Any) -> None:
        if "pipeline" in profile:
            profile["pipeline"][key] = value

    return Field(name, about, values, COMPUTED, (f"profile.pipeline.{key}",), read, write, devices)


def _device() -> Field:
    def write(profile: dict[str, Any], value: Any) -> None:
        profile["device"] = value

    places = ("profile.device", "hardware.device")
    about = "where it is rendered: cpu, cuda, cuda:1, mps"
    return Field("device", about, None, COMPUTED | NOISE, places, lambda profile: profile.get("device"), write)


CUDA = ("cuda",)
PRECISIONS = ("ieee", "tf32", "bf16", "none")
MKLDNN = "fp32_precision.mkldnn"
ISA = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI", "AVX512_CORE_BF16", "AVX512_CORE_FP16",
       "AVX512_CORE_AMX", "ALL")  # fmt: skip
BRANCHES = ("COMPATIBLE", "COMPATIBLE,STRICT", "SSE4_2", "AVX", "AVX2", "AVX2,STRICT", "AVX512", "AVX512,STRICT", "AUTO", "OFF")
SPLIT = {"on": [True, True], "off": [False, True], "no-split-k": [False, False]}
"""[reduced sums, split-K]. torch refuses reduced sums without split-K; without both it needs cuBLASLt."""


def _shown_reduction(value: Any) -> Any:
    return next((word for word, pair in SPLIT.items() if pair == value), str(value))


_TABLE = (
    _switch("threads", "threads of the CPU", int),
    _switch("interop_threads", "threads between operations", int),
    _sdpa(),
    _component("attention_backend", "diffusers' attention backend of the denoiser (native, _native_math, flash, …)", None,
               DENOISERS, DENOISING, "attention_backend", "native", marker="attention_processors",
               also=("attention_processors",)),
    _pipeline("attention_default", "diffusers' attention backend where a component names none", None, "attention_default"),
    _component("fused_qkv", "attention projections fused into one", bool, (*DENOISERS, "vae"), DENOISING | VAE, "fused_qkv",
               False, marker="attention_processors"),
    _component("tiling", "the VAE works in tiles", bool, ("vae",), VAE | ENCODED, "vae_tiling",
               also=("tile_sample_min_size", "tile_latent_min_size", "tile_overlap_factor", "tile_sample_min_height",
                     "tile_sample_min_width", "tile_sample_stride_height", "tile_sample_stride_width")),
    _component("slicing", "the VAE decodes image by image", bool, ("vae",), VAE | ENCODED, "vae_slicing"),
    _component("memory_format", "layout of the convolutional components", ("contiguous", "channels_last"), CONVOLUTIONAL,
               DENOISING | VAE | ENCODED, "memory_format"),
    _pipeline("offload", "components move to the device when needed", ("none", "model", "sequential"), "offload", CUDA),
    _variable("ATEN_CPU_CAPABILITY", "instruction set of torch's own CPU kernels", COMPUTED | NOISE, "cpu_capability",
              ("default", "avx2", "avx512")),
    _variable("ONEDNN_MAX_CPU_ISA", "instruction set of oneDNN (convolutions, bfloat16)", COMPUTED, "onednn_isa", ISA),
    _variable("MKL_CBWR", "branch of MKL (matrix products)", COMPUTED, "mkl_branch", BRANCHES),
    _variable("MKL_DYNAMIC", "MKL may take fewer threads", COMPUTED, "mkl_dynamic", ("TRUE", "FALSE")),
    _variable("OMP_DYNAMIC", "OpenMP may take fewer threads", COMPUTED, "omp_dynamic", ("TRUE", "FALSE")),
    _switch("mkldnn.enabled", "oneDNN is used at all", bool, name="mkldnn"),
    _switch("mkldnn.deterministic", "oneDNN takes deterministic algorithms only", bool, name="mkldnn_deterministic"),
    _switch(MKLDNN, "precision of float32 in oneDNN", PRECISIONS, name="mkldnn_precision",
            also=(f"{MKLDNN}.matmul", f"{MKLDNN}.conv", f"{MKLDNN}.rnn")),
    _switch("nnpack.enabled", "NNPACK is used for convolutions", bool, name="nnpack"),
    _switch("mha_fastpath", "torch's fused multi-head attention module", bool),
    _switch("flush_denormal", "the CPU takes denormal numbers for zero", bool),
    _switch("default_dtype", "dtype of new tensors", ("float32", "float64", "bfloat16", "float16"), COMPUTED | NOISE),
    _switch("float32_matmul_precision", "torch's one switch for products of float32", ("highest", "high", "medium"),
            name="matmul_precision"),
    _switch("deterministic_algorithms", "only deterministic algorithms (a warning where there is none)", bool,
            name="deterministic"),
    _switch("deterministic_warn_only", "warn instead of refusing", bool, name="deterministic_warn_only"),
    _switch("fill_uninitialized_memory", "fill new memory while only deterministic algorithms are allowed", bool),
    _switch("fp32_precision.cuda.matmul", "TF32 in products and convolutions of float32", bool, name="tf32",
            also=("fp32_precision.cuda.conv",), stored=lambda on: "tf32" if on else "ieee",
            shown=lambda value: value == "tf32", devices=CUDA),
    _switch("fp16_reduced_precision_reduction", "sums of float16 products in float16, split-K", tuple(SPLIT),
            name="fp16_reduction", stored=lambda word: SPLIT[word], shown=_shown_reduction, devices=CUDA),
    _switch("bf16_reduced_precision_reduction", "sums of bfloat16 products in bfloat16, split-K", tuple(SPLIT),
            name="bf16_reduction", stored=lambda word: SPLIT[word], shown=_shown_reduction, devices=CUDA),
    _switch("fp16_accumulation", "float16 products are summed up in float16", bool, devices=CUDA),
    _switch("fp16_bf16_reduction_math_sdp", "reduced sums in the math attention kernel", bool, name="math_sdp_reduction"),
    _switch("cudnn.enabled", "cuDNN is used at all", bool, name="cudnn", devices=CUDA),
    _switch("cudnn.benchmark", "cuDNN picks algorithms by timing them", bool, name="cudnn_benchmark", devices=CUDA),
    _switch("cudnn.deterministic", "cuDNN takes deterministic algorithms only", bool, name="cudnn_deterministic",
            devices=CUDA),
    _switch("blas_library", "library for products on the GPU", ("default", "cublas", "cublaslt"), devices=CUDA),
    _switch("linalg_library", "library for linear algebra on the GPU", ("default", "cusolver", "magma"), devices=CUDA),
    _variable("CUBLAS_WORKSPACE_CONFIG", "memory that cuBLAS works with", COMPUTED, "cublas_workspace"),
    _variable("NVIDIA_TF32_OVERRIDE", "forces TF32 in NVIDIA's libraries", COMPUTED, "tf32_override", ("0", "1")),
    _variable("PYTHONHASHSEED", "order of Python's sets", COMPUTED | PROMPT, "hash_seed"),
    _device(),
)  # fmt: skip

FIELDS: dict[str, Field] = {one.name: one for one in _TABLE}
