"""Serving the random numbers of one pipeline call.

Pipelines and schedulers draw through ``torch.randn`` and a few relatives, wherever they like. `Draws` stands between them
and torch for the time of a call (torch's own way to do so: `torch.overrides.TorchFunctionMode`), knows which draw is the
initial noise and in which denoising step each other one happens, and gives them the numbers of a `Source`. No pipeline needs
code of its own, and a draw that the kind of noise has no numbers for is refused instead of being left to chance.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.overrides import TorchFunctionMode

from ..refusal import BLOCKED, Refusal

RANDN, RANDN_LIKE, NORMAL_ = torch.randn, torch.randn_like, torch.Tensor.normal_
NORMAL = (RANDN, RANDN_LIKE, NORMAL_)
DRAWING = {
    *NORMAL,
    torch.normal, torch.rand, torch.rand_like, torch.randint, torch.randint_like, torch.randperm, torch.bernoulli,
    torch.multinomial, torch.poisson, torch.Tensor.uniform_, torch.Tensor.random_, torch.Tensor.bernoulli_,
    torch.Tensor.exponential_, torch.Tensor.multinomial, torch.Tensor.bernoulli,
}  # fmt: skip
"""Everything in torch that draws."""


@dataclass(frozen=True)
class Draw:
    """Where in a call numbers are drawn: before the first denoising step (stage 0) or in the k-th; the how-manieth there.

    `encoding` is True for what a VAE draws while it encodes an input image.
    """

    stage: int
    number: int
    encoding: bool = False

    @property
    def initial(self) -> bool:
        """Whether this is the noise that the picture is made of."""
        return self.stage == 0 and self.number == 0 and not self.encoding


class Source(Protocol):
    """Where normal numbers come from. Asked for each draw of a call once, in order."""

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        """Standard normal numbers of this shape and dtype, on any device."""
        ...


class Draws(TorchFunctionMode):  # type: ignore[misc, unused-ignore]  # torch is not read by the type checker
    """Context manager around one call of `pipe`, which was given `generator`: its draws come from `source`.

    With `everything`, draws without a generator come from there too, and all others are refused; without it they are left
    to torch, as in a call with a generator of torch's own. Raises `Refusal` inside the call.
    """

    def __init__(self, pipe: Any, kind: str, source: Source, generator: torch.Generator, everything: bool) -> None:
        super().__init__()
        self._pipe = pipe
        self._kind = kind
        self._source = source
        self._generator = generator
        self._everything = everything
        self._stage = 0
        self._encoding = 0
        self._counts: dict[tuple[int, bool], int] = {}
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> Any:
        from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

        scheduler = getattr(self._pipe, "scheduler", None)
        if scheduler is not None:
            self._wrap(scheduler, "step", self._step)
        self._wrap(DiagonalGaussianDistribution, "sample", self._encode)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        while self._undo:
            self._undo.pop()()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in DRAWING:  # ten thousand times in an image
            return func(*args, **kwargs)
        ours = kwargs.get("generator") is self._generator or (self._everything and kwargs.get("generator") is None)
        if ours and func in NORMAL:
            return self._serve(func, args, kwargs)
        if ours or self._everything:
            raise Refusal(BLOCKED, self._cannot(func, ours), "Use --noise torch-cpu, or another scheduler.")
        return func(*args, **kwargs)

    def _serve(self, func: Any, args: Any, kwargs: dict[str, Any]) -> torch.Tensor:
        target: Any = args[0] if func is not RANDN else None
        shape = tuple(target.shape) if target is not None else _shape(args, kwargs)
        dtype = kwargs.get("dtype") or (target.dtype if target is not None else torch.get_default_dtype())
        device = kwargs.get("device") or (target.device if target is not None else torch.get_default_device())
        place = (self._stage, bool(self._encoding))
        number = self._counts.get(place, 0)
        self._counts[place] = number + 1
        values = self._source.normal(shape, dtype, Draw(self._stage, number, bool(self._encoding)))
        values = values.to(device=device, dtype=dtype)
        if func is NORMAL_:
            mean, deviation = [*args[1:], *(kwargs[name] for name in ("mean", "std") if name in kwargs), 0.0, 1.0][:2]
            return target.copy_(values * deviation + mean)
        return values

    def _cannot(self, func: Any, ours: bool) -> str:
        what = f"torch.{func.__name__}" if ours else f"torch.{func.__name__} with a generator of its own"
        owner = type(self._pipe.scheduler).__name__ if self._stage else type(self._pipe).__name__
        return f"{owner} draws with {what}, which noise of the kind {self._kind!r} cannot serve."

    def _wrap(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        own = name in vars(owner)

        # `wraps` keeps the signature: pipelines look whether `step` takes eta or a generator.
        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return wrapper(original, *args, **kwargs)

        setattr(owner, name, wrapped)
        # Whoever wrapped it after us may have taken everything off already.
        self._undo.append(lambda: setattr(owner, name, original) if own else vars(owner).pop(name, None))

    def _step(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._stage += 1
        return original(*args, **kwargs)

    def _encode(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._encoding += 1
        try:
            return original(*args, **kwargs)
        finally:
            self._encoding -= 1


def _shape(args: Any, kwargs: dict[str, Any]) -> tuple[int, ...]:
    size = kwargs.get("size", args)
    return tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
