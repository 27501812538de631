"""Requests to a server that the user named: JSON in, JSON or bytes out, nothing followed elsewhere, everything bounded."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode, urlsplit

from seedbank.errors import BadInput, Blocked, RenderFailed

LARGEST_ANSWER = 256 << 20
"""Bytes of an answer that are still read: a few pictures in base64."""
SECONDS = 30.0
"""How long a server may be silent where it has nothing to compute."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The user named one server; an answer that sends elsewhere is not followed."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Refused(Exception):
    """The server answered with an error: `status` and the decoded `answer`, where it is JSON, else its text."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.answer = answer


class Server:
    """One server by its URL, `http://host:port` with a path before its API where a proxy puts one."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise BadInput(f"{url!r} is not the URL of a server.", "Give one such as http://127.0.0.1:8188.")
        self.url = url.rstrip("/")
        self.place = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        """Host and port, without a user's name or password."""
        self._opener = urllib.request.build_opener(_NoRedirect)

    def get(self, path: str, query: dict[str, str] | None = None, seconds: float = SECONDS) -> bytes:
        """The bytes at `path`. Raises `Refused`, `Blocked` when there is no server, `RenderFailed` when it went away."""
        return self._ask(urllib.request.Request(f"{self.url}{path}{'?' + urlencode(query) if query else ''}"), seconds)

    def get_json(self, path: str, query: dict[str, str] | None = None) -> Any:
        """The JSON at `path`."""
        return _decoded(self.get(path, query), self)

    def post(self, path: str, body: Any, seconds: float = SECONDS) -> Any:
        """The JSON that `path` answers; None for an empty answer."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method="POST")
        answer = self._ask(request, seconds)
        return _decoded(answer, self) if answer.strip() else None

    def _ask(self, request: urllib.request.Request, seconds: float) -> bytes:
        try:
            with self._opener.open(request, timeout=seconds) as answer:
                data: bytes = answer.read(LARGEST_ANSWER + 1)
        except urllib.error.HTTPError as error:
            text = error.read(1 << 20)
            try:
                raise Refused(error.code, json.loads(text)) from None
            except ValueError:
                raise Refused(error.code, text.decode("utf-8", "replace")[:500]) from None
        except TimeoutError:
            raise RenderFailed(f"The server at {self.place} did not answer within {seconds:g} s.", "Is it busy?") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise RenderFailed(f"The server at {self.place} did not answer within {seconds:g} s.", "Is it busy?") from None
            if isinstance(reason, ConnectionResetError):  # also a connection that was closed without an answer
                raise RenderFailed(f"The server at {self.place} broke off: {reason}.", "Look at what it printed.") from None
            raise Blocked(f"There is no server at {self.place}: {reason}.", "Start it, or name another URL.") from None
        if len(data) > LARGEST_ANSWER:
            raise RenderFailed(f"The answer of {self.place} is larger than {LARGEST_ANSWER >> 20} MiB.", "It was not read.")
        return data


def _decoded(data: bytes, server: Server) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Blocked(f"The server at {server.place} does not answer with JSON.", "Is it the tool's API?") from None
