"""What `check` finds in rows that were tampered with."""

import pytest
from sqlalchemy import text

from seedbank.store import Store
from seedbank.store.integrity import integrity
from tests.store import golden


@pytest.fixture
def filled(store: Store) -> Store:
    """A bank with something in every table."""
    golden.fill(store)
    return store


def test_a_whole_bank_has_no_findings(filled: Store):
    assert list(integrity(filled)) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE recipes SET steps = 9 WHERE id = 1", "cannot be rebuilt to its digest (entries 1)"),
        ("UPDATE settings SET body = '{}'", "Settings of a recipe are not those that were recorded"),
        ("UPDATE prompts SET text = 'other' WHERE id = (SELECT prompt_id FROM recipes WHERE id = 1)", "A prompt is not"),
        ("UPDATE parts SET body = '{\"threads\":3}' WHERE kind = 'profile'", "The profile of an environment is not what"),
        ("DELETE FROM environment_parts WHERE part_id = 1", "lacks a part or has a strange one (entries 1..2,5)"),
        ("UPDATE entries SET verdict = 'exact' WHERE id = 1", "carry a verdict that is not that of their latest"),
        ("UPDATE entries SET image_id = NULL WHERE id = 2", "have a file but no image digest (entries 2)"),
        ("UPDATE entries SET model_id = NULL WHERE id = 1", "name another model than their recipes (entries 1)"),
        ("UPDATE entries SET image_id = NULL WHERE id = 4", "(opinions) on image"),
        (
            "INSERT INTO edges (child_id, parent_id, kind) VALUES (3, 2, 'variant-of'), (1, 3, 'variant-of')",
            "come from each other in a circle (entries 1..3)",
        ),
    ],
)
def test_what_does_not_fit_together_is_found(filled: Store, statement: str, found: str):
    with filled.database.writing() as connection:
        connection.exec_driver_sql(statement)
    assert any(found in sentence for sentence in integrity(filled)), list(integrity(filled))


def test_what_entries_are_found_by_is_held_against_their_opinions(store: Store):
    golden.fill(store)
    with store.database.writing() as connection:
        connection.execute(text("DELETE FROM postings WHERE key % 4 = 1 AND entry_id = 4"))
        connection.execute(text("INSERT INTO postings VALUES (4, 2)"))
    assert list(integrity(store)) == [
        "Entries are not found by all that is said of their images (entries 4).",
        "Entries are found by more than that is said of their images (entries 2).",
    ]
