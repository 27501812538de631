"""The language of queries as a table: what people write, and what it means."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedbank.errors import BadInput
from seedbank.formats.block import LANGUAGES, write_block
from seedbank.query import ALIASES, KEYS, SORTS, And, Not, Or, Query, Sort, Term, both, format_query, grammar, parse
from seedbank.query.dates import span
from seedbank.recipe import Recipe

A, B, C = (Term("prompt", letter) for letter in "abc")


def tag(text: str) -> Term:
    return Term("tag", text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a", A),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a OR b", Or((A, B))),
        ("a b OR c", Or((And((A, B)), C))),
        ("a (b OR c)", And((A, Or((B, C))))),
        ("(a b) c", And((A, B, C))),
        ("a OR (b OR c)", Or((A, B, C))),
        ("-a", Not(A)),
        ("NOT a b", And((Not(A), B))),
        ("-(a OR b)", Not(Or((A, B)))),
        ("NOT -a", Not(Not(A))),
        ('"a b"', Term("prompt", "a b")),
        ('"OR"', Term("prompt", "OR")),
        ("or", Term("prompt", "or")),
        ("ORchid", Term("prompt", "ORchid")),
        (r'"say \"hi\" \\"', Term("prompt", 'say "hi" \\')),
        ("light*", Term("prompt", "light*")),
        ("tag:poster", tag("poster")),
        ("TAG:Poster", tag("Poster")),
        ("tags:poster", tag("poster")),
        ("-tag:draft", Not(tag("draft"))),
        ('tag:"two words"', tag("two words")),
        ('tag:"a(b)"', tag("a(b)")),
        ("seed:=7", Term("seed", "=7")),
        ("env.torch:2.13*", Term("env.torch", "2.13*")),
        ("a-b c_d 100%", And((Term("prompt", "a-b"), Term("prompt", "c_d"), Term("prompt", "100%")))),
        ("橘色 🐱", And((Term("prompt", "橘色"), Term("prompt", "🐱")))),
        ("tag：海报", tag("海报")),
        ("-Tag：“two words”", Not(tag("two words"))),
        ("tag:“two words”", tag("two words")),
        ("“橘色 星星”", Term("prompt", "橘色 星星")),
        ("（a OR b）", Or((A, B))),
        ("（（a OR b） c）", And((Or((A, B)), C))),
        ("-（a OR b）", Not(Or((A, B)))),
        ("猫（橘色）", Term("prompt", "猫（橘色）")),
        ("画面：夜空", Term("prompt", "画面：夜空")),
        ("说“你好”", Term("prompt", "说“你好”")),
        ('"tag：a" "（a）" "“a”"', And((Term("prompt", "tag：a"), Term("prompt", "（a）"), Term("prompt", "“a”")))),
        ("“a", Term("prompt", "“a")),
        ("-", Term("prompt", "-")),
        ("", None),
        ("  \n ", None),
    ],
)
def test_text_means(text: str, where: object):
    assert parse(text) == Query(where)  # type: ignore[arg-type]


def test_sort_stands_beside_all_conditions():
    assert parse("a sort:rating-,added+ b") == Query(And((A, B)), (Sort("rating", False), Sort("added", True)))
    assert parse("sort:SEED") == Query(None, (Sort("seed", True),))
    assert format_query(Query(Or((A, B)), (Sort("id", False),))) == "(a OR b) sort:id-"
    assert parse("a OR b sort:id-") == parse("(a OR b) sort:id-")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["a red circle"], '"a red circle"'),
        (["a", "red"], "a red"),
        (["tag:two words"], 'tag:"two words"'),
        (["-tag:two words"], '-tag:"two words"'),
        (["tag:poster fav:yes"], "tag:poster fav:yes"),
        (['"a phrase" seed:1..'], '"a phrase" seed:1..'),
        (["cat OR dog"], "cat OR dog"),
        (["(cat OR dog)", "tag:x"], "(cat OR dog) tag:x"),
        (["tag：two words"], 'tag:"two words"'),
        (["“橘色", "星星”", "-（cat OR dog）"], '"橘色 星星" -(cat OR dog)'),
        ([], ""),
    ],
)
def test_words_of_a_command_line_are_read_as_the_shell_leaves_them(words: list[str], text: str):
    assert parse(words) == parse(text)


PASTED = """a red circle, (blue:1.2)<lora:ink:0.8>
on a background
Negative prompt: blurry, low quality
Steps: 8, Sampler: Euler a, Schedule type: Karras, CFG scale: 4.5, Seed: 123456, Size: 128x256, Model hash: 1a2b3c, \
Model: "em, bedded.safetensors", RNG: CPU, Version: v1.9"""


def test_a_pasted_parameters_text_is_a_query():
    fields = (
        Term("steps", "8"),
        Term("sampler", "Euler a"),
        Term("schedule", "Karras"),
        Term("cfg", "4.5"),
        Term("seed", "123456"),
        Term("model", "em, bedded"),
    )
    assert parse(PASTED.splitlines()[-1]) == Query(And(fields))
    texts = Term("prompt", "a red circle, (blue:1.2)\non a background"), Term("negative", "blurry, low quality")
    assert parse(PASTED) == parse([PASTED]) == Query(And((*texts, *fields)))
    assert parse("Steps: 8, Seed: -1, Size: 128x256, CFG scale: 4") == Query(
        And((Term("steps", "8"), Term("size", "128x256"), Term("cfg", "4")))
    ), "without a seed, the size counts"
    starred = parse("a ** red (circle * 2)\nSteps: 8, Seed: 7, Size: 64x64")
    assert starred == Query(And((prompt("a"), prompt("red (circle"), prompt("2)"), Term("steps", "8"), Term("seed", "7"))))


def prompt(text: str) -> Term:
    return Term("prompt", text)


BLOCK = f"""【图像复现指令】
种子：４７１１
提示词：“山谷里的小木屋，晨雾 <lora:ink:0.8>”
负面提示词：「模糊」
尺寸：1024×576
步数：50，CFG：8.0
采样器: Euler a
LoRA: ink 0.7
模型: z-image.safetensors
seedbank: recipe {"a" * 64}, image {"b" * 64}
"""


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (
            BLOCK,
            (
                prompt("山谷里的小木屋，晨雾"),
                Term("negative", "模糊"),
                Term("seed", "4711"),
                Term("steps", "50"),
                Term("cfg", "8.0"),
                Term("sampler", "Euler a"),
                Term("model", "z-image"),
                Term("lora", "ink"),
            ),
        ),
        (
            '[Image recipe]\nSeed: 7\nPrompt: "a cat"\nGuidance: 3.5',
            (prompt("a cat"), Term("seed", "7"), Term("guidance", "3.5")),
        ),
        ('[image recipe] Seed: 7 Prompt: "a cat" Steps: 8', (prompt("a cat"), Term("seed", "7"), Term("steps", "8"))),
        ("【我的图】\nSeed:7\nPrompt:cat", (prompt("cat"), Term("seed", "7"))),
        (
            "- **Prompt**: a cat\n- **Steps**: 8\n- **Size**: 64x32",
            (prompt("a cat"), Term("size", "64x32"), Term("steps", "8")),
        ),
        ("Seed: -1\nPrompt: red * blue\nWidth: 640", (prompt("red"), prompt("blue"), Term("size", "640x*"))),
        (
            "Prompt: a cat\nSteps: 8, Sampler: Euler, Seed: 7",
            (prompt("a cat"), Term("seed", "7"), Term("steps", "8"), Term("sampler", "Euler")),
        ),
    ],
)
def test_a_pasted_block_is_a_query(text: str, terms: tuple[Term, ...]):
    assert parse(text) == parse([text]) == Query(And(terms))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("prompt:cat seed:7", (prompt("cat"), Term("seed", "7"))),
        ("【x】 seed:7 steps:8", (prompt("【x】"), Term("seed", "7"), Term("steps", "8"))),
        ('【x】 "Seed: 7" seed:7', (prompt("【x】"), prompt("Seed: 7"), Term("seed", "7"))),
        ("[Image recipe]", (prompt("[Image"), prompt("recipe]"))),
        ("种子：7 cat", (prompt("种子：7"), prompt("cat"))),
    ],
)
def test_what_looks_like_a_block_is_a_query_as_it_stands(text: str, terms: tuple[Term, ...]):
    assert parse(text) == Query(And(terms))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Seed: abc\nPrompt: a cat", "The seed 'abc' in this block is no whole number"),
        ("[Image recipe]\nSeed: 7\nPrompt: a cat\nSize: large", "The size 'large' in this block is no size"),
        ('[Image recipe]\nSeed: -1\nPrompt: ""', "says nothing to look for"),
        ("prompt: a cat", "has prompt: without a value"),
    ],
)
def test_a_block_that_cannot_be_looked_for_says_why(text: str, said: str):
    with pytest.raises(BadInput, match=said):
        parse(text)


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0*<"), max_size=30).map(str.strip).filter(bool)


@given(_texts, _texts, st.integers(0, 2**64 - 1), st.integers(1, 999), st.floats(0.01, 99).map(lambda value: round(value, 3)))
def test_any_block_that_seedbank_writes_is_the_query_for_what_it_says(
    positive: str, negative: str, seed: int, steps: int, cfg: float
):
    recipe = Recipe(
        conditioning={"prompt": positive, "negative_prompt": negative},
        noise={"kind": "torch-cpu", "seed": str(seed)},
        call={"width": 64, "height": 32, "num_inference_steps": steps},
    )
    said = ("prompt", positive), ("negative", negative), ("seed", str(seed)), ("steps", str(steps)), ("cfg", str(cfg))
    for lang in LANGUAGES:
        assert parse([write_block(recipe, lang=lang, cfg=cfg)]) == Query(And(tuple(Term(*one) for one in said)))


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("tga:poster", "tga", "Did you mean tag:?"),
        ("red tga:poster", "tga", "Did you mean tag:?"),
        ("橘色 tga:x", "tga", "Did you mean tag:?"),
        ("xyzzy:1", "xyzzy", "Use one of"),
        ("env:3", "env", "env.NAME"),
        ("seed:abc", "abc", "not a range of whole numbers"),
        ("seed:9..1", "9..1", "write 1..9"),
        ("seed:..", "..", "not a range"),
        ("seed:-5", "-5", "not a range"),
        ("seed:" + "9" * 31, "9" * 20, "not a range"),
        ("seed:" + "1," * 200 + "1", "1,1,1", "100"),
        ("cfg:high", "high", "not a range of numbers"),
        ("size:big", "big", "not a size"),
        ("fav:", "fav:", "without a value"),
        ('tag:""', '""', "without a value"),
        ("tag: x", "tag:", "without a space"),
        ("a sort:", "sort:", "without a value"),
        (f"seed:{2**64}", str(2**64), f"seeds go from 0 to {2**64 - 1}"),
        ("bytes:perhaps", "perhaps", "present nor absent"),
        ("verdict:good", "good", "exact, close"),
        ("digest:xyz", "xyz", "0-9 a-f"),
        ("like:cat", "cat", "not the id"),
        ("like:17~99", "17~99", "too far"),
        ("rating:6..9", "6..9", "ratings go from 0 to 5"),
        ("origin:mars", "mars", "imported, received"),
        ("added:soon", "soon", "write -7d.. for"),
        ("added:2026-02-31", "2026-02-31", "calendar"),
        ("added:-7d", "-7d", "write -7d.. for all since then"),
        ("added:2026..2025", "2026", "ends before"),
        ("prompt:a*b", "a*b", "* inside"),
        ('"open', '"open', "without its partner"),
        ('tag:a "b', '"b', "without its partner"),
        ("(a", "", "breaks off"),
        ("a)", ")", "parenthesis"),
        ("()", ")", "parenthesis"),
        ("a OR", "", "breaks off"),
        ("OR a", "OR", "before OR"),
        ("NOT", "", "breaks off"),
        ("a\0b", "\0", "no prompt can hold"),
        ("sort:beauty", "beauty", "Use one of"),
        ("sort:id,id-", "id", "twice"),
        ("(sort:id)", "sort", "at the end"),
        ("-sort:id", "sort", "Write sort:id- at the end"),
        ("sort:id sort:seed", "sort:seed", "second sort"),
        ("x " * 201, None, "200 terms"),
        ("x " * 10_000, None, "200 terms"),
        ("x" * 20_001, None, "20,001 characters"),
        ("(" * 50 + "a" + ")" * 50, None, "nests"),
        ("NOT " * 3000 + "a", None, "nests"),
    ],
)
def test_a_mistake_is_pointed_at_with_a_remedy(text: str, place: str | None, said: str):
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert said in f"{caught.value.message} {caught.value.hint}"
    if place is not None:
        _, shown, caret = caught.value.message.split("\n")
        at = text.index(place) if place else len(text)
        assert shown.startswith(f"    {text[:at]}")
        assert caret.index("^") == 4 + at + sum(ord(character) > 0x2E80 for character in text[:at])


def test_the_examples_of_the_grammar_are_queries():
    lines = [line for line in (grammar.__doc__ or "").splitlines() if line.startswith("    ")]
    examples = [re.split(r"\s{3,}", line.strip())[0] for line in lines]
    assert len(examples) > 8
    for example in examples:
        assert parse(example) != Query()


@pytest.mark.parametrize("key", KEYS)
def test_the_example_of_every_key_can_be_read(key: str):
    text = f"{'env.torch' if key == 'env' else key}:{KEYS[key].example}"
    assert parse(format_query(parse(text))) == parse(text)


def test_aliases_stand_for_keys():
    assert set(ALIASES.values()) <= set(KEYS)
    assert not set(ALIASES) & set(KEYS)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_queries_come_through_the_shell_as_typed(shell: str):
    import shutil

    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    typed = {
        """tag:poster -tag:draft""": "tag:poster -tag:draft",
        """'model:z-image*' rating:4..""": "model:z-image* rating:4..",
        """"red circle" fav:yes""": '"red circle" fav:yes',
        """'"red circle"' '(cat OR dog)'""": '"red circle" (cat OR dog)',
        """collection:"spring 2026" sort:rating-""": 'collection:"spring 2026" sort:rating-',
        """added:-7d.. seed:=7""": "added:-7d.. seed:=7",
    }
    script = "\n".join(f"printf '%s\\0' {words}; printf '\\1'" for words in typed)
    run = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True)
    for got, meant in zip(run.stdout.split("\1"), typed.values(), strict=False):
        assert parse(got.split("\0")[:-1]) == parse(meant)


# -- times ---------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 31, 15, 30, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11", "2026-11-01T00:00+08:00", "2026-12-01T00:00+08:00"),
        ("2026-12", "2026-12-01T00:00+08:00", "2027-01-01T00:00+08:00"),
        ("2026", "2026-01-01T00:00+08:00", "2027-01-01T00:00+08:00"),
        ("2026-03-05", "2026-03-05T00:00+08:00", "2026-03-06T00:00+08:00"),
        ("2026-03-05T14:30", "2026-03-05T14:30+08:00", "2026-03-05T14:31+08:00"),
        ("2026-03-05Z", "2026-03-05T00:00+00:00", "2026-03-06T00:00+00:00"),
        ("2026-01..2026-02", "2026-01-01T00:00+08:00", "2026-03-01T00:00+08:00"),
        ("-7d..", "2026-03-24T15:30+08:00", None),
        ("-36h..-12h", "2026-03-30T03:30+08:00", "2026-03-31T03:30+08:00"),
        ("-1m..", "2026-02-28T15:30+08:00", None),
        ("-1y..now", "2025-03-31T15:30+08:00", "2026-03-31T15:30+08:00"),
        ("today", "2026-03-31T00:00+08:00", "2026-04-01T00:00+08:00"),
        ("yesterday", "2026-03-30T00:00+08:00", "2026-03-31T00:00+08:00"),
        ("..2025", None, "2026-01-01T00:00+08:00"),
    ],
)
def test_a_time_is_a_span(text: str, first: str | None, last: str | None):
    found = span(text, NOW)
    if first is not None:
        assert found[0] == datetime.fromisoformat(first)
    if last is not None:
        assert found[1] == datetime.fromisoformat(last)


@pytest.mark.parametrize("text", ["-99999y..", "0001..9999", "-99999m..", "9999-12-31"])
def test_times_at_the_end_of_the_calendar_are_times(text: str):
    first, last = span(text, datetime.now(UTC))
    assert first < last


# -- format, then parse --------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0*"), min_size=1, max_size=12) | st.sampled_from(
    ["OR", "AND", "NOT", "-a", "a:b", "tag:", 'a"b', "\\", "(", "a b", "light*", "Steps: 8, x", "sort:id", "\n"]
)
terms = st.builds(Term, st.sampled_from(["prompt", "tag", "model", "note", "env.torch", "collection"]), texts) | st.builds(
    Term, st.sampled_from(["seed", "id", "steps"]), st.sampled_from(["7", "=7", "1..9", "..9", "1,3..4"])
)


def _joined(kind: type, nodes: list) -> object:
    """Operands that are of the same kind are taken apart, as `parse` does."""
    flat = [part for node in nodes for part in (node.of if isinstance(node, kind) else (node,))]
    return kind(tuple(flat))


nodes = st.recursive(
    terms,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(lambda some: _joined(And, some), st.lists(inner, min_size=2, max_size=4))
        | st.builds(lambda some: _joined(Or, some), st.lists(inner, min_size=2, max_size=4))
    ),
    max_leaves=8,
)
orders = st.lists(st.builds(Sort, st.sampled_from(SORTS), st.booleans()), max_size=3, unique_by=lambda sort: sort.key).map(
    tuple
)
queries = st.builds(Query, st.none() | nodes, orders)


@given(queries)
def test_what_is_formatted_is_parsed_to_the_same(query: Query):
    assert parse(format_query(query)) == query


@given(queries, queries)
def test_both_holds_all_terms_of_both(first: Query, second: Query):
    assert parse(format_query(both(first, second))) == both(first, second)


@given(st.text(max_size=40) | st.text('ab"()-: OR*\\', max_size=20))
def test_any_text_is_a_query_or_refused_in_a_sentence(text: str):
    try:
        query = parse(text)
    except BadInput as error:
        assert re.match(r"The query ", error.message)
    else:
        assert parse(format_query(query)) == query
