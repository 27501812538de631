"""Modules of the render process that a stand-alone program carries, word for word, where its recipe needs them.

So what a program computes is what the render process computes, and nothing is written twice. The modules are read as text;
each comes with those that it imports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from seedbank.recipe import Recipe

FOLDER = Path(__file__).parents[2] / "worker"
PLAIN_NOISE = {"torch-cpu": {"kind", "seed"}, "torch-cuda": {"kind", "seed", "sm_count", "threads_per_sm"}}
"""{kind of noise that a generator of torch draws by itself: its fields}"""


def parts_for(recipe: Recipe) -> Mapping[str, str]:
    """{name: source} of the modules that a program for `recipe` needs, such as ``noise.portable``; the names sorted."""
    return sources(_needed(recipe))


def _needed(recipe: Recipe) -> Iterator[str]:
    if set(recipe.noise) - PLAIN_NOISE.get(str(recipe.noise.get("kind")), set()):
        yield "noise"
    if recipe.inputs:
        yield "inputs"
        yield "randomness"
    if recipe.adapters:
        yield "adapters"
    if "blend" in recipe.conditioning:
        yield "texts"
    if recipe.conditioning.get("weighting") is not None:
        yield "weighting"


def sources(names: Iterable[str]) -> dict[str, str]:
    """{name: source} of modules and of all that they import of the render process."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        if (name := waiting.pop()) not in found:
            found[name] = _path(name).read_text("utf-8")
            waiting += _imported(name, found[name])
    return dict(sorted(found.items()))


def _path(name: str) -> Path:
    place = FOLDER.joinpath(*name.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _imported(name: str, source: str) -> Iterator[str]:
    """The modules of the render process that a module imports, wherever in it."""
    place = name.split(".")
    package = place if _path(name).name == "__init__.py" else place[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
            candidates = [".".join([*above, alias.name]) for alias in node.names] if node.module is None else [".".join(above)]
            for candidate in candidates:
                # A module of a package brings its package, whose own code runs first.
                yield from (".".join(candidate.split(".")[: end + 1]) for end in range(candidate.count(".") + 1))
