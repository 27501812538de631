"""A batch is committed beside what comes next, and nothing is reported before."""

from contextlib import contextmanager
from threading import Event, current_thread

import pytest

from seedbank.errors import StorageError
from seedbank.importing.behind import Behind
from seedbank.store.imports import Imports
from tests.importing.pictures import folder_of

pytestmark = pytest.mark.usefixtures("warm")


@contextmanager
def transaction(log, name, go=None):
    log.append((name, "statements", current_thread().name))
    yield name
    if go is not None:
        go.wait(10)
    log.append((name, "committed", current_thread().name))


def test_a_transaction_begins_when_the_one_before_has_ended():
    behind, log, go = Behind(), [], Event()
    assert behind.begin(transaction(log, "first", go)) == "first"
    assert not behind.done
    go.set()
    assert behind.begin(transaction(log, "second")) == "second"
    behind.wait()
    behind.close()
    assert [step[:2] for step in log] == [(name, step) for name in ("first", "second") for step in ("statements", "committed")]
    assert len({thread for _, step, thread in log if step == "committed"} | {current_thread().name}) == 2


def test_what_keeps_it_from_being_committed_is_raised_once():
    @contextmanager
    def full():
        yield None
        raise StorageError("The disk is full.")

    behind = Behind()
    behind.begin(full())
    with pytest.raises(StorageError, match="full"):
        behind.wait()
    behind.wait()
    behind.close()


@pytest.mark.parametrize("fails", [False, True])
def test_a_file_is_reported_when_its_batch_is_committed(bank, tmp_path, monkeypatch, fails):
    adding, committed, reported = Imports.adding, [], []

    @contextmanager
    def watched(self, job, given, *more):
        with adding(self, job, given, *more) as made:
            yield made
            if fails:
                raise StorageError("The disk is full.")
        committed.extend(seen.name for seen, _ in given)

    monkeypatch.setattr(Imports, "adding", watched)

    def run():
        for report in bank.importing([folder_of(tmp_path / "out", 6)], jobs=1):
            assert report.path.rsplit("/", 1)[1] in committed
            reported.append(report)

    if not fails:
        run()
        assert len(reported) == len(committed) == 6
        return
    with pytest.raises(StorageError, match="full"):
        run()
    assert reported == committed == [] == list(bank.find())
