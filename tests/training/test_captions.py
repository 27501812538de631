"""Captions say what they are told to say, in both languages, and the tokenizer reads them."""

from random import Random

import pytest
import torch

from training import words
from training.captions import LANGUAGES, WRONG, caption, with_errors
from training.scenes import draw_named
from training.tokenizer import TEMPLATE, build, encode

_ROW = {
    "two": 0, "shape": 3, "colour": 1, "size": 0, "px": 0, "py": 0, "background": 2, "background_colour": -1,
    "style": -1, "shape2": -1, "colour2": -1, "arrangement": -1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "shapes", "colours", "sizes", "places", "skies"),
    [
        ("en", words.SHAPES_EN[3], words.COLOURS_EN[1], words.SIZES_EN[0], words.PLACES_EN[0, 0], words.PICTURED_EN[2]),
        ("zh", words.SHAPES_ZH[3], words.COLOURS_ZH[1], words.SIZES_ZH[0], words.PLACES_ZH[0, 0], words.PICTURED_ZH[2]),
    ],
)
def test_every_named_attribute_is_in_the_caption(language, shapes, colours, sizes, places, skies) -> None:
    rng = Random(1)
    for _ in range(200):
        text = caption(_ROW, rng, language).lower()
        for vocabulary in (shapes, colours, sizes, places, skies):
            assert any(word in text for word in vocabulary), text


def test_captions_vary() -> None:
    rng = Random(2)
    for language in LANGUAGES:
        assert len({caption(_ROW, rng, language) for _ in range(200)}) > 60


def test_a_caption_that_names_nothing_is_mostly_empty() -> None:
    silent = dict.fromkeys(_ROW, -1) | {"two": 0}
    rng = Random(3)
    texts = [caption(silent, rng, "en") for _ in range(200)]
    assert texts.count("") > 100


def test_a_known_share_of_captions_has_one_wrong_word() -> None:
    rng = Random(4)
    wrong = sum(with_errors(_ROW, rng) != _ROW for _ in range(4000)) / 4000
    assert 0.6 * WRONG < wrong < WRONG + 0.02


def test_the_tokenizer_reads_both_languages_and_gives_them_back() -> None:
    tokenizer = build()
    for text in ("a red circle on a blue background", "an astronaut riding a horse"):
        assert tokenizer.decode(tokenizer(text).input_ids) == text
    text = "一只橘色的星星在夜空"
    assert tokenizer.decode(tokenizer(text).input_ids).replace(" ", "") == text


def test_the_chat_template_wraps_the_prompt() -> None:
    told = build().apply_chat_template([{"role": "user", "content": "x"}], tokenize=False, add_generation_prompt=True)
    assert told == TEMPLATE.replace("{{ messages[0]['content'] }}", "x")


def test_nearly_all_captions_fit_the_short_bucket_without_unknown_pieces() -> None:
    rng = Random(5)
    rows = draw_named(500, torch.Generator().manual_seed(5)).rows()
    ids, counts = encode([caption(r, rng, language, unknown=False) for r in rows for language in LANGUAGES], 32)
    assert float((counts <= 32).float().mean()) > 0.98
    assert not bool((ids == 1).any())
