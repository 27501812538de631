"""What is recorded of the embedded model belongs to the weights that are shipped."""

import json
from pathlib import Path

from seedbank.engine.manifest import read_model
from seedbank.engine.source import find_model
from training.evaluate import Line, record

RECORDED = Path(__file__).parents[2] / "benchmarks" / "results" / "embedded_model.json"


def _part(value: float, load: str = "0.0") -> dict[str, object]:
    row = {"name": "a figure", "value": value, "goal": 1.0, "at_most": True, "unit": "s", "n": 0, "miss": max(0.0, value - 1)}
    return {"machine": {"load": load}, "lines": [row]}


def test_the_recorded_scores_are_of_the_shipped_weights_and_miss_no_goal(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path))
    told = json.loads(RECORDED.read_text())
    assert told["model"] == read_model(find_model("embedded")).digest
    assert [row["name"] for row in told["parts"]["scores"]["lines"] if row["miss"] > 0] == []


def test_time_measured_again_leaves_the_recorded_scores_as_they_are(tmp_path) -> None:
    record(tmp_path / "it", "a digest", {"scores": _part(0.5), "time": _part(2.0, "7.0")})
    record(tmp_path / "it", "a digest", {"time": _part(0.25)})
    told = json.loads((tmp_path / "it.json").read_text())["parts"]
    assert (told["scores"], told["time"]) == (_part(0.5), _part(0.25))
    text = (tmp_path / "it.txt").read_text()
    assert "0.50" in text and "0.25" in text and "load 7.0" not in text


def test_figures_of_other_weights_are_not_kept(tmp_path) -> None:
    record(tmp_path / "it", "a digest", {"scores": _part(0.5), "time": _part(2.0)})
    record(tmp_path / "it", "another digest", {"time": _part(0.25)})
    assert list(json.loads((tmp_path / "it.json").read_text())["parts"]) == ["time"]


def test_a_line_says_how_far_its_goal_was_missed() -> None:
    assert "missed by 0.2" in Line("shape", 0.8, 1.0).text()
    assert "met" in Line("time", 0.8, 1.0, at_most=True).text()
