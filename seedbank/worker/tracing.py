"""Digests of the stages of one pipeline call, and how long they took.

Pipelines call ``encode_prompt``, ``scheduler.step``, ``vae.encode`` and ``vae.decode`` directly, so these are wrapped on the
instances: no family needs code of its own, nothing about the computation changes, and everything is put back on leaving,
also after an error. Nor does an error of the trace itself reach the call: the trace then has a `problem` instead of digests.

Stages, in order: ``prompt`` · ``vae.enc.in`` · ``vae.enc.out`` (what the VAE made of an input image) · ``noise`` (the initial
sample) · ``step.000`` … · ``vae.in`` · ``vae.out``. Where a stage comes again, ``.001`` … follows its name.

Deeper levels add what modules gave, by forward hooks, each under the stage that it leads to: ``components`` every component
and the parts of the VAE (``step.000/transformer``), ``modules`` also every module without children
(``step.000/transformer.layers.3.attention.to_out.0``). The second call of a module within a stage ends in ``@2``.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from .beside import Clock, Copy, Hasher, copies
from .digests import tensors_in

NONE, STAGES, COMPONENTS, MODULES = "none", "stages", "components", "modules"
LEVELS = (NONE, STAGES, COMPONENTS, MODULES)
ABSENT = object()
OURS = "_seedbank_trace"
_wrapping = threading.Lock()


class Trace:
    """Context manager around one call of `pipe`; afterwards `digests`, `seconds` and `steps` are there.

    `digests` is a list of [stage, digest]; `seconds` maps ``encode``, ``denoise`` and ``decode`` to seconds.
    `on_step(done, total)` is called after every step. Entering raises `RuntimeError` where the pipeline, or one that shares
    its parts, is being traced already.
    """

    def __init__(
        self,
        pipe: Any,
        level: str = STAGES,
        on_step: Callable[[int, int], None] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.level = level
        self.steps = 0
        self.problem: str | None = None
        self._pipe = pipe
        self._on_step = on_step
        self._clock = Clock(device)
        self._hasher = Hasher()
        self._undo: list[Callable[[], None]] = []
        self._prompts: list[Copy] = []
        self._spans: list[tuple[str, Any, Any]] = []
        self._denoising: list[Any] = []
        self._seen: Counter[str] = Counter()
        self._within: str | None = None
        self._first_module: int | None = None

    def __enter__(self) -> Trace:
        with _wrapping:
            try:
                self._wrap_everything()
            except BaseException:
                self._restore()
                raise
        self._denoising = [self._clock.now()] * 2
        return self

    def __exit__(self, *_: object) -> None:
        with _wrapping:
            self._restore()
        self._hasher.close()

    @property
    def digests(self) -> list[list[str]]:
        """[stage, digest] of every stage; none when the trace broke."""
        found: list[list[str]] = []
        self._softly(lambda: found.extend(self._hasher.digests()))
        return [] if self.problem else found

    @functools.cached_property
    def seconds(self) -> dict[str, float]:
        """Seconds of the encoding, the denoising and the decoding."""
        seconds = {"encode": 0.0, "denoise": self._clock.seconds(*self._denoising) if self.steps else 0.0, "decode": 0.0}
        for name, start, end in self._spans:
            seconds[name] += self._clock.seconds(start, end)
        return seconds

    # -- wrapping --------------------------------------------------------------------------------------------------------

    def _wrap_everything(self) -> None:
        encodes = hasattr(self._pipe, "encode_prompt")
        if encodes:
            self._wrap(self._pipe, "encode_prompt", self._encode_prompt)
        if getattr(self._pipe, "scheduler", None) is not None:
            self._wrap(self._pipe.scheduler, "step", self._step)
        vae = getattr(self._pipe, "vae", None)
        for name, wrapper in (("encode", self._encode), ("decode", self._decode)):
            if hasattr(vae, name):
                self._wrap(vae, name, wrapper)
        for name, component in self._pipe.components.items():
            if isinstance(component, nn.Module):
                if name.startswith("text_encoder") and not encodes:
                    self._hook(component, lambda _module, _inputs, output: self._note_prompt(output))
                for path, module in self._watched(component):
                    self._hook(module, functools.partial(self._module, name, f"{name}.{path}" if path else name))

    def _watched(self, component: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        """(path, module) of those whose output the level asks for."""
        if self.level not in (COMPONENTS, MODULES):
            return
        for path, module in component.named_modules():
            leaf = self.level == MODULES and not any(module.children())
            # A VAE is never called as a whole: its decoder and encoder are.
            part = "." not in path and hasattr(component, "decode")
            if not path or leaf or part:
                yield path, module

    def _wrap(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        before = vars(owner).get(name, ABSENT)
        if hasattr(before, OURS):
            raise RuntimeError("The pipeline, or one that shares its parts, is being recorded by another thread.")

        # `wraps` keeps the signature: pipelines look whether `step` takes eta or a generator.
        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return wrapper(original, *args, **kwargs)

        setattr(wrapped, OURS, True)
        object.__setattr__(owner, name, wrapped)
        self._undo.append(
            lambda: object.__delattr__(owner, name) if before is ABSENT else object.__setattr__(owner, name, before)
        )

    def _hook(self, module: nn.Module, hook: Callable[..., None]) -> None:
        self._undo.append(module.register_forward_hook(hook).remove)

    def _restore(self) -> None:
        while self._undo:
            self._undo.pop()()

    # -- the wrapped calls -----------------------------------------------------------------------------------------------

    def _encode_prompt(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        started = self._clock.now()
        encoded = self._inside("prompt", original, *args, **kwargs)
        self._note_prompt(encoded)
        ended = self._clock.now()
        self._spans.append(("encode", started, ended))
        self._denoising = [ended, ended]
        return encoded

    def _step(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.steps == 0:
            self._finish_prompt()
            sample = kwargs["sample"] if "sample" in kwargs else args[2] if len(args) > 2 else None
            self._add("noise", sample, at=self._first_module)
        result = original(*args, **kwargs)
        self._add(f"step.{self.steps:03d}", next(tensors_in(_outputs(result)), None))
        self.steps += 1
        self._denoising[1] = self._clock.now()
        if self._on_step is not None:
            self._on_step(self.steps, len(self._pipe.scheduler.timesteps))
        return result

    def _encode(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._finish_prompt()
        self._add(self._numbered("vae.enc.in"), next(tensors_in([args, kwargs]), None))
        stage = self._numbered("vae.enc.out")
        result = self._inside(stage, original, *args, **kwargs)
        distribution = getattr(result, "latent_dist", None) or _outputs(result)[0]
        self._add(stage, getattr(distribution, "parameters", distribution))
        return result

    def _decode(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._add(self._numbered("vae.in"), next(tensors_in([args, kwargs]), None))
        stage = self._numbered("vae.out")
        started = self._clock.now()
        result = self._inside(stage, original, *args, **kwargs)
        self._spans.append(("decode", started, self._clock.now()))
        self._add(stage, next(tensors_in(_outputs(result)), None))
        return result

    def _inside(self, stage: str, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make the call; what modules give meanwhile belongs to `stage`."""
        before, self._within = self._within, stage
        try:
            return original(*args, **kwargs)
        finally:
            self._within = before

    def _module(self, component: str, name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if self._within is not None:
            stage = self._within
        elif component.startswith(("text_encoder", "image_encoder")):
            stage = "prompt"
        elif self._seen["vae.out"]:
            stage = "pixels"  # a safety checker
        else:
            if self._first_module is None:
                self._finish_prompt()
                self._first_module = len(self._hasher)
            stage = f"step.{self.steps:03d}"
        full = f"{stage}/{name}"
        self._seen[full] += 1
        self._softly(lambda: self._hasher.add_now(full if self._seen[full] == 1 else f"{full}@{self._seen[full]}", output))

    # -- what was seen ---------------------------------------------------------------------------------------------------

    def _numbered(self, stage: str) -> str:
        """`stage`, with a number from its second time on."""
        self._seen[stage] += 1
        return stage if self._seen[stage] == 1 else f"{stage}.{self._seen[stage] - 1:03d}"

    def _note_prompt(self, value: Any) -> None:
        if self.level != NONE:
            self._softly(lambda: self._prompts.extend(copies(value)))

    def _finish_prompt(self) -> None:
        """One digest for everything that was encoded, before the first stage that follows it."""
        if self._prompts:
            prompts, self._prompts = self._prompts, []
            self._softly(lambda: self._hasher.add("prompt", prompts))

    def _add(self, stage: str, value: Any, at: int | None = None) -> None:
        if self.level != NONE and isinstance(value, torch.Tensor):
            self._softly(lambda: self._hasher.add(stage, copies(value), at))

    def _softly(self, act: Callable[[], Any]) -> None:
        """Whatever breaks here is the trace's problem, never the call's."""
        try:
            if self.problem is None:
                act()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"


def _outputs(result: Any) -> Any:
    """The values of a result: diffusers returns tuples or mappings with attributes."""
    return result if isinstance(result, (tuple, list)) else list(result.values()) if hasattr(result, "values") else [result]
