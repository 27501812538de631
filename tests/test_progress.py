"""Progress is shown to whoever asks for it, and costs nothing otherwise."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from seedbank.cli.printing import say
from seedbank.progress import QUIET, terminal, track


def test_quiet_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with QUIET.task("regen", total=3) as task:
        task.advance()
        task.advance(2)
    assert list(track(QUIET, [1, 2, 3], "regen")) == [1, 2, 3]
    assert capfd.readouterr() == ("", "")


def test_the_bar_goes_to_stderr_with_label_and_rate(capfd: pytest.CaptureFixture[str]) -> None:
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


def test_a_bar_stands_on_the_screen_while_nothing_advances(capfd: pytest.CaptureFixture[str]) -> None:
    with terminal().task("regen", total=4):
        time.sleep(0.8)
        assert "regen" in capfd.readouterr().err
    assert capfd.readouterr().err.strip() == "", "and is gone at the end"


def test_what_is_not_counted_yet_shows_how_long_it_takes(capfd: pytest.CaptureFixture[str]) -> None:
    with terminal().task("loading a model") as task:
        time.sleep(0.8)
        assert "loading a model … 00:0" in capfd.readouterr().err
        task.advance(3)
        time.sleep(1.2)
        assert "3 items" in capfd.readouterr().err


def test_a_line_is_written_on_an_empty_line_and_the_bar_comes_below_it(capfd: pytest.CaptureFixture[str]) -> None:
    with terminal().task("sweep", total=4) as task:
        time.sleep(0.8)
        task.advance()
        capfd.readouterr()
        say("1  seed 7", err=True)
    cleared, _, after = capfd.readouterr().err.partition("1  seed 7\n")
    assert cleared.endswith("\r")
    assert cleared.strip() == ""
    assert "sweep:  25%" in after


def test_lines_are_written_as_they_are_where_no_bar_is_shown() -> None:
    code = "import sys; from seedbank.cli.printing import say; say('1'); assert 'tqdm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
