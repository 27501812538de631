"""Code of a script in the places of that of diffusers, transformers and torch: a regeneration has the libraries' own.

Scripts exchange methods (`pipe.unet.forward = …`), classes inside a component, attention processors, functions of torch.
Nothing here reads a weight, and what is looked at in each of thousands of modules is its class and three names.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from .anatomy import Anatomy, Component

LIBRARIES = ("diffusers", "transformers", "torch", "peft", "accelerate", "huggingface_hub")
KERNELS = ("bitsandbytes", "torchao", "optimum", "compressed_tensors", "gptqmodel", "auto_gptq", "nunchaku", "kernels")
"""Where quantized modules come from, which are recorded as settings."""
HOOKING = ("accelerate.", "diffusers.", "transformers.", "peft.", "torch._dynamo.")
"""Who exchanges a method of an object itself, for offloading, casting and compilation, which are recorded as settings."""
EXCHANGED = frozenset({"forward", "_conv_forward", "__call__"})
"""What scripts exchange on single modules."""
FUNCTIONS = (
    *("scaled_dot_product_attention", "conv2d", "conv3d", "linear", "interpolate", "pad", "embedding"),
    *("group_norm", "layer_norm", "rms_norm", "softmax", "silu", "gelu"),
)
"""Functions of `torch.nn.functional` that kernels of others are put in the place of."""
OURS = "seedbank."


def patches(pipe: Any, taken: Anatomy) -> Iterator[str]:
    """One sentence for each place where code of the script's own, or of another library, would run in the call."""
    yield from _of_object("the pipeline", pipe)
    yield from _of_classes("the pipeline", [type(pipe)])
    yield from _of_namespace(type(pipe))
    if (scheduler := taken.components.get("scheduler")) is not None:
        yield from _of_object("the scheduler", scheduler)
        yield from _of_classes("the scheduler", [type(scheduler)])
    for component in taken.modules:
        if _is_library(type(component.module)):  # of another class of its own is said elsewhere
            yield from _of_component(component)
    if changed := [name for name in FUNCTIONS if not _of_torch(getattr(torch.nn.functional, name, None))]:
        yield f"The function {changed[0]} of torch is the script's own."
    yield from _modes()


def _of_component(component: Component) -> Iterator[str]:
    yield from _of_object(component.name, component.module)
    classes = {type(part) for part in component.parts}
    for found in sorted((one for one in classes if not _is_library(one, *KERNELS)), key=lambda one: one.__name__):
        yield f"A part of {component.name} is a class of the script's own: {found.__name__}."
    if any(_foreign_forward(found) for found in classes if _is_library(found)):
        yield f"The method forward of a class in {component.name} is the script's own."
    for part in component.parts[1:]:
        if name := next((name for name in EXCHANGED & part.__dict__.keys() if not _hooked(part.__dict__[name])), None):
            yield f"The method {name} of a part of {component.name} is the script's own."
            break
    processors = {type(part.__dict__["processor"]) for part in component.parts if part.__dict__.get("processor") is not None}
    for found in sorted((one for one in processors if not _is_library(one)), key=lambda one: one.__name__):
        yield f"The attention processor {found.__name__} of {component.name} is the script's own."


def _of_object(name: str, owner: Any) -> Iterator[str]:
    """Methods that were exchanged on one object."""
    for key, value in vars(owner).items():
        if callable(value) and callable(getattr(type(owner), key, None)) and not _hooked(value):
            yield f"The method {key} of {name} is the script's own."


def _of_classes(name: str, classes: Iterable[type]) -> Iterator[str]:
    """Methods that were exchanged on classes of a library."""
    for found in (one for cls in classes for one in cls.__mro__ if _is_library(one)):
        for key, value in vars(found).items():
            if isinstance(value, types.FunctionType) and not _from(value, *LIBRARIES) and not _watched(key, value):
                yield f"The method {key} of {name} is the script's own."


def _of_namespace(cls: type) -> Iterator[str]:
    """Functions that were exchanged in the module that defines a pipeline, such as that which draws the noise."""
    module = sys.modules.get(cls.__module__)
    if module is None or not _is_library(cls):
        return
    for key, value in vars(module).items():
        if isinstance(value, types.FunctionType) and not _from(value, *LIBRARIES, "functools", "logging", "typing"):
            yield f"The function {key} that the pipeline calls is the script's own."


def _modes() -> Iterator[str]:
    """What stands between the call and every operation of torch. The default device is a setting and stands there too."""
    functions = torch.overrides._get_current_function_mode_stack()
    if any(not _is_library(type(mode)) for mode in functions) or torch._C._len_torch_dispatch_stack():
        yield "A mode of the script's own stood between the call and torch's operations."


def _foreign_forward(cls: type) -> bool:
    forward = getattr(cls, "forward", None)
    return isinstance(forward, types.FunctionType) and not _from(forward, *LIBRARIES, *KERNELS)


def _is_library(cls: type, *more: str) -> bool:
    return cls.__module__.split(".")[0] in (*LIBRARIES, *more)


def _from(function: types.FunctionType, *roots: str) -> bool:
    """Whether a function was defined in one of these packages; what `functools.wraps` writes on it says nothing."""
    place = _place(function)
    if place.startswith(OURS) and hasattr(function, "__wrapped__"):
        return _from(function.__wrapped__, *roots)
    # What is generated (dataclasses, `exec`) has no name of a module.
    return place.split(".")[0] in (*roots, "")


def _watched(key: str, function: types.FunctionType) -> bool:
    """Whether calls of a pipeline are only watched, as by timers and by loggers of experiments (wandb's autolog).

    Such a wrapper names what it wraps; what it would change on the way is seen in what the stages compute.
    """
    wrapped = getattr(function, "__wrapped__", None)
    return key == "__call__" and isinstance(wrapped, types.FunctionType) and _from(wrapped, *LIBRARIES)


def _hooked(value: Any) -> bool:
    return isinstance(value, nn.Module) or _place(value).startswith(HOOKING)


def _of_torch(function: Any) -> bool:
    return function is None or isinstance(function, types.BuiltinFunctionType) or _place(function).split(".")[0] == "torch"


def _place(function: Any) -> str:
    """The module in which a function was defined."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    names = getattr(function, "__globals__", None)
    return str(names.get("__name__", "")) if names is not None else type(function).__module__
