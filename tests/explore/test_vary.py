"""How the prompt of a variant is made; what is rendered of it: `tests/cli/test_sweep.py`."""

from __future__ import annotations

import pytest

from seedbank.explore.vary import behind


@pytest.mark.parametrize(
    ("prompt", "more", "whole"),
    [
        ("a cat", "oil", "a cat, oil"),
        ("a cat ,", "oil", "a cat, oil"),
        ("", "oil", "oil"),
        ("小木屋，晨雾", "水彩", "小木屋，晨雾，水彩"),
        ("小木屋，", "水彩", "小木屋，水彩"),
        ("山谷里的(小木屋:1.2)", "ink", "山谷里的(小木屋:1.2)，ink"),
        ("小木屋，8k", "水彩", "小木屋，8k，水彩"),
        ("一只猫在夜空下。", "水彩", "一只猫在夜空下。水彩"),
        ("橘猫と夜の空", "水彩", "橘猫と夜の空，水彩"),
        ("고양이", "수채화", "고양이, 수채화"),
        ("a cat, 猫, ink", "oil", "a cat, 猫, ink, oil"),
        ("🐱", "oil", "🐱, oil"),
    ],
)
def test_words_are_added_behind_the_comma_of_their_script(prompt: str, more: str, whole: str):
    assert behind(prompt, more) == whole
