"""The ``parameters`` text of Stable Diffusion WebUI (A1111), Forge and the tools around them.

    a red circle
    Negative prompt: blurry
    Steps: 8, Sampler: Euler a, CFG scale: 4, Seed: 123456, Size: 128x128, Model: embedded, RNG: CPU

`writing` makes it from a recipe; `reading` makes a foreign recipe of it (with `loras` and `extras`), `meaning` says what that
means to the tool that wrote it. The layout itself is in `seedbank.infotext`, since queries read it as well. `lines` reads the
command lines of "Prompts from file".
"""

from seedbank.formats.a1111.lines import prompts_from_file
from seedbank.formats.a1111.reading import read
from seedbank.formats.a1111.writing import loras_of, sampler_of, write_parameters
from seedbank.infotext import Parameters, parse

__all__ = [
    "Parameters",
    "loras_of",
    "parse",
    "prompts_from_file",
    "read",
    "sampler_of",
    "write_parameters",
]
