"""Captions, in English and in Chinese, from the attributes that they name."""

from __future__ import annotations

from random import Random

from training import words as w

Row = dict[str, int]
WRONG = 0.085  # share of captions with one wrong word, as pictures from the web have: guidance mends it
LANGUAGES = ("en", "zh")


def caption(row: Row, rng: Random, language: str, *, fillers: bool = True, unknown: bool = True, long: bool = False) -> str:
    """A caption that names exactly what ``row`` names (-1: silent), among many phrasings.

    ``fillers`` allows words that mean nothing here ("beautiful"), ``unknown`` words that no scene has ("castle");
    ``long`` adds a dozen or so of them.
    """
    if language == "zh":
        text = _chinese(row, rng, fillers, unknown)
        if long:
            extra = [rng.choice(w.SUFFIX_ZH) if rng.random() < 0.5 else _odd_zh(rng) for _ in range(rng.randint(6, 12))]
            text = "，".join([text, *extra] if rng.random() < 0.7 else [*extra, text])
        return text
    text = _english(row, rng, fillers, unknown)
    if long:
        extra = [rng.choice(w.SUFFIX_EN) if rng.random() < 0.6 else _odd_en(rng) for _ in range(rng.randint(6, 12))]
        text = ", ".join([text, *extra] if rng.random() < 0.7 else [*extra, text])
    return text


def with_errors(row: Row, rng: Random) -> Row:
    """The same row, but in ``WRONG`` of the cases one named attribute has another value."""
    if rng.random() >= WRONG:
        return row
    sizes = {"shape": 12, "colour": 12, "background_colour": 12, "background": 5, "size": 3, "shape2": 12, "colour2": 12}
    named = [name for name in sizes if row.get(name, -1) >= 0]
    if row.get("px", -1) >= 0 and row.get("py", -1) >= 0:
        named.append("place")
    if not named:
        return row
    name = rng.choice(named)
    if name == "place":
        return row | dict(zip(("px", "py"), rng.choice([p for p in w.PLACES_EN if min(p) >= 0]), strict=True))
    changed = row | {name: rng.randrange(sizes[name])}
    if name == "background" and changed["background"] > 1:
        changed["background_colour"] = -1
    return changed


