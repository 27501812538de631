"""Conditioning between two texts: what a pipeline's ``encode_prompt`` gives for one and for the other, mixed.

The recipe's ``conditioning`` then has a ``blend {conditioning, alpha, curve}`` beside its own texts. While the call runs,
every ``encode_prompt`` is made twice, with the recipe's texts and with those of the blend, and gives the mixture, so no
family of pipelines needs code of its own. Where a family encodes a text in as many embeddings as it has tokens (Z-Image), the
shorter one is continued with its last embedding, since there is nothing between a token and none.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import numpy
import torch

from .interpolation import CURVES, between
from .refusal import BAD_INPUT, BLOCKED, Refusal
from .weighting import WEIGHTING

BLEND = "blend"
NEGATIVE = "negative_"
PROMPTS = ("prompt", "prompt_2", "prompt_3", "prompt_4")


def own_texts(conditioning: Mapping[str, Any]) -> dict[str, Any]:
    """The texts that are arguments of the call."""
    return {name: value for name, value in conditioning.items() if name not in (BLEND, WEIGHTING)}


class BlendedTexts:
    """Context manager around one call of `pipe`: without a ``blend`` in `conditioning` it changes nothing.

    Raises `Refusal` on entering for a blend that makes no sense, inside the call for texts that cannot be mixed.
    """

    def __init__(self, pipe: Any, conditioning: Mapping[str, Any]) -> None:
        self._pipe = pipe
        self._texts = own_texts(conditioning)
        self._blend = conditioning.get(BLEND)
        self._before: Any = None

    def __enter__(self) -> BlendedTexts:
        if self._blend is None:
            return self
        blend = self._blend
        alpha, curve, others = blend.get("alpha"), blend.get("curve"), blend.get("conditioning") or {BLEND: None}
        unknown = set(blend) - {"conditioning", "alpha", "curve"}
        if unknown or BLEND in others or not isinstance(alpha, (int, float)) or not 0 <= alpha <= 1 or curve not in CURVES:
            raise Refusal(
                BAD_INPUT, f"A blend of texts needs other texts, an alpha from 0 to 1 and a curve: {', '.join(CURVES)}."
            )
        if not hasattr(self._pipe, "encode_prompt"):
            raise Refusal(BLOCKED, f"{type(self._pipe).__name__} has no encode_prompt, so its texts cannot be blended.")
        original = self._pipe.encode_prompt
        self._before = vars(self._pipe).get("encode_prompt")

        # `wraps` keeps the signature, which tells the arguments' names.
        @functools.wraps(original)
        def encode(*args: Any, **kwargs: Any) -> Any:
            call = inspect.signature(original).bind(*args, **kwargs)
            one = original(*call.args, **call.kwargs)
            call.apply_defaults()  # the other may have a text where this one leaves it away
            for name in [name for name in call.arguments if name.removeprefix(NEGATIVE) in PROMPTS]:
                call.arguments[name] = self._other(name, call.arguments[name], call.signature.parameters)
            return mixed(one, original(*call.args, **call.kwargs), float(alpha), str(curve))

        self._pipe.encode_prompt = encode
        return self

    def __exit__(self, *_: object) -> None:
        if self._blend is not None and vars(self._pipe).pop("encode_prompt", None) is not None and self._before is not None:
            self._pipe.encode_prompt = self._before  # what others put there before

    def _other(self, name: str, value: Any, parameters: Mapping[str, Any]) -> Any:
        """What stands in the blend where the recipe has `value`, a text, a list of texts or None, as the argument `name`."""
        if isinstance(value, (list, tuple)):
            return [self._other(name, one, parameters) for one in value]
        assert self._blend is not None
        texts, others = self._texts, self._blend["conditioning"]
        negative = NEGATIVE + name
        # Some families encode the negative texts by a second call, where they come as `prompt`.
        second = negative not in parameters and negative in texts and value == texts[negative]
        if value in (texts.get(name), None, "") and not (second and name in texts):
            return others.get(name, value)
        if second and value != texts.get(name):
            return others.get(negative, "")
        raise Refusal(BLOCKED, f"It is not clear which text {type(self._pipe).__name__} encodes as {name}: {value!r}.")


def mixed(one: Any, other: Any, alpha: float, curve: str) -> Any:
    """The mixture of two results of ``encode_prompt``: tensors, in lists and tuples as they come."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        return type(one)(mixed(a, b, alpha, curve) for a, b in zip(one, other, strict=True))
    if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
        if one is None and other is None:
            return None
        raise Refusal(BLOCKED, "The two texts are encoded in different ways, so they cannot be blended.")
    one, other = _as_long(one, other), _as_long(other, one)
    if one.shape != other.shape or one.dtype != other.dtype:
        raise Refusal(BLOCKED, "The two texts are encoded in other shapes, so they cannot be blended.")
    if not one.is_floating_point():
        return torch.maximum(one, other)  # masks: what either of the two has
    low, high = (tensor.detach().to("cpu", torch.float64).numpy() for tensor in (one, other))
    return torch.from_numpy(numpy.ascontiguousarray(between(low, high, alpha, curve))).to(one.device, one.dtype)


def _as_long(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """`tensor`, continued with its last token until it has as many as `other`, along the one axis where they differ."""
    axes = [axis for axis, (a, b) in enumerate(zip(tensor.shape, other.shape, strict=False)) if a != b]
    if tensor.ndim != other.ndim or len(axes) != 1:
        return tensor
    (axis,) = axes
    missing = other.shape[axis] - tensor.shape[axis]
    if missing <= 0 or tensor.shape[axis] == 0:
        return tensor
    last = tensor.narrow(axis, tensor.shape[axis] - 1, 1)
    return torch.cat([tensor, *[last] * missing], dim=axis)
