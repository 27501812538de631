"""The layout of `parameters` text, split into a prompt, a negative prompt and fields. What the fields mean is told elsewhere.

    a red circle
    Negative prompt: blurry
    Steps: 8, Sampler: Euler a, CFG scale: 4, Seed: 123456, Size: 128x128, Hashes: {"model": "6ce0161689"}

A value is a JSON string, a balanced `{…}` or `[…]`, or what comes before the next comma that a name follows. The fields are
the last line that begins with `Steps:`, or else with another known field, and has at least three of them; a line of a prompt
that looks alike has fewer. Files also hold the fields over several lines, a template beside them, and all of it on one line,
as tools print it that show line ends as dots.

Every text is read in time proportional to its length: what could be tried again and again has a bound.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

KNOWN = frozenset(
    {"app", "cfg scale", "clip skip", "denoising strength", "model", "model hash", "rng", "sampler", "schedule type"}
    | {"scheduler", "seed", "size", "steps", "vae", "version"}
)
"""Fields by which a line is known for one of fields, in lower case."""

FOLLOWING = KNOWN | {"hashes", "lora hashes", "ti hashes", "civitai resources", "civitai metadata"}
"""Fields with which a further line of fields begins."""

OWN = "seedbank"
"""The field that seedbank writes: a line that has it needs no others."""

FEWEST = 3
"""A line with fewer fields belongs to the prompt, as in A1111's own reader."""

_LINES_TRIED = 64
_UNBALANCED = 8
"""How many opening brackets without an end are looked for; the next ones are plain text."""

_KEY = re.compile(r"[ \t]*(\w[\w \-/.+()]{0,79}?)[ \t]*:[ \t]*")
_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"(?=[ \t]*(?:,|\r?\n|\Z))', re.DOTALL)
_PLAIN = re.compile(r"[^,\n]*+(?:,(?![ \t]*\w[\w \-/.+()]{0,79}[ \t]*:)(?![ \t]*\r?(?:\n|\Z))[^,\n]*+)*+")
"""Up to the comma that a name or the end of the line follows: commas stand in values that nobody quoted, too."""
_VALUE_END = re.compile(r"[ \t]*(?:,|\r?\n|\Z)")
_LINE_END = re.compile(r"[ \t]*\r?\n")
_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
_NEGATIVE = re.compile(r"^[ \t]*Negative prompt:[ \t]?", re.IGNORECASE | re.MULTILINE)
_TEMPLATE = re.compile(r"^[ \t]*(?:Negative )?Template:", re.MULTILINE)
_LINE_START = re.compile(r"^(?=[ \t]*\w)", re.MULTILINE)
_LINE_WITHIN = re.compile(r"^(?=[ \t]*\w)(?=[^\n]*, ?steps:)(?=[^\n]*, ?seed:)", re.MULTILINE | re.IGNORECASE)
"""A line that begins with a field that nobody knows here and goes on with those that are."""
_FLAT_FIELDS = re.compile(r"[.\s](?=Steps: ?\d+ ?, ?[A-Za-z][\w \-/]*:)")
_FLAT_NEGATIVE = re.compile(r"[.\s]Negative prompt: ?")


@dataclass(frozen=True)
class Parameters:
    """The parts of a text.

    prompt, negative_prompt   word for word; None where the text has none. An empty negative prompt that is written is ""
    pairs   (name, value) as they stand; a JSON string is decoded, `{…}` and `[…]` are kept as text
    rest    what stands beside: templates, and lines after the fields
    flat    all of it stood on one line, so where the prompt ends is a guess
    """

    prompt: str | None
    negative_prompt: str | None
    pairs: tuple[tuple[str, str], ...]
    rest: str = ""
    flat: bool = False

    def get(self, *names: str) -> str | None:
        """The value of the first of these fields that is there and not empty; names in any case."""
        for name in names:
            if value := self.first.get(_plain(name)):
                return value
        return None

    @cached_property
    def first(self) -> dict[str, str]:
        """{name in lower case, `cfg_scale` as `cfg scale`: the first value under it that is not empty}"""
        return {_plain(name): value for name, value in reversed(self.pairs) if value}


@lru_cache(4096)
def _plain(name: str) -> str:
    """The name as it is compared; the same few hundred are asked for in every file."""
    return name.casefold().replace("_", " ")


def parse(text: str, fewest: int = FEWEST) -> Parameters:
    """The parts of a text; one without at least `fewest` fields is a prompt, with a negative one where that is marked."""
    text = text.strip("\0\ufeff \t\r\n")
    scanner = _Scanner(text, fewest)
    found = scanner.fields()
    if found is None and "\n" not in text and (flat := _flat(text, scanner)):
        return flat
    start, end, pairs = found or (len(text), len(text), ())
    head, rest = text[:start], text[end:].strip()
    prompt, negative = _prompts(_without_line_end(head))
    if negative is not None and pairs and (template := _TEMPLATE.search(negative)):
        rest = "\n".join(part for part in (negative[template.start() :].strip(), rest) if part)
        negative = _without_line_end(negative[: template.start()])
    return Parameters(prompt or None, negative, pairs, rest)


