"""Copies of stages on a CUDA device."""

import pytest
import torch

from seedbank.worker.beside import Hasher, copies
from seedbank.worker.digests import nested_digest

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")]


def test_copies_do_not_wait_for_the_device_and_hold_the_values_of_their_moment():
    values = torch.randn(1, 16, 256, 256, dtype=torch.bfloat16)
    on_device = values.to("cuda")
    copies([on_device, on_device.transpose(1, 2)])[-1].wait()  # the first page-locked memory is made, which does wait
    hasher = Hasher()
    torch.cuda._sleep(500_000_000)  # clock cycles: some tenths of a second
    queued = copies([on_device, on_device.transpose(1, 2)])
    hasher.add("stage", queued)
    on_device.zero_()
    assert not queued[0].arrived.query(), "the caller went on while the device was at work"
    hasher.close()
    assert hasher.digests() == [["stage", nested_digest([values, values.transpose(1, 2)])]]
