"""What only POSIX systems keep their word about: durable writes, renames and folders, and the limits of a process.

Everything else in seedbank is portable; a port to another system begins and ends here.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import cache, partial
from glob import escape
from pathlib import Path
from typing import Protocol
from weakref import ref

SYNCS = 8
"""Folders that are brought to the disk at once: it takes their flushes together."""
UNFINISHED = ".unfinished"
ABANDONED = 86_400
"""Seconds after which a file that nobody has written to is one that nobody will finish."""
PR_SET_PDEATHSIG = 1
"""Of <linux/prctl.h>."""


def write_new(folder: Path, chunks: Iterable[bytes | memoryview], prefix: str = "", sync: bool = True) -> Path:
    """Write `chunks` to a new read-only file in `folder` and return its path; the bytes are on the disk by then.

    Its name is one that no file has had, and begins with `prefix`. Without `sync` the bytes are the system's to keep until
    `sync_file` brings them to the disk.

    When anything goes wrong, the file is removed again as far as possible and the `OSError` goes on. An fsync that
    failed is never repeated: after it the kernel may call pages clean that never reached the disk.
    """
    path = folder / f"{prefix}{os.getpid()}-{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            size = 0
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    written = os.write(descriptor, rest)
                    rest = rest[written:]
                    size += written
            if (found := os.fstat(descriptor).st_size) != size:
                raise OSError(f"{found} of {size} bytes arrived in {path}")
            os.fchmod(descriptor, 0o444)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def beside(final: Path) -> Path:
    """A name in the same folder under which `final` is written until it is whole; no other writer of it has the same.

    What writers that were killed a day ago left of it is removed.
    """
    for left in final.parent.glob(f".{escape(final.name)}.*{UNFINISHED}"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()
    return final.with_name(f".{final.name}.{os.getpid()}-{secrets.token_hex(4)}{UNFINISHED}")


def publish(temporary: Path, final: Path) -> None:
    """Give `temporary` the name `final` in one step, replacing what was there; the new name is on the disk by then."""
    publish_all({temporary: final})


def publish_all(finals: Mapping[Path, Path]) -> None:
    """`publish` for many files ({temporary: final}): each folder is brought to the disk once."""
    for temporary, final in finals.items():
        os.replace(temporary, final)
    folders = {final.parent for final in finals.values()}
    if len(folders) == 1:
        sync_folder(*folders)
    elif folders:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(SYNCS) as threads:
            list(threads.map(sync_folder, folders))


def publish_first(temporary: Path, final: Path) -> None:
    """`publish` where there is no `final` yet; else `temporary` is removed.

    Of two at the same moment one comes first wherever there are hard links, which exFAT and some network folders lack.
    """
    try:
        os.link(temporary, final)
    except FileExistsError:
        pass
    except OSError:
        if not final.exists():
            publish(temporary, final)
            return
    temporary.unlink()
    sync_folder(final.parent)


def make_folders(root: Path, names: Iterable[str]) -> None:
    """Make the folders `names` in `root` where they are missing; they are on the disk by then."""
    for name in names:
        (root / name).mkdir(exist_ok=True)
    sync_folder(root)


def sync_folder(folder: Path) -> None:
    """Bring the names in `folder` to the disk: a file's own fsync does not cover its name."""
    _sync(folder, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Bring the bytes of a file to the disk that any process has written."""
    _sync(path, 0)


def _sync(path: Path, kind: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | kind)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_pipe(size: int) -> tuple[int, int]:
    """A pipe (read end, write end) that holds `size` bytes, or what it holds by default where the system refuses.

    The size can be set on Linux only; `pipe_size` says what it is.
    """
    import fcntl

    read, write = os.pipe()
    with suppress(OSError, AttributeError):
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, size)
    return read, write


def pipe_size(pipe: int) -> int:
    """Bytes that a pipe holds before its writer waits; the least that POSIX systems give where they do not say it."""
    import fcntl

    try:
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    except (OSError, AttributeError):
        return 16 << 10


def end_with(parent: int) -> None:
    """This process, forked by `parent`, is killed when that ends. On Linux only; elsewhere it lives on.

    The thread of the parent that forked is what counts: it is to have no other.
    """
    import ctypes
    import signal

    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before it was asked
        os._exit(1)


class Owner(Protocol):
    """Something that owns threads, connections or pipes, which a forked process must not share with its parent."""

    def before_fork(self) -> None:
        """This process is about to be forked by the calling thread."""

    def after_fork(self, child: bool) -> None:
        """It was: this is the `child`, in which no other thread runs, or the parent."""


_owners: list[ref[Owner]] = []
_forking = threading.local()
_listening = threading.Lock()


def tell_of_forks(owner: Owner) -> None:
    """Tell `owner` of every fork of this process, as long as it lives; before those that are known already."""
    with _listening:
        _listen_to_forks()
    _owners.insert(0, ref(owner, _owners.remove))


@cache
def _listen_to_forks() -> None:
    # Who listens last is told first. Executors take a lock then that all of them share, and that what owners wait for may need.
    with suppress(RuntimeError):  # they cannot be had any more once the main thread has ended
        import concurrent.futures.thread  # noqa: F401

    os.register_at_fork(
        before=_before_fork, after_in_parent=partial(_after_fork, False), after_in_child=partial(_after_fork, True)
    )


def _before_fork() -> None:
    _forking.told = [owner for known in [*_owners] if (owner := known()) is not None]
    with ExitStack() as acts:  # all are told, though Ctrl-C ends the waiting of one
        for owner in reversed(_forking.told):
            acts.callback(owner.before_fork)


def _after_fork(child: bool) -> None:
    for owner in reversed(_forking.told):
        owner.after_fork(child)
    del _forking.told


def give_way(by: int = 5) -> None:
    """The calling thread leaves the cores to others that want them: at 5 it gets a third of what another one gets.

    On Linux only, where threads have a priority each; elsewhere it would be that of the whole process. No more than that, as
    a thread that never gets a core may be one that holds the GIL.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # a sandbox may refuse
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + by)


def limit_process(more: int) -> None:
    """This process may take `more` bytes of address space beyond what it has now, and leaves no core file when it dies.

    What it has is read from `/proc`, which is Linux's.
    """
    import resource

    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + more, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
