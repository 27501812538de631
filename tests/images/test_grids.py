"""Grids: every picture in its row and column with its own pixels, labels cut to their place."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from seedbank.errors import BadInput
from seedbank.images import Block, Cell, grid_sheet
from seedbank.images.lettering import text_width, wrapped

from .pictures import pattern, pixels


def _sheet(rows: list[list[Cell | None]], columns: list[str] | None = None) -> np.ndarray:
    names = columns or [str(number) for number in range(len(rows[0]))]
    data = grid_sheet(names, [f"row {number}" for number in range(len(rows))], [Block("", rows)], ("steps", "seed"))
    return np.asarray(Image.open(io.BytesIO(data)))


def _place(sheet: np.ndarray, picture: np.ndarray) -> tuple[int, int]:
    height, width = picture.shape[:2]
    corners = np.argwhere((sheet[: -height + 1, : -width + 1] == picture[0, 0]).all(-1))
    (found,) = [(y, x) for y, x in corners if np.array_equal(sheet[y : y + height, x : x + width], picture)]
    return int(found[0]), int(found[1])


def test_pictures_stand_in_rows_and_columns_with_their_own_pixels() -> None:
    arrays = [pattern(80, 70, number) for number in range(6)]
    cells = [Cell(pixels("RGB", array)) for array in arrays]
    sheet = _sheet([[*cells[:3]], [*cells[3:]]])
    places = [_place(sheet, array) for array in arrays]
    assert len({y for y, _ in places}) == 2 and len({x for _, x in places}) == 3
    assert [y for y, _ in places] == sorted(y for y, _ in places)
    assert places[0][1] < places[1][1] < places[2][1]


def test_what_failed_is_crossed_out_and_what_is_skipped_stays_free() -> None:
    picture = Cell(pixels("RGB", pattern(80, 70, 1)))
    free, failed = (_sheet([[picture, other]]) for other in (None, Cell(None, "failed")))
    assert free.shape == failed.shape
    y, x = _place(free, pattern(80, 70, 1))
    right = np.s_[y : y + 70, x + 86 : x + 166]
    assert (free[right] == 250).all()
    assert (failed[right] != 250).any()


def test_labels_of_any_length_and_script_stay_in_their_place() -> None:
    picture = pixels("RGB", pattern(80, 70, 1))
    short, long = (_sheet([[Cell(picture), None]], [label, "b"]) for label in ("a", "很长的提示词" * 30))
    assert long.shape[1] == short.shape[1]
    assert (long[:, _place(long, pattern(80, 70, 1))[1] + 86 + 50 :] == 250).all()


def test_a_grid_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadInput, match="The sheet would have"):
        grid_sheet(["a"] * 2000, ["b"] * 2000, [Block("", [[None] * 2000] * 2000)], ("x", "y"))


@pytest.mark.parametrize("text", ["a red circle in oil on a blue background", "山谷里的小木屋，晨雾，水彩风格", "x" * 300, ""])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_text_is_wrapped_into_its_room(text: str, most: int) -> None:
    lines = wrapped(text, 100, most)
    assert 1 <= len(lines) <= most
    assert all(text_width(line) <= 100 for line in lines)
    assert "".join(lines).replace(" ", "").rstrip("…") in text.replace(" ", "")
    assert wrapped(text, 10_000, most) == [text]
