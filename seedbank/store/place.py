"""Where a bank is: the address of its database, as it is given, checked and said again."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from seedbank.errors import BadInput

_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_LIKE_ADDRESS = re.compile(r"[^:@]*:[^@/]+@(?=[^/]+/)")
"""The beginning of an address without its scheme, ``ann:password@``, where no file of this name is."""
_SECRET = ("password", "sslpassword")
"""Options of an address that nobody else may see."""


class Place(Struct, frozen=True):
    """Where a bank is: a SQLite file or a PostgreSQL database."""

    url: URL
    file: Path | None

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place named by a URL (``sqlite:///…``, ``postgresql://…``) or by the path of a SQLite file."""
        scheme = text.split(":")[0]
        if "://" not in text:
            if scheme in (*_POSTGRESQL, "sqlite") and scheme != text:
                return cls._unknown(f"{scheme}:…")  # the rest may hold a password
            if (found := _LIKE_ADDRESS.match(text)) and not Path(text).exists():
                return cls._unknown(f"…@{text[found.end() :]}")
            return cls.parse(f"sqlite:///{text}") if text else cls._unknown(text)
        try:
            url = make_url(text)
        except ArgumentError:
            return cls._unknown(f"{scheme}://…")
        except ValueError:
            raise BadInput(
                f"The port in the address {scheme}://… of the bank is not a number.",
                "Write postgresql://USER@HOST:PORT/DATABASE; a colon in the password is %3A there.",
            ) from None
        if "\0" in "".join(map(str, (*url[:4], url.database, *url.query.values()))):
            raise BadInput(f"The address {scheme}://… of the bank has a NUL character (%00) in it.", "Leave it out.")
        if "@" in (url.host or ""):
            raise BadInput(
                f"The user name or the password in the address {scheme}://… of the bank has an @ that ends it too early.",
                "Write %40 for an @ in it.",
            )
        match url.drivername:
            case "sqlite" if url.database and url.database != ":memory:":
                return cls(url, Path(url.database).expanduser())
            case "sqlite":
                raise BadInput("A bank needs a file; a SQLite database in memory cannot be one.", "Use sqlite:///bank.db.")
            case name if name in _POSTGRESQL:
                return cls(url.set(drivername="postgresql+psycopg"), None)
        return cls._unknown(f"{url.drivername}://…")

    @classmethod
    def _unknown(cls, text: str) -> Place:
        raise BadInput(
            f"{text!r} is not the address of a bank.", "Use a file, sqlite:///FILE or postgresql://USER@HOST/DATABASE."
        )

    def __str__(self) -> str:
        """For people, and to be given with --bank again; never with a password."""
        return str(self.file) if self.file is not None else self.without_password()

    @property
    def option(self) -> str:
        """``--bank …`` as it is typed into a shell."""
        import shlex

        return f"--bank {shlex.quote(str(self))}"

    @property
    def option_anywhere(self) -> str:
        """The same for whatever folder it is typed in."""
        return self.option if self.file is None else Place(self.url, self.file.absolute()).option

    @property
    def created_by(self) -> str:
        """How a bank is made here, as the hint where there is none."""
        images = " --images FOLDER" if self.file is None else ""
        return f"Create one there with: seedbank {self.option} init{images}"

    def without_password(self) -> str:
        """The address in PostgreSQL's own form; see `secrets` for what it lacks."""
        url = self.url
        query = {name: value for name, value in url.query.items() if name not in _SECRET}
        return URL.create("postgresql", url.username, None, url.host, url.port, url.database, query).render_as_string()

    def secrets(self) -> dict[str, str]:
        """The password as PostgreSQL's programs take it from the environment: a command line can be read by everybody."""
        given = self.url.query.get("password", self.url.password)
        found = given[-1] if isinstance(given, tuple) else given
        return {"PGPASSWORD": str(found)} if found else {}
