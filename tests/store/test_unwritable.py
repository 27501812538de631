"""Banks that lie where nothing can be written, on a real read-only mount."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seedbank.api import Library
from seedbank.errors import BadInput, StorageError
from seedbank.store import Store
from seedbank.store.schema import backup
from seedbank.store.sqlite import sqlite_module
from tests.store.examples import new_entry


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A folder with a file system of its own, and what makes it `ro` or `rw`."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    tool = shutil.which("mount")
    if tool is None or subprocess.run([tool, "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder, lambda how: _remount(folder, how)
    gc.collect()  # a connection that failed goes with its error
    subprocess.run(["umount", folder], check=True)


def _remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


def test_a_bank_on_a_read_only_mount_is_read_copied_and_says_why_it_cannot_be_written(mounted, tmp_path: Path):
    folder, remount = mounted
    with Store.create(str(folder / "bank.db")) as store:
        store.add_entry(new_entry(1))
    remount("ro")
    with Store.open(str(folder / "bank.db")) as store:
        assert [entry.seed for entry in store.find()] == [1]
        assert store.database.file.alone is not None
        with pytest.raises(StorageError, match="is read-only"):
            store.add_entry(new_entry(2))
        with pytest.raises(StorageError, match="is read-only"):
            store.database.require_writable()
    copy = backup(str(folder / "bank.db"), tmp_path / "copy.db")
    with Store.open(str(copy)) as store:
        assert store.count() == 1
        store.database.require_writable()


def test_a_sweep_of_a_bank_that_can_only_be_read_is_refused_before_it_is_planned(mounted):
    folder, remount = mounted
    Library.create(str(folder / "bank.db")).close()
    remount("ro")
    asked = {"seeds": "1,2", "model": str(folder / "nowhere")}
    with Library.open(str(folder / "bank.db")) as bank:
        with pytest.raises(StorageError, match="is read-only"):
            bank.sweeping("a red circle", **asked)
        with pytest.raises(StorageError, match="is read-only"):
            bank.sweeping(resume="nothing")
        with pytest.raises(BadInput, match="nowhere"):  # the model is looked for: a plan only reads
            bank.sweeping("a red circle", **asked, only_plan=True)


def test_a_link_to_a_bank_on_a_read_only_mount_is_read(mounted, tmp_path: Path):
    folder, remount = mounted
    Store.create(str(folder / "bank.db")).close()
    remount("ro")
    (tmp_path / "link.db").symlink_to(folder / "bank.db")
    with Store.open(str(tmp_path / "link.db")) as store:
        assert store.count() == 0


def test_what_others_write_to_a_bank_that_is_read_alone_is_seen_or_said(mounted):
    folder, remount = mounted
    Store.create(str(folder / "bank.db")).close()
    remount("ro")
    with Store.open(str(folder / "bank.db")) as reader:
        assert reader.count() == 0
        remount("rw")
        with Store.open(str(folder / "bank.db")) as writer:
            writer.add_entry(new_entry(1))
        assert reader.count() == 1
    remount("ro")
    with (
        Store.open(str(folder / "bank.db")) as reader,
        pytest.raises(StorageError, match="wrote to"),
        reader.database.reading(),
    ):
        remount("rw")
        os.utime(folder / "bank.db")


def test_changes_that_still_lie_beside_a_bank_are_not_passed_over(mounted):
    folder, remount = mounted
    file = folder / "bank.db"
    Store.create(str(file)).close()
    with Store.open(str(file)) as store:  # as after a power cut: what was written last is in the journal alone
        store.add_entry(new_entry(1))
        journal = (folder / "bank.db-wal").read_bytes()
        before = file.read_bytes()
    file.write_bytes(before)
    (folder / "bank.db-wal").write_bytes(journal)
    remount("ro")
    with pytest.raises(StorageError, match=r"its last changes lie in .*bank\.db-wal"):
        Store.open(str(file))
    remount("rw")
    with Store.open(str(file)) as store:
        assert store.count() == 1


def test_a_bank_that_another_process_has_open_is_read_with_its_journal(mounted, tmp_path: Path):
    folder, _ = mounted
    file = folder / "bank.db"
    Store.create(str(file)).close()
    holder = sqlite_module().connect(file)
    with Store.open(str(file)) as store:
        store.add_entry(new_entry(1))
    # The open files of `holder` forbid remounting, so the same files are seen through a second, read-only mount.
    view = tmp_path / "view"
    view.mkdir()
    subprocess.run(["mount", "--bind", folder, view], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", view], check=True)
    try:
        assert holder.execute("SELECT count(*) FROM entries").fetchone()[0] == 1
        with Store.open(str(view / "bank.db")) as reader:
            assert reader.count() == 1
            assert reader.database.file.alone is None
    finally:
        holder.close()
        gc.collect()
        subprocess.run(["umount", view], check=True)
