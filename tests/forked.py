"""Render processes that need not import torch: forked from one that has done so and nothing else.

Importing takes five seconds of a core, and the suite starts a hundred render processes. Such a process is one of its own
as any other: it has rendered nothing, has its own settings, variables, pipes and session, and is killed like any other.
What it leaves out is the start of the interpreter. Tests of that, and of exactness across cold starts, take the fixture
`cold`; commands that run as a user runs them start their own.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import IO, Any
from unittest.mock import patch

from seedbank.engine import child
from seedbank.engine.recalling import VOLATILE

PROGRAM = Path(__file__).with_name("forking.py")
HARMLESS = (
    *(*VOLATILE, "LC_ALL", "PYTEST_VERSION", "SEEDBANK_BANK", "SEEDBANK_CACHE", "SEEDBANK_USER"),
    "TORCHINDUCTOR_CACHE_DIR",  # torch sets it in the process that imports it
)
"""Variables that nothing reads while it is imported."""
SERVERS = 2
"""So many stay, of those with other variables the least recently used goes."""


class Forked:
    """What `seedbank.engine.child.Worker` needs of a `subprocess.Popen`."""

    def __init__(self, stdin: IO[str], stdout: IO[str], status: FileIO) -> None:
        self.stdin, self.stdout, self._status = stdin, stdout, status
        self.pid = int(status.readline() or -1)
        if self.pid < 0:
            raise RuntimeError("The fork server has ended.")
        self.returncode: int | None = None
        self._reading = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, minus the signal that ended it, or None."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """As `poll`, and waits. Raises `TimeoutExpired` after so many seconds."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        with self._reading:
            if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
                self.returncode = int(self._status.readline())
                self._status.close()
            return self.returncode


class ForkServer:
    """A process that has imported what renders, with these variables."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM.read_text("utf-8"), str(theirs.fileno()), str(child.WORKER)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environ, pass_fds=[theirs.fileno()],
                start_new_session=True,
            )  # fmt: skip

    def fork(self, stderr: int, environ: Mapping[str, str], cwd: str, folder: str) -> Forked:
        """A new render process whose messages go to `stderr`."""
        message = json.dumps({"environ": dict(environ), "cwd": cwd, "folder": folder}).encode()
        (stdin, requests), (answers, stdout), (told, status) = os.pipe(), os.pipe(), os.pipe()
        socket.send_fds(self._socket, [message], [stdin, stdout, stderr, status])
        for one in (stdin, stdout, status):
            os.close(one)
        text: dict[str, Any] = {"encoding": "utf-8", "errors": "replace"}
        return Forked(os.fdopen(requests, "w", **text), os.fdopen(answers, **text), FileIO(told))

    def end(self) -> None:
        """No further process; those that run go on."""
        self._socket.close()
        self._process.wait()


class ForkServers:
    """One for each set of variables that is asked for."""

    def __init__(self) -> None:
        self._servers: OrderedDict[str, ForkServer] = OrderedDict()
        self._owner = os.getpid()

    @contextmanager
    def used(self) -> Iterator[None]:
        """While the block runs, render processes of this Python are forked."""
        names = {"PIPE": subprocess.PIPE, "TimeoutExpired": subprocess.TimeoutExpired, "Popen": self._popen}
        with patch.object(child, "subprocess", type("subprocess", (), names)):
            yield

    def _popen(self, command: Sequence[str], stderr: IO[bytes], env: Mapping[str, str], cwd: Path, **more: Any) -> Any:
        if [*command[:2], command[-2]] != [sys.executable, "-c", "main"]:
            return subprocess.Popen(command, stderr=stderr, env=env, cwd=cwd, **more)
        return self._server(env).fork(stderr.fileno(), env, str(cwd), command[-1])

    def _server(self, environ: Mapping[str, str]) -> ForkServer:
        """A running one whose variables were the same when it imported. A forked test process may use those that are there."""
        key = json.dumps({name: value for name, value in environ.items() if name not in HARMLESS}, sort_keys=True)
        server = self._servers.pop(key, None) or ForkServer(environ)
        self._servers[key] = server
        while len(self._servers) > SERVERS and os.getpid() == self._owner:
            self._servers.popitem(last=False)[1].end()
        return server

    def end(self) -> None:
        """End all of them."""
        while self._servers:
            self._servers.popitem()[1].end()
