"""What to look for: the language of queries, as values. One grammar for the command line, Python and the pages.

>>> parse('tag:poster -tag:draft')
Query(where=And(of=(Term(key='tag', text='poster'), Not(of=Term(key='tag', text='draft')))), sort=())
>>> format_query(parse('red  OR  "blue sky"'))
'red OR "blue sky"'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedbank.query.nodes import EVERYTHING, And, Node, Not, Or, Query, Sort, Term, both, is_of_one_bank, terms_of

if TYPE_CHECKING:
    from seedbank.query.keys import ALIASES, KEYS, SORTS, Key
    from seedbank.query.parsing import parse, parse_saved
    from seedbank.query.writing import format_query

__all__ = [
    "ALIASES",
    "EVERYTHING",
    "KEYS",
    "SORTS",
    "And",
    "Key",
    "Node",
    "Not",
    "Or",
    "Query",
    "Sort",
    "Term",
    "both",
    "format_query",
    "is_of_one_bank",
    "parse",
    "parse_saved",
    "terms_of",
]

_LATER = {
    "ALIASES": "keys",
    "KEYS": "keys",
    "SORTS": "keys",
    "Key": "keys",
    "format_query": "writing",
    "parse": "parsing",
    "parse_saved": "parsing",
}
"""Loaded when they are asked for: a bank is listed without them."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
