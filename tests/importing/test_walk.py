"""Which files an import looks at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seedbank.errors import BadInput
from seedbank.importing.walk import walk


def _write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def _walked(*paths: Path, avoid: tuple[Path, ...] = ()) -> tuple[list[str], list[tuple[str, str]]]:
    said: list[tuple[str, str]] = []
    found = [one.path for one in walk(paths, lambda path, reason: said.append((path, reason)), avoid)]
    return found, said


def _names(folder: Path, *paths: Path, avoid: tuple[Path, ...] = ()) -> list[str]:
    return [os.path.relpath(path, folder) for path in _walked(*paths or (folder,), avoid=avoid)[0]]


def test_pictures_of_a_folder_come_in_the_order_of_their_names_and_then_those_below_it(tmp_path: Path):
    _write(tmp_path, "b/2.png", "b/1.JPG", "a/3.webp", "z.avif", "c.gif", "notes.txt", "model.safetensors")
    assert _names(tmp_path) == ["c.gif", "z.avif", "a/3.webp", "b/1.JPG", "b/2.png"]


def test_hidden_files_and_folders_are_passed_over_unless_they_are_named(tmp_path: Path):
    _write(tmp_path, ".trash/1.png", ".2.png", "3.png")
    assert _names(tmp_path) == ["3.png"]
    assert _names(tmp_path, tmp_path / ".trash") == [".trash/1.png"]


def test_a_file_that_is_named_is_looked_at_whatever_it_is_called(tmp_path: Path):
    _write(tmp_path, "picture")
    assert _names(tmp_path, tmp_path / "picture") == ["picture"]


def test_links_are_followed_and_no_folder_is_walked_twice(tmp_path: Path):
    _write(tmp_path, "real/1.png", "real/sub/2.png")
    (tmp_path / "real/sub/up").symlink_to(tmp_path / "real")
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "one.png").symlink_to(tmp_path / "real/1.png")
    assert _names(tmp_path) == ["one.png", "again/1.png", "again/sub/2.png"]


def test_a_link_to_nothing_is_said(tmp_path: Path):
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere.png")
    found, said = _walked(tmp_path)
    assert not found
    assert [(Path(path).name, "No such file" in reason) for path, reason in said] == [("lost.png", True)]


def test_a_link_that_leads_to_itself_costs_nothing_that_lies_beside_it(tmp_path: Path):
    _write(tmp_path, "1.png", "sub/2.png")
    for name in ("loop", "loop.png"):
        (tmp_path / name).symlink_to(name)
    assert _names(tmp_path) == ["1.png", "sub/2.png"]
    assert [Path(path).name for path, reason in _walked(tmp_path)[1] if "Too many levels" in reason] == ["loop", "loop.png"]


def test_a_folder_that_is_gone_when_its_turn_comes_is_said(tmp_path: Path):
    _write(tmp_path, "1.png", "gone/2.png")
    said: list[str] = []
    for found in walk([tmp_path], lambda path, reason: said.append(f"{path}: {reason}")):
        assert found.name == "1.png"
        (tmp_path / "gone").rename(tmp_path / ".moved")
    assert len(said) == 1 and "gone: The folder cannot be read: No such file" in said[0]


def test_a_name_that_is_no_text_is_said(tmp_path: Path):
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    found, said = _walked(tmp_path)
    assert not found
    assert "not valid text" in said[0][1]


@pytest.mark.skipif(os.geteuid() == 0, reason="the root user may enter every folder")
def test_a_folder_that_may_not_be_entered_is_said(tmp_path: Path):
    _write(tmp_path, "secret/1.png", "2.png")
    (tmp_path / "secret").chmod(0)
    found, said = _walked(tmp_path)
    (tmp_path / "secret").chmod(0o700)
    assert len(found) == 1
    assert "Permission denied" in said[0][1]


def test_folders_to_avoid_are_not_entered(tmp_path: Path):
    _write(tmp_path, "art.db.images/1.png", "2.png")
    assert _names(tmp_path, avoid=(tmp_path / "art.db.images",)) == ["2.png"]


def test_a_path_that_does_not_exist_ends_the_import_before_it_begins(tmp_path: Path):
    _write(tmp_path, "1.png")
    with pytest.raises(BadInput, match=r"no file or folder .*nowhere"):
        _walked(tmp_path, tmp_path / "nowhere")