def _odd_en(rng: Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(w.UNKNOWN_EN)
    return "".join(rng.choice("bcdfghjklmnpqrstvwz") + rng.choice("aeiou") for _ in range(rng.randint(1, 4))) + rng.choice(
        ["", "n", "r", "st", "ing", "s", "ed", "ly"]
    )


def _odd_zh(rng: Random) -> str:
    return "".join(rng.choice(w.UNKNOWN_ZH) for _ in range(rng.randint(1, 2)))


def _article(phrase: str, rng: Random) -> str:
    if rng.random() < 0.12 or phrase.startswith("something"):
        return phrase
    if rng.random() < 0.06:
        return f"the {phrase}"
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _noun_en(shape: int, rng: Random, unknown: bool) -> str:
    if shape >= 0:
        return rng.choice(w.SHAPES_EN[shape])
    return _odd_en(rng) if unknown and rng.random() < 0.5 else rng.choice(w.GENERIC_EN)


def _object_en(shape: int, colour: int, size: int, rng: Random, unknown: bool) -> str:
    noun = _noun_en(shape, rng, unknown)
    hue = rng.choice(w.COLOURS_EN[colour]) if colour >= 0 else ""
    big = rng.choice(w.SIZES_EN[size]) if size >= 0 else ""
    odd = _odd_en(rng) if unknown and rng.random() < 0.06 else ""
    if noun == "something":
        return " ".join(p for p in (noun, big, hue) if p)
    if hue and rng.random() < 0.08:
        return _article(" ".join(p for p in (big, odd, noun) if p), rng) + f" that is {hue}"
    return _article(" ".join(p for p in (odd, big, hue, noun) if p), rng)


def _subject_en(row: Row, rng: Random, unknown: bool) -> str:
    if not row["two"]:
        return _object_en(row["shape"], row["colour"], row["size"], rng, unknown)
    one, other = (row["shape"], row["colour"]), (row["shape2"], row["colour2"])
    if one == other and row["arrangement"] < 0:
        hue = rng.choice(w.COLOURS_EN[one[1]]) + " " if one[1] >= 0 else ""
        noun = w.PLURALS_EN[one[0]] if one[0] >= 0 else rng.choice(("objects", "shapes", "things"))
        return f"two {hue}{noun}"
    first, second = (_object_en(*pair, -1, rng, False) for pair in (one, other))
    if row["arrangement"] >= 0:
        return f"{first} {rng.choice(w.ARRANGED_EN[row['arrangement']])} {second}"
    link = rng.choice(("and", "and", "and", "next to", "with", "beside"))
    head = "two objects: " if rng.random() < 0.08 else ""
    return f"{head}{first} {link} {second}"


def _backdrop_en(row: Row, rng: Random) -> str:
    kind, hue = row["background"], row["background_colour"]
    if kind < 0:
        return ""
    if kind > 1:
        return rng.choice(w.PICTURED_EN[kind])
    phrase = rng.choice(w.PLAIN_EN if kind == 0 else w.GRADIENT_EN)
    if hue < 0:
        plain, gradient = ("on a plain background", "plain background"), ("on a gradient", "gradient background")
        phrase = rng.choice(plain if kind == 0 else gradient)
    phrase = phrase.format(c=rng.choice(w.COLOURS_EN[hue]) if hue >= 0 else "")
    return phrase.replace(" a orange", " an orange").replace(" a emerald", " an emerald")


def _english(row: Row, rng: Random, fillers: bool, unknown: bool) -> str:
    silent = all(value < 0 for name, value in row.items() if name != "two") and not row["two"]
    if silent:
        pick = rng.random()
        if pick < 0.75 or not unknown:
            return ""
        return rng.choice(("a picture", "an image", _odd_en(rng), f"{_odd_en(rng)} {_odd_en(rng)}", "a nice picture"))
    subject, backdrop = _subject_en(row, rng, unknown), _backdrop_en(row, rng)
    place = rng.choice(w.PLACES_EN[row["px"], row["py"]]) if (row["px"], row["py"]) in w.PLACES_EN else ""
    hide = not row["two"] and row["shape"] < 0 and row["colour"] < 0 and row["size"] < 0 and not place
    if backdrop and hide and rng.random() < 0.4:
        subject = ""
    before = after = ""
    if row["style"] >= 0:
        front, back = w.STYLES_EN[row["style"]]
        if rng.random() < 0.35 and subject:
            before = rng.choice(front)
        else:
            after = rng.choice(back)
    if fillers and not before and subject and rng.random() < 0.2:
        before = rng.choice(w.PREFIX_EN)
    parts = [place, backdrop]
    if rng.random() < 0.25:
        parts.reverse()
    if rng.random() < 0.1 and backdrop:
        text = ", ".join(p for p in (backdrop, f"{before} {subject}".strip(), place) if p)
    elif rng.random() < 0.12:
        text = ", ".join(p for p in (f"{before} {subject}".strip(), *parts) if p)
    else:
        text = " ".join(p for p in (before, subject, *parts) if p)
    if after:
        plain = after.startswith(("as ", "in ")) and rng.random() < 0.6
        text = f"{after} {text}" if rng.random() < 0.12 and not plain else text + (" " if plain else ", ") + after
    if fillers and rng.random() < 0.14:
        text += ", " + ", ".join(rng.sample(w.SUFFIX_EN, rng.randint(1, 3)))
    if rng.random() < 0.05:
        text = text[:1].upper() + text[1:] + "."
    return text.strip()


def _object_zh(shape: int, colour: int, size: int, rng: Random, unknown: bool, counted: bool = True) -> str:
    if shape >= 0:
        noun, measure = rng.choice(w.SHAPES_ZH[shape]), rng.choice(w.MEASURES_ZH[shape])
        if noun == "红心" and colour >= 0:
            noun = "爱心"
    else:
        noun = _odd_zh(rng) if unknown and rng.random() < 0.5 else rng.choice(w.GENERIC_ZH)
        measure = rng.choice("个个只")
    hue = rng.choice(w.COLOURS_ZH[colour]) if colour >= 0 else ""
    if hue and (len(hue) > 1 or rng.random() < 0.3):
        hue += "的" if rng.random() < 0.75 else ""
    big = rng.choice(w.SIZES_ZH[size]) if size >= 0 else ""
    order = (big, hue) if rng.random() < 0.6 or not big.endswith("的") else (hue, big)
    head = f"一{measure}" if counted and rng.random() < 0.75 else ""
    return head + "".join(order) + noun


def _chinese(row: Row, rng: Random, fillers: bool, unknown: bool) -> str:
    silent = all(value < 0 for name, value in row.items() if name != "two") and not row["two"]
    if silent:
        return "" if rng.random() < 0.75 or not unknown else rng.choice(("图片", "一张图", "一幅画", _odd_zh(rng)))
    subject = _subject_zh(row, rng, unknown)
    place = rng.choice(w.PLACES_ZH[row["px"], row["py"]]) if (row["px"], row["py"]) in w.PLACES_ZH else ""
    kind, hue = row["background"], row["background_colour"]
    backdrop = ""
    if kind > 1:
        backdrop = rng.choice(w.PICTURED_ZH[kind])
    elif kind >= 0:
        colour = rng.choice(w.COLOURS_ZH[hue]) if hue >= 0 else ("纯色" if kind == 0 else "")
        backdrop = rng.choice(w.PLAIN_ZH if kind == 0 else w.GRADIENT_ZH).format(c=colour).replace("纯纯", "纯")
        backdrop = backdrop.removeprefix("的")
    hide = not row["two"] and row["shape"] < 0 and row["colour"] < 0 and row["size"] < 0 and not place
    if backdrop and hide and rng.random() < 0.4:
        subject = ""
    if place:
        subject = subject + ("在" if rng.random() < 0.8 else "，") + place if rng.random() < 0.6 else f"{place}有{subject}"
    if not backdrop:
        text = subject
    elif rng.random() < 0.45:
        head = "在" if subject and rng.random() < 0.4 else ""
        text = head + backdrop + rng.choice(("，", "", "有")) + subject if subject else backdrop
    else:
        text = subject + rng.choice(("在", "，", "，")) + backdrop if subject else backdrop
    if row["style"] >= 0:
        front, back = w.STYLES_ZH[row["style"]]
        text = rng.choice(front) + text if rng.random() < 0.3 else text + "，" + rng.choice(back)
    elif fillers and rng.random() < 0.2:
        text = rng.choice(w.PREFIX_ZH) + text
    if fillers and rng.random() < 0.14:
        text += "，" + "，".join(rng.sample(w.SUFFIX_ZH, rng.randint(1, 2)))
    if rng.random() < 0.05:
        text += "。"
    return text


def _subject_zh(row: Row, rng: Random, unknown: bool) -> str:
    if not row["two"]:
        return _object_zh(row["shape"], row["colour"], row["size"], rng, unknown)
    one, other = (row["shape"], row["colour"]), (row["shape2"], row["colour2"])
    if one == other and row["arrangement"] < 0:
        measure = rng.choice(w.MEASURES_ZH[one[0]]) if one[0] >= 0 else "个"
        colour = rng.choice(w.COLOURS_ZH[one[1]]) + "的" if one[1] >= 0 else ""
        return f"两{measure}{colour}" + (rng.choice(w.SHAPES_ZH[one[0]][:2]) if one[0] >= 0 else "物体")
    first, second = (_object_zh(*pair, -1, rng, False) for pair in (one, other))
    if row["arrangement"] >= 0:
        return f"{first}在{second}的{rng.choice(w.ARRANGED_ZH[row['arrangement']])}"
    return first + rng.choice(("和", "和", "与", "、", "和")) + second
