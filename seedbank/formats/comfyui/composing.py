"""Nodes that make a text out of texts: joined, with something replaced, one line or one of several.

Sources: ComfyUI `nodes_string.py`, WAS, KJNodes, Custom-Scripts, Easy-Use, Impact, Comfyroll, WLSH.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seedbank.formats.comfyui.graph import Node
from seedbank.formats.comfyui.scalars import as_integer
from seedbank.formats.comfyui.strings import MAX_TEXT, changed, changes, joined, most
from seedbank.formats.reading import GUESSED

if TYPE_CHECKING:
    from seedbank.formats.comfyui.values import Values

_JOINED = re.compile(r"concat|join|combine|append|StringFunction|promptLine", re.I)
_JOINTS: Mapping[Any, str] = {"none": "", "space": " ", "comma": ", ", "newline": "\n"}
"""What stands between joined texts, where a node has words for it."""
_STRING_INPUT = re.compile(r"^(string|text|prompt|part|str|input|arg|s|t)[ _]?(\d+|[a-z])$", re.I)
_REPLACED = re.compile(r"replace", re.I)
_PAIRS = (*((f"find{k}", f"replace{k}") for k in ("", "1", "2", "3")), ("text_b", "text_c"), ("search", "replace"))
"""Inputs with what is searched for and what takes its place."""
_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "Text String": ("text", "text_b", "text_c", "text_d"),
    **{f"TextBox{count}": ("text1", "text2", "text3")[:count] for count in (1, 2, 3)},
}
"""Nodes that give out several texts: the input of each output."""
_WITHOUT_EMPTY = re.compile(r"WAS|^Text Concatenate$|^StringFunction")
"""Nodes that leave out what is empty."""


def composes(node: Node) -> bool:
    """Whether a node makes a text of others in a way that is known."""
    return (
        node.kind in _OUTPUTS
        or "max_rows" in node
        or ("strings" in node and "select" in node)
        or changes(node)
        or _replaces(node)
        or bool(_JOINED.search(node.kind))
    )


def composed(values: Values, node: Node, slot: int, side: str) -> str | None:
    """The text at an output of such a node; None where it cannot be known."""
    if node.kind in _OUTPUTS:
        names = _OUTPUTS[node.kind]
        return values.text(node.inputs.get(names[slot]), side) if 0 <= slot < len(names) else None
    if "max_rows" in node and as_integer(node.inputs["max_rows"]) == 1:
        start = as_integer(values.resolve(node.inputs.get("start_index"), "number")) or 0
        return _line(values.text_of(node, side), start)
    if "strings" in node and node.inputs.get("multiline") is False:
        lines = (values.text(node.inputs["strings"], side) or "").split("\n")
        return lines[(as_integer(values.resolve(node.inputs.get("select"), "number")) or 0) % len(lines)]
    if changes(node):
        return _changed(values, node, side)
    if _replaces(node):
        return _replaced(values, node, side)
    if "addition" in node and "input_string" in node:
        return _added(values, node, side)
    return _joined(values, node, side) if _JOINED.search(node.kind) else values.text_of(node, side)


def _replaces(node: Node) -> bool:
    return bool(_REPLACED.search(node.kind)) or node.inputs.get("action") == "replace"


def _line(text: str | None, start: int) -> str | None:
    """The one line that a node takes out of its text."""
    lines = [line for line in (text or "").splitlines() if line.strip()]
    return lines[start] if 0 <= start < len(lines) else None


def _joined(values: Values, node: Node, side: str) -> str | None:
    """Several texts as one; the order is that of the inputs."""
    parts = [value for name, value in node.inputs.items() if _STRING_INPUT.search(name)]
    joints = (node.inputs.get(name) for name in ("delimiter", "separator", "seperator"))
    joint = next((one for one in joints if isinstance(one, str)), None)
    if joint is None:
        joint = ", " if node.inputs.get("tidy_tags") in ("yes", True) else ""
    filled = joint in _JOINTS or _WITHOUT_EMPTY.search(node.kind)
    stripped = node.inputs.get("clean_whitespace") in ("true", True)
    lost: list[Any] = []

    def found() -> Iterator[str]:
        for value in parts:
            text = values.text(value, side)
            if text is None:
                lost.append(value)
                continue
            text = text.strip() if stripped else text
            if text or not filled:
                yield text

    text = joined(_JOINTS.get(joint, joint).replace("\\n", "\n"), found())
    values.made += len(text)
    if len(lost) == len(parts):
        return None if parts else values.text_of(node, side)
    if lost:
        values.sure = min(values.sure, GUESSED)
        values.remark(f"A part of the text that the node {node.kind} joins could not be followed; the prompt lacks it.")
    return text


def _added(values: Values, node: Node, side: str) -> str | None:
    """A text before or behind the one that the node is given."""
    given, addition = values.text(node.inputs["input_string"], side), values.text(node.inputs["addition"], side)
    if given is None or addition is None:
        return None
    texts = (given, addition) if node.inputs.get("placement") == "after" else (addition, given)
    return joined(_JOINTS.get(node.inputs.get("separator"), ""), texts)


def _changed(values: Values, node: Node, side: str) -> str | None:
    text = values.text_of(node, side)
    found = changed(node, text) if text is not None else None
    if text is not None and found is None:
        values.remark(f"What the node {node.kind} makes of the text is not in the file, and its pattern is not run.")
    return found[:MAX_TEXT] if found is not None else None


def _replaced(values: Values, node: Node, side: str) -> str | None:
    text = values.text_of(node, side)
    for find, replace in _PAIRS:
        if text is None or find not in node or replace not in node:
            continue
        old, new = values.text(node.inputs[find], side), values.text(node.inputs[replace], side)
        if find == "text_b" and old is not None and len(old) > 1 and old.startswith("/") and old.endswith("/"):
            values.remark(f"What the node {node.kind} makes of the text is not in the file, and its pattern is not run.")
            return None
        if old and new is not None:
            text = text.replace(old, new, most(new))[:MAX_TEXT]
    return text
