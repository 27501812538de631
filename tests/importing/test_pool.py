"""A file that kills, stops or chokes the process that decodes it costs itself, and nothing else."""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from seedbank.errors import StorageError
from seedbank.hashing import sha256
from seedbank.importing import pool as pools
from seedbank.importing import starting
from seedbank.importing.examine import Examined, Rejected, Task
from seedbank.importing.pool import Pool
from seedbank.posix import make_pipe
from tests.importing.pictures import encoded, folder_of, png


def _task(path: Path) -> Task:
    status = path.stat()
    return Task(str(path), status.st_size, status.st_mtime_ns)


def _all(pool: Pool[str]) -> dict[str, Examined | Rejected]:
    found: dict[str, Examined | Rejected] = {}
    while pool.busy:
        found.update(pool.collect())
    return found


def _signal(pool: Pool[str], number: signal.Signals) -> None:
    """Send a signal to the newest process of the pool."""
    os.kill(_children(pool)[-1], number)


def _children(pool: Pool[str]) -> list[int]:
    starter = pool._starter._process
    assert starter is not None
    return [int(one) for one in Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text("ascii").split()]


def _is_there(process: int) -> bool:
    """It has not ended; one that nobody has asked about yet has."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("files"), 12)


def test_a_process_that_dies_costs_the_file_that_it_was_at(folder: Path):
    files = sorted(folder.glob("*.png"))
    with Pool[str](1) as pool:
        pool.give("first", _task(files[0]))
        assert isinstance(_all(pool)["first"], Examined)
        _signal(pool, signal.SIGSTOP)  # so that it dies before it answers
        for file in files:
            pool.give(file.name, _task(file))
        _signal(pool, signal.SIGKILL)
        found = _all(pool)
    lost = [name for name, result in found.items() if isinstance(result, Rejected)]
    assert lost == [files[0].name]
    assert "SIGKILL" in found[lost[0]].reason
    assert {name for name, result in found.items() if isinstance(result, Examined)} == {file.name for file in files[1:]}


def test_a_process_that_dies_idle_costs_no_file_and_no_time(folder: Path, monkeypatch: pytest.MonkeyPatch):
    files = sorted(folder.glob("*.png"))
    with Pool[str](2) as pool:
        pool.give("a", _task(files[0]))
        pool.give("b", _task(files[1]))
        assert len(_all(pool)) == 2
        first, second = _children(pool)
        os.kill(second, signal.SIGKILL)
        os.kill(first, signal.SIGSTOP)
        pool._children[0].give(pools._Given("slow", pickle.dumps(_task(files[2])), 1))
        ready, looks = pool._ready, []
        monkeypatch.setattr(pool, "_ready", lambda seconds: looks.append(seconds) or ready(seconds))
        assert pool.collect(patience=0.3) == []
        assert len(looks) < 5, "it waits, and does not ask the dead one again and again"
        os.kill(first, signal.SIGCONT)
        assert isinstance(_all(pool)["slow"], Examined)
        (left,) = _children(pool)
        os.kill(left, signal.SIGKILL)
        while _is_there(left):
            time.sleep(0.001)
        for file in files:
            pool.give(file.name, _task(file))
        found = _all(pool)
    assert len(found) == len(files)
    assert all(isinstance(result, Examined) for result in found.values())


def test_a_process_that_hangs_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch):
    files = sorted(folder.glob("*.png"))
    with Pool[str](1) as pool:
        pool.give("first", _task(files[0]))
        _all(pool)
        monkeypatch.setattr(pools, "SECONDS", 0.3)
        _signal(pool, signal.SIGSTOP)
        pool.give("hung", _task(files[1]))
        pool.give("next", _task(files[2]))
        found = pool.collect()
        monkeypatch.undo()
        assert [(name, "not decoded within" in result.reason) for name, result in found] == [("hung", True)]
        assert isinstance(_all(pool)["next"], Examined)


def test_a_process_in_the_middle_of_an_answer_does_not_hang():
    process = SimpleNamespace(answers=lambda: [])  # some bytes, and nothing whole
    child = pools._Child[str](SimpleNamespace(start=lambda: process))
    child.since -= 1000.0
    assert child.answers() == []
    assert child.deadline > time.monotonic()


def test_a_process_whose_libraries_cannot_be_loaded_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pools, "MODULE", "seedbank.no_such_module")
    with Pool[str](2) as pool:
        pool.give("a", _task(folder / "00000.png"))
        with pytest.raises(StorageError, match=r"could not be started \(exit status 1\)"):
            _all(pool)


def test_a_process_that_cannot_begin_is_no_fault_of_a_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "unprepared.py").write_text(
        "import runpy\n"
        "from seedbank import posix\n"
        "posix.limit_process = lambda more: 1 / 0\n"
        "runpy.run_module('seedbank.importing.examine', run_name='__main__', alter_sys=False)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(pools, "MODULE", "unprepared")
    with Pool[str](1) as pool:
        pool.give("a", _task(folder / "00000.png"))
        with pytest.raises(StorageError, match=r"could not be started \(exit status 3\)"):
            _all(pool)


def test_one_can_see_by_hand_whether_a_process_can_begin():
    said = subprocess.run([sys.executable, "-P", "-m", pools.MODULE], capture_output=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")


def test_who_reads_headers_does_not_wait_for_what_only_decoding_needs():
    code = "import sys; from seedbank.importing.examine import load; load(decode=False); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def test_files_in_the_current_folder_are_no_modules(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit(9)")
    (tmp_path / "seedbank.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Pool[str](1) as pool:
        pool.give("a", _task(folder / "00000.png"))
        assert isinstance(_all(pool)["a"], Examined)


def test_processes_end_with_the_pool(folder: Path):
    with Pool[str](2) as pool:
        for file in sorted(folder.glob("*.png")):
            pool.give(file.name, _task(file))
        assert pool.collect()
        starter = pool._starter._process
        assert starter is not None
        children = _children(pool)
        _signal(pool, signal.SIGSTOP)  # also one that would not hear of it
    assert len(children) == 2
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert starter.returncode == 0


@pytest.mark.parametrize("size", [8 << 10, 64 << 10])
def test_small_pipes_do_not_stop_an_import(folder: Path, monkeypatch: pytest.MonkeyPatch, size: int):
    """Of each page of a pipe these tasks fill half; that of 8 KiB has no room for what the process is given ahead."""
    monkeypatch.setattr(starting, "make_pipe", lambda _: make_pipe(size))
    status = (folder / "00000.png").stat()
    path = f"{folder}{'/.' * 1100}/00000.png"
    task = Task(path, status.st_size, status.st_mtime_ns, decode=False)
    with Pool[str](1) as pool:
        pool.give("first", task)
        assert isinstance(_all(pool)["first"], Examined)
        assert not pool.full
        os.set_blocking(pool._children[0].process._give, False)  # to wait would be an error here
        _signal(pool, signal.SIGSTOP)
        names = [f"{number}" for number in range(60)]
        for name in names:
            assert not pool.full
            pool.give(name, task)
        _signal(pool, signal.SIGCONT)
        found = _all(pool)
        assert not pool.full
    assert list(found) == names
    assert all(isinstance(result, Examined) for result in found.values())


def test_many_processes_leave_the_user_room_for_pipes():
    assert starting.Starter("", 256)._pipe * 2 * 256 <= starting.PIPES
    assert starting.Starter("", 4)._pipe == starting.PIPE


def test_the_end_of_the_process_that_forks_is_told_and_leaves_no_orphan(folder: Path, monkeypatch: pytest.MonkeyPatch):
    file = folder / "00000.png"
    with Pool[str](1) as pool:
        pool.give("first", _task(file))
        _all(pool)
        (child,) = _children(pool)
        _signal(pool, signal.SIGSTOP)  # it hangs
        monkeypatch.setattr(pools, "SECONDS", 2.0)
        pool.give("next", _task(file))
        starter = pool._starter._process
        assert starter is not None
        starter.kill()
        with pytest.raises(StorageError, match=r"starts those that decode files ended \(SIGKILL\)"):
            _all(pool)
        end = time.monotonic() + 5.0
        while (left := _is_there(child)) and time.monotonic() < end:
            time.sleep(0.01)
        if left:
            os.kill(child, signal.SIGKILL)
    assert not left


def _promising(width: int, height: int) -> bytes:
    """A small file whose header says that it is large."""
    data = encoded(Image.new("1", (8, 8)), "PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def test_hostile_files_are_one_sentence_each(tmp_path: Path):
    huge = np.zeros((9400, 9400), np.uint16)
    files = {
        "memory.png": (encoded(Image.fromarray(huge), "PNG", compress_level=1), "MiB of memory"),
        "bomb.png": (_promising(30_000, 30_000), "million pixels"),
        "cut.png": (png(1)[:-30], "damaged"),
        "text.png": (b"hello", "not a PNG"),
        "empty.png": (b"", "empty"),
        "tiff.png": (encoded(Image.new("L", (9, 9)), "TIFF"), "It is a TIFF file, which import does not take"),
    }
    with Pool[str](2) as pool:
        for name, (data, _) in files.items():
            (tmp_path / name).write_bytes(data)
            pool.give(name, _task(tmp_path / name))
        (tmp_path / "whole.png").write_bytes(png(7))
        pool.give("whole.png", _task(tmp_path / "whole.png"))
        found = _all(pool)
    for name, (_, reason) in files.items():
        result = found[name]
        assert isinstance(result, Rejected), name
        assert reason in result.reason
        assert "\n" not in result.reason
    whole = found["whole.png"]
    assert isinstance(whole, Examined)
    assert whole.digest == sha256(png(7))


def test_a_file_that_changes_meanwhile_is_left_for_another_time(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(png(1))
    task = _task(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(png(2, extra="longer"))
    with Pool[str](1) as pool:
        pool.give("a", task)
        result = _all(pool)["a"]
    assert isinstance(result, Rejected)
    assert result.passing
    assert "changed" in result.reason
