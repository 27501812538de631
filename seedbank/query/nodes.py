"""A query as a value: conditions joined by AND, OR and NOT, and the order of what is found."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct


class Term(Struct, frozen=True):
    """One condition: `key` is a word of `KEYS`, `text` what stands behind it, without quotation marks."""

    key: str
    text: str


class Not(Struct, frozen=True):
    """Everything that `of` does not hold of, also where nothing is known."""

    of: Node


class And(Struct, frozen=True):
    """All hold. Two or more, none of them an `And` itself."""

    of: tuple[Node, ...]


class Or(Struct, frozen=True):
    """At least one holds. Two or more, none of them an `Or` itself."""

    of: tuple[Node, ...]


Node = Term | Not | And | Or


class Sort(Struct, frozen=True):
    """One key of the order; entries of which it is not known come last either way."""

    key: str
    ascending: bool


class Query(Struct, frozen=True):
    """Entries for which `where` holds, newest first unless `sort` says otherwise.

    Entries in the trash are left out unless `where` speaks of ``trash:``.
    """

    where: Node | None = None
    sort: tuple[Sort, ...] = ()


EVERYTHING = Query()


def all_of(nodes: list[Node]) -> Node:
    """The conjunction of one or more conditions."""
    flat = [part for node in nodes for part in (node.of if isinstance(node, And) else (node,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(nodes: list[Node]) -> Node:
    """The disjunction of one or more conditions."""
    flat = [part for node in nodes for part in (node.of if isinstance(node, Or) else (node,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def both(first: Query, second: Query) -> Query:
    """What both queries find, in the order of the first that asks for one."""
    nodes = [query.where for query in (first, second) if query.where is not None]
    return Query(all_of(nodes) if nodes else None, first.sort or second.sort)


def terms_of(node: Node | None) -> Iterator[Term]:
    """All terms, in the order in which they are written."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Not):
        yield from terms_of(node.of)
    elif node is not None:
        for part in node.of:
            yield from terms_of(part)


NUMBERS = ("child", "id", "like", "parent", "run")
"""Keys whose values are numbers that one bank gave."""


def is_of_one_bank(query: Query) -> bool:
    """Whether a query names numbers that one bank gave, so that it would find something else in another."""
    return any(term.key in NUMBERS for term in terms_of(query.where))
