"""Errors and values as a script or a notebook shows them."""

import pytest

import seedbank
from seedbank.errors import NotFound
from seedbank.query import parse
from tests.pictured import add


def test_errors_are_caught_under_one_name_and_read_as_on_the_command_line():
    with pytest.raises(seedbank.SeedbankError) as caught:
        parse("tga:poster")
    assert str(caught.value).splitlines()[1:] == [
        "    tga:poster",
        "    ^",
        "Did you mean tag:? Text with a colon stands in quotation marks.",
    ]
    assert str(NotFound("There is no entry 9.", "seedbank ls")) == "There is no entry 9. seedbank ls"


def test_an_entry_and_its_bank_are_one_line_at_a_prompt(tmp_path):
    with seedbank.open(tmp_path / "art.db", create=True, user="ann") as bank:
        assert repr(bank) == f"<Library {bank.place}, as ann>"
        add(bank, 1)
        bank.trash(1)
        entry = bank.store.entry(1)
    assert repr(entry) == f"<Entry 1: {entry.prompt!r}, seed {entry.seed}, 64x64, {entry.model.name}, in the trash>"
