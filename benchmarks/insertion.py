"""How many entries a second come into a bank of ten thousand and into one of a million, on SQLite and on PostgreSQL.

    python -m benchmarks.catalogue --sizes 10000,1000000 --keep FOLDER --build-only        once: the banks, an hour
    python -m benchmarks.insertion --reuse FOLDER --save insertion                         minutes for each way and database
    python -m benchmarks.insertion --reuse FOLDER --databases sqlite --ways "an import" --save insertion   the others stay there
    python -m benchmarks.insertion --reuse FOLDER --databases postgresql --server default  as the package is set

Five ways (`WAYS`): `one at a time`, each acknowledged before the next, as renderings are recorded; `an import` of pictures of
64x64, as hard for the database as files can be, of pictures of 1024x1024 as people have them, and of metadata alone: files with
the texts of two tools, as `seedbank import` takes them (`benchmarks/imported.py`); `in batches` of a thousand ready records,
which is what an import asks of the database, without all else that it does.

Entries come in blocks, in turns into the small and into the large bank, so that what the disk does meanwhile hits both; which
is first changes from round to round. A block begins when nothing waits to be written, and ends with a checkpoint that is part
of its time: both databases bring the pages of their trees to where they belong only then, and would else do it outside of what
is measured. So it is some pictures, or an import, into a bank at rest, until all lies in its place.

`ratio` is the median of the rounds' ratios, `spread` the least and the greatest; the goal is 0.9. `acknowledged` is the rate
without that checkpoint, which is what whoever stores waits for. `cpu_ratio` compares the CPU time of an entry, of this process,
of those that it has started and of the server's for it: on a busy machine it says more. `wal_kb` is what an entry adds to
PostgreSQL's log, with the images of pages that are changed for the first time since a checkpoint.

A bank is to be measured as it grew, so build both anew after a change of the schema: an upgrade ends with a VACUUM, which fills
the pages of all trees to the brim, and then nearly every digest that comes into a large SQLite bank divides a page, until
each has been divided once: a thousand entries changed 12,200 pages of a million's bank after a VACUUM, 6,000 of one that grew.

The making of the records and of the files is not in the time, nor is the start of an import's processes, nor what it does once
at its end. A bank's files are read before each block, so that they lie in the system's memory, as those of a bank do that
somebody works with: else each insertion into a large one waits for five pages from the disk. The small bank is copied for each
block, so that it stays small; what is inserted into the large one stays there. Before imports are measured, both get
what a bank has that was made by imports: the text of every file, and where it lay; that takes some minutes, once. The pictures
of an import go into a folder that is removed.

PostgreSQL is the packaged one with the settings that docs/postgresql.md recommends (`SETTINGS`), in both banks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bank_of import USERS
from benchmarks.catalogue import postgresql
from benchmarks.imported import remember
from benchmarks.insertion_ways import WAYS, Files, Way
from benchmarks.machine import RESULTS, save
from seedbank.store import Store

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
COPY = "copy_for_a_block"

Results = dict[str, dict[str, Any]]
"""{database: {way: what was measured}}"""


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reuse", type=Path, metavar="FOLDER", required=True, help="where the banks are kept")
    parser.add_argument("--sizes", default="10000,1000000", help="of the small and of the large bank")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--server", choices=("recommended", "default"), default="recommended", help="settings of PostgreSQL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", metavar="NAME", help="write results/NAME.json")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    ways = {name: WAYS[name] for name in options.ways}
    settings = SETTINGS if options.server == "recommended" else {}
    found: Results = {}
    for database in options.databases.split(","):
        with contextlib.ExitStack() as stack:
            os.environ["SEEDBANK_CACHE"] = stack.enter_context(tempfile.TemporaryDirectory())  # previews go there
            banks: list[Bank] = []
            for size in sizes:
                folder = options.reuse / f"{database}-{size}"
                opening = on_sqlite(folder) if database == "sqlite" else on_postgresql(folder, settings)
                banks.append(Bank(size, folder, stack.enter_context(opening)))
            if any(isinstance(way, Files) for way in ways.values()):
                for bank in banks:
                    _remember(bank)
            for name, way in ways.items():
                one = compared(banks[0], banks[1], way, options.rounds)
                found.setdefault(database, {})[name] = one
                print(f"{database}, {name}: {one}", file=sys.stderr, flush=True)
    print(table(sizes, found))
    if options.save:
        print(save(options.save, {"sizes": sizes, "postgresql": settings, "databases": with_saved(options.save, found)}))


def with_saved(name: str, found: Results) -> Results:
    """What was measured now, and what the results of this name have of other ways and databases."""
    path = RESULTS / f"{name}.json"
    before: Results = json.loads(path.read_text("utf-8"))["databases"] if path.exists() else {}
    return {database: before.get(database, {}) | found.get(database, {}) for database in {**before, **found}}


# -- banks -----------------------------------------------------------------------------------------------------------


@dataclass
class Opened:
    """A store, how its database is told to write everything down, and what its server knows of itself."""

    store: Store
    checkpoint: Callable[[], object]
    server_cpu: Callable[[], float] = lambda: 0.0
    log_bytes: Callable[[], int] | None = None
    vacuum: Callable[[], None] | None = None


Opening = Callable[[bool], contextlib.AbstractContextManager[Opened]]
"""Opens a bank as it lies, or (True) a copy of it that is gone afterwards."""


def warm(folder: Path) -> None:
    """Reads all files, so that the system has them in memory."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                while stream.read(1 << 24):
                    pass


