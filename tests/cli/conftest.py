"""The command line on a fresh bank."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.rendering import CommandLine, shared_cache
from tests.warm import InProcess, Kept


@pytest.fixture(scope="session")
def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEEDBANK_")}
    return {**kept, "SEEDBANK_CACHE": str(shared_cache()), "SEEDBANK_USER": "ann"}


@pytest.fixture
def seedbank(tmp_path: Path, environ: dict[str, str], kept: Kept) -> InProcess:
    """`seedbank` on a bank that exists and is empty."""
    command = InProcess(tmp_path / "art.db", environ, kept)
    command("init")
    return command


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str], kept: Kept) -> InProcess:
    """`seedbank` on a bank with two rendered entries, shared by tests that only add to it."""
    command = InProcess(tmp_path_factory.mktemp("library") / "art.db", environ, kept)
    command("init")
    command(
        *("generate", "a red circle", "--seed", "7", "-n", "2", "--steps", "3", "--model", "embedded@0"),
        *("--tag", "poster", "--device", "cpu"),
    )
    return command


@pytest.fixture
def process(tmp_path: Path, environ: dict[str, str]) -> CommandLine:
    """`seedbank` as a user runs it: a new process for every command, from a cold start."""
    command = CommandLine(tmp_path / "art.db", environ)
    command("init")
    return command
