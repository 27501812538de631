"""Copies of stages, the memory under them, and their digests."""

from __future__ import annotations

import concurrent.futures.thread
import threading

import pytest

torch = pytest.importorskip("torch")

from seedbank.worker.beside import BATCH, LARGE, Buffers, Hasher, copies  # noqa: E402
from seedbank.worker.digests import nested_digest  # noqa: E402

LAYOUTS = {
    "contiguous": lambda: torch.randn(1, 16, 64, 64),
    "channels last": lambda: torch.randn(1, 16, 64, 64).to(memory_format=torch.channels_last),
    "transposed": lambda: torch.randn(2, 256, 128).bfloat16().transpose(1, 2),
    "complex": lambda: torch.randn(200, 100, dtype=torch.complex64),
    "boolean": lambda: torch.randn(2 * LARGE) > 0,
    "expanded": lambda: torch.randn(1, 256).expand(256, 256),
    "small": lambda: torch.randn(3),
    "empty": lambda: torch.empty(0, 4),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_copy_holds_the_values_of_its_moment_whatever_the_layout(layout):
    tensor = LAYOUTS[layout]()
    expected = nested_digest(tensor)
    copied = copies([tensor])
    if layout != "expanded":
        tensor.zero_()
    assert nested_digest([copy.wait() for copy in copied]) == expected


def test_digests_come_in_the_order_of_the_stages_whether_hashed_beside_the_call_or_after_it():
    values = {f"step.{number:03d}": torch.randn(BATCH // 12) for number in range(7)}
    hasher = Hasher()
    for stage, value in values.items():
        hasher.add(stage, copies(value))
    hasher.add("nothing", [])
    hasher.add("noise", copies(torch.ones(3)), at=0)
    hasher.close()
    expected = [["noise", nested_digest(torch.ones(3))], *([stage, nested_digest(value)] for stage, value in values.items())]
    assert hasher.digests() == expected
    assert hasher.digests() == expected, "asked a second time"


def test_what_a_thread_adds_after_the_main_one_has_ended_is_hashed_when_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(threading, "main_thread", threading.Thread)
    monkeypatch.setattr(concurrent.futures.thread, "_shutdown", True)
    value, hasher = torch.randn(BATCH // 2), Hasher()
    hasher.add("noise", copies(value))
    assert hasher.digests() == [["noise", nested_digest(value)]]


@pytest.mark.parametrize("first", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_memory_is_used_again_and_never_while_its_copy_is_needed(first, monkeypatch):
    monkeypatch.setattr("seedbank.worker.beside._buffers", Buffers())
    one, two, three = (torch.randn(1, 3, LARGE + 77) for _ in range(3))
    with first():
        held, hasher = copies(one), Hasher()
        (place,) = {copy.values.data_ptr() for copy in held}
        hasher.add("one", held)
        other = copies(two)
        assert other[0].values.data_ptr() != place
        assert hasher.digests() == [["one", nested_digest(one)]]
    with torch.no_grad():
        again = copies(three)
    assert place in {copy.values.data_ptr() for copy in again}
    assert torch.equal(other[0].values, two) and torch.equal(again[0].values, three)


def test_what_breaks_while_hashing_is_told_with_the_digests():
    class Lost:
        values = torch.ones(BATCH)

        def wait(self):
            raise RuntimeError("the device is gone")

    for size in (1, BATCH):
        hasher, lost = Hasher(), Lost()
        lost.values = torch.ones(size)
        hasher.add("one", [lost])
        with pytest.raises(RuntimeError, match="the device is gone"):
            hasher.digests()


def test_kept_memory_has_a_bound_and_fits_what_is_asked_for():
    buffers = Buffers(limit=100)
    first, second, third = (buffers.take(size) for size in (40, 50, 60))
    for buffer in (first, second, third):
        buffers.give_back(buffer)
    assert buffers.take(50) is third, "the first two had to go"
    buffers.give_back(third)
    assert buffers.take(20) is not third, "more than twice as much would be wasted"
    huge = buffers.take(101)
    buffers.give_back(huge)
    assert buffers.take(101) is not huge and buffers.take(55) is third