@contextlib.contextmanager
def on_sqlite(folder: Path) -> Iterator[Opening]:
    """Banks in files."""
    file, copied = folder / "bank.db", folder / f"{COPY}.db"

    @contextlib.contextmanager
    def opening(copy: bool) -> Iterator[Opened]:
        if copy:
            shutil.copyfile(file, copied)
        try:
            with Store.open(str(copied if copy else file), user=USERS[0]) as store:

                def checkpoint() -> None:
                    with store.database.engine.connect() as connection:
                        raw: Any = connection.connection.driver_connection
                        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

                yield Opened(store, checkpoint)
        finally:
            for end in ("", "-wal", "-shm"):
                Path(f"{copied}{end}").unlink(missing_ok=True)

    yield opening


@contextlib.contextmanager
def on_postgresql(folder: Path, settings: Mapping[str, str]) -> Iterator[Opening]:
    """Banks on a server of their own with these settings; its own are put back."""
    import psycopg

    file = folder / "data" / "postgresql.auto.conf"
    before = file.read_text()
    file.write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
    try:
        with postgresql(folder / "data") as url, psycopg.connect(_at(url, "template1"), autocommit=True) as admin:

            @contextlib.contextmanager
            def opening(copy: bool) -> Iterator[Opened]:
                if copy:
                    admin.execute(f"DROP DATABASE IF EXISTS {COPY}")
                    admin.execute(f"CREATE DATABASE {COPY} TEMPLATE postgres")
                try:
                    with Store.open(_at(url, COPY) if copy else url, user=USERS[0]) as store:
                        yield Opened(
                            store,
                            lambda: admin.execute("CHECKPOINT"),
                            lambda: _server_cpu(store),
                            lambda: _log_bytes(admin),
                            lambda: _vacuum(store),
                        )
                finally:
                    if copy:
                        admin.execute(f"DROP DATABASE {COPY}")

            yield opening
    finally:
        file.write_text(before)


def _at(url: str, database: str) -> str:
    return url.replace("/postgres?", f"/{database}?")


def _vacuum(store: Store) -> None:
    with store.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _log_bytes(admin: Any) -> int:
    return int(admin.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()[0])


def _server_cpu(store: Store) -> float:
    """Seconds of the server's process that serves the store: it has one connection, that of this thread."""
    import psutil

    with store.database.engine.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


# -- blocks ----------------------------------------------------------------------------------------------------------


@dataclass
class Bank:
    """A bank of some size, where it lies, and how it is opened."""

    size: int
    folder: Path
    opening: Opening


@dataclass
class Block:
    """What was measured of a block: entries a second, with its checkpoint and without, and what an entry takes."""

    rate: float
    acknowledged: float
    cpu_ms: float
    wal_kb: float | None


def compared(small: Bank, large: Bank, way: Way, rounds: int) -> dict[str, Any]:
    """Blocks in turns; the medians of both, and how the large bank does against the small one."""
    blocks: dict[int, list[Block]] = {small.size: [], large.size: []}
    for turn in range(rounds):
        for bank in (small, large) if turn % 2 == 0 else (large, small):
            warm(bank.folder)
            with bank.opening(bank is small) as opened:
                blocks[bank.size].append(_block(opened, way))
    pairs = list(zip(*blocks.values(), strict=True))
    ratios = [big.rate / little.rate for little, big in pairs]

    def medians(name: str, digits: int) -> list[float]:
        return [round(statistics.median(getattr(block, name) for block in measured), digits) for measured in blocks.values()]

    of_server = {"wal_kb": medians("wal_kb", 1)} if blocks[small.size][0].wal_kb is not None else {}
    return {
        "ratio": round(statistics.median(ratios), 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "a_second": medians("rate", 1),
        "acknowledged": medians("acknowledged", 1),
        "acknowledged_ratio": round(statistics.median(big.acknowledged / little.acknowledged for little, big in pairs), 2),
        "cpu_ms": medians("cpu_ms", 3),
        "cpu_ratio": round(statistics.median(little.cpu_ms / big.cpu_ms for little, big in pairs), 2),
        **of_server,
        "block": way.count,
        "rounds": rounds,
        "load": [round(one, 1) for one in os.getloadavg()],
    }


def _block(opened: Opened, way: Way) -> Block:
    with opened.store.database.reading() as connection:
        first = int(connection.exec_driver_sql("SELECT max(id) FROM entries").scalar() or 0)
    with way.begun(opened.store, first) as store_all:
        opened.checkpoint()
        log = opened.log_bytes() if opened.log_bytes else 0
        cpu = _cpu() + opened.server_cpu()
        begun = time.perf_counter()
        store_all()
        stored = time.perf_counter()
        opened.checkpoint()
        ended = time.perf_counter()
        cpu = _cpu() + opened.server_cpu() - cpu
        wal_kb = (opened.log_bytes() - log) / way.count / 1024 if opened.log_bytes else None
    return Block(way.count / (ended - begun), way.count / (stored - begun), cpu / way.count * 1000, wal_kb)


def _cpu() -> float:
    """Seconds of this process and of those that it has started, which still are there."""
    import psutil

    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return time.process_time() + sum(float(one.user + one.system) for one in times)


def _remember(bank: Bank) -> None:
    """The bank has what imports keep, as far as it has not yet."""
    with bank.opening(False) as opened:
        if count := remember(opened.store):
            print(f"{bank.folder.name}: what imports of {count:,} files keep", file=sys.stderr, flush=True)
            if opened.vacuum:
                opened.vacuum()
        opened.checkpoint()


def table(sizes: list[int], found: Results) -> str:
    """The rates as Markdown."""
    lines = [f"| | into {sizes[0]:,} | into {sizes[1]:,} | ratio | spread |", "|---|---|---|---|---|"]
    for database, ways in found.items():
        for way, one in ways.items():
            rates = " | ".join(f"{rate:,.0f}" for rate in one["a_second"])
            lines.append(f"| {database}, {way} | {rates} | {one['ratio']} | {one['spread'][0]} to {one['spread'][1]} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
