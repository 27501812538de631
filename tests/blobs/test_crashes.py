"""After a crash, a fault or a full disk: perhaps a leftover, never a wrong file under an address."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seedbank.blobs import Blobs
from seedbank.errors import StorageError

OLD = b"old picture" * 1000
NEW = b"new picture" * 20000
CALLS = ("open", "write", "fstat", "fchmod", "fsync", "close", "replace")
KILLED = 9


class Tape:
    """Stands between the store and `os`: notes each call and does something else at the N-th."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, event: Callable[[str], None]) -> None:
        self.calls: list[tuple[str, Any]] = []
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name), at, event))

    def _wrapped(self, name: str, real: Callable, at: int, event: Callable[[str], None]) -> Callable:
        def call(*args: Any, **options: Any) -> Any:
            self.calls.append((name, args))
            if len(self.calls) == at:
                if name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                event(name)
            result = real(*args, **options)
            self.calls[-1] = (name, (*args, result)) if name == "open" else self.calls[-1]
            return result

        return call


def _refuse(name: str) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def _die(name: str) -> None:
    os._exit(KILLED)


def _assert_every_address_tells_the_truth(blobs: Blobs) -> set[str]:
    found = {item.name for item in blobs.list()}
    for digest in found:
        assert hashlib.sha256(blobs.path(digest).read_bytes()).hexdigest() == digest
    return found


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    blobs = Blobs.open(tmp_path / "images", create=True)
    blobs.put(OLD, "image/png")
    return blobs


@pytest.fixture
def calls_of_one_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    other = Blobs.open(tmp_path / "other", create=True)
    with monkeypatch.context() as patch:
        tape = Tape(patch, 0, _refuse)
        other.put(NEW, "image/png")
    return tape.calls


def test_whichever_call_fails_the_put_says_so_and_no_address_lies(blobs, calls_of_one_put, monkeypatch) -> None:
    for at in range(1, len(calls_of_one_put) + 1):
        with monkeypatch.context() as patch:
            Tape(patch, at, _refuse)
            with pytest.raises(StorageError, match="could not write"):
                blobs.put(NEW, "image/png")
        assert len(_assert_every_address_tells_the_truth(blobs)) in (1, 2)
        blobs.remove(hashlib.sha256(NEW).hexdigest())
    assert blobs.get(blobs.put(NEW, "image/png").digest) == NEW


def test_whichever_call_the_process_dies_in_no_address_lies(blobs, calls_of_one_put, monkeypatch) -> None:
    for at in range(1, len(calls_of_one_put) + 1):
        child = os.fork()
        if child == 0:
            Tape(monkeypatch, at, _die)
            blobs.put(NEW, "image/png")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
        _assert_every_address_tells_the_truth(blobs)
        blobs.remove(hashlib.sha256(NEW).hexdigest())
    assert 0 < len(list(blobs.leftovers())) < len(calls_of_one_put)
    for leftover in list(blobs.leftovers()):
        blobs.remove_leftover(leftover.name)
    assert list(blobs.leftovers()) == []
    assert blobs.get(blobs.put(NEW, "image/png").digest) == NEW


def test_a_put_returns_only_after_bytes_then_name_reached_the_disk(calls_of_one_put) -> None:
    """A rename that overtakes its bytes, or a name that was never synced, would be lost with the power."""
    opened: dict[int, str] = {}
    steps = []
    for name, args in calls_of_one_put:
        if name == "open":
            opened[args[-1]] = Path(args[0]).parent.name
        elif name in ("write", "fsync", "replace"):
            steps.append((name, opened[args[0]] if name == "fsync" else None))
    assert steps == [("write", None), ("fsync", "tmp"), ("replace", None), ("fsync", "other")]


def test_short_writes_are_continued(blobs, monkeypatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:1000]))
    assert blobs.get(blobs.put(NEW, "image/png").digest) == NEW


def test_a_write_that_is_interrupted_by_the_user_leaves_nothing_behind(blobs, monkeypatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    for name in ("write", "fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                blobs.put(NEW, "image/png")
        assert list(blobs.leftovers()) == []
    assert len(list(blobs.list())) == 1


def test_many_writers_of_the_same_and_of_other_bytes_agree(blobs) -> None:
    pictures = [bytes([number]) * 50_000 for number in range(10)]
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for picture in pictures:
                assert blobs.get(blobs.put(picture, "image/png").digest) == picture
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(_assert_every_address_tells_the_truth(blobs)) == 11
    assert list(blobs.leftovers()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT])
def test_a_place_that_takes_no_files_is_one_sentence_with_a_remedy(blobs, monkeypatch, number: int) -> None:
    def refuse(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError) as caught:
        blobs.put(NEW, "image/png")
    assert caught.value.hint
    assert "Errno" not in str(caught.value)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if not mounted or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_nothing_is_written_below_the_mount_point_of_a_disk_that_is_not_mounted(tmp_path: Path) -> None:
    """It would be gone once the disk is mounted: a row without its picture."""
    (tmp_path / "images").mkdir()
    blobs = Blobs.open(tmp_path / "images")
    (tmp_path / "picture.png").write_bytes(NEW)
    for put in (blobs.put, lambda data, kind: blobs.put_file(tmp_path / "picture.png", hashlib.sha256(data).hexdigest(), kind)):
        with pytest.raises(StorageError, match="is an empty folder") as caught:
            put(NEW, "image/png")
    assert caught.value.hint.startswith("Is its disk mounted?")
    assert os.listdir(blobs.root) == []
    (blobs.root / "tmp").mkdir()
    assert blobs.get(blobs.put(NEW, "image/png").digest) == NEW


def test_a_full_disk_keeps_what_was_stored_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    blobs = Blobs.open(small_disk / "images", create=True)
    stored = []
    with pytest.raises(StorageError, match="the disk is full") as caught:
        for number in range(100):
            stored.append(blobs.put(bytes([number]) * 250_000, "image/png").digest)
    assert caught.value.hint.startswith("Free some space")
    assert len(stored) > 10
    assert _assert_every_address_tells_the_truth(blobs) == set(stored)
    assert list(blobs.leftovers()) == []
    blobs.remove(stored[0])
    blobs.put(b"x" * 200_000, "image/png")
    assert len(_assert_every_address_tells_the_truth(blobs)) == len(stored)
