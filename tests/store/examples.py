"""Entries for tests, as large as real ones, and Hypothesis strategies for recipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from seedbank.environment import Environment
from seedbank.hashing import sha256
from seedbank.recipe import Recipe
from seedbank.records import TRACE_TYPE, Blob, Holder, Model, ModelFile, NewEntry, Output, Picture, Run, SeenFile
from seedbank.store import Store
from seedbank.store.imports import Job

WORDS = ("red", "blue", "circle", "square", "star", "cat", "lighthouse", "night", "watercolour", "soft", "light", "sea")


def digest(*parts: object) -> str:
    """A digest that is the same for the same parts."""
    return sha256(repr(parts).encode())


def model(name: str = "embedded") -> Model:
    """A model with a few files."""
    files = tuple(ModelFile(f"{part}/model.safetensors", 1000, digest(name, part)) for part in ("text_encoder", "unet", "vae"))
    return Model(digest(name), name, files, pipeline="ZImagePipeline", source=name, revision="a" * 40)


def recipe(seed: int = 7, prompt: str | None = None, **changes: Any) -> Recipe:
    """A whole recipe with the settings that a real pipeline has."""
    if prompt is None:
        prompt = " ".join(WORDS[(seed * step) % len(WORDS)] for step in range(1, 41)) + f" number {seed}"
    values: dict[str, Any] = {
        "model": model().digest,
        "pipeline": "ZImagePipeline",
        "conditioning": {"prompt": prompt, "negative_prompt": "blurry, low quality"},
        "noise": {"kind": "torch.randn", "seed": str(seed), "dtype": "float32", "device": "cpu"},
        "call": {"height": 128, "width": 128, "num_inference_steps": 8, "guidance_scale": 4.5, "max_sequence_length": 512},
        "scheduler": {
            "class": "FlowMatchEulerDiscreteScheduler",
            "config": {f"setting_{number}": number / 7 for number in range(20)},
        },
        "dtypes": {"text_encoder": "float32", "transformer": "float32", "vae": "float32"},
    }
    return Recipe(**values | changes)


def environment(torch: str = "2.13.0") -> Environment:
    """An environment with as many distributions as a real one."""
    distributions = {f"distribution-{number}": {"version": f"1.{number}", "record": digest(number)} for number in range(80)}
    return Environment(
        {
            "system": {"python": "3.11.7", "os": "Linux", "libc": "glibc 2.36"},
            "distributions": distributions | {"torch": {"version": torch, "record": digest(torch)}},
            "hardware": {"cpu": {"model": "EPYC", "flags": ["avx2", "avx512f"]}},
            "profile": {"threads": 2, "deterministic": False, "tf32": False},
        }
    )


def new_entry(number: int = 1, **changes: Any) -> NewEntry:
    """A generated entry with everything that is recorded; other numbers have other prompts, seeds and pictures."""
    values: dict[str, Any] = {
        "recipe": recipe(number),
        "environment": environment(),
        "model": model(),
        "picture": Picture(digest("pixels", number), "RGB", 128, 128, digest("phash", number)[:16]),
        "blob": Blob(digest("file", number), 40_000, "image/png"),
        "output": Output(
            trace=Blob(digest("trace", number), 900, TRACE_TYPE),
            trace_digest=digest("trace", number),
            seconds={"prompt": 0.01, "denoise": 0.9, "decode": 0.05},
            peak_memory=812_000_000,
        ),
    }
    return NewEntry(**values | changes)


# -- recipes of every shape -------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats()
values = st.recursive(
    numbers | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)


def _part(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of the known keys, and others beside them."""
    return st.builds(
        lambda some, more: more | some, st.fixed_dictionaries({}, optional=known), st.dictionaries(texts, values, max_size=2)
    )


whole_numbers = st.integers(0, 4096) | values
recipes = st.builds(
    Recipe,
    conditioning=_part(prompt=texts | values, negative_prompt=texts, prompt_2=texts),
    noise=_part(seed=st.integers(0, 2**64 - 1).map(str), kind=texts),
    call=_part(
        height=whole_numbers, width=whole_numbers, num_inference_steps=whole_numbers, guidance_scale=st.floats() | values
    ),
    model=st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex) | texts,
    pipeline=st.none() | texts,
    scheduler=st.none() | _part(**{"class": texts | values, "config": st.dictionaries(texts, values, max_size=3)}),
    dtypes=st.none() | st.dictionaries(texts, texts, max_size=3),
    inputs=st.lists(st.dictionaries(texts, values, max_size=2), max_size=2).map(tuple),
    adapters=st.lists(st.dictionaries(texts, values, max_size=2), max_size=2).map(tuple),
    batch=st.none() | st.dictionaries(texts, values, max_size=2),
    mode=st.sampled_from([None, "as-is", "strict"]),
)


def imported(store: Store, job: Job, given: Sequence[tuple[SeenFile, NewEntry]], *more: Any) -> tuple[Run | None, list[Holder]]:
    """The run and the entry of each file, stored as an import stores a batch."""
    with store.imports.adding(job, given, *more) as made:
        return made
