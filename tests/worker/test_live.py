"""Samples of the weights in memory."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seedbank.worker.anatomy import anatomy  # noqa: E402
from seedbank.worker.live import sample_live  # noqa: E402

DTYPES = ["float32", "float16", "bfloat16", "float64", "float8_e4m3fn"]


class Pipeline:
    def __init__(self, **components):
        self.components = components


def parameters(**weights):
    return torch.nn.ParameterDict({name: torch.nn.Parameter(weight, requires_grad=False) for name, weight in weights.items()})


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_middle_element_of_every_weight_is_read_whatever_its_type_and_layout(dtype):
    numbers = torch.arange(24.0).reshape(2, 3, 2, 2)
    module = parameters(
        plain=numbers.to(getattr(torch, dtype)),
        part_of_another=torch.cat([numbers, numbers + 30])[2:].to(getattr(torch, dtype)),
        transposed=numbers.reshape(4, 6).to(getattr(torch, dtype)).t(),
        last=numbers.to(getattr(torch, dtype)).to(memory_format=torch.channels_last),
        scalar=torch.tensor(5.0).to(getattr(torch, dtype)),
        mixed=torch.tensor([1.5]),
        nothing=torch.empty(0),
        counted=torch.tensor([3]),
    )
    (found,) = sample_live(anatomy(Pipeline(unet=module))).values()
    assert found == {
        name: float(weight.double().reshape(-1)[weight.numel() // 2])
        for name, weight in module.items()
        if name not in ("nothing", "counted")
    }
    assert found["plain"] == 12 and found["scalar"] == 5 and found["mixed"] == 1.5


def test_a_weight_that_was_changed_in_place_or_exchanged_has_another_sample():
    module = parameters(weight=torch.ones(6))
    samples = [sample_live(anatomy(Pipeline(unet=module)))]
    module["weight"].data.mul_(2)
    samples.append(sample_live(anatomy(Pipeline(unet=module))))
    module["weight"].data = torch.full((4,), 3.0)
    samples.append(sample_live(anatomy(Pipeline(unet=module))))
    assert [sample["unet"]["weight"] for sample in samples] == [1, 2, 3]
    module.to("meta")
    assert sample_live(anatomy(Pipeline(unet=module)))["unet"] == {}
