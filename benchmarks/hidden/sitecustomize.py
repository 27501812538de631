"""Faults that no record knows: put on PYTHONPATH, Python runs this before a render process starts its own code.

The fault named by SEEDBANK_FAULT acts when the first rendering starts, after the worker has described itself. Only for the
mutation suite, which shows that such a fault is noticed and never blamed on something else.
"""

import importlib.abc
import importlib.util
import os
import sys


def operation():
    """An activation function that is wrong by a thousandth."""
    from torch.nn import functional

    silu = functional.silu
    functional.silu = lambda values, inplace=False: silu(values) * 1.001


def random_operation():
    """An activation function that is different each time."""
    import torch
    from torch.nn import functional

    silu = functional.silu
    generator = torch.Generator()
    generator.seed()
    functional.silu = lambda values, inplace=False: silu(values) * (1 + 0.01 * torch.rand((), generator=generator))


def setting():
    """oneDNN switched off after the profile was read."""
    import torch

    torch.backends.mkldnn.enabled = False


def rounding():
    """The last step to 8 bits cuts off instead of rounding."""
    import numpy
    from diffusers.image_processor import VaeImageProcessor

    def numpy_to_pil(images):
        from PIL import Image

        return [Image.fromarray(numpy.floor(image * 255).astype("uint8")) for image in images]

    VaeImageProcessor.numpy_to_pil = staticmethod(numpy_to_pil)


FAULTS = {"operation": operation, "random operation": random_operation, "setting": setting, "rounding": rounding}


class AtFirstRendering(importlib.abc.MetaPathFinder):
    """Acts once `seedbank_worker.render` has been imported, which the first rendering does."""

    def __init__(self, act):
        self.act = act

    def find_spec(self, name, path, target=None):
        if name != "seedbank_worker.render":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            self.act()

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("SEEDBANK_FAULT"):
    sys.meta_path.insert(0, AtFirstRendering(FAULTS[os.environ["SEEDBANK_FAULT"]]))
