"""The profile of a rendering as it travels: what a plain process on another machine would not have by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seedbank.environment import Environment

ORDINARY: Mapping[str, Any] = {
    "blas_library": "cublas",
    "bf16_reduced_precision_reduction": [True, True],
    "cudnn.benchmark": False,
    "cudnn.benchmark_limit": 10,
    "cudnn.deterministic": False,
    "cudnn.enabled": True,
    "default_device": "cpu",
    "default_dtype": "float32",
    "deterministic_algorithms": False,
    "deterministic_warn_only": False,
    "fill_uninitialized_memory": True,
    "float32_matmul_precision": "highest",
    "flush_denormal": False,
    "fp16_accumulation": False,
    "fp16_bf16_reduction_math_sdp": False,
    "fp16_reduced_precision_reduction": [True, True],
    "fp32_precision": "none",
    "fp32_precision.cuda": "none",
    "fp32_precision.cuda.conv": "tf32",
    "fp32_precision.cuda.matmul": "none",
    "fp32_precision.cuda.rnn": "tf32",
    "fp32_precision.mkldnn": "none",
    "fp32_precision.mkldnn.conv": "none",
    "fp32_precision.mkldnn.matmul": "none",
    "fp32_precision.mkldnn.rnn": "none",
    "linalg_library": "default",
    "mha_fastpath": True,
    "mkldnn.deterministic": False,
    "mkldnn.enabled": True,
    "nnpack.enabled": True,
    "opt_einsum.enabled": False,
    "opt_einsum.strategy": "auto",
    "sdpa.cudnn": True,
    "sdpa.flash": True,
    "sdpa.math": True,
    "sdpa.mem_efficient": True,
    "sdpa.order": [1, 2, 0, 3, 4],
    "sdpa.overrideable": True,
    "variables": {},
}
"""Settings of a process in which nobody changed any; read from torch 2.13 on a CPU. They need not be said: whoever restores
a profile changes only what it names."""
COMPONENT: Mapping[str, Any] = {
    "attention_implementation": "sdpa",
    "memory_format": "contiguous",
    "slicing": False,
    "tiling": False,
    "training": False,
}
"""Settings of a component of a pipeline that was loaded and left alone."""
PRECISION = ("float32_matmul_precision", "fp32_precision")
OWN_PROCESSORS = ("AttnProcessor", "XFormersAttnProcessor", "SlicedAttnProcessor")
"""Attention processors that nobody gets without asking; the others follow from the class of the component."""
LIBRARIES = ("torch", "diffusers", "transformers")
"""Their versions travel, so that a colleague with others knows why the picture differs."""


def unusual(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a profile that must be said: its device, its threads, and what somebody changed."""
    kept = {name: value for name, value in profile.items() if name not in ORDINARY or value != ORDINARY[name]}
    if any(name.startswith(PRECISION) for name in kept):  # writing one of these changes others
        kept |= {name: value for name, value in profile.items() if name.startswith(PRECISION)}
    if "pipeline" in kept and not unusual_pipeline(kept["pipeline"]):
        del kept["pipeline"]
    return kept


def unusual_pipeline(settings: Mapping[str, Any]) -> dict[str, Any]:
    """{setting of the pipeline: value} of those that somebody changed; components as ``vae.slicing``."""
    found = {}
    if settings.get("offload", "none") != "none":
        found["offload"] = settings["offload"]
    if settings.get("attention_default") not in (None, "native"):
        found["attention_default"] = settings["attention_default"]
    for component, values in settings.get("components", {}).items():
        for name, value in values.items():
            if name == "attention_processors":
                if set(value) & set(OWN_PROCESSORS):
                    found[f"{component}.{name}"] = value
            elif name not in COMPONENT or value != COMPONENT[name]:
                found[f"{component}.{name}"] = value
    return found


def versions(environment: Environment) -> dict[str, str]:
    """{library: version} of those that decide the pixels."""
    return {name: version for name in LIBRARIES if (version := environment.version(name)) is not None}


def installed(name: str) -> str | None:
    """The version of a library here, without importing it; None where it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


# -- from outside -----------------------------------------------------------------------------------------------------

VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_LAUNCH_BLOCKING",
    "DIFFUSERS_ATTN_BACKEND",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DYNAMIC",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_DYNAMIC",
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_ENABLE_MPS_FALLBACK",
    "PYTORCH_TUNABLEOP_ENABLED",
    "TOKENIZERS_PARALLELISM",
)
"""Environment variables that are taken from a text or a bundle. Others can name libraries that a process then loads."""
SETTINGS = ("device", "threads", "interop_threads", "cublas_workspace", "cublaslt_workspace", *ORDINARY)
COMPONENT_SETTINGS = (*COMPONENT, "attention_processors", "attention_slices", "fused_qkv", "freeu")
LARGEST_THREADS = 1024


def taken_profile(given: Any) -> tuple[dict[str, Any], list[str]]:
    """(what is taken of a profile that came from outside, what is left out of it)."""
    if not isinstance(given, Mapping):
        return {}, []
    taken: dict[str, Any] = {}
    left: list[str] = []
    for name, value in given.items():
        if name == "variables" and isinstance(value, Mapping):
            taken[name] = {key: text for key, text in value.items() if key in VARIABLES and _is_word(text)}
            left += [f"variables.{key}" for key in value if key not in taken[name]]
        elif name == "pipeline" and isinstance(value, Mapping):
            taken[name] = _taken_pipeline(value)
        elif name in SETTINGS and _is_setting(name, value):
            taken[name] = value
        else:
            left.append(str(name))
    return taken, [name if _is_word(name) else "one without a plain name" for name in left]


def _taken_pipeline(given: Mapping[str, Any]) -> dict[str, Any]:
    components = given.get("components")
    taken = {name: given[name] for name in ("offload", "attention_default") if _is_word(given.get(name))}
    return taken | {
        "components": {
            str(component): {
                name: value for name, value in values.items() if name in COMPONENT_SETTINGS or name.startswith("tile_")
            }
            for component, values in (components.items() if isinstance(components, Mapping) else ())
            if isinstance(values, Mapping)
        }
    }


def _is_setting(name: str, value: Any) -> bool:
    if name.endswith("threads"):
        return isinstance(value, int) and 1 <= value <= LARGEST_THREADS
    if isinstance(value, list):
        return len(value) <= 8 and all(isinstance(item, (bool, int)) for item in value)
    return isinstance(value, (bool, int)) or _is_word(value)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w:,.+-]{0,64}", value) is not None
