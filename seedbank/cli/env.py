"""`seedbank env`: what surrounds a rendering, and how two surroundings differ."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import json_option, open_bank
from seedbank.cli.printing import emit, say, table

if TYPE_CHECKING:
    from seedbank.environment import Comparison, Difference, Environment

NOW = "now"
DIFFERS = 3
LISTED = 12
"""How many distributions that only one side has are named; --json names all."""


@click.command("env")
@click.argument("which", nargs=-1, metavar="[A [B]]")
@click.option("--device", default="auto", show_default=True, help="The device of `now`.")
@click.option("--python", help="The interpreter of `now`, when not seedbank's own; nothing is installed there.")
@json_option
@click.pass_context
def env_command(context: click.Context, which: tuple[str, ...], device: str, python: str | None, as_json: bool) -> int:
    """Show an environment, or how A and B differ: distributions, settings, machine, and which operations compute other bits.

    A and B are `now` (the default), an entry, or the beginning of an environment digest.

    Exit status: 0, or 3 when A and B differ.
    """
    from seedbank.environment import compare_environments

    if len(which) > 2:
        raise click.UsageError("One or two environments can be named, no more.")
    named = which or (NOW,)
    found = _environments(context, named, device, python)
    if len(found) == 1:
        if as_json:
            emit({"environment_digest": found[0].digest, "environment": found[0].parts})
        else:
            say("\n".join(f"{name:<13} {text}".rstrip() for name, text in _lines(found[0])))
        return 0
    comparison = compare_environments(*found)
    if as_json:
        emit(_json(found, comparison))
    else:
        say("\n".join(_compared(named, found, comparison)))
    return 0 if comparison.same else DIFFERS


def _environments(context: click.Context, named: Sequence[str], device: str, python: str | None) -> list[Environment]:
    """Those that were named; a bank is opened only for what lies in one, a render process only for `now`."""
    from seedbank.engine.process import Engine

    found: dict[str, Environment] = {}
    if any(name != NOW for name in named):
        with open_bank(context) as bank:
            found |= {name: bank.environment(name) for name in named if name != NOW}
    if NOW in named:
        with Engine(device=device, python=python or sys.executable) as engine:
            found[NOW] = engine.environment
    return [found[name] for name in named]


# -- one environment --------------------------------------------------------------------------------------------------


def _lines(environment: Environment) -> Iterator[tuple[str, str]]:
    parts = environment.parts
    for name in ("torch", "diffusers", "transformers"):
        yield name, environment.version(name) or "not installed"
    yield "others", f"{max(0, len(parts.get('distributions', {})) - 3)} distributions; --json lists them"
    system, hardware = parts.get("system", {}), parts.get("hardware", {})
    yield "python", f"{system.get('python')}, {system.get('os')} {system.get('release')}, {system.get('libc')}"
    cpu, gpu = hardware.get("cpu", {}), hardware.get("gpu")
    yield "cpu", f"{cpu.get('model')}, {cpu.get('capability')}, {cpu.get('usable_cores')} cores"
    if gpu:
        yield "gpu", ", ".join(f"{name} {value}" for name, value in gpu.items())
    yield "settings", _settings(environment.profile)
    for name, value in parts.get("variables", {}).items():
        yield "variable", f"{name}={value}"
    for device, operations in parts.get("fingerprint", {}).items():
        if device != "v":
            for number, row in enumerate(_rows([f"{name} {digest[:8]}" for name, digest in operations.items()])):
                yield ("" if number else f"computes ({device})"), row
    yield "environment", environment.digest


def _settings(profile: Mapping[str, Any]) -> str:
    shown = [f"{name} {value}" for name, value in profile.items() if name in ("device", "threads", "interop_threads")]
    return ", ".join([*shown, f"{len(profile) - len(shown)} more; --json lists them"])


def _rows(cells: Sequence[str], columns: int = 4) -> Iterator[str]:
    width = max(map(len, cells), default=0)
    for start in range(0, len(cells), columns):
        yield "  ".join(cell.ljust(width) for cell in cells[start : start + columns])


# -- two --------------------------------------------------------------------------------------------------------------


def _compared(named: Sequence[str], found: Sequence[Environment], comparison: Comparison) -> Iterator[str]:
    heads = [f"{name} ({environment.digest[:8]})" for name, environment in zip(named, found, strict=True)]
    both = tuple(one for one in comparison.distributions if None not in one)
    for title, changes in (("distribution", both), ("setting", comparison.settings), ("machine", comparison.machine)):
        if changes:
            yield from table([[name, _short(old), _short(new)] for name, old, new in changes], [title, *heads])
            yield ""
    in_one = [f"{name} {old}" for name, old, new in comparison.distributions if new is None]
    in_other = [f"{name} {new}" for name, old, new in comparison.distributions if old is None]
    for name, lone in zip(named, (in_one, in_other), strict=True):
        if lone:
            more = f" and {len(lone) - LISTED} more" if len(lone) > LISTED else ""
            yield f"only in {name}: {', '.join(lone[:LISTED])}{more}"
    yield from _operations(found, comparison)
    if comparison.unknown:
        yield f"not compared, since only one has it: {', '.join(comparison.unknown)}"
    if comparison.same:
        yield "Nothing that both know differs."


def _operations(found: Sequence[Environment], comparison: Comparison) -> Iterator[str]:
    if comparison.operations is None:
        yield "What they compute cannot be compared: one has no fingerprint, or one of other probes."
        return
    for device, changed in comparison.operations.items():
        total = len(found[0].parts["fingerprint"][device])
        if changed:
            yield f"computes other bits on {device}: {', '.join(changed)} ({len(changed)} of {total} classes of operations)"
        else:
            yield f"computes the same bits on {device} in all {total} classes of operations"


def _json(found: Sequence[Environment], comparison: Comparison) -> dict[str, Any]:
    def named(rows: Sequence[Difference]) -> dict[str, Any]:
        return {name: [old, new] for name, old, new in rows}

    return {
        "environment_digests": [environment.digest for environment in found],
        "same": comparison.same,
        "distributions": named(comparison.distributions),
        "settings": named(comparison.settings),
        "machine": named(comparison.machine),
        "operations": comparison.operations,
        "unknown": comparison.unknown,
    }


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
