"""Requests to a server that the user named: JSON in, JSON or bytes out, nothing followed elsewhere, everything bounded.

What a server answers is a stranger's: of JSON, `mapping`, `listed` and `text` take what has the expected shape.
"""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException, IncompleteRead
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked, RenderFailed, SeedbankError

LARGEST_ANSWER = 256 << 20
"""Bytes of an answer that are still read: a few pictures in base64."""
SECONDS = 30.0
"""How long a server may take where it has nothing to compute, to the last byte of its answer."""
PICTURE_SECONDS = 300.0
"""How long a finished picture may be on its way."""


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
    """One server by its URL, `http://host:port` with a path before its API where a proxy puts one.

    A user's name and password in the URL go along as HTTP's basic authorization, and into no message.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:  # a port that is none, brackets that do not close
            host, port = None, None
        odd = not url.isprintable() or " " in url
        if odd or not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
            shown = url.rpartition("@")[2]
            raise BadInput(f"{shown!r} is not the URL of a server.", "Give one such as http://127.0.0.1:8188.")
        name = f"[{host}]" if ":" in host else host
        self.place = f"{name}:{port}" if port else name
        """Host and port, without a user's name or password."""
        self.url = urlunsplit((parts.scheme, self.place, parts.path.rstrip("/"), "", ""))
        self._headers = {}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        self._opener = urllib.request.build_opener(_NoRedirect)

    def get(self, path: str, query: dict[str, str] | None = None, seconds: float = SECONDS) -> bytes:
        """The bytes at `path`. Raises `Refused`, `Blocked` when there is no server, `RenderFailed` when it went away."""
        return self._ask(f"{path}{'?' + urlencode(query) if query else ''}", None, seconds)

    def get_json(self, path: str, query: dict[str, str] | None = None) -> Any:
        """The JSON at `path`."""
        return self._decoded(self.get(path, query))

    def post(self, path: str, body: Any, seconds: float = SECONDS) -> Any:
        """The JSON that `path` answers; None for an empty answer."""
        answer = self._ask(path, json.dumps(body).encode(), seconds)
        return self._decoded(answer) if answer.strip() else None

    def _ask(self, path: str, data: bytes | None, seconds: float) -> bytes:
        headers = self._headers | ({} if data is None else {"Content-Type": "application/json"})
        request = urllib.request.Request(self.url + path, data, headers)

        def asked() -> bytes:
            with self._opener.open(request, timeout=seconds) as answer:
                read: bytes = answer.read(LARGEST_ANSWER + 1)
                if answer.length and len(read) <= LARGEST_ANSWER:  # a read of a given size does not say that it is cut
                    raise IncompleteRead(read, answer.length)
                return read

        try:
            found = _within(seconds, asked)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, self._why(error, seconds)) from None
        except (HTTPException, ConnectionResetError) as error:  # also a connection that was closed without an answer
            raise self._broke_off(error) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise RenderFailed(f"The server at {self.place} did not answer within {seconds:g} s.", "Is it busy?") from None
            if isinstance(reason, ConnectionResetError):
                raise self._broke_off(reason) from None
            raise Blocked(f"There is no server at {self.place}: {reason}.", "Start it, or name another URL.") from None
        if len(found) > LARGEST_ANSWER:
            raise RenderFailed(f"The answer of {self.place} is larger than {LARGEST_ANSWER >> 20} MiB.", "It was not read.")
        return found

    def _why(self, error: urllib.error.HTTPError, seconds: float) -> Any:
        """What an error's answer says: its JSON, else the beginning of its text."""
        try:
            said = _within(seconds, lambda: error.read(1 << 20))
        except (OSError, HTTPException):
            return ""
        try:
            return _json(said)
        except (ValueError, RecursionError):
            return _clean(said.decode("utf-8", "replace"))[:500]

    def _decoded(self, data: bytes) -> Any:
        try:
            return _json(data)
        except (ValueError, RecursionError):
            raise Blocked(f"The server at {self.place} does not answer with JSON.", "Is it the tool's API?") from None

    def _broke_off(self, error: BaseException) -> RenderFailed:
        why = text(str(error)) or type(error).__name__
        return RenderFailed(f"The server at {self.place} broke off: {why}.", "Look at what it printed.")


def refusal(error: Refused, server: Server, tool: str, hint: str) -> SeedbankError:
    """What a refusal means where the tool's API should have been."""
    said = text(error.answer if isinstance(error.answer, str) else mapping(error.answer).get("detail"))
    why = f" (status {error.status}{': ' + said.rstrip('.') if said else ''})"
    if error.status in (401, 403):
        return Blocked(
            f"The server at {server.place} wants a password{why}.", "Put it into the URL: http://user:password@host:8188."
        )
    if error.status == 413:
        return Blocked(
            f"{tool} at {server.place} takes no request as large as this one{why}.", "Raise its limit, or its proxy's."
        )
    if error.status == 429 or error.status >= 500:
        return RenderFailed(f"{tool} at {server.place} cannot do it now{why}.", "Try again later, and look at what it printed.")
    return Blocked(f"The server at {server.place} has no such API{why}.", hint)


def recorded(parts: dict[str, Any], server: Server) -> Environment:
    """The environment that a server says it is. Raises `Blocked` where that cannot be recorded."""
    try:
        return Environment(parts)
    except BadInput as error:
        raise Blocked(f"What the server at {server.place} says of itself cannot be recorded: {error.message}") from None


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` where it is an object of JSON, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """`value` where it is a list of JSON, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any, most: int = 300) -> str:
    """A scalar of JSON on one line of at most `most` characters; empty for None and for what is no scalar."""
    return " ".join(str(value).split())[:most] if isinstance(value, (str, int, float)) else ""


def _within(seconds: float, act: Callable[[], bytes]) -> bytes:
    """The value of `act`, or `TimeoutError`: a socket's own time-out begins again with each byte that trickles in."""
    done: list[bytes] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(act())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="seedbank-http", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError
    return done[0]


def _json(data: bytes) -> Any:
    """JSON with the characters that no database takes replaced, and None for numbers that are none."""
    return _clean(json.loads(data, parse_constant=lambda _: None))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() and "\0" not in value else _storable(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    return value


def _storable(value: str) -> str:
    return value.replace("\0", "�").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
