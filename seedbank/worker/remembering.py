"""What a pipeline's ``encode_prompt`` gave, kept for the next rendering of the same texts.

Encoding a text is a function of the loaded weights and the arguments: the same call gives the same bits. It is kept only
where that shows: every argument is a plain value, nothing was drawn from a global generator meanwhile, no attribute of the
pipeline was changed, and the result is made of tensors that a copy gives back as they were, in bits and in memory layout.
The trace takes its ``prompt`` stage from what is used, kept or not, so a difference would be in the record.

A regeneration never uses it: it encodes its own text.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from typing import Any

import torch

from . import randomness

MOST = 32
"""Calls of one pipeline, the most recently used; about 5 MB each for a large model."""


class Unkeepable(Exception):
    """An argument or a result that is not made of plain values and tensors."""


class Remembered:
    """Context manager around one call of `pipe`; with `kept` None it does nothing.

    `kept` belongs to the loaded pipeline and maps arguments to results. `used` says whether every text came from it.
    """

    def __init__(self, pipe: Any, kept: OrderedDict[str, Any] | None) -> None:
        self._pipe = pipe
        self._kept = kept
        self._calls = 0
        self._hits = 0

    @property
    def used(self) -> bool:
        return self._hits > 0 and self._hits == self._calls

    def __enter__(self) -> Remembered:
        if self._kept is None or not hasattr(self._pipe, "encode_prompt"):
            self._kept = None
            return self
        original = self._pipe.encode_prompt

        # `wraps` keeps the signature, which others around this one look at.
        @functools.wraps(original)
        def encode(*args: Any, **kwargs: Any) -> Any:
            return self._encode(original, args, kwargs)

        object.__setattr__(self._pipe, "encode_prompt", encode)
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            object.__delattr__(self._pipe, "encode_prompt")

    def _encode(self, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        assert self._kept is not None
        self._calls += 1
        try:
            key = repr((plain(args), plain(kwargs)))
        except Unkeepable:
            return original(*args, **kwargs)
        if key in self._kept:
            self._hits += 1
            self._kept.move_to_end(key)
            return copied(self._kept[key])
        states, attributes = randomness.snapshot(), _attributes(self._pipe)
        result = original(*args, **kwargs)
        if not randomness.consumed(states, randomness.snapshot()) and attributes == _attributes(self._pipe):
            try:
                self._kept[key] = copied(result)
            except Unkeepable:
                return result
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return result


def plain(value: Any) -> Any:
    """`value` as something whose `repr` says everything. Raises `Unkeepable`."""
    if value is None or isinstance(value, (bool, int, float, str, torch.device, torch.dtype)):
        return value
    if type(value) in (list, tuple):
        return [type(value).__name__, *(plain(item) for item in value)]
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {key: plain(value[key]) for key in sorted(value)}
    raise Unkeepable(type(value).__name__)


def copied(value: Any) -> Any:
    """A copy of a result, with the same bits in the same layout. Raises `Unkeepable` where a copy would differ in it.

    A slice of a larger tensor begins elsewhere in memory than its copy, and libraries choose instructions by alignment.
    """
    if isinstance(value, torch.Tensor):
        if type(value) is not torch.Tensor or value.storage_offset() or not value.is_contiguous():
            raise Unkeepable("a view")
        return value.clone()
    if type(value) in (list, tuple):
        return type(value)(copied(item) for item in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise Unkeepable(type(value).__name__)


def _attributes(pipe: Any) -> dict[str, int]:
    """Which object each attribute of the pipeline is."""
    return {name: id(value) for name, value in vars(pipe).items()}
