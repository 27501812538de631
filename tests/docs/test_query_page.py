"""Every example of docs/query.md is run, on the bank that the page describes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import seedbank
from seedbank.__main__ import run
from seedbank.query import KEYS
from seedbank.records import Blob, NewEntry, NewRegeneration, Picture
from seedbank.store import Store
from tests.store.examples import digest, environment, model, recipe

PAGE = (Path(__file__).parents[2] / "docs" / "query.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.split("|")[1:8]] for line in PAGE.splitlines() if re.match(r"\| \d \|", line)]
CONSOLE = [block for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The bank of the table at the top of the page."""
    url = str(tmp_path_factory.mktemp("query") / "bank.db")
    with Store.create(url, user="ann") as store:
        for number, prompt, name, seed, size, tags, _ in ROWS:
            width, height = map(int, size.split("x"))
            new = _entry(int(number), prompt, name, seed, width, height, tags)
            store.add_entry(new, user="bob" if number == "5" else "ann")
        store.favourite([1, 3])
        for number, rating in {1: 5, 2: 4, 4: 2, 7: 1}.items():
            store.rate([number], rating)
        for number, verdict in {1: "exact", 2: "different"}.items():
            store.add_regeneration(NewRegeneration(number, verdict))
        store.curation.create_collection("spring 2026")
        store.curation.collect("spring 2026", [6])
    return url


def _entry(number: int, prompt: str, name: str, seed: str, width: int, height: int, tags: str) -> NewEntry:
    looks = digest("phash", 6 if number == 8 else number)[:16]
    image = Picture(digest("page", number), "RGB", width, height, looks)
    blob = None if number == 5 else Blob(digest("file", number), 1000, "image/png")
    named = tuple(tag for tag in tags.split(", ") if tag)
    if not name:
        return NewEntry(picture=image, blob=blob, origin="added", obstacles=("It was recorded without a recipe.",))
    whole = recipe(
        0,
        conditioning={"prompt": prompt} | ({"negative_prompt": "blurry"} if number == 4 else {}),
        model=model(name).digest,
        noise={"kind": "torch-cpu", "seed": seed},
        call={"width": width, "height": height, "num_inference_steps": 8, "guidance_scale": 4.0},
        adapters=({"kind": "lora", "digest": digest("lora")},) if number == 3 else (),
    )
    parents = ((1, "variant-of"),) if number == 3 else ()
    return NewEntry(
        recipe=whole, model=model(name), environment=environment(), picture=image, blob=blob, tags=named, parents=parents
    )


def test_the_page_has_examples_and_every_key():
    assert len(ROWS) == 8
    missing = [key for key in KEYS if f"`{key}:`" not in PAGE and f"`{key}." not in PAGE]
    assert not missing


@pytest.mark.parametrize("block", CONSOLE, ids=range(len(CONSOLE)))
def test_examples_say_what_the_page_says(bank: str, block: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setenv("SEEDBANK_BANK", bank)
    monkeypatch.setenv("SEEDBANK_USER", "ann")
    monkeypatch.setattr("seedbank.keeping.is_here", lambda model: True)  # the models of the page are where they were
    for command, expected in re.findall(r"^\$ seedbank (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
        run(shlex.split(command))
        said = capsys.readouterr()
        shown = "".join(line for line in (said.out + said.err).splitlines(True) if not line.startswith("more:"))
        assert shown == expected, command


def test_the_python_of_the_page_runs(bank: str, capsys: pytest.CaptureFixture):
    code, said = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)[0]
    with seedbank.open(bank, user="ann") as opened:
        exec(code, {"bank": opened})
    assert capsys.readouterr().out == said
