"""Progress is shown to whoever asks for it, and costs nothing otherwise."""

from __future__ import annotations

import subprocess
import sys

import pytest

from seedbank.progress import QUIET, terminal, track


def test_quiet_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with QUIET.task("regen", total=3) as task:
        task.advance()
        task.advance(2)
    assert list(track(QUIET, [1, 2, 3], "regen")) == [1, 2, 3]
    assert capfd.readouterr() == ("", "")


def test_the_bar_goes_to_stderr_with_label_and_rate(capfd: pytest.CaptureFixture[str]) -> None:
    import time

    started = time.monotonic()
    with terminal().task("regen", total=4) as task:
        while time.monotonic() - started < 0.8:
            task.advance()
    out, err = capfd.readouterr()
    assert out == ""
    assert "regen" in err
    assert "items/s" in err


def test_a_generator_that_is_left_early_ends_its_task() -> None:
    ended = []

    class Noting:
        def task(self, label, total=None, unit=""):
            import contextlib

            @contextlib.contextmanager
            def shown():
                try:
                    yield QUIET
                finally:
                    ended.append((label, total))

            return shown()

    for item in track(Noting(), range(5), "half"):
        if item == 2:
            break
    import gc

    gc.collect()
    assert ended == [("half", 5)]


def test_no_bar_is_loaded_before_it_is_shown() -> None:
    code = "import sys; from seedbank import progress; progress.terminal(); assert 'tqdm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
