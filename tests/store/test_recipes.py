"""Recipes in the database: the exact value comes out again."""

import pytest
from hypothesis import HealthCheck, given, settings

from seedbank.errors import BadInput
from seedbank.query import parse as parse_query
from seedbank.recipe import all_fields
from seedbank.records import NewEntry
from seedbank.store import Store
from seedbank.store.recipes import join, split
from seedbank.store.rows import fields_of
from seedbank.store.types import json_text
from tests.store.examples import new_entry, recipe, recipes


@given(recipes)
def test_any_recipe_is_joined_from_its_columns_and_settings_to_the_same_digest(any_recipe):
    columns, settings_ = split(any_recipe)
    again = join(all_fields(settings_), **columns)
    assert again == any_recipe
    assert again.digest == any_recipe.digest


@given(recipes)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_recipe_comes_out_of_the_database_with_the_same_digest(store: Store, any_recipe):
    entry = store.add_entry(NewEntry(recipe=any_recipe))
    assert entry.recipe is not None
    assert entry.recipe.canonical == any_recipe.canonical
    assert entry.recipe_digest == any_recipe.digest


def test_what_somebody_does_to_a_recipe_changes_no_other_of_the_same_settings(store: Store):
    given = recipe(1, adapters=({"digest": "a", "weight": 1.0},))
    first, second = store.add_entries([NewEntry(recipe=given.with_seed(seed)) for seed in (1, 2)])
    for _ in range(3):  # from the second time on, they are copies
        changed = store.entry(first).recipe
        assert changed is not None and changed.scheduler is not None
        changed.scheduler["config"]["setting_1"] = "other"
        changed.dtypes["vae"] = "other"
        changed.adapters[0]["weight"] = "other"  # type: ignore[index]
    again = store.entry(second).recipe
    assert again is not None
    assert again.digest == given.with_seed(2).digest


@given(recipes)
def test_copies_of_settings_that_were_seen_before_give_the_same_digest(any_recipe):
    columns, settings_ = split(any_recipe)
    for _ in range(3):  # from the second time on, they are copies
        again = join(fields_of(json_text(settings_)), **columns)
        assert again == any_recipe
        assert again.digest == any_recipe.digest


@pytest.mark.parametrize("listed", ["x", 1, ["x", {"a": []}]])
def test_a_list_of_anything_in_a_recipe_breaks_no_page(store: Store, listed: object):
    number = store.add_entry(NewEntry(recipe=recipe(1, inputs=(listed,)))).id
    for _ in range(3):
        again = store.entry(number).recipe
        assert again is not None and again.inputs == (listed,)


def test_seeds_over_the_whole_range_sort_and_come_back(store: Store):
    seeds = [2**64 - 1, 0, 2**63, 2**63 - 1, 1, 2**32]
    store.add_entries([NewEntry(recipe=recipe(7).with_seed(seed)) for seed in seeds])
    assert [entry.seed for entry in reversed(store.find())] == seeds
    assert [entry.seed for entry in store.find(parse_query(f"seed:{2**63}.."))] == [2**63, 2**64 - 1]
    assert [entry.seed for entry in store.find(parse_query("seed:0"))] == [0]
    with pytest.raises(BadInput, match="seeds go from 0 to 18446744073709551615"):
        store.find(parse_query(f"seed:{2**64}.."))


def test_what_entries_share_is_stored_once(store: Store):
    store.add_entries([new_entry(1), new_entry(1), new_entry(1, recipe=recipe(1).with_seed(2))])
    with store.database.reading() as connection:
        rows = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
            for name in ("entries", "recipes", "settings", "prompts", "models", "environments", "images", "blobs")
        }
    assert rows == {
        "entries": 3,
        "recipes": 2,
        "settings": 1,
        "prompts": 2,
        "models": 1,
        "environments": 1,
        "images": 1,
        "blobs": 1,
    }


def test_the_settings_do_not_repeat_the_prompts(store: Store):
    store.add_entry(new_entry(1))
    with store.database.reading() as connection:
        body = connection.exec_driver_sql("SELECT body FROM settings").scalar_one()
    assert "number 1" not in body
    assert "blurry" not in body
