"""Copies of frozen values: records and dataclasses alike."""

from dataclasses import dataclass

import pytest

from seedbank.environment import Environment
from seedbank.frozen import replace
from seedbank.records import Entry, Model, NewEntry, Picture


@dataclass(frozen=True)
class Plain:
    name: str
    size: int = 0


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (Plain("a"), {"size": 3}),
        (Model("a" * 64, "a"), {"files": (), "name": "b"}),
        (NewEntry(), {"picture": Picture("b" * 64, "RGB", 8, 8)}),
    ],
)
def test_a_copy_has_the_new_values_and_keeps_the_others(value, changes):
    before = repr(value)
    copy = replace(value, **changes)
    assert type(copy) is type(value)
    assert copy != value
    assert {name: getattr(copy, name) for name in changes} == changes
    assert replace(copy, **{name: getattr(value, name) for name in changes}) == value
    assert repr(value) == before


def test_a_copy_is_checked_and_computes_its_own_digest():
    environment = Environment({"profile": {"threads": 2}})
    other = replace(environment, parts={"profile": {"threads": 4.0, "device": None}})
    assert other.parts == {"profile": {"threads": 4}}
    assert other.digest != environment.digest


@pytest.mark.parametrize("value", [Plain("a"), Model("a" * 64, "a")])
def test_a_field_that_a_value_does_not_have_is_refused(value):
    with pytest.raises(TypeError):
        replace(value, colour="red")


def test_records_cannot_be_changed():
    model = Model("a" * 64, "a")
    with pytest.raises(AttributeError):
        model.name = "b"  # type: ignore[misc]
    assert hash(model) == hash(Model("a" * 64, "a"))
    assert "name" in Model.__struct_fields__ and "picture" in Entry.__struct_fields__
