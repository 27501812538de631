"""What a bundle says inside of its records has the shape in which commands read it: else one record could end them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seedbank.api import Library
from seedbank.environment import Environment
from seedbank.errors import BadInput
from seedbank.hashing import json_digest
from tests.exchange import bundled
from tests.exchange.bundled import changed, members, write

Values = dict[str, Any]
Change = Callable[[Values], object]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bundled.Members:
    folder = tmp_path_factory.mktemp("bundle")
    with Library.open(folder / "art.db", create=True, user="ann") as bank:
        bundled.fill(bank)
        bank.export_bundle("", folder / "all.seedbank")
    return members(folder / "all.seedbank")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """An empty bank into which nothing gets."""
    with Library.open(tmp_path_factory.mktemp("other") / "other.db", create=True, user="carol") as bank:
        yield bank


def of_recipe(**parts: Any) -> Change:
    """The recipe with other parts, under the digest that whoever wrote them would write."""

    def change(values: Values) -> None:
        values["recipe"] |= parts
        values["recipe_digest"] = json_digest(values["recipe"])

    return change


def of_environment(**parts: Any) -> Change:
    def change(values: Values) -> None:
        values["parts"] |= parts
        values["digest"] = Environment(values["parts"]).digest

    return change


def holding(**parts: Any) -> Change:
    return lambda values: values.update(parts)


WRONG: dict[str, tuple[str, Change, str]] = {
    "a pipeline that is an object": ("entries", of_recipe(pipeline={"a": 1}), "pipeline is no text"),
    "a dtype that is a list": ("entries", of_recipe(dtypes={"unet": [1]}), r"dtypes\.unet is no text"),
    "an adapter whose digest is none": (
        "entries",
        of_recipe(adapters=[{"kind": "lora", "digest": "=cmd"}]),
        r"adapters\[0\]\.digest is no digest",
    ),
    "an input without a role": ("entries", of_recipe(inputs=[{"digest": "a" * 64}]), r"inputs\[0\] has no role"),
    "a blend without the other noise": (
        "entries",
        of_recipe(noise={"seed": "1", "blend": {"alpha": 0.5, "curve": "linear"}}),
        r"noise\.blend has no noise",
    ),
    "details that are a number": ("entries", holding(details={"$float": "nan"}), "its details"),
    "what was received without its form": ("entries", holding(details={"received": {"text": "x"}}), "received has no form"),
    "seconds that are a number": ("entries", holding(output={"seconds": {"$int": "7"}}), "its seconds"),
    "versions that are an address": ("environments", of_environment(distributions="http://x"), "distributions is no object"),
    "a version that is a list": ("environments", of_environment(distributions={"torch": []}), r"distributions\.torch"),
    "a system that is a text": ("environments", of_environment(system="=1+1"), "system is no object"),
    "a GPU that is a text": ("environments", of_environment(hardware={"gpu": "H100"}), r"hardware\.gpu is no object"),
    "a fingerprint of numbers": (
        "environments",
        of_environment(fingerprint={"v": 1, "cpu": {"add": 7}}),
        r"cpu\.add is no text",
    ),
    "causes that are texts": ("regenerations", holding(explanation={"causes": ["threads"]}), r"causes\[0\] is no object"),
    "a trial that says nothing": ("regenerations", holding(evidence={"trials": [{}]}), r"trials\[0\] has no changed"),
    "drift that is a text": ("regenerations", holding(drift={"max": "much"}), "max is no number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_record_of_another_shape_is_refused_by_name(name: str, bundle: bundled.Members, other: Library, tmp_path: Path):
    kind, change, said = WRONG[name]
    with pytest.raises(BadInput, match=said):
        other.import_bundle(write(tmp_path / "odd.seedbank", changed(bundle, kind, change)))
    assert not list(other.store.ids())


@pytest.mark.parametrize("position", [10**400, -(10**60), 1e300, True])
def test_a_place_that_cannot_be_counted_on_from_is_refused(position: Any, bundle: bundled.Members, other, tmp_path: Path):
    lines = bundle["opinions.jsonl"].decode().splitlines()
    line = next(number for number, text in enumerate(lines) if '"collect"' in text)
    far = changed(bundle, "opinions", lambda values: values["value"].update(position=position), line)
    with pytest.raises(BadInput, match="collect in the bundle is none"):
        other.import_bundle(write(tmp_path / "far.seedbank", far))
    assert not list(other.store.ids())


def test_a_trace_that_is_too_large_is_refused_before_it_is_in_memory(bundle, other, tmp_path: Path, monkeypatch):
    from seedbank.exchange.bundle import archive, looking

    whole = archive.Reader.file

    def pieces(reader: archive.Reader, digest: str) -> Iterator[bytes]:
        for piece in whole(reader, digest):
            assert b'"stages"' not in piece, "it was read"
            yield piece

    monkeypatch.setattr(looking, "LARGEST_TRACE", 100)
    monkeypatch.setattr(archive.Reader, "file", pieces)
    with pytest.raises(BadInput, match="A trace in the bundle is none"):
        other.import_bundle(write(tmp_path / "large.seedbank", bundle))


def test_two_that_write_one_bundle_at_once_are_both_whole(tmp_path: Path):
    from seedbank.exchange.bundle.archive import KINDS, Reader, Writer

    def begin(writer: Writer) -> None:
        for kind in KINDS:
            writer.records(kind, ({"number": number} for number in range(100)))

    path = tmp_path / "out.seedbank"
    with Writer(path, replace=True) as one:
        begin(one)
        with Writer(path, replace=True) as other:
            begin(other)
            other.finish({})
        one.finish({"last": True})
    with Reader(path) as reader:
        assert reader.manifest["last"] and len(list(reader.records("users"))) == 100
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
