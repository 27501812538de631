"""What the mutation suite changes behind the back of the record: the recipe, the weights, and faults of the process."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from seedbank.bank import Bank
from seedbank.frozen import replace
from seedbank.records import Entry, NewEntry, Output

HIDDEN = Path(__file__).resolve().parent / "hidden"
FAULTS = ("operation", "setting", "rounding", "random operation")
"""Faults of the render process itself; see hidden/sitecustomize.py."""
Change = Callable[[Bank, Entry, Path], AbstractContextManager[Entry]]


@contextmanager
def fault(name: str) -> Iterator[None]:
    """Every render process that starts meanwhile has the fault."""
    kept = {variable: os.environ.get(variable) for variable in ("PYTHONPATH", "SEEDBANK_FAULT")}
    os.environ |= {"PYTHONPATH": str(HIDDEN), "SEEDBANK_FAULT": name}
    try:
        yield
    finally:
        for variable, value in kept.items():
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value


def planted(bank: Bank, entry: Entry, **changes: Any) -> Entry:
    """A second entry that claims the same picture and trace with another recipe or environment."""
    environment = bank.store.environment(entry.environment_digest or "")
    output = Output(trace=entry.output.trace, trace_digest=entry.output.trace_digest)
    new = NewEntry(entry.recipe, environment, entry.model, entry.picture, entry.blob, output=output)
    return bank.store.add_entry(replace(new, **changes))


@contextmanager
def prompt_byte(bank: Bank, entry: Entry, scratch: Path) -> Iterator[Entry]:
    assert entry.recipe is not None and entry.recipe.prompt is not None
    conditioning = {**entry.recipe.conditioning, "prompt": entry.recipe.prompt.replace("red", "rad")}
    yield planted(bank, entry, recipe=replace(entry.recipe, conditioning=conditioning))


@contextmanager
def seed(bank: Bank, entry: Entry, scratch: Path) -> Iterator[Entry]:
    assert entry.recipe is not None
    yield planted(bank, entry, recipe=entry.recipe.with_seed(8))


@contextmanager
def scheduler(bank: Bank, entry: Entry, scratch: Path) -> Iterator[Entry]:
    assert entry.recipe is not None and entry.recipe.scheduler is not None
    config = dict(entry.recipe.scheduler["config"])
    config |= {"shift": config["shift"] + 0.5} if "shift" in config else {"beta_end": config["beta_end"] * 1.01}
    yield planted(bank, entry, recipe=replace(entry.recipe, scheduler={**entry.recipe.scheduler, "config": config}))


@contextmanager
def distribution(bank: Bank, entry: Entry, scratch: Path) -> Iterator[Entry]:
    """The record says another torch; what it painted is what this torch paints, so nothing may be called different."""
    environment = bank.store.environment(entry.environment_digest or "")
    parts = json.loads(json.dumps(environment.parts))
    parts["distributions"]["torch"] = {"version": "2.9.9", "record": "0" * 64}
    yield planted(bank, entry, environment=replace(environment, parts=parts))


def weight(component: str) -> Change:
    """One bit of one weight, with the check of the weights' digest switched off for the while."""

    @contextmanager
    def flipped(bank: Bank, entry: Entry, scratch: Path) -> Iterator[Entry]:
        from seedbank.engine import opening
        from seedbank.regen import bench

        original, read = bench.find_verified, opening.read_model

        def unverified(engine: Any, model: Any, *rest: Any) -> Any:
            source, _ = original(engine, model, *rest)
            folder = scratch / "model"
            if not folder.exists():
                shutil.copytree(source.folder, folder)
                flip_bit(next(path for path in folder.glob(f"{component_of(folder, component)}/*.safetensors")))
            return replace(source, folder=folder), model

        # Loading verifies a second time, which has to be switched off too.
        bench.find_verified = unverified
        opening.read_model = lambda source, *rest: entry.model if source.folder == scratch / "model" else read(source, *rest)
        try:
            yield entry
        finally:
            bench.find_verified, opening.read_model = original, read

    return flipped


def component_of(folder: Path, component: str) -> str:
    return component if (folder / component).exists() else "unet"


def flip_bit(path: Path) -> None:
    """The top bit of the fraction of the middle float of the largest tensor: the number grows or shrinks by a half at most."""
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = [tensor["data_offsets"] for name, tensor in header.items() if name != "__metadata__"]
    start, end = max(tensors, key=lambda span: span[1] - span[0])
    size = {"F32": 4, "F16": 2, "BF16": 2}[next(t["dtype"] for n, t in header.items() if n != "__metadata__")]
    middle = 8 + length + start + (end - start) // size // 2 * size
    data[middle + size - 2] ^= 0x40
    path.write_bytes(data)


PLANTED: dict[str, Change] = {
    "prompt byte": prompt_byte,
    "seed": seed,
    "scheduler setting": scheduler,
    "torch's version in the record": distribution,
}
"""The record says something else than what was rendered."""
WEIGHTS: dict[str, Change] = {
    "one bit of a denoiser weight": weight("transformer"),
    "one bit of a VAE weight": weight("vae"),
}
CHANGES = PLANTED | WEIGHTS