def _prompts(head: str) -> tuple[str, str | None]:
    """(prompt, negative prompt); the first line that is marked begins the negative one."""
    marked = _NEGATIVE.search(head)
    if marked is None:
        return head, None
    return _without_line_end(head[: marked.start()]), head[marked.end() :]


def _flat(text: str, scanner: _Scanner) -> Parameters | None:
    """The parts of a text that was printed on one line, with a dot or a space for each line end."""
    starts = [found.end() for found in _FLAT_FIELDS.finditer(text)][-_LINES_TRIED:]
    for start in reversed(starts):
        end, pairs = scanner.pairs(start)
        if len(pairs) >= scanner.fewest:
            prompt, *negative = _FLAT_NEGATIVE.split(text[: start - 1], maxsplit=1)
            return Parameters(prompt or None, negative[0] if negative else None, pairs, text[end:].strip(), flat=True)
    return None


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


class _Scanner:
    """Reads fields at places of one text. `spare` counts down the brackets without an end that are looked for."""

    def __init__(self, text: str, fewest: int) -> None:
        self.text = text
        self.fewest = fewest
        self.spare = _UNBALANCED

    def fields(self) -> tuple[int, int, tuple[tuple[str, str], ...]] | None:
        """(start, end, pairs) of the lines of fields."""
        starts = [found.start() for found in _LINE_START.finditer(self.text)]
        known = [start for start in starts if self._known(start)]
        first = [start for start in known if self._name(start) == "steps"]
        within = [found.start() for found in _LINE_WITHIN.finditer(self.text)]
        for start in itertools.chain.from_iterable(reversed(some[-_LINES_TRIED:]) for some in (first, known, within)):
            end, pairs = self.pairs(start)
            names = [_plain(name) for name, _ in pairs]
            if OWN in names or (len(names) >= self.fewest and sum(name in KNOWN for name in names) > 1):
                return start, end, pairs
        return None

    def pairs(self, at: int) -> tuple[int, tuple[tuple[str, str], ...]]:
        """(end, pairs) from a place on, over the line ends that a further known field follows."""
        found: list[tuple[str, str]] = []
        while name := _KEY.match(self.text, at):
            value, at = self._value(name.end())
            found.append((name[1], value))
            # What stands behind a value in quotes or brackets and has no name is left out.
            at = self._plain(at)[1]
            if self.text.startswith(",", at):
                at += 1
            if line_end := _LINE_END.match(self.text, at):
                if self._name(line_end.end()) not in FOLLOWING:
                    break
                at = line_end.end()
        return at, tuple(found)

    def _name(self, at: int) -> str | None:
        name = _KEY.match(self.text, at)
        return _plain(name[1]) if name else None

    def _known(self, at: int) -> bool:
        return self._name(at) in KNOWN

    def _value(self, at: int) -> tuple[str, int]:
        """(value, end) of the value that begins here."""
        opening = self.text[at : at + 1]
        if opening == '"' and (quoted := _STRING.match(self.text, at)):
            return _decoded(quoted), quoted.end()
        if opening in ("{", "[") and (end := self._balanced(at)) and _VALUE_END.match(self.text, end):
            return self.text[at:end], end
        return self._plain(at)

    def _plain(self, at: int) -> tuple[str, int]:
        found = _PLAIN.match(self.text, at)
        assert found is not None, "it matches nothing, too"
        return found[0].strip(), found.end()

    def _balanced(self, at: int) -> int | None:
        """Where the bracket that opens here is closed; brackets in JSON strings do not count."""
        if self.spare <= 0:
            return None
        depth, quoted = 0, False
        for mark in _MARK.finditer(self.text, at):
            if mark[0] == '"':
                quoted = not quoted
            elif not quoted and len(mark[0]) == 1:
                depth += 1 if mark[0] in "{[" else -1
                if depth == 0:
                    return mark.end()
        self.spare -= 1
        return None


def _decoded(quoted: re.Match[str]) -> str:
    """What a JSON string says; its inside as it stands where it is none, as with paths of Windows."""
    try:
        text = str(json.loads(quoted[0], strict=False))
    except ValueError:
        return quoted[1]
    # Half of a surrogate pair cannot be stored.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def pieces(value: str) -> Iterator[tuple[str, str]]:
    """The (name, value) pairs of a list in one field: `first: 1234, second: 5678`. A name keeps the colons within it."""
    for piece in value.split(","):
        name, colon, last = piece.rpartition(":")
        if colon and name.strip():
            yield name.strip(), last.strip()
