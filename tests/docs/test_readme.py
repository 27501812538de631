"""The session in the README is what really happens; times, paths and digests differ from machine to machine."""

import re
import shlex
from pathlib import Path

import pytest

from tests.rendering import shared_cache
from tests.sessions import masked
from tests.warm import InProcess

README = Path(__file__).parents[2] / "README.md"
VARIES = ((r"art\.db\.images/\S+", "FILE"), (r"/\S+/FILE", "FILE"), (r"\d+\.\d s\b", "TIME"), (r"/\S+/art\.db", "art.db"))
MACHINE = re.compile(r"^3  (close|exact|different)")
"""What one thread gives instead of two depends on the machine."""


def session():
    """[(command, the lines below it), …] of the block under "A session"."""
    block = re.search(r"## A session\n\n.*?```console\n(.*?)```", README.read_text("utf-8"), re.DOTALL)[1]
    steps = []
    for line in block.splitlines():
        if line.startswith(("$ export", "art.db: a new bank")):
            continue  # the test has made the bank
        if line.startswith("$ "):
            steps.append((shlex.split(line[2:])[1:], []))
        else:
            steps[-1][1].append(line)
    return steps


@pytest.mark.slow
def test_the_session_of_the_readme_is_true(tmp_path, kept):
    import os

    environ = {**os.environ, "SEEDBANK_CACHE": str(shared_cache()), "SEEDBANK_USER": "ann", "COLUMNS": "110"}
    environ.pop("OMP_NUM_THREADS", None)
    command = InProcess(tmp_path / "art.db", environ, kept)
    command("init")
    for words, shown in session():
        ran = command(*words, ok=[0, 2, 3])
        said = (ran.out + ran.err).splitlines()
        if "--with" in words:
            assert MACHINE.match(said[0])
            assert "(experiment: threads=1)" in said[0]
            continue
        assert masked(said, VARIES) == masked(shown, VARIES), words
