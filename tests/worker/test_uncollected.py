"""Imports go by without looks for garbage, and cost no memory later."""

from __future__ import annotations

import gc
import weakref

from seedbank.worker.uncollected import uncollected


class Cycle:
    """What only a look for garbage can free, as a pipeline whose text encoder refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_there_before_an_import_is_freed_when_it_is_let_go_after_it():
    loaded = Cycle()
    seen = weakref.ref(loaded)
    with uncollected():
        assert not gc.isenabled()
    del loaded
    gc.collect()
    assert seen() is None


def test_whoever_has_turned_the_collector_off_keeps_it_off():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
