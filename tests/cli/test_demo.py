"""`seedbank demo`: a bank, twelve pictures, all rebuilt, and a sheet that shows them."""

import pytest

from tests.warm import InProcess


@pytest.mark.slow
def test_the_demo_records_varies_rebuilds_and_names_its_sheet(tmp_path, environ, kept):
    folder = tmp_path / "demo"
    command = InProcess(tmp_path / "unused.db", environ, kept)
    ran = command("demo", str(folder))
    assert "12 of 12 exact" in ran.out + ran.err
    assert str(folder / "contact-sheet.png") in ran.out
    assert f"export SEEDBANK_BANK={folder / 'demo.db'}" in ran.out and "ls tag:poster" in ran.out
    assert (folder / "contact-sheet.png").read_bytes().startswith(b"\x89PNG")
    listed = InProcess(folder / "demo.db", environ, kept)("ls", "--json").objects
    assert len(listed) == 12 and sum(row["favourite"] for row in listed) == 2
    assert len({row["seed"] for row in listed if "variation" in row["tags"]}) == 1
