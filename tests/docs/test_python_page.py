"""docs/python.md is true: its blocks run in order in one process, and print what they say."""

import contextlib
import io
import re
import runpy
from pathlib import Path

import pytest

from tests.rendering import shared_cache

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.slow
def test_every_block_of_the_page_runs_and_prints_what_it_says(tmp_path, kept, monkeypatch):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks), "utf-8")
    monkeypatch.setenv("SEEDBANK_CACHE", str(shared_cache()))
    monkeypatch.setenv("SEEDBANK_USER", "ann")
    monkeypatch.chdir(tmp_path)
    with kept.lent(), contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(script), run_name="__main__")
    lines = printed.getvalue().splitlines()
    assert lines[0] == "[1024, 1025]"
    assert lines[3:5] == ["exact", "exact: you can go on from this image"]
    assert lines[5] == "['tag', 'tag', 'favourite', 'rating', 'note']"
    assert lines[6:8] == ["1024 a red circle on a blue background, as an oil painting", "4 2"]
    assert [line.endswith("True") for line in lines[8:12]] == [False, True, False, True]
    assert lines[12] == "4"
    del lines[6:13]  # what follows goes on as before it
    assert lines[6:8] == ["()", "exact"]
    assert lines[8] == "[8, 9] ()"
    assert lines[9] == "(1, 16, 8, 8) (1, 16, 8, 8) float32"
    assert lines[10:12] == ["[(0.0, False), (0.5, True), (1.0, False)]", "True"]
    assert lines[12:14] == ["('text encoding',) noise", "['max', 'phash', 'psnr', 'ssim']"]
    assert lines[14].startswith("('Its recipe does not say: model, pipeline")
