"""From text to a query; errors point at the place."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NoReturn

from seedbank.errors import BadInput
from seedbank.query.fullwidth import half_width
from seedbank.query.grammar import GRAMMAR
from seedbank.query.keys import ALIASES, KEYS, SORTS
from seedbank.query.nodes import EVERYTHING, And, Node, Not, Query, Sort, Term, all_of, any_of
from seedbank.query.paste import pasted
from seedbank.query.values import BeyondAll
from seedbank.query.writing import quoted

LONGEST = 20_000
MOST_TERMS = 200
DEEPEST = 40
SHOWN = 60
"""Characters of a long query shown on either side of a mistake."""


def parse(words: str | Sequence[str], *, saved: bool = False) -> Query:
    """The query that a text or the words of a command line stand for.

    A word of a command line that contains spaces is one phrase or one value (the shell has taken its quotation marks away),
    unless it holds several terms by itself. Raises `BadInput`, with the place marked, for what makes no sense; of a query that
    was `saved` once, values that no entry has are left to find nothing (`values.BeyondAll`).
    """
    return _parsed(words if isinstance(words, str) else _joined(words), saved)


def parse_saved(name: str, text: str) -> Query:
    """The query of the saved search with this name. Raises `BadInput` with the search, the reason and the remedy."""
    try:
        return parse(text, saved=True)
    except BadInput as error:
        remedy = f"Change it with: seedbank collection save {shlex.quote(name)} --replace QUERY"
        raise BadInput(f"The saved search {name!r} cannot be read. {error.message}", f"{error.hint} {remedy}".strip()) from None


@lru_cache(maxsize=256)
def _parsed(text: str, saved: bool) -> Query:
    """The same texts come again and again: the next page, a saved search."""
    if not text.strip():
        return EVERYTHING
    if len(text) > LONGEST:
        raise BadInput(
            f"The query has {len(text):,} characters; {LONGEST:,} are the most.",
            "Split it, or put the entries in a collection.",
        )
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            _fail(text, at, "contains a character that no prompt can hold", "Remove it.")
    if (conditions := pasted(text)) is not None:
        if not conditions:
            raise BadInput(
                "The query is a pasted text that says nothing to look for.", "Copy it whole, or write words of the prompt."
            )
        return Query(all_of([_checked(condition, text) for condition in conditions]))
    text = half_width(text)
    node = _tree(text, saved)
    parts = list(node.of) if isinstance(node, And) else [node]
    sorts = [part for part in parts if isinstance(part, _SortTerm)]
    if len(sorts) > 1:
        _fail(text, sorts[1].at, "has a second sort:", "Write sort:rating-,added+ for two keys.")
    rest = [part for part in parts if not isinstance(part, _SortTerm)]
    return Query(all_of(rest) if rest else None, sorts[0].sort if sorts else ())


def _joined(words: Iterable[str]) -> str:
    return " ".join(_word(word) for word in words)


_SEVERAL = re.compile(r'"|\s-?[^\W\d][\w.]*:|(?:^|\s)(?:OR|AND|NOT)(?:\s|$)|[()]')


def _word(word: str) -> str:
    """One word of a command line as a piece of a query."""
    plain = half_width(word)
    if not any(map(str.isspace, word.strip())) or _SEVERAL.search(plain) or pasted(word) is not None:
        return word
    found = re.fullmatch(r"(-?(?:[^\W\d][\w.]*:)?)(.*)", plain.strip(), re.DOTALL)
    assert found is not None
    return found[1] + quoted(found[2].strip())


class _SortTerm:
    """``sort:…`` while a query is read: no condition, so it can only stand beside all others."""

    def __init__(self, sort: tuple[Sort, ...], at: int) -> None:
        self.sort = sort
        self.at = at


@lru_cache(maxsize=1)
def _parser() -> Any:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=False, maybe_placeholders=False)


def _tree(text: str, saved: bool) -> Any:
    """The tree that the grammar makes of `text`, as nodes."""
    from lark import UnexpectedCharacters, UnexpectedToken

    try:
        tree = _parser().parse(text)
    except UnexpectedCharacters as error:
        hint = 'Write " twice, or \\" for the mark itself.'
        _fail(text, error.pos_in_stream or 0, "has a quotation mark without its partner", hint)
    except UnexpectedToken as error:
        at = error.token.start_pos
        if at is None or error.token.type == "$END":
            at = len(text)
        _fail(text, at, *_UNEXPECTED.get(error.token.type, _INCOMPLETE))
    return _Reader(text, saved).read(tree)


_INCOMPLETE = ("breaks off", "Is something missing behind OR, NOT or a parenthesis?")
_UNEXPECTED = {
    "RPAR": ("has a closing parenthesis too many, or nothing in it", "Put text with parentheses in quotation marks."),
    "OR": ("has nothing before OR", 'To look for the word itself, write "OR".'),
    "AND": ("has nothing before AND", 'To look for the word itself, write "AND".'),
}


class _Reader:
    """Turns the tree of the grammar into nodes. Depth is bounded, so that recursion is too."""

    def __init__(self, text: str, saved: bool) -> None:
        self.text = text
        self.saved = saved
        self.terms = 0

    def read(self, tree: Any, depth: int = 0) -> Any:
        if depth > DEEPEST:
            raise BadInput(f"The query nests more than {DEEPEST} times.", "Write it without so many parentheses.")
        kind = tree.data
        children = tree.children
        if kind == "word":
            return self._word(children[0])
        if kind == "phrase":
            return self._term("prompt", _unquoted(children[0]), children[0].start_pos)
        if kind == "keyed":
            return self._keyed(*children)
        if kind == "group":
            return self._inner(children[0], depth)
        if kind == "negated":
            negated = self.read(children[1], depth + 1)
            if isinstance(negated, _SortTerm):
                hint = f"Write sort:{negated.sort[0].key}- at the end, for the largest first."
                _fail(self.text, negated.at, "has - or NOT before sort:", hint)
            return Not(self._conditions(negated))
        parts = [child for child in children if not hasattr(child, "type")]
        if kind == "any":
            *others, last = parts
            end = self.read(last, depth + 1)
            sorts = [one for one in (end.of if isinstance(end, And) else (end,)) if isinstance(one, _SortTerm)]
            if depth or not isinstance(end, And) or not sorts:
                return any_of([*(self._inner(part, depth) for part in others), self._conditions(end)])
            # A sort: at the very end orders everything, not only what stands behind the last OR.
            rest = all_of([one for one in end.of if not isinstance(one, _SortTerm)])
            return And((any_of([*(self._inner(part, depth) for part in others), rest]), *sorts))  # type: ignore[arg-type]
        return all_of([self.read(part, depth + 1) for part in parts])

    def _inner(self, tree: Any, depth: int) -> Node:
        """What stands in parentheses, behind NOT or beside OR: conditions only."""
        return self._conditions(self.read(tree, depth + 1))

    def _conditions(self, node: Any) -> Node:
        for part in node.of if isinstance(node, And) else (node,):
            if isinstance(part, _SortTerm):
                _fail(self.text, part.at, "has sort: inside", "It orders the whole query: write it at the end.")
        return node  # type: ignore[no-any-return]

    def _word(self, token: Any) -> Node:
        word = str(token)
        if word.endswith(":") and (_key_of(word[:-1]) is not None or word.casefold() == "sort:"):
            _fail(self.text, token.start_pos, f"has {word} without a value", f"Write {word}VALUE without a space.")
        if word in ("OR", "AND"):  # where neither can stand, the grammar takes it for any word
            _fail(self.text, token.start_pos, *_UNEXPECTED[word])
        return self._term("prompt", word, token.start_pos)

    def _keyed(self, key: Any, value: Any) -> Node | _SortTerm:
        name, at = str(key)[:-1], value.start_pos
        text = _unquoted(value) if value.type == "STRING" else str(value)
        if name.casefold() == "sort":
            return _SortTerm(self._sort(text, at), key.start_pos)
        known = _key_of(name)
        if known is None:
            from difflib import get_close_matches

            near = get_close_matches(name.casefold(), [*KEYS, *ALIASES, "sort"], n=1)
            hint = f"Did you mean {'env.NAME' if near == ['env'] else near[0]}:?" if near else f"Use one of: {', '.join(KEYS)}."
            _fail(self.text, key.start_pos, f"has no key {name!r}", f"{hint} Text with a colon stands in quotation marks.")
        if not text:
            _fail(self.text, at, f"has {name}: without a value", f"Write {name}:VALUE.")
        return self._term(known, text, at)

    def _term(self, key: str, text: str, at: int) -> Node:
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise BadInput(f"The query has more than {MOST_TERMS} terms.", "Split it, or put the entries in a collection.")
        try:
            KEYS["env" if key.startswith("env.") else key].read(text)
        except ValueError as error:
            if not (self.saved and isinstance(error, BeyondAll)):
                _fail(self.text, at, f"has {key}:{text[:40]}, which {error}", "")
        return Term(key, text)

    def _sort(self, text: str, at: int) -> tuple[Sort, ...]:
        found = []
        for piece in text.split(","):
            match = re.fullmatch(r"(\w+)([+-]?)", piece)
            name = match[1].casefold() if match else ""
            if match is None or name not in SORTS:
                _fail(
                    self.text,
                    at,
                    f"cannot be sorted by {piece!r}",
                    f"Use one of: {', '.join(SORTS)}; - behind it: largest first.",
                )
            found.append(Sort(name, match[2] != "-"))
        if len({sort.key for sort in found}) < len(found):
            _fail(self.text, at, "is sorted by the same key twice", "Leave one out.")
        return tuple(found)


def _key_of(name: str) -> str | None:
    """The key that a name, an alias or ``env.NAME`` stands for."""
    folded = name.casefold()
    if folded.startswith("env.") and len(folded) > 4:
        return folded
    known = ALIASES.get(folded, folded)
    return known if known in KEYS and known != "env" else None


def _checked(node: Node, text: str) -> Node:
    """A condition of a pasted text, if its value can be read."""
    assert isinstance(node, Term)
    try:
        KEYS[node.key].read(node.text)
    except ValueError as error:
        _fail(text, max(text.find(node.text), 0), f"has {node.key} {node.text[:40]!r}, which {error}", "")
    return node


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), str(token)[1:-1], flags=re.DOTALL)


def _fail(text: str, at: int, what: str, hint: str) -> NoReturn:
    """Raises `BadInput` with the query and a caret below the place `at` (in characters)."""
    start = max(0, at - SHOWN)
    line = text[start : at + SHOWN]
    before, after = ("…" if start else ""), ("…" if at + SHOWN < len(text) else "")
    shown = "".join(" " if character.isspace() or not character.isprintable() else character for character in line)
    pad = " " * (len(before) + sum(_width(character) for character in shown[: at - start]))
    raise BadInput(f"The query {what}.\n    {before}{shown}{after}\n    {pad}^", hint)


def _width(character: str) -> int:
    """Columns on a terminal."""
    import unicodedata

    return 0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
