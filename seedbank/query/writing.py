"""From a query to the text that gives it again."""

from __future__ import annotations

import re

from seedbank.query.fullwidth import MARKS
from seedbank.query.nodes import And, Node, Not, Or, Query, Term

_PLAIN = re.compile(rf'[^\s()"\\{MARKS}-][^\s()"\\{MARKS}]*')
_PLAIN_VALUE = re.compile(rf'[^\s()"{MARKS}]+')
_KEYED = re.compile(r"[^\W\d][\w.]*:")


def format_query(query: Query) -> str:
    """Text that `parse` reads as the same query; empty for everything."""
    parts = [] if query.where is None else [_text(query.where)]
    if query.sort:
        if isinstance(query.where, Or):
            parts = [f"({parts[0]})"]
        parts.append("sort:" + ",".join(f"{sort.key}{'+' if sort.ascending else '-'}" for sort in query.sort))
    return " ".join(parts)


def _text(node: Node) -> str:
    match node:
        case Term("prompt", text) if _is_word(text):
            return text
        case Term("prompt", text):
            return quoted(text)
        case Term(key, text):
            return f"{key}:{text if _PLAIN_VALUE.fullmatch(text) else quoted(text)}"
        case Not(of):
            return f"-{_text(of)}" if isinstance(of, Term) else f"NOT {_in_parentheses(of)}"
        case And(parts):
            return " ".join(_in_parentheses(part) if isinstance(part, (Or, And)) else _text(part) for part in parts)
        case Or(parts):
            return " OR ".join(_in_parentheses(part) if isinstance(part, Or) else _text(part) for part in parts)


def _in_parentheses(node: Node) -> str:
    return f"({_text(node)})" if isinstance(node, (And, Or)) else _text(node)


def _is_word(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and text not in ("OR", "AND", "NOT") and _KEYED.match(text) is None


def quoted(text: str) -> str:
    """`text` in quotation marks, on one line."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'
