"""A bank with something of everything that a bundle carries, and bundles that somebody has changed."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from seedbank import images
from seedbank.api import Library
from seedbank.bank import Pixels, pixels_of
from seedbank.environment import Environment
from seedbank.frozen import replace
from seedbank.hashing import json_digest, sha256
from seedbank.importing.entries import OWN
from seedbank.recipe import Recipe
from seedbank.records import (
    Entry,
    Model,
    ModelFile,
    NewEntry,
    NewRegeneration,
    Output,
    Payload,
    Picture,
)
from seedbank.store.usage import keep_files
from tests.pictured import drawing, recipe

WEIGHTS = b"the weights"
FILES = (ModelFile("unet/model.safetensors", len(WEIGHTS), sha256(WEIGHTS)),)
LORA = Model(
    json_digest({"lora.safetensors": "d" * 64}),
    "soft",
    (ModelFile("lora.safetensors", 5, "d" * 64),),
    pipeline="lora",
    source="/home/ann/secret-folder/soft.safetensors",
)
MODEL = Model(
    json_digest({file.path: file.sha256 for file in FILES}),
    "tiny",
    FILES,
    pipeline="StableDiffusionPipeline",
    source="/home/ann/secret-folder/tiny",
    hashes=(("sha256", "ab" * 32),),
)
ENVIRONMENT = Environment(
    {
        "system": {"python": "3.11.7"},
        "distributions": {"torch": {"version": "2.12.0", "record": "e" * 64}},
        "profile": {"device": "cpu", "threads": 2, "variables": {"OMP_NUM_THREADS": "2"}},
    }
)
TEXT = "NUL \0 and half \ud800 a character, kept word for word"


def pixels(number: int) -> Pixels:
    return pixels_of(drawing(number))


def whole_recipe(number: int, **changes: Any) -> Recipe:
    values = recipe(number) | {"model": MODEL.digest} | changes
    return Recipe.from_dict(values)


def fill(bank: Library) -> None:
    """Five entries: with everything, a variant of it, imported, received without its image, and the same picture again."""
    given = bank.blobs.put(b"an input file", "application/octet-stream")
    inputs = [{"role": "image", "digest": given.digest, "kind": "picture"}]
    adapters = [{"kind": "lora", "digest": LORA.digest, "weight": 0.7}]
    full = NewEntry(
        recipe=whole_recipe(0, inputs=inputs, adapters=adapters, noise={"kind": "torch-cpu", "seed": str(2**64 - 1)}),
        environment=ENVIRONMENT,
        model=MODEL,
        adapters=(LORA,),
        inputs=(given,),
        output=Output(seconds={"denoise": 0.5}, peak_memory=2**40, flags={"nan": float("nan"), "lost": ["words"]}),
        created=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        details={"inputs": {"image": "/home/ann/secret-folder/photo.png"}, "large": 2**70},
    )
    drawn = images.picture_of(**asdict(pixels(0))).digest
    first = bank.put_entry(pixels(0), full, [("noise", "1" * 64), ("pixels", drawn)])
    bank.put_entry(pixels(1), NewEntry(recipe=whole_recipe(1), model=MODEL, parents=((first.id, "variant-of"),)))
    data = drawing_file()
    picture = images.picture_of(**asdict(pixels(2)))
    bank.store.add_entry(
        NewEntry(
            recipe=Recipe(conditioning={"prompt": "山谷里的小木屋"}, noise={"seed": "5"}, call={}, mode=None),
            picture=picture,
            blob=bank.blobs.put(data, "image/png"),
            origin="imported",
            details={"tool": "a1111", "file": "/home/ann/secret-folder/old.png"},
            payloads=(Payload("png:parameters", TEXT), Payload(OWN, "x", b"\xff\xfe raw")),
            obstacles=("It names no model.",),
        )
    )
    received = Picture("9" * 64, "RGB", 64, 64)
    bank.store.add_entry(NewEntry(recipe=whole_recipe(3), model=MODEL, picture=received, origin="received"))
    bank.put_entry(pixels(0), NewEntry(recipe=whole_recipe(0), model=MODEL, environment=ENVIRONMENT))
    bank.store.add_regeneration(
        NewRegeneration(first.id, "exact", environment=ENVIRONMENT, trace="same", evidence={"where": "/home/ann/secret-folder"})
    )
    bank.add_regeneration(NewRegeneration(first.id, "different", experiment=True, drift={"psnr": float("inf")}), pixels(7))
    bank.tag("1..3", "poster")
    bank.untag(2, "poster")
    bank.rate(1, 4)
    bank.rename_tag("poster", "placard")
    bank.store.favourite([1, 3], user="bob")
    bank.store.note([1], "bob says: soft light", user="bob")
    bank.store.rate([1], 2, user="bob")
    bank.store.rate([1], None, user="bob")
    curation = bank.store.curation
    curation.create_collection("best")
    curation.collect("best", [1, 2, 3])
    curation.move("best", [3], before=1)
    curation.take_out("best", [2])
    curation.change_collection("best", cover=3)


def keep_weights(bank: Library) -> None:
    blobs = [bank.blobs.put(WEIGHTS, "application/octet-stream")]
    keep_files(bank.store, MODEL.digest, blobs)


def drawing_file() -> bytes:
    """The picture 2 as a file that says something of its own."""
    from PIL import PngImagePlugin

    from tests.importing.pictures import encoded

    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("parameters", "a lighthouse in /home/ann/secret-folder")
    return encoded(drawing(2), "PNG", pnginfo=chunks)


def contents(bank: Library) -> dict[str, Any]:
    """Everything that a bundle carries, without what is local: ids and when an entry was added."""
    ids = sorted(bank.store.ids())
    entries = bank.store.entries(ids)
    uids, store = {entry.id: entry.uid for entry in entries}, bank.store
    return {
        "entries": {entry.uid: _plain(entry, bank) for entry in entries},
        "attempts": {
            uids[number]: [repr(replace(one, id=0, entry=0)) for one in bank.store.regenerations(number)] for number in ids
        },
        "team": {uids[number]: said for number, said in bank.store.curation.team(ids).items()},
        "history": {
            uids[number]: [(one.at, one.user, one.kind, _value(one.value)) for one in store.history(number)] for number in ids
        },
        "lineage": {(uids[one.child], uids[one.parent], one.kind) for number in ids for one in store.lineage(number)[0]},
        "best": [uids[number] for number in bank.store.curation.entries_in("best")],
        "cover": bank.store.curation.collection("best").cover,
        "models": {model.digest: model for model in bank.store.models()},
        "environments": [bank.store.environment(ENVIRONMENT.digest)],
        "payloads": {uids[number]: bank.store.imports.payloads(number) for number in ids},
        "files": sorted((item.name, item.size) for item in bank.blobs.list()),
    }


def _plain(entry: Entry, bank: Library) -> str:
    """An entry with its trace, without what is local; its opinions are compared by user."""
    added = datetime(1970, 1, 1, tzinfo=UTC)
    return repr((replace(entry, id=0, added=added, favourite=False, rating=None), bank.trace_of(entry.output)))


def _value(value: Any) -> Any:
    return value if isinstance(value, dict) else {"poster": "placard"}.get(value, value)


# -- bundles that somebody has changed ------------------------------------------------------------------------------

Members = dict[str, bytes]


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def write(path: Path, given: Members, *, sealed: bool = True) -> Path:
    """A bundle of these members, with a manifest that fits its records unless it is not `sealed`."""
    if sealed:
        manifest = json.loads(given["seedbank.json"])
        for kind in manifest["records"]:
            data = given.get(f"{kind}.jsonl", b"")
            manifest["records"][kind] = {"lines": len(data.splitlines()), "sha256": hashlib.sha256(data).hexdigest()}
        given = given | {"seedbank.json": json.dumps(manifest).encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in given.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name.endswith((".jsonl", ".json")) else zipfile.ZIP_STORED)
    return path


def changed(given: Members, kind: str, change: Callable[[dict[str, Any]], object], line: int = 0) -> Members:
    """With one record changed."""
    lines = given[f"{kind}.jsonl"].decode().splitlines()
    values = json.loads(lines[line])
    change(values)
    lines[line] = json.dumps(values)
    return given | {f"{kind}.jsonl": "".join(f"{one}\n" for one in lines).encode()}
