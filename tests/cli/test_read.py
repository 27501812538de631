"""`seedbank read`: no bank, one object a file, nothing that a terminal would obey."""

from __future__ import annotations

import json

from tests.formats.files import png, text
from tests.formats.tool_samples import A1111, INVOKE


def test_files_are_shown_and_given_as_json(seedbank, tmp_path):
    (tmp_path / "a.png").write_bytes(png(text("parameters", A1111)))
    (tmp_path / "b.png").write_bytes(png(text("invokeai_metadata", json.dumps(INVOKE)), text("parameters", A1111)))
    (tmp_path / "c.png").write_bytes(png())
    paths = [str(tmp_path / name) for name in ("a.png", "b.png", "c.png")]
    shown = seedbank("read", *paths)
    assert f"{paths[0]}   a1111   png:parameters\n  prompt           a cat\n" in shown.out
    assert f"{paths[2]}   no recipe\n" in shown.out
    assert "note: seed: 0 says invokeai (png:invokeai_metadata), 5 says a1111 (png:parameters)." in shown.err
    first, second, third = map(json.loads, seedbank("read", "--json", *paths).lines)
    assert (first["tool"], first["seed"], first["guidance_scale"], first["model"]) == (
        "a1111",
        "5",
        7.0,
        {"name": "m", "hash": None},
    )
    assert second["seed"] == "0" and second["loras"] == [{"name": "detail", "weight": 0.75, "hash": None}]
    assert second["extras"]["mode"] == "sdxl_txt2img" and len(second["conflicts"]) >= 2
    assert third["tool"] is None and third["confidence"] == {}
    assert json.loads(seedbank("read", "--json", "--tool", "a1111", paths[1]).lines[0])["seed"] == "5"
    assert json.loads(seedbank("read", "--json", "--raw", paths[0]).lines[0])["raw"] == {"png:parameters": A1111}


def test_a_strangers_text_cannot_command_the_terminal(seedbank, tmp_path):
    (tmp_path / "a.png").write_bytes(png(text("parameters", A1111.replace("a cat", "a \x1b[2J\x07cat"))))
    assert "a \ufffd[2J\ufffdcat" in seedbank("read", str(tmp_path / "a.png"), "--raw").out


def test_what_cannot_be_read_is_a_sentence(seedbank, tmp_path):
    assert "There is no file nowhere.png." in seedbank("read", "nowhere.png", ok=[2]).err
    assert "is a folder" in seedbank("read", str(tmp_path), ok=[2]).err
