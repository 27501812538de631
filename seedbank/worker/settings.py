"""Every setting of a process that can change bits and can be restored: environment variables and torch's switches.

`variables_for` needs no torch: the driver calls it before the process starts, since OpenMP, MKL, oneDNN and ATen read
their variables once. `restore` does the rest after torch is imported. What cannot be restored is returned, never
ignored. Settings of a loaded pipeline are in `pipeline_settings`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

PREFIXES = (
    "ATEN_", "CUBLAS_", "CUBLASLT_", "CUDNN_", "DIFFUSERS_ATTN_", "DNNL_", "GOMP_", "KMP_", "MIOPEN_", "MKL_", "OMP_",
    "ONEDNN_", "OPENBLAS_", "PYTORCH_", "TORCH_", "TORCHINDUCTOR_", "XFORMERS_",
)  # fmt: skip
NAMES = (
    "CUDA_DEVICE_ORDER",
    "CUDA_LAUNCH_BLOCKING",
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
    if profile is None:
        return {**base, **(strict_variables() if mode == "strict" else {})}
    present = restorable_variables(base)
    return {name: value for name, value in base.items() if name not in present} | dict(profile.get("variables") or {})


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
    "cudnn.benchmark": False,
    "cudnn.deterministic": True,
    "mkldnn.deterministic": True,
    "fp32_precision": "ieee",
    "fp32_precision.cuda": "ieee",
    "fp32_precision.cuda.conv": "ieee",
    "fp32_precision.cuda.matmul": "ieee",
    "fp32_precision.cuda.rnn": "ieee",
    "fp16_reduced_precision_reduction": [False, False],
    "bf16_reduced_precision_reduction": [False, False],
    "fp16_accumulation": False,
    "sdpa.flash": True,
    "sdpa.math": True,
    "sdpa.mem_efficient": False,
    "sdpa.cudnn": False,
}
"""The documented strict settings. Attention is left with two kernels, flash and math, of which inputs alone decide.
`warn_only`, since some models (complex rotary tables) have no deterministic kernel for an operation that is
harmless."""


def read_profile(device: str, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Every restorable setting of this process as JSON values; needs torch. What this torch lacks is left out."""
    profile: dict[str, Any] = {"device": device.split(":")[0], "variables": restorable_variables(environ)}
    for name, (read, _) in switches().items():
        value = _read(read)
        if value is not None:
            profile[name] = value
    return profile


def restore(profile: Mapping[str, Any] | None, mode: str = "as-is", environ: Mapping[str, str] = os.environ) -> list[list[Any]]:
    """Put torch's switches to `profile` (or, without one, to those of the mode) and return what did not take.

    Each item is [name, wanted, got]; `got` is `None` for a setting that this torch does not have.
    """
    wanted: dict[str, Any] = dict(profile) if profile is not None else dict(STRICT) if mode == "strict" else {}
    variables = wanted.pop("variables", None)
    present = restorable_variables(environ)
    missed = [
        [f"variables.{name}", (variables or {}).get(name), present.get(name)]
        for name in sorted(set(variables or {}) | set(present))
        if variables is not None and variables.get(name) != present.get(name)
    ]
    for name in ("device", "pipeline"):
        wanted.pop(name, None)
    known = switches()
    # Written in the order of the table: a parent such as fp32_precision comes before the children that may differ from
    # it.
    for name in [name for name in known if name in wanted]:
        read, write = known[name]
        # A setting that is right already is not written: setting the thread count, for one, also switches MKL's
        # dynamics off.
        if _read(read) != wanted[name]:
            _attempt(write, wanted[name])
    missed += [[name, value, _read(known[name][0]) if name in known else None] for name, value in sorted(wanted.items())
               if name not in known or _read(known[name][0]) != value]  # fmt: skip
    # Strict names settings of other devices too; what this build of torch does not have cannot decide anything in it.
    return [miss for miss in missed if profile is not None or miss[2] is not None]


Switch = tuple[Callable[[], Any], Callable[[Any], None]]


