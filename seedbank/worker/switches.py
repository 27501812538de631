"""Torch's switches: how each is read, and how it is written back. Parents come before the children that may differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

Switch = tuple[Callable[[], Any], Callable[[Any], None]]


def switches() -> dict[str, Switch]:
    """{name: (read, write)}. A switch that this torch does not have raises when it is read; see `read`."""
    import torch

    cuda = torch.backends.cuda
    return {
        "threads": (torch.get_num_threads, torch.set_num_threads),
        "interop_threads": (torch.get_num_interop_threads, torch.set_num_interop_threads),
        "default_dtype": (torch.get_default_dtype, lambda name: torch.set_default_dtype(getattr(torch, name))),
        "default_device": (torch.get_default_device, torch.set_default_device),
        "flush_denormal": (_flushes_denormals, torch.set_flush_denormal),
        "deterministic_algorithms": (torch.are_deterministic_algorithms_enabled, _set_deterministic),
        "deterministic_warn_only": (torch.is_deterministic_algorithms_warn_only_enabled, _set_warn_only),
        "fill_uninitialized_memory": _attribute("utils.deterministic.fill_uninitialized_memory"),
        "cudnn.enabled": _attribute("backends.cudnn.enabled"),
        "cudnn.benchmark": _attribute("backends.cudnn.benchmark"),
        "cudnn.benchmark_limit": _attribute("backends.cudnn.benchmark_limit"),
        "cudnn.deterministic": _attribute("backends.cudnn.deterministic"),
        "mkldnn.enabled": _attribute("backends.mkldnn.enabled"),
        "mkldnn.deterministic": _attribute("backends.mkldnn.deterministic"),
        "nnpack.enabled": (lambda: torch._C._get_nnpack_enabled(), torch.backends.nnpack.set_flags),
        "opt_einsum.enabled": _attribute("backends.opt_einsum.enabled"),
        "opt_einsum.strategy": _attribute("backends.opt_einsum.strategy"),
        "mha_fastpath": (torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
        "float32_matmul_precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        "fp32_precision": _precision("generic", "all"),
        "fp32_precision.cuda": _precision("cuda", "all"),
        "fp32_precision.cuda.matmul": _precision("cuda", "matmul"),
        "fp32_precision.cuda.conv": _precision("cuda", "conv"),
        "fp32_precision.cuda.rnn": _precision("cuda", "rnn"),
        "fp32_precision.mkldnn": _precision("mkldnn", "all"),
        "fp32_precision.mkldnn.matmul": _precision("mkldnn", "matmul"),
        "fp32_precision.mkldnn.conv": _precision("mkldnn", "conv"),
        "fp32_precision.mkldnn.rnn": _precision("mkldnn", "rnn"),
        "fp16_reduced_precision_reduction": _reduction("fp16"),
        "bf16_reduced_precision_reduction": _reduction("bf16"),
        "fp16_accumulation": _attribute("backends.cuda.matmul.allow_fp16_accumulation"),
        "fp16_bf16_reduction_math_sdp": (
            cuda.fp16_bf16_reduction_math_sdp_allowed,
            cuda.allow_fp16_bf16_reduction_math_sdp,
        ),
        "blas_library": (lambda: _word(cuda.preferred_blas_library()), cuda.preferred_blas_library),
        "linalg_library": (lambda: _word(cuda.preferred_linalg_library()), cuda.preferred_linalg_library),
        "cublas_workspace": _workspace("Cublas"),
        "cublaslt_workspace": _workspace("CublasLt"),
        "sdpa.flash": (cuda.flash_sdp_enabled, cuda.enable_flash_sdp),
        "sdpa.mem_efficient": (cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp),
        "sdpa.math": (cuda.math_sdp_enabled, cuda.enable_math_sdp),
        "sdpa.cudnn": (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp),
        "sdpa.overrideable": (
            lambda: torch._C._get_overrideable_sdp_enabled(),
            lambda value: torch._C._set_sdp_use_overrideable(value),
        ),
        "sdpa.order": (
            lambda: torch._C._get_sdp_priority_order(),
            lambda order: torch._C._set_sdp_priority_order(order),
        ),
    }


def read(switch: Switch) -> Any:
    """The setting as a JSON value; `None` for what this torch does not have."""
    try:
        return _plain(switch[0]())
    except (AttributeError, RuntimeError):
        return None


def write(switch: Switch, value: Any) -> None:
    """Write a setting; that it did not take is seen by reading it back."""
    try:
        switch[1](value)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        return


def _attribute(path: str) -> Switch:
    """A switch that is an attribute of something in torch."""
    owner_path, _, name = path.rpartition(".")

    def owner() -> Any:
        import torch

        found: Any = torch
        for part in owner_path.split("."):
            found = getattr(found, part)
        return found

    return lambda: getattr(owner(), name), lambda value: setattr(
        owner(), name, tuple(value) if isinstance(value, list) else value
    )


def _precision(backend: str, operation: str) -> Switch:
    import torch

    return (
        lambda: torch._C._get_fp32_precision_getter(backend, operation),
        partial(_set_precision, backend, operation),
    )


def _set_precision(backend: str, operation: str, value: str) -> None:
    import torch

    torch._C._set_fp32_precision_setter(backend, operation, value)


def _reduction(kind: str) -> Switch:
    """[reduced precision allowed, split-K allowed]; torch's public getter tells only the first."""
    import torch

    _, write = _attribute(f"backends.cuda.matmul.allow_{kind}_reduced_precision_reduction")
    return lambda: getattr(torch._C, f"_get_cublas_allow_{kind}_reduced_precision_reduction")(), write


def _workspace(library: str) -> Switch:
    """Bytes that cuBLAS works with. Asking for it would start CUDA, so only a process that uses CUDA has one."""
    import torch

    def read() -> int | None:
        return getattr(torch._C, f"_cuda_get{library}WorkspaceSize")() if torch.cuda.is_initialized() else None

    return read, lambda size: getattr(torch._C, f"_cuda_set{library}WorkspaceSize")(size)


def _flushes_denormals() -> bool:
    """Whether this thread's CPU takes numbers too small for the normal form for zero; torch has no getter."""
    import torch

    return bool((torch.tensor(2.0**-1060, dtype=torch.float64) * 1.5 == 0).item())


def _set_deterministic(value: bool) -> None:
    import torch

    torch.use_deterministic_algorithms(value, warn_only=torch.is_deterministic_algorithms_warn_only_enabled())


def _set_warn_only(value: bool) -> None:
    import torch

    torch.use_deterministic_algorithms(torch.are_deterministic_algorithms_enabled(), warn_only=value)


def _word(member: Any) -> str:
    """`cublaslt` for `_BlasBackend.Cublaslt`."""
    return str(member).rpartition(".")[2].lower()


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value).removeprefix("torch.")
