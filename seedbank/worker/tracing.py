"""Digests of the stages of one pipeline call, and how long they took.

Pipelines call ``encode_prompt``, ``scheduler.step`` and ``vae.decode`` directly, so these are wrapped on the instances:
no family needs code of its own, nothing about the computation changes, and everything is put back on leaving, also
after an error. A stage costs one copy of a small tensor to the CPU; it is hashed in a thread beside the computation.

Stages, in order: ``prompt`` · ``encoded.000`` … (what the VAE made of input images) · ``noise`` (the initial sample) ·
``step.000`` … · ``vae.in`` · ``vae.out``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from .digests import nested_digest, tensors_in

NONE, STAGES = "none", "stages"
LEVELS = (NONE, STAGES)
ABSENT = object()
SMALL = 1 << 17
"""Bytes of a stage that are hashed after the call instead of beside it."""


class Trace:
    """Context manager around one call of `pipe`; afterwards `digests`, `seconds` and `steps` are filled.

    `digests` is a list of [stage, digest]; `seconds` maps ``encode``, ``denoise`` and ``decode`` to seconds.
    `on_step(done, total)` is called after every step.
    """

    def __init__(self, pipe: Any, level: str = STAGES, on_step: Callable[[int, int], None] | None = None) -> None:
        self.level = level
        self.digests: list[list[str]] = []
        self.seconds: dict[str, float] = {"encode": 0.0, "denoise": 0.0, "decode": 0.0}
        self.steps = 0
        self._pipe = pipe
        self._on_step = on_step
        self._undo: list[Callable[[], None]] = []
        self._prompts: list[torch.Tensor] = []
        self._hashing: list[tuple[str, list[torch.Tensor] | Future[str | None]]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._denoising_since = 0.0
        self._encoded = self._decoded = 0

    def __enter__(self) -> Trace:
        try:
            self._wrap_everything()
        except BaseException:
            self._restore()
            raise
        # Large tensors are hashed beside the denoising: at 1024x1024 it would otherwise cost a few milliseconds a step.
        # Small ones wait for the end, since waking a thread costs more than they do.
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._denoising_since = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
        if self._pool is not None:
            self._pool.shutdown()
        digests = ((stage, nested_digest(item) if isinstance(item, list) else item.result()) for stage, item in self._hashing)
        self.digests = [[stage, digest] for stage, digest in digests if digest is not None]
        self._hashing.clear()

    def _wrap_everything(self) -> None:
        if hasattr(self._pipe, "encode_prompt"):
            self._wrap(self._pipe, "encode_prompt", self._encode_prompt)
        else:
            for name, component in self._pipe.components.items():
                if name.startswith("text_encoder") and isinstance(component, torch.nn.Module):
                    self._undo.append(component.register_forward_hook(self._text_encoder).remove)
        if getattr(self._pipe, "scheduler", None) is not None:
            self._wrap(self._pipe.scheduler, "step", self._step)
        vae = getattr(self._pipe, "vae", None)
        for name, wrapper in (("encode", self._encode), ("decode", self._decode)):
            if hasattr(vae, name):
                self._wrap(vae, name, wrapper)

    def _wrap(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        before = vars(owner).get(name, ABSENT)

        # `wraps` keeps the signature: pipelines look whether `step` takes eta or a generator.
        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return wrapper(original, *args, **kwargs)

        object.__setattr__(owner, name, wrapped)
        self._undo.append(
            lambda: object.__delattr__(owner, name) if before is ABSENT else object.__setattr__(owner, name, before)
        )

    def _restore(self) -> None:
        while self._undo:
            self._undo.pop()()

    # -- the wrapped calls ---------------------------------------------------------------------------------------------

    def _encode_prompt(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        encoded = original(*args, **kwargs)
        self._note_prompt(encoded)
        self._synchronise()
        self.seconds["encode"] += time.perf_counter() - started
        self._denoising_since = time.perf_counter()
        return encoded

    def _text_encoder(self, _module: Any, _inputs: Any, output: Any) -> None:
        self._note_prompt(output)

    def _note_prompt(self, value: Any) -> None:
        if self.level == STAGES:
            self._prompts += copies(value)

    def _step(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.steps == 0:
            self._finish_prompt()
            self._add("noise", kwargs["sample"] if "sample" in kwargs else args[2] if len(args) > 2 else None)
        result = original(*args, **kwargs)
        self._add(f"step.{self.steps:03d}", next(tensors_in(_outputs(result)), None))
        self.steps += 1
        self.seconds["denoise"] = time.perf_counter() - self._denoising_since
        if self._on_step is not None:
            self._on_step(self.steps, len(self._pipe.scheduler.timesteps))
        return result

    def _encode(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        self._finish_prompt()
        distribution = getattr(result, "latent_dist", None) or _outputs(result)[0]
        self._add(f"encoded.{self._encoded:03d}", getattr(distribution, "parameters", distribution))
        self._encoded += 1
        return result

    def _decode(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._synchronise()
        if self.steps:
            self.seconds["denoise"] = time.perf_counter() - self._denoising_since
        suffix = f".{self._decoded:03d}" if self._decoded else ""
        started = time.perf_counter()
        self._add(f"vae.in{suffix}", next(tensors_in([args, kwargs]), None))
        result = original(*args, **kwargs)
        self._add(f"vae.out{suffix}", next(tensors_in(_outputs(result)), None))
        self._decoded += 1
        self._synchronise()
        self.seconds["decode"] += time.perf_counter() - started
        return result

    def _finish_prompt(self) -> None:
        """One digest for everything that was encoded, before the first stage that follows it."""
        if self._prompts:
            self._hash("prompt", self._prompts)
            self._prompts = []

    def _add(self, stage: str, value: Any) -> None:
        if self.level == STAGES and isinstance(value, torch.Tensor):
            self._hash(stage, copies(value))

    def _hash(self, stage: str, tensors: list[torch.Tensor]) -> None:
        assert self._pool is not None
        small = sum(tensor.nbytes for tensor in tensors) <= SMALL
        self._hashing.append((stage, tensors if small else self._pool.submit(nested_digest, tensors)))

    def _synchronise(self) -> None:
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.synchronize()


def copies(value: Any) -> list[torch.Tensor]:
    """Copies in memory of every tensor inside `value`, since a pipeline may change the originals in place later."""
    return [tensor.detach().to("cpu", copy=True) for tensor in tensors_in(value)]


def _outputs(result: Any) -> Any:
    """The values of a result: diffusers returns tuples or mappings with attributes."""
    return result if isinstance(result, (tuple, list)) else list(result.values()) if hasattr(result, "values") else [result]
