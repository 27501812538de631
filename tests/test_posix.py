"""What a process tells of itself before and after a fork, and where it writes what is not whole yet."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from seedbank import posix


class Owner:
    def __init__(self, error: type[BaseException] | None = None) -> None:
        self.told: list[str] = []
        self._error = error

    def before_fork(self) -> None:
        self.told.append("before")
        if self._error is not None:
            raise self._error

    def after_fork(self, child: bool) -> None:
        self.told.append("child" if child else "parent")


def test_all_are_told_of_a_fork_though_one_of_them_is_interrupted() -> None:
    first, interrupted, last = Owner(), Owner(KeyboardInterrupt), Owner()
    for owner in (first, interrupted, last):
        posix.tell_of_forks(owner)
    with pytest.raises(KeyboardInterrupt):
        posix._before_fork()
    posix._after_fork(False)
    assert first.told == interrupted.told == last.told == ["before", "parent"]


def test_who_is_gone_is_not_kept_in_mind() -> None:
    count = len(posix._owners)
    owner = Owner()
    posix.tell_of_forks(owner)
    assert len(posix._owners) == count + 1
    del owner
    assert len(posix._owners) == count


def test_a_file_is_written_where_nobody_else_writes_and_what_was_left_a_day_ago_goes(tmp_path: Path) -> None:
    final = tmp_path / "a[1].seedbank"
    one, other = posix.beside(final), posix.beside(final)
    assert one != other and {one.parent, other.parent} == {tmp_path}
    for file in (one, other):
        file.touch()
    os.utime(one, times=(0, time.time() - posix.ABANDONED - 60))
    posix.beside(final)
    assert list(tmp_path.iterdir()) == [other]
