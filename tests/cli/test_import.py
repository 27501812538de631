"""`seedbank import` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.importing.conftest import _kept, warm  # noqa: F401
from tests.importing.pictures import encoded, folder_of, image, parameters, png

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures that say how they were made, one that says nothing, one that is cut."""
    folder = folder_of(tmp_path / "out", 3)
    (folder / "silent.png").write_bytes(encoded(image(9), "PNG"))
    (folder / "cut.png").write_bytes(png(5)[:-30])
    return folder


def test_an_import_is_told_by_tool_and_what_was_rejected_with_its_reason(seedbank, folder: Path):
    done = seedbank("import", str(folder), "--tag", "sea", "--jobs", "1")
    assert done.out.splitlines() == [
        f"rejected {folder}/cut.png: The image is damaged: image file is truncated.",
        "imported  tool",
        "       3  a1111",
        "       1  nothing said",
        "5 files: 1 rejected, 4 imported",
    ]
    assert seedbank("ls", "tag:sea", "seed:1..2", "--ids").out.split() == ["3", "2"]
    again = seedbank("import", str(folder), "--jobs", "1")
    assert again.out.splitlines() == [
        "5 files: 4 known, 1 rejected before",
        "  1 file left alone, rejected before and unchanged since: --retry looks at them again",
    ]
    assert "5 files: 4 known, 1 rejected" in seedbank("import", str(folder), "--retry", "--jobs", "1").out.splitlines()
    shown = seedbank("show", "2").out
    assert f"a1111   {folder}/00001.png" in " ".join(shown.splitlines())
    assert seedbank("show", "2", "--raw").out == f"--- png:parameters of entry 2\n{parameters(1)}\n"
    seedbank("undo")
    assert seedbank("ls", "--ids").out == ""


def test_a_dry_run_says_how_sure_each_field_is(seedbank, folder: Path):
    done = seedbank("import", str(folder), "--dry-run", "--jobs", "1")
    (line,) = [line for line in done.out.splitlines() if "00001.png" in line]
    assert line.startswith("would import") and "  a1111  prompt, negative_prompt, seed, steps, " in line
    assert line.count("100%") == 1, "fields that are equally sure are said together"
    told = [line for line in done.out.splitlines() if "torch's CPU noise" in line or "GPU" in line]
    assert len(told) <= 1, told
    assert [line for line in done.out.splitlines() if "how it was made" in line] == [
        f"{folder}/silent.png: The file does not say how it was made."
    ]
    assert seedbank("ls", "--ids").out == ""


def test_json_has_a_line_for_every_file(seedbank, folder: Path):
    lines = [json.loads(line) for line in seedbank("import", str(folder), "--json", "--jobs", "1").out.splitlines()]
    found = {Path(line["path"]).name: line for line in lines}
    assert len(lines) == 5
    assert found["cut.png"]["outcome"] == "rejected"
    assert "damaged" in found["cut.png"]["reason"]
    assert (found["00001.png"]["recipe"]["seed"], found["00001.png"]["confidence"]["seed"]) == ("1", 1.0)
    assert found["00001.png"]["recipe"]["model"] == {"name": "tiny"}
    assert found["silent.png"]["tool"] is None


def test_all_rejected_is_a_failure_and_a_path_that_is_not_there_is_none(seedbank, tmp_path: Path):
    (tmp_path / "cut.png").write_bytes(png(5)[:-30])
    for _ in range(2):
        seedbank("import", str(tmp_path / "cut.png"), "--jobs", "1", ok=(1,))
    assert "no file or folder" in seedbank("import", str(tmp_path / "nowhere"), ok=(2,)).err
    unknown = seedbank("import", str(tmp_path), "--tool", "mspaint", ok=(2,))
    assert "no format 'mspaint'" in unknown.err and unknown.out == ""
    assert "is not a folder" in seedbank("import", str(tmp_path / "cut.png"), "--watch", ok=(2,)).err


def test_one_tool_is_asked_for_and_what_others_wrote_is_passed_over(seedbank, folder: Path):
    only = ["import", str(folder), "--jobs", "1", "--tool", "ComfyUI"]
    told = seedbank(*only, ok=(1,)).out
    assert told.splitlines()[-2:] == [
        "5 files: 5 passed over",
        "  5 files passed over, with nothing of the format of --tool: without it, they are imported",
    ]
    assert f"passed over {folder}/00001.png: It holds nothing that ComfyUI writes." in seedbank(*only, "--dry-run", ok=(1,)).out
    assert seedbank("ls").out == ""
    assert "1 rejected, 4 imported" in seedbank("import", str(folder), "--jobs", "1").out, "nothing is remembered of it"


def test_an_empty_folder_is_said(seedbank, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert seedbank("import", str(tmp_path / "empty")).out == "0 files: no pictures found\n"


def test_files_can_stay_where_they_are(seedbank, folder: Path):
    seedbank("import", str(folder), "--reference", "--jobs", "1")
    assert json.loads(seedbank("ls", "seed:1", "--json").out)["path"] == f"{folder}/00001.png"
    (folder / "00001.png").unlink()
    assert seedbank("ls", "bytes:absent", "--ids").out.split() == ["2"]
    assert "00001.png of entry 2 cannot be read" in seedbank("check", ok=(1,)).out


def test_a_strangers_text_and_file_name_cannot_command_the_terminal(seedbank, tmp_path: Path):
    text = parameters(5).replace("Steps", "\x1b[2J\x07\u202e\nSteps", 1)
    (tmp_path / "a\x07\nb.png").write_bytes(png(5, text))
    told = [seedbank("import", str(tmp_path), "--jobs", "1", *more).out for more in (["--dry-run"], [])]
    told += [seedbank(*command).out for command in (["show", "1"], ["ls"], ["tree", "1"], ["read", f"{tmp_path}/a\x07\nb.png"])]
    for out in told:
        assert not {"\x07", "\u202e"} & set(out)
    assert f"would import {tmp_path}/a\ufffd\ufffdb.png  a1111" in told[0]
    assert "�" in told[2]
    assert seedbank("show", "1", "--raw").out == f"--- png:parameters of entry 1\n{text}\n"  # no terminal: word for word
    assert "\x1b[2J\x07" in seedbank("recipe", "1", "--as", "a1111").out
