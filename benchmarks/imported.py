"""Imports for `benchmarks.insertion`: files as two tools write them, and what a bank that was made by imports remembers.

A picture has 64x64 pixels unless told otherwise, so that decoding it hides little of what storing its entry costs; its text
is as long as that of a large one. Every file has pixels, a seed and a text of its own; four in a row share a prompt, as those
of a tool do.
"""

from __future__ import annotations

import contextlib
import copy
import json
import random
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.bank_of import PER_PROMPT, Maker
from seedbank.bank import Bank
from seedbank.blobs import Blobs
from seedbank.hashing import sha256
from seedbank.importing.options import IMPORTED, Options
from seedbank.importing.service import Import
from seedbank.importing.walk import walk
from seedbank.store import Store
from seedbank.store.inserting import insert_many, write_many
from seedbank.store.payloads import LEVEL
from seedbank.store.tables import entry_payloads, import_files, import_folders, payloads
from tests.formats.tool_samples import GRAPH

SIDE = 64
PER_FOLDER = 1_000
CHUNK = 20_000
"""Entries whose rows are made in one transaction."""
A1111 = """{prompt}
Negative prompt: blurry, low quality, watermark
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: {seed}, Size: 64x64, Model hash: 6ce0161689, \
Model: v1-5-pruned, VAE hash: 735e4c3a44, Clip skip: 2, Version: v1.10.0"""


def make_files(folder: Path, first: int, count: int, side: int = SIDE) -> None:
    """Files number `first` and following, of `side` pixels each way: the same for the same numbers."""
    folder.mkdir()
    maker = Maker(first)
    dice = maker.random
    for number in range(first, first + count):
        if number % PER_PROMPT == 0 or not maker.prompt:
            maker.prompt = maker.text()
        key, text = said(number, maker.prompt, dice.getrandbits(32))
        chunks = PngInfo()
        chunks.add_itxt(key, text)
        pixels = Image.frombytes("RGB", (4, 4), dice.randbytes(48)).resize((side, side), Image.Resampling.BILINEAR)
        pixels.save(folder / f"{number:08}.png", pnginfo=chunks, compress_level=1)


def said(number: int, prompt: str, seed: int) -> tuple[str, str]:
    """(where it stands, what a file says): A1111's text or ComfyUI's graph, in turns."""
    if number // PER_PROMPT % 2:
        return "parameters", A1111.format(prompt=prompt, seed=seed)
    graph: dict[str, Any] = copy.deepcopy(GRAPH)
    graph["2"]["inputs"]["text"] = prompt
    graph["5"]["inputs"]["seed"] = seed
    return "prompt", json.dumps(graph)


@contextlib.contextmanager
def importing(store: Store, options: Options) -> Iterator[Import]:
    """An import into this bank, of which nothing is fed yet. Its pictures go into a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="seedbank-insertion-") as folder:
        blobs = Blobs.open(Path(folder) / "images", create=True)
        bank = Bank(store, blobs)
        bank.claim_images()  # the files of a drawn-up bank lie nowhere
        with Import(bank, (folder,), options) as under_way:
            yield under_way


def feed(under_way: Import, folder: Path) -> None:
    """Have the files of a folder imported, all of them."""
    reports = [*under_way.feed(walk([folder], _refuse)), *under_way.flush()]
    assert reports
    assert {report.outcome for report in reports} == {IMPORTED}


def _refuse(path: str, reason: str) -> None:
    raise AssertionError(f"{path}: {reason}")


def remember(store: Store) -> int:
    """Gives each entry with a file what an import keeps besides: the text in its file, and where this lay. The entries."""
    with store.database.reading() as connection:
        found = connection.exec_driver_sql(
            "SELECT entries.id, blobs.digest, blobs.size FROM entries JOIN blobs ON entries.blob_id = blobs.id "
            "WHERE NOT EXISTS (SELECT 1 FROM import_files WHERE entry_id = entries.id) ORDER BY entries.id"
        ).all()
    dice = random.Random(found[0][0] if found else 0)  # other texts than those of an earlier call
    maker = Maker(0)
    prompts = [maker.text() for _ in range(PER_FOLDER)]
    for start in range(0, len(found), CHUNK):
        _remember(store, found[start : start + CHUNK], prompts, dice)
    return len(found)


def _remember(store: Store, held: Sequence[Any], prompts: Sequence[str], dice: random.Random) -> None:
    texts = [said(number, prompts[number % len(prompts)], dice.getrandbits(32)) for number, _, _ in held]
    with store.database.writing() as connection:
        bodies = [{"digest": sha256(text.encode()), "body": zlib.compress(text.encode(), LEVEL)} for _, text in texts]
        of_texts = insert_many(connection, payloads, bodies)
        names = [{"path": f"/made/up/{held[at][0]}"} for at in range(0, len(held), PER_FOLDER)]
        folders = insert_many(connection, import_folders, names)
        rows = [
            {"entry_id": number, "position": 0, "place": f"png:{place}", "payload_id": payload, "raw_id": None}
            for (number, _, _), (place, _), payload in zip(held, texts, of_texts, strict=True)
        ]
        write_many(connection, entry_payloads, rows)
        files = [
            {
                "folder_id": folders[at // PER_FOLDER],
                "name": f"{number:08}.png",
                "size": size,
                "mtime_ns": 1_700_000_000_000_000_000 + number * 10**9,
                "inode": number,
                "digest": bytes(digest).hex(),
                "entry_id": number,
            }
            for at, (number, digest, size) in enumerate(held)
        ]
        write_many(connection, import_files, files)
