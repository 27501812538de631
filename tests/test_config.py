"""Where the bank is, and who is at work."""

from __future__ import annotations

from pathlib import Path

import pytest

import seedbank
from seedbank import config
from seedbank.errors import BadInput


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a working folder below it."""
    for name in ("SEEDBANK_BANK", "SEEDBANK_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    work = tmp_path / "work" / "poster"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    return tmp_path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_default_bank_lies_in_the_users_data_folder(home: Path) -> None:
    place = config.locate()
    assert place.url == str(home / "data" / "seedbank" / "bank.db")
    assert place.is_default


def test_the_nearer_name_wins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(home / "config/seedbank/seedbank.toml", 'bank = "/srv/all.db"')
    assert config.locate().url == "/srv/all.db"
    _write(home / "work/seedbank.toml", 'bank = "team.db"')
    assert config.locate().url == str(home / "work/team.db")
    _write(home / "work/poster/seedbank.toml", 'bank = "mine.db"')
    assert config.locate().url == str(home / "work/poster/mine.db")
    monkeypatch.setenv("SEEDBANK_BANK", "sqlite:///env.db")
    assert config.locate().url == "sqlite:///env.db"
    assert config.locate("flag.db").url == "flag.db"
    assert not config.locate("flag.db").is_default


def test_urls_and_absolute_paths_in_a_file_stay_as_they_are(home: Path) -> None:
    for url in ("postgresql://db.example/art", "/srv/art.db"):
        _write(home / "work/seedbank.toml", f'bank = "{url}"')
        assert config.locate().url == url


def test_a_file_that_names_only_the_user_leaves_the_bank_to_the_next(home: Path) -> None:
    _write(home / "work/seedbank.toml", 'user = "梅"')
    _write(home / "config/seedbank/seedbank.toml", 'bank = "/srv/all.db"\nuser = "other"')
    assert config.locate().url == "/srv/all.db"
    assert config.user() == "梅"
    with seedbank.open(home / "art.db", create=True) as bank:
        assert bank.store.user == "梅"


def test_an_empty_name_is_no_bank_and_not_the_configured_one() -> None:
    for name in ("", " "):
        with pytest.raises(BadInput, match="The name of the bank is empty"):
            seedbank.open(name)


def test_the_environment_names_the_user_first_and_the_login_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "login")
    assert config.user() == "login"
    monkeypatch.setenv("SEEDBANK_USER", "mei")
    assert config.user() == "mei"


@pytest.mark.parametrize("text", ['bnak = "x"', "bank = 3", "bank = ", "[bank]\nurl = 'x'"])
def test_a_mistake_in_the_file_is_said_with_its_path(home: Path, text: str) -> None:
    _write(home / "work/seedbank.toml", text)
    with pytest.raises(BadInput, match=r"seedbank\.toml"):
        config.locate()
