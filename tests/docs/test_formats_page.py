"""docs/formats.md names every format, gives the figures that were measured, and its example runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from seedbank.formats.detect import ORDER
from tests.formats.files import png, text
from tests.formats.tool_samples import A1111, GRAPH

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "formats.md").read_text("utf-8")


def test_the_table_has_every_format_in_the_order_of_trust():
    assert tuple(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == ORDER


def test_the_example_runs(tmp_path, monkeypatch):
    (tmp_path / "picture.png").write_bytes(png(text("prompt", json.dumps(GRAPH)), text("parameters", A1111)))
    monkeypatch.chdir(tmp_path)
    lines = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    names: dict[str, object] = {}
    for line in lines:
        code, _, said = line.partition("#")
        if code.strip().startswith(("import", "found =")):
            exec(code, names)
        elif code.strip():
            value = eval(code, names)
            assert value is not None
            if said.strip().startswith("'"):
                assert repr(value) == said.strip()


def test_the_figures_are_those_that_were_measured():
    measured = json.loads((ROOT / "benchmarks" / "results" / "reading.json").read_text("utf-8"))
    kinds = {name: values for name, values in measured.items() if isinstance(values, dict) and "scan" in values}
    for name, values in kinds.items():
        assert f"| {name} | {values['scan']:,} | {values['read']:,} | {values['pillow']:,} |" in PAGE
    assert kinds
