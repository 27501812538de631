"""Make a recorded environment again: a virtual environment from the distributions that an entry was rendered with.

What is installed are the recorded versions of what takes part in a rendering (`TAKE_PART`) and, as the installer finds
them, their dependencies, which the whole recorded list bounds. seedbank itself and distributions that were installed
from a local folder are left out: the render process does not need the first, and nobody has the second. Only wheels are
taken, since building a source distribution today gives other files than it gave then. A made environment is kept in the
cache folder under the digest of its list.

uv installs where it is there (on PATH or importable), else pip. Each reads its own configuration of package indexes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seedbank.engine.source import cache_folder, made
from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked
from seedbank.hashing import json_digest
from seedbank.progress import QUIET, Progress

RECORDED, WHOLE = "recorded", "recorded-all"
TAKE_PART = (
    *("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors", "tokenizers", "numpy", "pillow", "scipy"),
    *("sentencepiece", "protobuf", "tiktoken", "ftfy", "beautifulsoup4", "jinja2", "torchvision", "torchsde", "k-diffusion"),
    *("invisible-watermark", "opencv-python", "opencv-python-headless", "triton", "xformers", "flash-attn", "sageattention"),
    *("kernels", "bitsandbytes", "torchao", "gguf", "optimum-quanto", "compel"),
)
"""What the render process imports where it is installed: some change bits merely by being there."""
OF_TORCH = ("nvidia-", "cuda-", "triton", "pytorch-triton", "intel-", "mkl", "tbb", "sympy", "fsspec", "setuptools")
"""Beginnings of names that go with a build of torch; another torch brings its own."""
OWN = "seedbank-images"
NAME, VERSION = re.compile(r"[a-z0-9][a-z0-9._-]*"), re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]*")
NOT_TO_BE_HAD = (
    re.compile(r"there (?:is|are) no versions? of ([\w.\-]+(?:==[\w.!+]+)?)"),
    re.compile(r"[Bb]ecause ([\w.\-]+(?:==[\w.!+]+)?) (?:was not found|has no (?:usable )?wheels)"),
    re.compile(r"No matching distribution found for ([\w.\-]+(?:==[\w.!+]+)?)"),
)
"""How uv and pip name what they cannot get."""
CAUSE = re.compile(r"(?:cause:|The conflict is caused by:) (.+?)(?: And because|, we can conclude|Additionally,|To fix this|$)")
"""How they say which requirements contradict each other."""
POLL = 0.5


@dataclass(frozen=True)
class Plan:
    """An environment to be made.

    python      the recorded version; the same minor version will do
    wanted      {distribution: version} that is installed by name
    bounds      {distribution: version} of whatever their dependencies bring along
    resolve     False installs `wanted` and nothing else, whatever their dependencies say
    find_links  folders with wheels, looked into beside the index
    left_out    recorded distributions that are not installed, though they were there
    changes     the part of `wanted` that is not as recorded
    """

    python: str
    wanted: Mapping[str, str]
    bounds: Mapping[str, str]
    resolve: bool = True
    find_links: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    changes: Mapping[str, str] | None = None

    @cached_property
    def digest(self) -> str:
        """Digest of everything that decides what is installed."""
        minor = ".".join(self.python.split(".")[:2])
        values = {"python": minor, "wanted": self.wanted, "bounds": self.bounds, "resolve": self.resolve}
        return json_digest({**values, "find_links": list(self.find_links)})

    @property
    def folder(self) -> Path:
        """Where it is kept once it is made."""
        return cache_folder() / "environments" / self.digest[:32]


def make_plan(recorded: Environment | None, wish: str, find_links: Iterable[str] = ()) -> Plan:
    """The plan for a wish: ``recorded``, ``recorded-all``, or changes of the recorded list (``torch==2.14.1,peft==…``).

    Raises `BadInput` for a wish that makes no sense, `Blocked` when the record has no list of distributions.
    """
    changes = {} if wish in (RECORDED, WHOLE) else parse_changes(wish)
    folders = tuple(_folder(one) for one in find_links)
    system, listed = (recorded.parts if recorded is not None else {}).get("system", {}), {}
    left_out = []
    for name, facts in (recorded.parts if recorded is not None else {}).get("distributions", {}).items():
        if name == OWN:
            continue
        if facts.get("source") == "folder":
            left_out.append(name)
        else:
            listed[name] = _checked(name, str(facts.get("version")))
    if not listed or not system.get("python"):
        raise Blocked("The record does not say which distributions were installed.", "Try it here, without --env.")
    if wish == WHOLE:
        return Plan(system["python"], listed, {}, False, folders, tuple(left_out))
    wanted = {name: listed[name] for name in TAKE_PART if name in listed} | changes
    loose = OF_TORCH if "torch" in changes else ()  # str.startswith(()) is False
    wanted = {name: version for name, version in wanted.items() if name in changes or not name.startswith(loose)}
    bounds = {name: version for name, version in listed.items() if name not in wanted and not name.startswith(loose)}
    return Plan(system["python"], wanted, bounds, True, folders, tuple(left_out), changes or None)


def parse_changes(text: str) -> dict[str, str]:
    """{distribution: version} of ``torch==2.14.1,diffusers==0.42.1``. Raises `BadInput`."""
    changes = {}
    for piece in text.split(","):
        name, equals, version = piece.strip().partition("==")
        name = re.sub(r"[-_.]+", "-", name.strip()).lower()
        if not equals or not NAME.fullmatch(name) or not VERSION.fullmatch(version.strip()):
            raise BadInput(
                f"The environment {text!r} makes no sense.",
                f"Use {RECORDED}, {WHOLE} or changes such as torch==2.14.1,peft==0.21.2.",
            )
        changes[name] = version.strip()
    return changes


def _folder(text: str) -> str:
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise BadInput(f"There is no folder {text} of --find-links.", "Name one that holds wheels.")
    return str(path)


def _checked(name: str, version: str) -> str:
    """The version, when both can stand in a list of requirements: a record may come from anywhere."""
    if not NAME.fullmatch(name) or not VERSION.fullmatch(version):
        raise Blocked(f"The record names a distribution {name!r} {version!r}, which no installer takes.")
    return version


# -- making it --------------------------------------------------------------------------------------------------------


def make(plan: Plan, progress: Progress = QUIET) -> str:
    """The interpreter of the environment, which is made unless the cache has it; whole or not at all.

    Raises `Blocked` with the name of what is not to be had.
    """
    if not interpreter_of(plan.folder).exists():
        made(plan.folder.parent)
        base = find_python(plan.python)
        with tempfile.TemporaryDirectory(dir=plan.folder.parent, prefix=".making-", ignore_cleanup_errors=True) as making:
            whole = Path(making) / "environment"
            _install(plan, base, whole, progress)
            (whole / "seedbank.json").write_text(json.dumps({"wanted": plan.wanted, "bounds": plan.bounds}, indent=1))
            if not plan.folder.exists():  # another process may have been quicker
                whole.rename(plan.folder)
    return str(interpreter_of(plan.folder))


def interpreter_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / "bin" / "python"


def find_python(version: str) -> str:
    """An interpreter of the recorded version, or else of the same minor version. Raises `Blocked`."""
    minor = ".".join(version.split(".")[:2])
    found: dict[str, str] = {}
    for candidate in _pythons(minor):
        said = _version_of(candidate)
        if said == version:
            return candidate
        if said.startswith(f"{minor}."):
            found.setdefault(said, candidate)
    if not found:
        raise Blocked(f"There is no Python {minor} here; the entry was rendered with {version}.", f"Install Python {minor}.")
    return next(iter(found.values()))


def _pythons(minor: str) -> Iterable[str]:
    yield sys.executable
    yield from filter(None, [shutil.which(f"python{minor}")])
    if uv := find_uv():
        done = subprocess.run(
            [uv, "python", "find", "--no-python-downloads", minor], capture_output=True, text=True, check=False
        )
        yield from done.stdout.split("\n")[:1] if done.returncode == 0 else ()


def _version_of(python: str) -> str:
    program = "import platform; print(platform.python_version())"
    try:
        done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find_uv() -> str | None:
    """The program uv, on PATH or as a distribution of this environment."""
    if found := shutil.which("uv"):
        return found
    if importlib.util.find_spec("uv") is None:
        return None
    return str(importlib.import_module("uv").find_uv_bin())


def _install(plan: Plan, base: str, folder: Path, progress: Progress) -> None:
    uv = find_uv()
    if uv is None and importlib.util.find_spec("pip") is None:
        raise Blocked("Neither uv nor pip is here to install the recorded distributions.", "Install one: python -m ensurepip")
    target = str(interpreter_of(folder))
    lists = folder.parent
    (lists / "wanted.txt").write_text(_requirements(plan.wanted))
    (lists / "bounds.txt").write_text(_requirements(plan.bounds))
    options = ["-r", str(lists / "wanted.txt"), "-c", str(lists / "bounds.txt")]
    options += [] if plan.resolve else ["--no-deps"]
    options += [text for one in plan.find_links for text in ("--find-links", one)]
    if uv is not None:
        _run([uv, "venv", "--quiet", "--no-python-downloads", "--python", base, str(folder)], folder, QUIET)
        command = [uv, "pip", "install", "--quiet", "--no-build", "--python", target, *options]
    else:
        _run([base, "-m", "venv", "--without-pip", str(folder)], folder, QUIET)
        pip = [sys.executable, "-m", "pip", "--python", target, "install", "--no-input", "--disable-pip-version-check"]
        command = [*pip, "--only-binary", ":all:", *options]
    _run(command, folder, progress)


def _requirements(pins: Mapping[str, str]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def _run(command: Sequence[str], folder: Path, progress: Progress) -> None:
    """Run an installer; the distributions that have arrived in `folder` count as progress."""
    log = folder.parent / "log"
    arrived = 0
    with log.open("wb") as out, progress.task("making the recorded environment", unit=" distributions") as task:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=_variables())
        try:
            while _still(process):
                count = len(list(folder.glob("lib/*/site-packages/*.dist-info")))
                task.advance(count - arrived)
                arrived = count
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode:
        raise _not_made(log.read_text(errors="replace"), Path(command[0]).name)


def _variables() -> dict[str, str]:
    """This process's variables without those that would lead an installer to another environment."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


def _still(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL)
    except subprocess.TimeoutExpired:
        return True
    return False


def _not_made(said: str, installer: str) -> Blocked:
    """The error of an installer in one sentence, with the name of what is not to be had."""
    text = " ".join(said.split())
    for pattern in NOT_TO_BE_HAD:
        if found := pattern.search(text):
            return Blocked(
                f"The recorded distribution {found.group(1)} is not to be had.",
                "Name a folder that holds its wheel with --find-links.",
            )
    cause = CAUSE.search(text)
    return Blocked(
        f"The recorded distributions do not fit together: {cause.group(1)[:400] if cause else text[-400:] or installer}",
        f"Change what conflicts too (--env 'a==1,b==2'), or take {WHOLE}, which looks at no dependencies.",
    )
