"""The ``parameters`` text of Stable Diffusion WebUI (A1111), Forge and the tools around them.

    a red circle
    Negative prompt: blurry
    Steps: 8, Sampler: Euler a, CFG scale: 4, Seed: 123456, Size: 128x128, Model: embedded, RNG: CPU

`writing` makes it from a recipe.
"""

from seedbank.formats.a1111.writing import SAMPLERS, SCHEDULES, sampler_of, write_parameters

__all__ = ["SAMPLERS", "SCHEDULES", "sampler_of", "write_parameters"]
