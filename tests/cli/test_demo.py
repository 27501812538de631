"""`seedbank demo`: a bank, twelve pictures, all rebuilt, and a sheet that shows them."""

import os

import pytest

from tests.rendering import CommandLine, shared_cache


@pytest.mark.slow
def test_the_demo_records_varies_rebuilds_and_names_its_sheet(tmp_path):
    folder = tmp_path / "demo"
    command = CommandLine(tmp_path / "unused.db", {**os.environ, "SEEDBANK_CACHE": str(shared_cache())})
    ran = command("demo", str(folder))
    assert "12 of 12 exact" in ran.out + ran.err
    assert str(folder / "contact-sheet.png") in ran.out
    assert (folder / "contact-sheet.png").read_bytes().startswith(b"\x89PNG")
    listed = CommandLine(folder / "demo.db", command.environ)("ls", "--json").objects
    assert len(listed) == 12 and sum(row["favourite"] for row in listed) == 2
    assert len({row["seed"] for row in listed if "variation" in row["tags"]}) == 1
