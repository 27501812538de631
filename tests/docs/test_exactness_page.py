"""docs/exactness.md shows the fields as they are and the results that are committed."""

import json
import re

from benchmarks.machine import RESULTS
from benchmarks.mutation_table import PAGE, page


def test_the_tables_of_the_page_are_those_of_the_code_and_of_the_results():
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "run: python -m benchmarks.mutation_table"


def test_no_case_of_the_suite_was_falsely_exact_or_falsely_proven():
    found = json.loads((RESULTS / "mutations.json").read_text("utf-8"))
    assert found["summary"]["n"] == len(found["rows"]) > 150
    assert (found["summary"]["false exact"], found["summary"]["false proven"]) == (0, 0)


def test_every_file_that_the_pages_name_is_there():
    for name in ("exactness.md", "why-a-seed-is-not-enough.md"):
        path = PAGE.with_name(name)
        for target in re.findall(r"\]\(([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), (name, target)


def test_the_story_tells_what_was_measured():
    told = " ".join(PAGE.with_name("why-a-seed-is-not-enough.md").read_text("utf-8").split())
    rows = json.loads((RESULTS / "mutations.json").read_text("utf-8"))["rows"]
    verdicts = [row["verdict"] for row in rows if row["kind"] == "single" and row["effect"] in ("computation", "picture")]
    counts = [verdicts.count(verdict) for verdict in ("exact", "close", "different")]
    assert f"In {len(verdicts)} cases" in told and f"{counts[0]} changed the computation" in told, counts
    assert f"{counts[1]} the picture by 1 of 255, and one," in told and counts[2] == 1, counts
    seeds = json.loads((RESULTS / "seeds.json").read_text("utf-8"))
    assert f"{seeds['noise']['numbers']:,} numbers" in told and f"{seeds['noise']['differ with DEFAULT']:,} of them" in told
    assert seeds["noise"]["differ with seed 7 + 2^32"] == 0
    assert seeds["batches of three"] == {
        "pictures": 12, "computed otherwise": 12, "other pictures": 12, "largest difference of 255": 1,
    }  # fmt: skip