def switches() -> dict[str, Switch]:
    """{name: (read, write)} of torch's switches, parents before children."""
    import torch

    def attribute(path: str) -> Switch:
        owner_path, _, name = path.rpartition(".")

        def owner() -> Any:
            found: Any = torch
            for part in owner_path.split("."):
                found = getattr(found, part)
            return found

        return lambda: getattr(owner(), name), lambda value: setattr(
            owner(), name, tuple(value) if isinstance(value, list) else value
        )

    def precision(backend: str, operation: str) -> Switch:
        def write(value: str) -> None:
            torch._C._set_fp32_precision_setter(backend, operation, value)

        return partial(_fp32_precision, backend, operation), write

    def reduction(kind: str) -> Switch:
        """[reduced precision allowed, split-K allowed]; torch's public getter tells only the first."""
        _, write = attribute(f"backends.cuda.matmul.allow_{kind}_reduced_precision_reduction")
        return lambda: getattr(torch._C, f"_get_cublas_allow_{kind}_reduced_precision_reduction")(), write

    def deterministic(value: bool) -> None:
        torch.use_deterministic_algorithms(value, warn_only=torch.is_deterministic_algorithms_warn_only_enabled())

    def warn_only(value: bool) -> None:
        torch.use_deterministic_algorithms(torch.are_deterministic_algorithms_enabled(), warn_only=value)

    return {
        "threads": (torch.get_num_threads, torch.set_num_threads),
        "interop_threads": (torch.get_num_interop_threads, torch.set_num_interop_threads),
        "default_dtype": (
            lambda: _plain(torch.get_default_dtype()),
            lambda name: torch.set_default_dtype(getattr(torch, name)),
        ),
        "deterministic_algorithms": (torch.are_deterministic_algorithms_enabled, deterministic),
        "deterministic_warn_only": (torch.is_deterministic_algorithms_warn_only_enabled, warn_only),
        "fill_uninitialized_memory": attribute("utils.deterministic.fill_uninitialized_memory"),
        "cudnn.enabled": attribute("backends.cudnn.enabled"),
        "cudnn.benchmark": attribute("backends.cudnn.benchmark"),
        "cudnn.benchmark_limit": attribute("backends.cudnn.benchmark_limit"),
        "cudnn.deterministic": attribute("backends.cudnn.deterministic"),
        "mkldnn.enabled": attribute("backends.mkldnn.enabled"),
        "mkldnn.deterministic": attribute("backends.mkldnn.deterministic"),
        "nnpack.enabled": attribute("backends.nnpack.enabled"),
        "opt_einsum.enabled": attribute("backends.opt_einsum.enabled"),
        "opt_einsum.strategy": attribute("backends.opt_einsum.strategy"),
        "mha_fastpath": (torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
        "float32_matmul_precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        "fp32_precision": precision("generic", "all"),
        "fp32_precision.cuda": precision("cuda", "all"),
        "fp32_precision.cuda.matmul": precision("cuda", "matmul"),
        "fp32_precision.cuda.conv": precision("cuda", "conv"),
        "fp32_precision.cuda.rnn": precision("cuda", "rnn"),
        "fp32_precision.mkldnn": precision("mkldnn", "all"),
        "fp32_precision.mkldnn.matmul": precision("mkldnn", "matmul"),
        "fp32_precision.mkldnn.conv": precision("mkldnn", "conv"),
        "fp32_precision.mkldnn.rnn": precision("mkldnn", "rnn"),
        "fp16_reduced_precision_reduction": reduction("fp16"),
        "bf16_reduced_precision_reduction": reduction("bf16"),
        "fp16_accumulation": attribute("backends.cuda.matmul.allow_fp16_accumulation"),
        "fp16_bf16_reduction_math_sdp": (
            torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed,
            torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp,
        ),
        "sdpa.flash": (torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp),
        "sdpa.mem_efficient": (
            torch.backends.cuda.mem_efficient_sdp_enabled,
            torch.backends.cuda.enable_mem_efficient_sdp,
        ),
        "sdpa.math": (torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp),
        "sdpa.cudnn": (torch.backends.cuda.cudnn_sdp_enabled, torch.backends.cuda.enable_cudnn_sdp),
        "sdpa.order": (
            lambda: torch._C._get_sdp_priority_order(),
            lambda order: torch._C._set_sdp_priority_order(order),
        ),
    }


def _fp32_precision(backend: str, operation: str) -> str | None:
    import torch

    precision: str | None = torch._C._get_fp32_precision_getter(backend, operation)
    return precision


def _read(read: Callable[[], Any]) -> Any:
    try:
        return _plain(read())
    except (AttributeError, RuntimeError):
        return None


def _attempt(write: Callable[[Any], None], value: Any) -> None:
    """Write a setting; that it did not take is seen by reading it back."""
    try:
        write(value)
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value).removeprefix("torch.")
