"""What to look for: the language of queries, as values. One grammar for the command line, Python and the pages.

>>> parse('tag:poster -tag:draft')
Query(where=And(of=(Term(key='tag', text='poster'), Not(of=Term(key='tag', text='draft')))), sort=())
>>> format_query(parse('red  OR  "blue sky"'))
'red OR "blue sky"'
"""

from seedbank.query.keys import ALIASES, KEYS, SORTS, Key
from seedbank.query.nodes import EVERYTHING, And, Node, Not, Or, Query, Sort, Term, both, terms_of
from seedbank.query.parsing import parse
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
    "parse",
    "terms_of",
]
