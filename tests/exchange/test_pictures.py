"""Exported pictures: names that are safe and never meet, files as they are or with the metadata that was chosen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seedbank.api import Library
from seedbank.errors import BadInput
from seedbank.exchange.pictures import LONGEST, file_namer, safe
from seedbank.exchange.templates import FIELDS
from tests.importing.pictures import encoded
from tests.pictured import add, drawing


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("bank") / "art.db", create=True, user="ann") as opened:
        for number in range(3):
            add(opened, number)
        opened.add(encoded(drawing(7), "JPEG", comment=b"secret"))
        yield opened


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_are_called_by_number_and_seed_and_kept_byte_for_byte(bank: Library, tmp_path: Path):
    done = list(bank.exporting_images("", tmp_path))
    assert names(tmp_path) == ["00001-7000.png", "00002-7001.png", "00003-7002.png", "00004.jpg"]
    assert all(one.path is not None and one.path.read_bytes() == bank.image_bytes(bank.entry(one.entry)) for one in done)


def test_nothing_is_replaced_and_the_same_picture_is_not_written_twice(bank: Library, tmp_path: Path):
    (tmp_path / "one.png").write_bytes(b"mine")
    first = list(bank.exporting_images("1..3", tmp_path, name="one"))
    assert names(tmp_path) == ["one-2.png", "one-3.png", "one-4.png", "one.png"]
    assert (tmp_path / "one.png").read_bytes() == b"mine"
    again = list(bank.exporting_images("1..3", tmp_path, name="one"))
    assert [one.path for one in again] == [one.path for one in first] and all(one.known for one in again)


def test_a_slash_of_the_format_makes_folders_and_one_of_a_value_does_not(bank: Library, tmp_path: Path):
    list(bank.exporting_images("1..3", tmp_path, name="{model}/{size} {prompt:.12}"))
    assert names(tmp_path) == [
        "sdxl-base/64x64 山谷里的小木屋，晨雾.png",
        "z-image-turbo/64x64 a lighthouse.png",
        "z-image-turbo/64x64 a red circle.png",
    ]


@pytest.mark.parametrize(
    "text", ["/etc/{id}", "../{id}", "a/../../{id}", "~/x", "{id}\\x", "{nonsense}", "{id", "{id.__class__}"]
)
def test_a_format_that_leads_out_or_is_none_is_refused(bank: Library, tmp_path: Path, text: str):
    with pytest.raises(BadInput):
        list(bank.exporting_images("1", tmp_path, name=text))
    assert names(tmp_path) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=30))
def test_whatever_a_prompt_holds_the_name_stays_in_its_folder(prompt: str, model: str):
    values: dict[str, Any] = dict.fromkeys(FIELDS) | {"prompt": prompt, "model": model}
    path = file_namer("{model}/{prompt}")(values)
    assert len(path.parts) == 2 and not path.is_absolute()
    for part in path.parts:
        assert part not in (".", "..", "") and part == part.strip(" ") and not part.endswith(".")
        assert len(part.encode()) <= LONGEST + 1 and "/" not in part and "\0" not in part
        assert safe(part) == part or part.startswith("_")


@pytest.mark.parametrize(("name", "wanted"), [("CON", "_CON"), ("nul.txt", "_nul.txt"), ("...", "_"), ("a:b?", "a_b_")])
def test_names_are_ones_that_every_file_system_takes(name: str, wanted: str):
    assert safe(name) == wanted


def test_chosen_metadata_and_the_same_pixels(bank: Library, tmp_path: Path):
    for chosen, keys in (([], []), (["a1111"], ["parameters"]), (["seedbank", "a1111"], ["parameters", "seedbank"])):
        (one,) = bank.exporting_images("1", tmp_path / "-".join(["x", *chosen]), metadata=chosen)
        assert one.path is not None
        data = one.path.read_bytes()
        assert sorted(Image.open(io.BytesIO(data)).text) == keys  # type: ignore[attr-defined]
        assert bank.decode(data) == bank.pixels(bank.entry(1))


def test_a_picture_that_cannot_carry_it_is_said_and_the_others_are_written(bank: Library, tmp_path: Path):
    done = list(bank.exporting_images("3..4", tmp_path, metadata=["a1111"]))
    assert [one.path is None for one in done] == [False, True]
    assert "no recipe" in str(done[1].reason)
    (bare,) = bank.exporting_images("4", tmp_path, metadata=[])
    assert bare.path is not None and b"secret" not in bare.path.read_bytes()
    with pytest.raises(BadInput, match="no metadata 'exif'"):
        list(bank.exporting_images("4", tmp_path, metadata=["exif"]))
