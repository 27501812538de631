"""Kinds of stages of a trace, which of them a cause can reach, and their names in words."""

from __future__ import annotations

INPUT = frozenset({"input"})
"""The decoding of input pictures, before anything is computed."""
PROMPT = frozenset({"prompt"})
ENCODED = frozenset({"encoded"})
NOISE = frozenset({"noise"})
DENOISING = frozenset({"step", "vae.in"})
VAE = frozenset({"vae.out"})
PIXELS = frozenset({"pixels"})
COMPUTED = PROMPT | ENCODED | DENOISING | VAE
"""Whatever is computed with tensors: everything but drawing the noise and making 8-bit pixels."""
EVERYTHING = COMPUTED | NOISE | PIXELS

OF_COMPONENT = {
    "text_encoder": PROMPT,
    "text_encoder_2": PROMPT,
    "text_encoder_3": PROMPT,
    "vae": ENCODED | VAE,
    "transformer": DENOISING,
    "unet": DENOISING,
    "prior": DENOISING,
    "controlnet": DENOISING,
}
"""What a component computes; one that is not listed may reach everything."""


def kind(stage: str) -> str:
    """`step` for `step.003`, `vae.out` for `vae.out.001`, `encoded` for `vae.enc.in`; a module's path does not count."""
    stage = stage.partition("/")[0]
    if stage.startswith(("encoded", "vae.enc")):
        return "encoded"
    if stage.startswith("input."):
        return "input"
    for known in ("vae.in", "vae.out", "step", "prompt", "noise", "pixels"):
        if stage == known or stage.startswith(f"{known}."):
            return known
    return stage


def can_reach(reaches: frozenset[str], stage: str | None) -> bool:
    """Whether a cause can make `stage` differ while every stage before it is equal; `None`: the stage is not known."""
    return bool(reaches) and (stage is None or kind(stage) in reaches or kind(stage) not in EVERYTHING | INPUT)


def stage_words(stage: str | None) -> str:
    """A stage of the trace in words."""
    if stage is None:
        return ""
    name, _, module = stage.partition("/")
    inside = f", in {module}" if module else ""
    if name.startswith("step."):
        number = int(name.removeprefix("step.")) + 1
        return ("the first denoising step" if number == 1 else f"denoising step {number}") + inside
    words = {
        "input": f"the decoding of the input {name.removeprefix('input.')}",
        "prompt": "the text encoding",
        "encoded": "the encoding of the input image",
        "noise": "the initial noise",
        "vae.in": "the final latents",
        "vae.out": "the VAE decoding",
        "pixels": "the conversion to pixels",
    }
    return words.get(kind(name), name) + inside
