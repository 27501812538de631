"""Text on pictures, in the scripts in which people write prompts: which font has a letter, how wide a line is, where it breaks.

Pillow draws with one font at a time, and no font has every script. A line is therefore cut into runs, each for the first font
that has its letters. Fonts are opened when a letter is met that those before them lack: most labels need one or two.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files

from PIL import ImageDraw, ImageFont

SIZE = 15
"""Pixels of an em."""
LINE = SIZE + 6
"""Pixels from one line to the next: CJK letters reach 5 below the baseline."""
BASELINE = 16
"""Pixels from the top of a line to its baseline."""
NARROW = 3
"""Pixels of the narrowest letter, at least: more letters than fit need not be measured."""
REGULAR = 400
"""The weight on the axis of a variable font; the first of the CJK faces is a thin one."""
SCRIPTS = (
    *("Arabic", "Hebrew", "Thai", "Devanagari", "Bengali", "Tamil", "Telugu", "Gujarati", "Gurmukhi", "Kannada", "Malayalam"),
    *("Oriya", "Sinhala", "Khmer", "Lao", "Myanmar", "Armenian", "Georgian", "Ethiopic", "Symbols"),
)
FONTS = (
    ("manimgx_fonts", "NotoSans[wght].ttf", 0),
    ("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc", 2),
    ("manimgx_fonts", "NotoEmoji[wght].ttf", 0),
    *(("manimgx_fonts", f"NotoSans{script}[wght].ttf", 0) for script in SCRIPTS),
)
"""(package, file, face in the file) in the order in which they are asked: Latin, Greek and Cyrillic; Chinese (in the forms of
the mainland), Japanese, Korean; emoji of one colour; then one script each."""
COMMON = 3
"""So many of them have letters and signs that all kinds of text use."""
MARKS = "\u0300"
"""The first mark that combines with a letter."""
JOINERS = "\u200c\u200d"
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
TURNING = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the order of the text around them; what a label says should stand there as it is read."""


def write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, ink: tuple[int, int, int]) -> None:
    """One line of text; `at` is its upper left corner in pixels."""
    left = float(at[0])
    for font, run in runs(plain(text)):
        draw.text((left, at[1] + BASELINE), run, fill=ink, font=font, anchor="ls")
        left += font.getlength(run)


def text_width(text: str) -> int:
    """Pixels that a line of text takes."""
    return math.ceil(sum(font.getlength(run) for font, run in runs(plain(text))))


def plain(text: str) -> str:
    """The text in one line, without what has no letters."""
    return TURNING.sub("", UNSEEN.sub(" ", text))


def wrapped(text: str, room: int, most: int) -> list[str]:
    """`text` in at most `most` lines of `room` pixels, one at least; what is left over is cut with an ellipsis.

    Lines break at spaces, and inside a word that is too long for a line: Chinese is written without spaces.
    """
    text = plain(text)[: most * (room // NARROW + 2)]
    if text_width(text) <= room:
        return [text.strip()]
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(longer) <= room:
            lines[-1] = longer
            continue
        if lines[-1] and text_width(word) <= room:
            lines.append(word)
            continue
        for character in f" {word}" if lines[-1] else word:
            if text_width(lines[-1] + character) > room:
                lines.append("")
            lines[-1] += character
    lines = [line.strip() for line in lines]
    if len(lines) <= most:
        return lines
    last = " ".join(lines[most - 1 :]) if " " in text else "".join(lines[most - 1 :])
    while last and text_width(last + "…") > room:
        last = last[:-1]
    return [*lines[: most - 1], last + "…"]


def runs(text: str) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
    """(font, the part of the text that it draws), from the left. Marks and joiners stay with the letter that they follow.

    A space stays with a word of a script of its own, as words that are read from the right stand in order in one run only.
    """
    chosen, run = 0, ""
    for character in text:
        wanted = chosen if run and _stays(character, chosen) else font_of(character)
        if wanted != chosen and run:
            yield font(chosen), run
            run = ""
        chosen, run = wanted, run + character
    if run:
        yield font(chosen), run


def _stays(character: str, chosen: int) -> bool:
    if character < MARKS:
        return character == " " and chosen >= COMMON
    return character in JOINERS or unicodedata.category(character) in ("Mn", "Mc", "Me")


@lru_cache(1 << 14)
def font_of(character: str) -> int:
    """The place in `FONTS` of the first that has the character; the first of all, which draws a box, where none has it."""
    return next((place for place in range(len(FONTS)) if _drawn(place, character) != _box(place)), 0)


def _drawn(place: int, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font(place).getmask(character)
    return mask.size, bytes(mask)


@cache
def _box(place: int) -> tuple[tuple[int, int], bytes]:
    """What the font draws for a character that it lacks."""
    return _drawn(place, "\U0010ffff")


@cache
def font(place: int) -> ImageFont.FreeTypeFont:
    """One of `FONTS` at `SIZE`."""
    package, name, face = FONTS[place]
    opened = ImageFont.truetype(str(files(package) / name), SIZE, face)
    axes = [(axis["name"], axis["default"]) for axis in opened.get_variation_axes()]
    opened.set_variation_by_axes([REGULAR if name == b"Weight" else default or 0 for name, default in axes])
    return opened
