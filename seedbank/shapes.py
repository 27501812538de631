"""The shape that values from outside must have before anything reads them, written as the values themselves are nested.

{"alpha": NUMBER, "curve?": str}    an object with these keys, a `?` where one may be missing; others hold what they like
{"v?": int, ANY: {}}                an object whose other keys all hold objects
[str]                               a list of texts
object                              anything
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

ANY = "*"
NUMBER = (int, float)
DIGEST = re.compile(r"[0-9a-f]{64}")
NO: Mapping[Any, str] = {
    str: "no text",
    int: "no whole number",
    NUMBER: "no number",
    bool: "neither true nor false",
    DIGEST: "no digest",
}


def misfit(value: Any, shape: Any, where: str = "") -> str | None:
    """What is wrong first in `value`, as ``noise.blend.alpha is no number``; None where all has its shape."""
    if isinstance(shape, Mapping):
        return _misfit_inside(value, shape, where) if isinstance(value, Mapping) else f"{where or 'it'} is no object"
    if isinstance(shape, list):
        if not isinstance(value, (list, tuple)):
            return f"{where} is no list"
        return _first(misfit(item, shape[0], f"{where}[{index}]") for index, item in enumerate(value))
    if isinstance(shape, re.Pattern):
        fits = isinstance(value, str) and shape.fullmatch(value) is not None
    else:
        fits = isinstance(value, shape) and (shape in (bool, object) or not isinstance(value, bool))
    return None if fits else f"{where} is {NO[shape]}"


def _misfit_inside(value: Mapping[str, Any], shape: Mapping[str, Any], where: str) -> str | None:
    """The same of an object; what is None is not there, as in canonical JSON."""
    needed = {name.removesuffix("?"): inner for name, inner in shape.items() if name != ANY}
    for name in shape:
        if name != ANY and not name.endswith("?") and value.get(name) is None:
            return f"{where or 'it'} has no {name}"
    for name, item in value.items():
        inner = needed.get(name, shape.get(ANY, object))
        if item is not None and (wrong := misfit(item, inner, f"{where}.{name}".lstrip("."))):
            return wrong
    return None


def _first(found: Iterable[str | None]) -> str | None:
    return next(filter(None, found), None)
