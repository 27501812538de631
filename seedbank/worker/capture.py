"""The parts of the environment: system, distributions, hardware, profile, variables, fingerprint.

Nothing that changes from run to run on one machine goes in (no process ids, free memory, host names or paths), so that
two workers in a row describe the same environment.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .fingerprint import fingerprint
from .settings import read_profile, relevant_variables

OPTIONAL = (
    "ftfy",
    "bs4",
    "imwatermark",
    "invisible_watermark",
    "xformers",
    "flash_attn",
    "sageattention",
    "triton",
    "peft",
    "accelerate",
)
"""Packages that change bits by being there: ftfy rewrites prompts, imwatermark marks images, others bring kernels."""
GIBIBYTE = 1 << 30


def environment_parts(device: str, environ: Mapping[str, str] = os.environ, guest: bool = False) -> dict[str, Any]:
    """{part: JSON values} of what surrounds a rendering on `device` (``cpu``, ``cuda``, ``cuda:1``, ``mps``).

    A `guest` in a user's own process runs no probes on the GPU: a kernel that faults there ends all work of the process.
    """
    profile = read_profile(device, environ)
    return {
        "system": system(),
        "distributions": distributions(),
        "hardware": hardware(device),
        "profile": profile,
        "variables": relevant_variables(environ),
        "fingerprint": fingerprint("cpu" if guest else device, profile),
    }


@cache
def system() -> dict[str, Any]:
    """Python, operating system, C library and the build of torch."""
    import torch

    release = _os_release()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "os": platform.system(),
        "release": platform.release(),
        "distribution": release.get("ID"),
        "distribution_version": release.get("VERSION_ID"),
        "machine": platform.machine(),
        "byteorder": sys.byteorder,
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "torch": {
            "version": torch.__version__,
            "git": torch.version.git_version,
            "config": hashlib.sha256(torch.__config__.show().encode()).hexdigest(),
        },
        "optional": {name: importlib.util.find_spec(name) is not None for name in OPTIONAL},
    }


@cache
def distributions() -> dict[str, dict[str, str | None]]:
    """{normalised name: {version, record, source}} of everything installed, the first on the path where a name occurs twice.

    `record` is the digest of the installed files; `None` where the installer kept no list. `source` is ``folder`` or
    ``repository`` for what was installed from there, and `None` for wheels.
    """
    found: dict[str, dict[str, str | None]] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            facts = {"version": distribution.version, "record": record_digest(distribution), "source": _source(distribution)}
            found.setdefault(normalised(name), facts)
    return dict(sorted(found.items()))


def _source(distribution: importlib.metadata.Distribution) -> str | None:
    """PEP 610: where it came from when it was no wheel; without the place, which names this machine's folders."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return None
    return "folder" if "dir_info" in origin else "repository" if "vcs_info" in origin else None


def normalised(name: str) -> str:
    """PEP 503: ``Foo.Bar_baz`` is ``foo-bar-baz``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def record_digest(distribution: importlib.metadata.Distribution) -> str | None:
    """SHA-256 over the lines of RECORD that come from the wheel, sorted.

    Installers add lines of their own (INSTALLER, compiled files, scripts with the path of the interpreter), which
    differ between two installations of the same wheel; they are left out, so the digest names the wheel's contents.
    """
    record = distribution.read_text("RECORD")
    if record is None:
        return None
    lines = [
        line
        for line in record.splitlines()
        if ",sha256=" in line and not line.startswith(("../", "/")) and not _installers_own(line)
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _installers_own(line: str) -> bool:
    path = line.split(",", 1)[0]
    return path.endswith(
        (
            ".pyc",
            ".dist-info/INSTALLER",
            ".dist-info/REQUESTED",
            ".dist-info/direct_url.json",
            ".dist-info/uv_cache.json",
        )
    )


def hardware(device: str) -> dict[str, Any]:
    """The CPU always (prompts, noise and tables are made there), the GPU when it renders."""
    return {"device": device.split(":")[0], "cpu": cpu(), "gpu": gpu(device)}


@cache
def cpu() -> dict[str, Any]:
    """Model, instruction sets, cores and memory in whole GiB."""
    import torch

    info = _read("/proc/cpuinfo")
    cores = {
        (re.search(r"^physical id\s*: (.*)$", block, re.M), re.search(r"^core id\s*: (.*)$", block, re.M))
        for block in info.split("\n\n")
        if "processor" in block
    }
    physical = {tuple(match.group(1) if match else "" for match in pair) for pair in cores}
    flags = _field(info, "flags") or _field(info, "Features") or ""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "model": _field(info, "model name") or platform.processor() or None,
        "vendor": _field(info, "vendor_id"),
        "flags": hashlib.sha256(" ".join(sorted(flags.split())).encode()).hexdigest() if flags else None,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "logical_cores": os.cpu_count(),
        "usable_cores": len(affinity(0)) if affinity else os.cpu_count(),
        "physical_cores": len(physical) or None,
        "memory_gib": _memory_gib(),
    }


@cache
def gpu(device: str) -> dict[str, Any] | None:
    """The GPU that renders, or `None`. SM count and threads per SM decide a CUDA generator's noise."""
    import torch

    if device.startswith("mps"):
        return {"name": "Apple GPU"}
    if not device.startswith("cuda"):
        return None
    facts = torch.cuda.get_device_properties(torch.device(device))
    driver = re.search(r"\b(\d+\.\d+(\.\d+)?)\b", _read("/proc/driver/nvidia/version").partition("Module")[2])
    return {
        "name": facts.name,
        "capability": f"{facts.major}.{facts.minor}",
        "sm_count": facts.multi_processor_count,
        "max_threads_per_sm": getattr(facts, "max_threads_per_multi_processor", None),
        "memory": facts.total_memory,
        "mig": " MIG " in facts.name,
        "driver": driver.group(1) if driver else None,
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "cudnn": torch.backends.cudnn.version(),
    }


def peak_memory() -> int:
    """Highest resident memory of this process so far, in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory() -> int | None:
    """Memory that could be had without swapping, in bytes, within the limits of the container; `None` when unknown."""
    available = re.search(r"^MemAvailable:\s*(\d+) kB", _read("/proc/meminfo"), re.M)
    if available is None:
        return None
    free = int(available.group(1)) * 1024
    limit, used = _read("/sys/fs/cgroup/memory.max").strip(), _read("/sys/fs/cgroup/memory.current").strip()
    return min(free, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else free


def release_memory() -> None:
    """Give freed memory back to the system where the C library can."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def _memory_gib() -> int | None:
    total = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.M)
    if total is not None:
        return round(int(total.group(1)) * 1024 / GIBIBYTE)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIBIBYTE)
    return None


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except (OSError, AttributeError):
        return {}


def _field(text: str, name: str) -> str | None:
    match = re.search(rf"^{name}\s*: (.*)$", text, re.M)
    return match.group(1).strip() if match else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
