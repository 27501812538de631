"""Every setting of a process that can change bits and can be restored: environment variables and torch's switches.

`variables_for` needs no torch: the driver calls it before the process starts, since OpenMP, MKL, oneDNN and ATen read
their variables once. `restore` does the rest after torch is imported. What cannot be restored is returned, never
ignored. Settings of a loaded pipeline are in `pipeline_settings`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .switches import read as read_switch
from .switches import switches
from .switches import write as write_switch

PREFIXES = (
    "ATEN_", "CUBLAS_", "CUBLASLT_", "CUDNN_", "DIFFUSERS_ATTN_", "DNNL_", "FLASH_ATTENTION_", "GOMP_", "HIPBLASLT_",
    "KMP_", "MIOPEN_", "MKL_", "NPY_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTORCH_", "ROCBLAS_", "TORCH_",
    "TORCHINDUCTOR_", "TRITON_", "XFORMERS_",
)  # fmt: skip
NAMES = (
    "CUDA_DEVICE_ORDER",
    "CUDA_LAUNCH_BLOCKING",
    "DIFFUSERS_ENABLE_HUB_KERNELS",
    "GLIBC_TUNABLES",
    "NVIDIA_TF32_OVERRIDE",
    "PYTHONHASHSEED",
    "TOKENIZERS_PARALLELISM",
)
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Not recorded: how threads wait for each other decides how long a picture takes, never what it is."""
MACHINE_BOUND = ("CUDA_VISIBLE_DEVICES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY", "OMP_PLACES")
"""Recorded, not restored: they name the devices and cores of one machine."""
NEVER = {"CACHE", "CREDENTIALS", "DIR", "FILE", "HOME", "KEY", "LOGS", "PASSWORD", "PATH", "SECRET", "TOKEN", "TRACE"}
"""Variables with one of these words in the name hold paths or secrets."""


def relevant_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that can change bits, sorted by name; never paths or secrets."""
    return {
        name: environ[name]
        for name in sorted(environ)
        if (name.startswith(PREFIXES) or name in NAMES or name in MACHINE_BOUND)
        and name not in WAITING
        and not NEVER & set(name.split("_"))
    }


def restorable_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The relevant variables that mean the same on another machine."""
    return {name: value for name, value in relevant_variables(environ).items() if name not in MACHINE_BOUND}


def variables_for(
    profile: Mapping[str, Any] | None, mode: str = "as-is", base: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The whole environment of a process that is to have `profile`: `base` with every restorable variable as recorded.

    A recorded profile is replayed to the letter: variables that it does not name are removed. Without a profile the
    mode decides: ``as-is`` changes nothing, ``strict`` sets `strict_variables`.
    """
    if profile is None and mode == "strict":
        return {name: value for name, value in base.items() if name not in STRICT_UNSET} | strict_variables()
    if profile is None:
        return dict(base)
    present = restorable_variables(base)
    return {name: value for name, value in base.items() if name not in present} | dict(profile.get("variables") or {})


STRICT_UNSET = ("DIFFUSERS_ATTN_BACKEND", "NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE")
"""Variables that strict removes: they would override its switches."""


def strict_variables() -> dict[str, str]:
    """The documented strict variables for this machine: one CPU branch in every library, no dynamic thread counts.

    MKL refuses its AVX2 branch on CPUs of other makers, which take the compatible one.
    """
    variables = {
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "MKL_DYNAMIC": "FALSE",
        "OMP_DYNAMIC": "FALSE",
        "PYTHONHASHSEED": "0",
        "PYTORCH_TUNABLEOP_ENABLED": "0",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if platform.machine().lower() in ("x86_64", "amd64"):
        branch = "AVX2,STRICT" if "GenuineIntel" in _cpuinfo() else "COMPATIBLE"
        variables |= {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": branch}
    return variables


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return ""


STRICT = {
    "deterministic_algorithms": True,
    "deterministic_warn_only": True,
    "fill_uninitialized_memory": False,
    "flush_denormal": False,
    "cudnn.benchmark": False,
    "cudnn.deterministic": True,
    "mkldnn.deterministic": True,
    "fp32_precision": "ieee",
    "fp32_precision.cuda": "ieee",
    "fp32_precision.cuda.conv": "ieee",
    "fp32_precision.cuda.matmul": "ieee",
    "fp32_precision.cuda.rnn": "ieee",
    "fp32_precision.mkldnn": "ieee",
    "fp32_precision.mkldnn.conv": "ieee",
    "fp32_precision.mkldnn.matmul": "ieee",
    "fp32_precision.mkldnn.rnn": "ieee",
    "fp16_reduced_precision_reduction": [False, True],
    "bf16_reduced_precision_reduction": [False, True],
    "fp16_accumulation": False,
    "sdpa.flash": True,
    "sdpa.math": True,
    "sdpa.mem_efficient": False,
    "sdpa.cudnn": False,
}
"""The documented strict settings. Attention is left with two kernels, flash and math, of which inputs alone decide.
`warn_only`, since some models (complex rotary tables) have no deterministic kernel for an operation that is
harmless. Split-K stays allowed: without it torch 2.11 refuses every half-precision product unless cuBLASLt is chosen."""


def read_profile(device: str, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Every restorable setting of this process as JSON values; needs torch. What this torch lacks is left out."""
    profile: dict[str, Any] = {"device": device.split(":")[0], "variables": restorable_variables(environ)}
    for name, switch in switches().items():
        value = read_switch(switch)
        if value is not None:
            profile[name] = value
    return profile


def restore(profile: Mapping[str, Any] | None, mode: str = "as-is", environ: Mapping[str, str] = os.environ) -> list[list[Any]]:
    """Put torch's switches to `profile` (or, without one, to those of the mode) and return what did not take.

    Each item is [name, wanted, got]; `got` is `None` for a setting that this torch does not have.
    """
    wanted: dict[str, Any] = dict(profile) if profile is not None else dict(STRICT) if mode == "strict" else {}
    variables = wanted.pop("variables", None)
    live = restorable_variables(environ)
    missed = [
        [f"variables.{name}", (variables or {}).get(name), live.get(name)]
        for name in sorted(set(variables or {}) | set(live))
        if variables is not None and variables.get(name) != live.get(name)
    ]
    for name in ("device", "pipeline"):
        wanted.pop(name, None)
    known = switches()
    # In the order of the table: a parent such as fp32_precision comes before the children that may differ from it.
    for name in [name for name in known if name in wanted]:
        # A setting that is right already is not written: setting the thread count, for one, also switches MKL's
        # dynamics off.
        if read_switch(known[name]) != wanted[name]:
            write_switch(known[name], wanted[name])
    present = {name: read_switch(known[name]) if name in known else None for name in sorted(wanted)}
    missed += [[name, wanted[name], got] for name, got in present.items() if got != wanted[name]]
    # Strict names settings of other devices too; what this build of torch does not have cannot decide anything in it.
    return [miss for miss in missed if profile is not None or miss[2] is not None]
