"""What is installed, and pipelines kept in memory."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from seedbank.worker import capture

RECORD = [
    "tool/__init__.py,sha256=abc,10",
    "tool/data.bin,sha256=def,20",
    "tool-1.0.dist-info/METADATA,sha256=ghi,30",
    "tool-1.0.dist-info/RECORD,,",
]


def distribution(folder: Path, lines: list[str]) -> importlib.metadata.Distribution:
    info = folder / "tool-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: tool\nVersion: 1.0\n")
    (info / "RECORD").write_text("\n".join(lines) + "\n")
    return importlib.metadata.PathDistribution(info)


def test_two_installations_of_one_wheel_have_one_record_digest(tmp_path):
    by_pip = [
        "../../../bin/tool,sha256=path-of-the-interpreter-inside,200",
        "tool/__pycache__/__init__.cpython-311.pyc,,",
        *RECORD,
        "tool-1.0.dist-info/INSTALLER,sha256=pip,4",
        "tool-1.0.dist-info/REQUESTED,sha256=empty,0",
    ]
    by_another = [*reversed(RECORD), "tool-1.0.dist-info/INSTALLER,sha256=other,4"]
    other_wheel = [RECORD[0].replace("abc", "abd"), *RECORD[1:]]
    digests = [
        capture.record_digest(distribution(tmp_path / name, lines))
        for name, lines in [("a", by_pip), ("b", by_another), ("c", other_wheel)]
    ]
    assert digests[0] == digests[1] != digests[2]


def test_every_distribution_is_listed_by_its_normalised_name():
    found = capture.distributions()
    assert found["torch"]["version"] == importlib.metadata.version("torch")
    assert "huggingface-hub" in found and "huggingface_hub" not in found
    assert list(found) == sorted(found)


@pytest.mark.slow
def test_the_least_recently_used_pipelines_make_room(monkeypatch, tmp_path):
    from seedbank.worker import loading
    from tests import tiny_models

    folder = tiny_models.build(tiny_models.Z_IMAGE, tmp_path / "model")
    requests = [
        loading.LoadRequest(kind="folder", path=str(folder), pipeline=tiny_models.Z_IMAGE, dtype=dtype)
        for dtype in ("float32", "bfloat16", "float64")
    ]
    room = loading.weight_bytes(requests[0]) * loading.HEADROOM + 1
    shelf = loading.Shelf("cpu", "as-is")
    monkeypatch.setattr(capture, "free_memory", lambda: room)
    first, second = shelf.load(requests[0]), shelf.load(requests[1])
    assert shelf.load(requests[0]) is first and len(shelf) == 2
    # Tight: the second goes, since the first was used later; that is enough again.
    answers = iter([room - 2, room])
    monkeypatch.setattr(capture, "free_memory", lambda: next(answers))
    shelf.load(requests[2])
    assert len(shelf) == 2 and shelf.get(first.key) is first
    with pytest.raises(Exception, match="not loaded"):
        shelf.get(second.key)
    assert loading.live_dtypes(first.pipe)["transformer"] == "float32"


@pytest.mark.slow
def test_the_default_dtype_is_float32_on_the_cpu_and_the_stored_one_elsewhere(tmp_path):
    import torch

    from seedbank.worker import loading
    from tests import tiny_models

    folder = tiny_models.build(tiny_models.SD15, tmp_path / "model")
    request = loading.LoadRequest(kind="folder", path=str(folder), pipeline=tiny_models.SD15)
    pipe = loading.load_pipeline(request, "cpu")
    pipe.to(torch.float16).save_pretrained(tmp_path / "half", variant="fp16")
    half = loading.LoadRequest(kind="folder", path=str(tmp_path / "half"), pipeline=tiny_models.SD15, variant="fp16")
    assert loading.chosen_dtypes(request, "cuda") == torch.float32 == loading.chosen_dtypes(half, "cpu")
    assert loading.chosen_dtypes(half, "cuda") == torch.float16
    assert set(loading.live_dtypes(loading.load_pipeline(half, "cpu")).values()) == {"float32"}


@pytest.mark.slow
def test_a_device_is_chosen_by_what_is_there(monkeypatch):
    import torch

    from seedbank.worker.loading import choose_device
    from seedbank.worker.refusal import BAD_INPUT, BLOCKED, Refusal

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    for name, kind in (("abacus", BAD_INPUT), ("cuda:1", BLOCKED), ("mps", BLOCKED)):
        with pytest.raises(Refusal, match=name.split(":")[0]) as caught:
            choose_device(name)
        assert caught.value.kind == kind
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda" and choose_device("cuda:1") == "cuda:1"
