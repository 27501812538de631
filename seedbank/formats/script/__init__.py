"""A stand-alone Python program that renders one recipe with diffusers and checks the image digest, without seedbank.

`program.txt` is the program; what differs from recipe to recipe is one JSON document in it, written as string literals. So
a prompt is data whatever it holds. A program is read back by looking for that document; nothing of it is ever run.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seedbank.errors import BadInput
from seedbank.formats.reading import FormatError
from seedbank.formats.recipe_json import Document
from seedbank.formats.script.parts import parts_for
from seedbank.formats.stamp import KEY
from seedbank.pipelines import FACTS

PROGRAM = Path(__file__).with_name("program.txt")
NAME = "RECORD"
"""The variable that holds the document."""
LARGEST = 4 * 2**20
"""Characters of a program that is still read."""

NOISES = ("torch-cpu", "torch-cuda", "seedbank-v1", "a1111-nv", "global")
ADAPTERS = ("lora", "embedding", "vae", "controlnet", "ip-adapter")
RANDOM_STATE = "rng-state"
INPUTS = ("picture", "tensor", "array")
SETTINGS = (
    "bf16_reduced_precision_reduction",
    "cudnn.benchmark",
    "cudnn.benchmark_limit",
    "cudnn.deterministic",
    "cudnn.enabled",
    "deterministic_algorithms",
    "deterministic_warn_only",
    "device",
    "fill_uninitialized_memory",
    "float32_matmul_precision",
    "flush_denormal",
    "fp16_accumulation",
    "fp16_reduced_precision_reduction",
    "interop_threads",
    "mkldnn.deterministic",
    "mkldnn.enabled",
    "pipeline",
    "sdpa.cudnn",
    "sdpa.flash",
    "sdpa.math",
    "sdpa.mem_efficient",
    "threads",
    "variables",
)
"""Settings that the program restores, beside those that begin with `fp32_precision`."""
COMPONENTS = ("slicing", "tiling", "memory_format")


def write_script(document: Document, unusual: Mapping[str, Any]) -> str:
    """The program for a document whose profile has only what a plain process would not have by itself.

    `unusual` are the settings of the pipeline that somebody changed, as ``vae.slicing``. Raises `BadInput`, naming the
    thing, for what the program could not do.
    """
    if lacks := document.recipe.missing():
        raise BadInput(f"The recipe does not say the {lacks[0]}, so it makes no program.", "Send it as a block or as JSON.")
    if obstacle := next(obstacles(document, unusual), None):
        raise BadInput(f"{obstacle}, which a stand-alone script does not do.", "Send it as a block or as JSON instead.")
    lines = json.dumps(document.to_dict(), ensure_ascii=False, indent=1).split("\n")
    record = "\n".join(f"    {line + chr(10)!r}" for line in lines)
    program = PROGRAM.read_text("utf-8")
    texts = {"stamp": f"{KEY}: {document.stamp}", "record": record, "parts": _literals(parts_for(document.recipe))}
    # Each place is filled once, so that nothing in a text that is filled in is taken for a place.
    return re.sub(r"\{(stamp|record|parts)\}", lambda place: texts[place[1]], program)


def _literals(modules: Mapping[str, str]) -> str:
    """The items of a dict: every source as it is, between quotes that no module of the render process uses."""
    return "".join(f"{name!r}: r'''{source}''',\n" for name, source in modules.items())


def obstacles(document: Document, unusual: Mapping[str, Any]) -> Iterator[str]:
    """What the program could not do, each as the beginning of a sentence."""
    recipe = document.recipe
    if recipe.pipeline not in FACTS:
        yield f"The pipeline is a {recipe.pipeline}"
    if recipe.batch is not None:
        yield f"The image was rendered in a batch of {recipe.batch.get('size')}"
    if recipe.noise.get("kind") not in NOISES:
        yield f"The noise is of the kind {recipe.noise.get('kind')}"
    for item in recipe.inputs:
        if item.get("role") != RANDOM_STATE and item.get("kind") not in INPUTS:
            yield f"The recipe has an input {item.get('role')} of the kind {item.get('kind')}"
    for item in recipe.adapters:
        if item["kind"] not in ADAPTERS:
            yield f"The recipe has an adapter of the kind {item['kind']}"
    for name in document.profile:
        if name not in SETTINGS and not name.startswith("fp32_precision"):
            yield f"The setting {name} was changed"
    for name, value in unusual.items():
        setting = name.rpartition(".")[2]
        if setting not in COMPONENTS and not setting.startswith("tile_"):
            yield f"The setting {name} of the pipeline is {value!r}"


def read_script(text: str) -> Any:
    """The JSON values of the document in a program; None for a text that is none. Raises `FormatError` for a damaged one."""
    if f"{NAME} = json.loads(" not in text:
        return None
    if len(text) > LARGEST:
        raise FormatError(f"The script has more than {LARGEST >> 20} million characters.", "Take the recipe as JSON.")
    try:
        with warnings.catch_warnings(action="ignore"):  # of a stranger's program
            program = ast.parse(text)
        for statement in program.body:
            if (literal := _literal(statement)) is not None:
                return json.loads(literal)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    raise FormatError("The record in this script cannot be read.", "Take the script again, whole.")


def _literal(statement: ast.stmt) -> str | None:
    """The text in ``RECORD = json.loads("…")``."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call) or len(statement.value.args) != 1:
        return None
    target, argument = statement.targets[0], statement.value.args[0]
    if not isinstance(target, ast.Name) or target.id != NAME or not isinstance(argument, ast.Constant):
        return None
    return argument.value if isinstance(argument.value, str) else None
