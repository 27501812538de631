"""Sheets: every picture in its place, its own pixels untouched, labels in any script."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from seedbank.errors import BadInput
from seedbank.images import Cell, contact_sheet, difference_sheet
from seedbank.images.lettering import font, font_of, runs, text_width

from .pictures import pattern, pixels, shaken


def _open(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def _holds(sheet: np.ndarray, picture: np.ndarray) -> bool:
    height, width = picture.shape[:2]
    corners = np.argwhere((sheet[: -height + 1, : -width + 1] == picture[0, 0]).all(-1))
    return any(np.array_equal(sheet[y : y + height, x : x + width], picture) for y, x in corners)


def test_every_picture_stands_on_the_sheet_with_its_own_pixels() -> None:
    arrays = [pattern(40 + k, 30 + k, k) for k in range(5)]
    sheet = _open(contact_sheet([Cell(pixels("RGB", array), f"#{k}") for k, array in enumerate(arrays)], columns=3))
    assert all(_holds(sheet, array) for array in arrays)


def test_a_place_without_a_picture_stays_free() -> None:
    array = pattern(40, 30, 1)
    sheet = _open(contact_sheet([Cell(None, "absent"), Cell(pixels("RGB", array))], columns=2))
    assert _holds(sheet, array)


LABELS = (
    "seed 7|橘色的|繁體中文|ひらがな カナ|한국어|Кошка ґ|Ελληνικά|Ünïcødé șț Tiếng Việt|\u3000→×…|🐱❤️|قطة حمراء|חתול|แมว|बिल्ली"
)


@pytest.mark.parametrize("label", LABELS.split("|"))
def test_labels_are_written_in_the_scripts_in_which_people_write(label: str) -> None:
    blank, written = (_open(contact_sheet([Cell(pixels("RGB", pattern(200, 30, 1)), text)])) for text in (" ", label))
    assert written.shape == blank.shape and (written != blank).any()
    boxes = [character for character in label if font_of(character) == 0 and _is_box(character)]
    assert not boxes, "every letter is drawn, none is the box for missing ones"
    assert 0 < text_width(label) < 24 * len(label)


def _is_box(character: str) -> bool:
    return bytes(font(0).getmask(character)) == bytes(font(0).getmask("\ue000"))


def test_marks_that_turn_the_order_of_text_and_control_characters_leave_no_trace() -> None:
    one, other = (
        contact_sheet([Cell(pixels("RGB", pattern(200, 30, 1)), text)]) for text in ("seed\t7", "\u202eseed\x1b7\u2069")
    )
    assert one == other


def test_words_that_are_read_from_the_right_stand_in_one_run() -> None:
    assert [run for _, run in runs("#9 قطة حمراء 🐱 x")] == ["#9 ", "قطة حمراء ", "🐱", " x"]


def test_a_label_that_is_too_long_stays_in_its_place() -> None:
    picture = pixels("RGB", pattern(160, 30, 1))
    sheet = _open(contact_sheet([Cell(picture, "很长的提示词" * 20), Cell(picture)], columns=2))
    assert (sheet[44:, 174:] == 250).all()


def test_the_difference_is_black_where_the_pictures_agree() -> None:
    array = pattern(160, 40, 1)
    changed = array.copy()
    changed[10, 20] ^= 3
    sheet = _open(difference_sheet(pixels("RGB", array), pixels("RGB", changed)))
    third = sheet[12:52, 12 + 2 * 172 : 12 + 2 * 172 + 160]
    assert (third[10, 20] > 0).any()
    assert third.any(-1).sum() == 1
    assert third.max() == 255


def test_pictures_of_other_sizes_stand_side_by_side_without_a_difference() -> None:
    a, b = pattern(64, 40, 1), pattern(50, 64, 2)
    sheet = _open(difference_sheet(pixels("RGB", a), pixels("RGB", b)))
    assert _holds(sheet, a)
    assert _holds(sheet, b)
    assert sheet.shape[1] == 2 * 172 + 12


def test_transparent_and_grey_pictures_can_be_shown() -> None:
    rgba = np.concatenate([pattern(40, 30, 1), np.zeros((30, 40, 1), np.uint8)], -1)
    grey = shaken(pattern(40, 30, 1))[..., 0].copy()
    contact_sheet([Cell(pixels("RGBA", rgba)), Cell(pixels("L", grey)), Cell(pixels("I;16", grey.astype("<u2") * 257))])


def test_a_sheet_of_nothing_and_one_beyond_measure_are_refused() -> None:
    with pytest.raises(BadInput, match="at least one"):
        contact_sheet([])
    huge = pixels("L", np.zeros((1, 40_000), np.uint8))
    with pytest.raises(BadInput, match="Choose fewer"):
        contact_sheet([Cell(huge, "x\n" * 200)])
