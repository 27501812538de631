"""What is no file of weights is said to be none, and never waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seedbank.__main__ import run
from seedbank.api import Library


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("named", [".", "pipe.safetensors"])
def test_a_pipe_among_weights_is_not_waited_for(named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    Library.open(tmp_path / "art.db", create=True).close()
    folder = tmp_path / "weights"
    (folder / "unet").mkdir(parents=True)
    os.mkfifo(folder / "pipe.safetensors")
    os.mkfifo(folder / "unet" / "config.json")
    run(["--bank", str(tmp_path / "art.db"), "models", "add", str(folder / named)])
    told = capsys.readouterr()
    assert "pipe.safetensors  It is no regular file." in told.err and "0 known now" in told.out + told.err
