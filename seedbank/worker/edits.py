"""Objects of a pipeline that hold no weights and were changed after loading: scheduler, tokenizers, image processors.

A regeneration makes each anew, the scheduler from its recorded settings, the others from their files. What a call itself
writes into them is no change.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import json
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy
import torch

from .anatomy import Anatomy
from .calling import scheduler_for
from .describe import describe_scheduler

SETTING_UP = ("__init__", "set_shift", "add_noise", "get_velocity", "scale_noise")
"""Methods of schedulers that write what is no state of a call; some of them only move a table to another device."""
PROCESSORS: Mapping[str, Mapping[str, Any]] = {
    "image_processor": {},
    "mask_processor": {"do_normalize": False, "do_binarize": True, "do_convert_grayscale": True},
    "control_image_processor": {"do_convert_rgb": True, "do_normalize": False},
}
"""{attribute of a pipeline: the settings with which pipelines make it}, where these are not the defaults."""
PROCESSING = (
    *("do_normalize", "do_binarize", "do_convert_rgb", "do_convert_grayscale", "do_resize", "resample", "reducing_gap"),
)
CONVERTING = (
    "StableDiffusionControlNetPipeline",
    "StableDiffusionControlNetImg2ImgPipeline",
    "StableDiffusionXLControlNetPipeline",
    "StableDiffusionXLControlNetImg2ImgPipeline",
)
"""Pipelines whose image processor is made with ``do_convert_rgb=True``."""
TOKENIZING = ("model_max_length", "padding_side", "truncation_side", "special_tokens_map")


def edits(pipe: Any, taken: Anatomy, folder: Path, *, grown: bool = False) -> Iterator[str]:
    """One sentence for each departure from the settings of the scheduler and from the files in `folder`.

    `grown`: words were added to the tokenizers, which is recorded.
    """
    if (scheduler := taken.components.get("scheduler")) is not None:
        yield from _scheduler(scheduler)
    yield from _image_processors(pipe)
    for name, tokenizer in taken.components.items():
        if name.startswith("tokenizer") and tokenizer is not None and (folder / name).is_dir():
            yield from _tokenizer(name, tokenizer, folder / name, grown)


# -- the scheduler -----------------------------------------------------------------------------------------------------


def _scheduler(scheduler: Any) -> Iterator[str]:
    described = describe_scheduler(scheduler)
    if not type(scheduler).__module__.startswith("diffusers."):
        return  # of another class, which is said elsewhere
    for name, value in _as_made(json.dumps(described, sort_keys=True)).items():
        if not _same(vars(scheduler).get(name), value):
            yield f"The attribute {name} of the scheduler is not what its settings give."
            return


@functools.lru_cache(maxsize=16)
def _as_made(described: str) -> dict[str, Any]:
    """{attribute: value} of a scheduler with these settings, without what a call writes."""
    fresh = scheduler_for({"scheduler": json.loads(described)})
    cls: Any = type(fresh)
    written = _written_by_calls(cls)
    return {name: value for name, value in vars(fresh).items() if name not in written and _comparable(value)}


@functools.lru_cache(maxsize=64)
def _written_by_calls(cls: Any) -> frozenset[str]:
    """The attributes that methods of a class write, but for those that set it up."""
    written: set[str] = set()
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if isinstance(value, types.FunctionType) and name not in SETTING_UP:
                found = dis.get_instructions(inspect.unwrap(value))
                written.update(str(one.argval) for one in found if one.opname == "STORE_ATTR")
    return frozenset(written)


def _comparable(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str, torch.Tensor, numpy.ndarray))


def _same(live: Any, made: Any) -> bool:
    if isinstance(made, torch.Tensor):
        # A step may have moved a table to its device, and to its dtype.
        return isinstance(live, torch.Tensor) and torch.equal(live.to("cpu"), made.to("cpu", live.dtype))
    if isinstance(made, numpy.ndarray):
        return isinstance(live, numpy.ndarray) and numpy.array_equal(live, made)
    return type(live) is type(made) and bool(live == made)


# -- image processors --------------------------------------------------------------------------------------------------


def _image_processors(pipe: Any) -> Iterator[str]:
    for attribute, usual in PROCESSORS.items():
        processor = getattr(pipe, attribute, None)
        if processor is None or not type(processor).__module__.startswith("diffusers."):
            continue
        converting = {"do_convert_rgb": True} if type(pipe).__name__ in CONVERTING and attribute == "image_processor" else {}
        cls: Any = type(processor)
        expected = {**_defaults(cls), **usual, **converting}
        for key in PROCESSING:
            if processor.config.get(key) != expected.get(key):
                yield f"The setting {key} of the {attribute.replace('_', ' ')} is not the pipeline's own."


@functools.lru_cache(maxsize=16)
def _defaults(cls: Any) -> dict[str, Any]:
    return dict(cls().config)


# -- tokenizers --------------------------------------------------------------------------------------------------------

_vocabularies: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""{tokenizer: digest of its words and rules} of those that were looked at."""
_stored: dict[tuple[Path, type, float], Any] = {}
"""{(folder, class, its time): the tokenizer of the files}."""


def _tokenizer(name: str, live: Any, folder: Path, grown: bool) -> Iterator[str]:
    stored = _of_files(folder, type(live))
    if stored is None:
        return
    for key in TOKENIZING:
        if getattr(live, key, None) != getattr(stored, key, None):
            yield f"The {key} of {name} is not that of the folder."
            return
    if _vocabulary(live) != _vocabulary(stored):
        yield f"The words or rules of {name} are not those of the folder."
    elif not grown and live.added_tokens_encoder != stored.added_tokens_encoder:
        yield f"Words were added to {name} that the folder does not have."


def _of_files(folder: Path, cls: type) -> Any:
    """The tokenizer that a regeneration loads from `folder`; None where it cannot be loaded like this."""
    key = (folder, cls, max(path.stat().st_mtime for path in folder.iterdir()))
    if key not in _stored:
        try:
            _stored[key] = cls.from_pretrained(folder, local_files_only=True)  # type: ignore[attr-defined]
        except Exception:  # a tokenizer's own code, which may raise anything: it cannot be compared, and a rebuild says why
            _stored[key] = None
    return _stored[key]


def _vocabulary(tokenizer: Any) -> str:
    """A digest of the words and rules of a tokenizer, without what was added and what its last call has set."""
    if tokenizer not in _vocabularies:
        rules = getattr(tokenizer, "backend_tokenizer", None)
        if rules is not None:
            said = json.loads(rules.to_str())
            for changing in ("truncation", "padding", "added_tokens"):
                said.pop(changing, None)
            text = json.dumps(said, sort_keys=True)
        else:
            text = json.dumps({word: number for word, number in tokenizer.get_vocab().items() if number < tokenizer.vocab_size})
        _vocabularies[tokenizer] = hashlib.sha256(text.encode()).hexdigest()
    return _vocabularies[tokenizer]
