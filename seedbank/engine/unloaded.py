"""What the files say of a pipeline before a render process has loaded it: the arguments of its call, its measures.

Importing torch and diffusers takes seconds. Whoever has mistyped the name of an argument should not wait for that, so the
signature is read from the source of the installed diffusers, which is looked up and never run. What is read here refuses
early and decides nothing: the loaded pipeline is asked the same again.
"""

from __future__ import annotations

import ast
import importlib.util
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from seedbank.engine.manifest import LARGEST_CONFIG


def pipeline_class(folder: Path) -> str | None:
    """The pipeline class that a model folder names; None where it names none. Reading its manifest says why."""
    name = _json(folder / "model_index.json").get("_class_name")
    return name if isinstance(name, str) else None


def vae_scale_factor(folder: Path, vae: Path | None = None) -> int | None:
    """Pixels for each latent pixel of the model in a folder, by the rules of the pipelines of diffusers; None where unknown.

    `vae` stands in for its own: a folder, or a file, which has the architecture of the model's own.
    """
    config = _json((vae if vae is not None and vae.is_dir() else folder / "vae") / "config.json")
    for name, less in (("temperal_downsample", 0), ("block_out_channels", 1), ("encoder_block_out_channels", 1)):
        if isinstance(blocks := config.get(name), list) and len(blocks) > less:
            return 1 << len(blocks) - less
    return None


def most_clip_skip(folder: Path) -> int | None:
    """How many layers of the CLIP encoders of the model in a folder can be left out at most; None where it is not known.

    Pipelines with two encoders take the last layer but one to begin with (`encode_prompt` of diffusers).
    """
    configs = [_json(folder / name / "config.json") for name in ("text_encoder", "text_encoder_2")]
    layers = [config.get("num_hidden_layers") for config in configs if str(config.get("model_type")).startswith("clip")]
    known = [count for count in layers if isinstance(count, int)]
    return min(known) - (len(layers) > 1) if known and len(known) == len(layers) else None


@cache
def call_parameters(pipeline: str) -> Mapping[str, Mapping[str, Any]] | None:
    """{name: {default, annotation}} of a pipeline's call, as `seedbank.worker.describe` tells it; None where it is not found.

    A default that is no literal is left out.
    """
    for node in ast.parse(_source(pipeline) or "").body:
        if isinstance(node, ast.ClassDef) and node.name == pipeline:
            calls = (item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__call__")
            return next((_parameters(call.args) for call in calls), None)
    return None


def _parameters(arguments: ast.arguments) -> dict[str, dict[str, Any]]:
    listed = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(listed) - len(arguments.defaults))
    pairs = [*zip(listed, [*defaults, *arguments.defaults], strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found = {}
    for argument, default in pairs[1:]:  # without self
        described: dict[str, Any] = {"annotation": "" if argument.annotation is None else ast.unparse(argument.annotation)}
        with suppress(ValueError):
            described |= {} if default is None else {"default": ast.literal_eval(default)}
        found[argument.arg] = described
    return found


def _source(pipeline: str) -> str | None:
    """The text of the file of the installed diffusers that defines a pipeline class; None where there is none."""
    spec = importlib.util.find_spec("diffusers")
    if spec is None or spec.origin is None:
        return None
    begins = f"\nclass {pipeline}("
    for family in Path(spec.origin).parent.glob("pipelines/*/__init__.py"):
        if f'"{pipeline}"' in family.read_text("utf-8"):
            texts = (path.read_text("utf-8") for path in family.parent.glob("pipeline_*.py"))
            return next((text for text in texts if begins in text), None)
    return None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8")) if path.stat().st_size <= LARGEST_CONFIG else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
