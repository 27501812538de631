"""The short form of `benchmarks.exactness`: two rounds instead of a hundred."""

from __future__ import annotations

import pytest

import seedbank
from benchmarks.exactness import counts, record, rerun
from tests.tiny_models import FAMILIES


@pytest.fixture
def bank(tmp_path):
    """A bank that starts its own render processes."""
    with seedbank.open(tmp_path / "art.db", create=True, user="ann") as opened:
        yield opened


@pytest.mark.slow
def test_four_families_are_exact_in_every_fresh_process(bank, tmp_path_factory, monkeypatch, request):
    from seedbank.engine import process

    record(bank, tmp_path_factory.mktemp("models"))
    request.getfixturevalue("cold")  # from here on each process starts with its interpreter
    started = []
    start = process.Worker
    monkeypatch.setattr(process, "Worker", lambda *given: started.append(given) or start(*given))
    rerun(bank, rounds=2)
    assert len(started) == 2
    found = counts(bank)
    assert set(found["families"]) == set(FAMILIES)
    assert (found["exact_with_the_same_trace"], found["reruns"]) == (8, 8)
    rerun(bank, rounds=2)  # what was measured stays
    assert counts(bank) == found
