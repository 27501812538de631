"""A recorded environment is made again from its list, or blocked with the name of what is missing. Tiny wheels, no index."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from seedbank.engine import rebuild
from seedbank.engine.rebuild import make, make_plan
from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked

HERE = ".".join(map(str, sys.version_info[:3]))
LISTED = {
    "torch": {"version": "2.10.0", "record": "aa"},
    "diffusers": {"version": "0.38.0"},
    "regex": {"version": "1.5"},
    "nvidia-cudnn": {"version": "9.1"},
    "sqlalchemy": {"version": "2.1"},
    "seedbank-images": {"version": "0.1.0"},
    "my-own-nodes": {"version": "0.3", "source": "folder"},
}
RECORDED = Environment({"system": {"python": HERE}, "distributions": LISTED})
INSTALLERS = ["pip", "uv"] if rebuild.find_uv() else ["pip"]


def wheel(folder: Path, name: str, version: str, requires: str = "") -> None:
    """Write a wheel with one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}")
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,"]) + "\n")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """torch, diffusers that needs regex, both regex that were ever made, and something that nobody needs."""
    folder = tmp_path_factory.mktemp("wheels")
    wheel(folder, "torch", "2.10.0")
    wheel(folder, "diffusers", "0.38.0", requires="regex")
    for version in ("1.5", "2.0"):
        wheel(folder, "regex", version)
    wheel(folder, "sqlalchemy", "2.1")
    return folder


@pytest.fixture(autouse=True)
def nothing_but_the_wheels(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "index").as_uri())


@pytest.fixture(params=INSTALLERS)
def installer(request, monkeypatch):
    """Each installer that is here in turn."""
    if request.param == "pip":
        monkeypatch.setattr(rebuild, "find_uv", lambda: None)


def installed(python: str) -> dict[str, str]:
    program = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    return json.loads(subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout)


def test_what_takes_part_and_what_it_needs_comes_in_the_recorded_versions_and_nothing_else(installer, wheels):
    plan = make_plan(RECORDED, "recorded", [str(wheels)])
    python = make(plan)
    assert installed(python) == {"torch": "2.10.0", "diffusers": "0.38.0", "regex": "1.5"}
    assert Path(python).is_relative_to(plan.folder)
    assert [one.name for one in plan.folder.parent.iterdir()] == [plan.folder.name]


def test_an_environment_that_was_made_is_found_again(wheels, monkeypatch):
    plan = make_plan(RECORDED, "recorded", [str(wheels)])
    python = make(plan)
    monkeypatch.setattr(rebuild, "_install", lambda *_: pytest.fail("made twice"))
    assert make(make_plan(RECORDED, "recorded", [str(wheels)])) == python


def test_what_is_not_to_be_had_blocks_by_name_and_leaves_nothing(installer, wheels, tmp_path):
    for wish, name in (("torch==2.99", "torch==2.99"), ("peft==0.1", "peft")):
        with pytest.raises(Blocked, match=f"distribution {name}.* is not to be had") as caught:
            make(make_plan(RECORDED, wish, [str(wheels)]))
        assert "--find-links" in caught.value.hint
    assert list((tmp_path / "cache" / "environments").iterdir()) == []


def test_versions_that_contradict_each_other_block_with_both_names(installer, wheels, tmp_path):
    wheel(wheels, "peft", "0.9", requires="regex>=2")
    with pytest.raises(Blocked, match=r"do not fit together: .*peft.*regex") as caught:
        make(make_plan(RECORDED, "peft==0.9", [str(wheels)]))
    assert "recorded-all" in caught.value.hint


def test_the_whole_list_is_asked_for_without_looking_at_dependencies(wheels):
    whole = Environment(
        {"system": {"python": HERE}, "distributions": {name: LISTED[name] for name in ("diffusers", "sqlalchemy")}}
    )
    assert installed(make(make_plan(whole, "recorded-all", [str(wheels)]))) == {"diffusers": "0.38.0", "sqlalchemy": "2.1"}


# -- the plan ---------------------------------------------------------------------------------------------------------


def test_seedbank_and_what_came_from_a_local_folder_are_left_out():
    plan = make_plan(RECORDED, "recorded")
    assert plan.wanted == {"torch": "2.10.0", "diffusers": "0.38.0"}
    assert plan.bounds == {"regex": "1.5", "nvidia-cudnn": "9.1", "sqlalchemy": "2.1"}
    assert plan.left_out == ("my-own-nodes",)


def test_a_change_replaces_one_version_and_another_torch_brings_its_own_libraries():
    newer = make_plan(RECORDED, "Diffusers == 0.42.1")
    assert (newer.wanted, newer.changes) == ({"torch": "2.10.0", "diffusers": "0.42.1"}, {"diffusers": "0.42.1"})
    assert newer.bounds["nvidia-cudnn"] == "9.1"
    assert "nvidia-cudnn" not in make_plan(RECORDED, "torch==2.13.0").bounds
    digests = {make_plan(RECORDED, wish).digest for wish in ("recorded", "recorded-all", "torch==2.13.0", "torch==2.14.1")}
    assert len(digests) == 4


@pytest.mark.parametrize("wish", ["", "torch", "torch>=2", "recorded,torch", "--index-url=x==1", "torch==1 --pre"])
def test_a_wish_that_makes_no_sense_is_bad_input(wish):
    with pytest.raises(BadInput, match="makes no sense"):
        make_plan(RECORDED, wish)


def test_a_record_that_no_installer_takes_blocks():
    for distributions in ({}, {"torch": {"version": "1\n--index-url=x"}}, {"--pre": {"version": "1"}}):
        with pytest.raises(Blocked, match="record"):
            make_plan(Environment({"system": {"python": HERE}, "distributions": distributions}), "recorded")
    with pytest.raises(Blocked, match="record"):
        make_plan(None, "recorded")


def test_a_folder_that_is_not_there_is_bad_input():
    with pytest.raises(BadInput, match="no folder /nowhere"):
        make_plan(RECORDED, "recorded", ["/nowhere"])


def test_a_python_that_is_not_here_blocks_with_its_version(wheels):
    old = Environment({"system": {"python": "3.2.1"}, "distributions": LISTED})
    with pytest.raises(Blocked, match=r"no Python 3\.2 here"):
        make(make_plan(old, "recorded", [str(wheels)]))
