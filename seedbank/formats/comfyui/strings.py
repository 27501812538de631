"""Nodes that change a text: ComfyUI's own (`nodes_string.py`) and Comfyroll's (`CR Text Operation`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from seedbank.formats.comfyui.graph import Node
from seedbank.formats.comfyui.scalars import as_integer

MAX_TEXT = 1_000_000
_OPERATIONS: Mapping[str, Callable[[str], str]] = {
    "UPPERCASE": str.upper,
    "lowercase": str.lower,
    "Capitalize": str.capitalize,
    "Title Case": str.title,
    "Both": str.strip,
    "Left": str.lstrip,
    "Right": str.rstrip,
    "uppercase": str.upper,
    "capitalize": str.capitalize,
    "invert_case": str.swapcase,
    "reverse": lambda text: text[::-1],
    "trim": str.strip,
    "remove_spaces": lambda text: text.replace(" ", ""),
}
_SETTINGS: Mapping[str, str] = {"CaseConverter": "mode", "StringTrim": "mode", "CR Text Operation": "operation"}
_PLAIN = re.compile(r"[^\\.^$*+?{}\[\]|()]+\Z")
"""A pattern that is a word. Others are not run: a stranger's pattern can take for ever."""


def changes(node: Node) -> bool:
    return node.kind in _SETTINGS or node.kind in ("StringSubstring", "RegexReplace", "RegexExtract")


def most(new: str) -> int:
    """How many times `new` is put in until a text is as long as any may be; what follows is cut off."""
    return MAX_TEXT // max(len(new), 1) + 1


def joined(joint: str, texts: Iterable[str]) -> str:
    """The texts as one, cut where it is as long as any may be; what follows is not asked for."""
    pieces: list[str] = []
    room = MAX_TEXT
    for text in texts:
        pieces.append(f"{joint}{text}"[:room] if pieces else text[:room])
        room -= len(pieces[-1])
        if room <= 0:
            break
    return "".join(pieces)


def changed(node: Node, text: str) -> str | None:
    """The text as the node gives it; None where that takes a regular expression or is not known."""
    if node.kind == "StringSubstring":
        start, end = as_integer(node.inputs.get("start")), as_integer(node.inputs.get("end"))
        return None if start is None or end is None else text[start:end]
    if node.kind in _SETTINGS:
        operation = _OPERATIONS.get(str(node.inputs.get(_SETTINGS[node.kind])))
        return operation(text) if operation is not None else text
    pattern, new = node.inputs.get("regex_pattern"), node.inputs.get("replace")
    if node.kind != "RegexReplace" or not isinstance(pattern, str) or not isinstance(new, str) or "\\" in new:
        return None
    if not _PLAIN.match(pattern):
        return None
    flags = re.IGNORECASE if node.inputs.get("case_insensitive", True) else re.NOFLAG
    count = max(as_integer(node.inputs.get("count")) or 0, 0)
    return re.sub(pattern, new, text, count=min(count or most(new), most(new)), flags=flags)
