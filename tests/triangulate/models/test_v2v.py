from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from triangulate.models.v2v import SMALL_CHANNELS, V2V, Basic, Residual, Upsample


def volumes(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small(in_channels: int = 3, out_channels: int = 2, **options) -> V2V:
    torch.manual_seed(0)
    return V2V(in_channels, out_channels, channels=(4, 6, 8), front_kernel=3, **options)


def sum_of_neighbours(given: Tensor) -> Tensor:
    """Over the 27 voxels around each one."""
    for axis in (2, 3, 4):
        padding = [0, 0] * (4 - axis) + [1, 1]
        given = nn.functional.pad(given, padding).unfold(axis, 3, 1).sum(-1)
    return given


def with_statistics(network: V2V) -> V2V:
    """As after some training: the normalisations have statistics and scales."""
    source = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            for name, low in (("weight", 0.5), ("bias", -0.5), ("running_var", 0.5)):
                getattr(module, name).data.uniform_(low, low + 1, generator=source)
            module.running_mean.uniform_(-0.5, 0.5, generator=source)
    return network.eval()


def test_as_published(parity) -> None:
    network = V2V(32, 17).eval()
    assert {n: list(t.shape) for n, t in network.state_dict().items()} == parity.shapes("v2v")
    network.load_state_dict(parity.weights("v2v"))
    given = np.random.RandomState(15).normal(0, 1, (1, 32, 32, 32, 32)).astype(np.float32)
    recorded = parity.arrays("v2v")
    with torch.no_grad():
        found = network(torch.from_numpy(given))
    largest = np.abs(recorded["out"]).max()
    np.testing.assert_allclose(found[:, ::4], recorded["out"], atol=1e-5 * largest)
    np.testing.assert_allclose(found.mean((-3, -2, -1)), recorded["mean"], atol=1e-5 * largest)


def test_layers_by_hand() -> None:
    given = volumes(1, 1, 4, 2, 2)
    for layer in (Basic(1, 1, 1).eval(), Residual(1, 1).eval(), Upsample(1, 1).eval()):
        for parameter in layer.parameters():
            nn.init.ones_(parameter) if parameter.ndim > 1 else nn.init.zeros_(parameter)
        for module in layer.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.weight.data.fill_(2.0)
        scale = 2 / (1 + 1e-5) ** 0.5
        match layer:
            case Basic():
                expected = (scale * given).relu()
            case Upsample():
                expected = (scale * given).relu()
                for axis in (2, 3, 4):
                    expected = expected.repeat_interleave(2, axis)
            case _:
                inner = (scale * sum_of_neighbours(given)).relu()
                expected = (scale * sum_of_neighbours(inner) + given).relu()
        torch.testing.assert_close(layer(given), expected)


def test_folded_gives_the_same() -> None:
    network = with_statistics(small())
    given = volumes(2, 3, 8, 4, 12)
    folded = network.folded()
    assert not any(isinstance(module, nn.BatchNorm3d) for module in folded.modules())
    torch.testing.assert_close(folded(given), network(given), atol=1e-4, rtol=1e-4)
    assert any(isinstance(module, nn.BatchNorm3d) for module in network.modules())


def test_any_size_that_halves_often_enough() -> None:
    network = small().eval()
    assert network(volumes(1, 3, 4, 8, 12)).shape == (1, 2, 4, 8, 12)
    with pytest.raises(ValueError, match=r"must be multiples of 4, got \(4, 6, 8\)"):
        network(volumes(1, 3, 4, 6, 8))
    with pytest.raises(ValueError, match="volumes must have shape"):
        network(volumes(1, 4, 4, 4, 4))
    with pytest.raises(ValueError, match="at least two resolutions"):
        V2V(3, 2, channels=(4,))


def test_a_zero_start_adds_nothing_but_learns() -> None:
    network = small(zero_output=True)
    found = network(volumes(2, 3, 4, 4, 4))
    assert not found.any()
    found.square().sum().backward()
    assert not network.output_layer.weight.grad.any()  # zero output: zero slope of its square
    (network(volumes(2, 3, 4, 4, 4)) - 1).square().sum().backward()
    assert network.output_layer.weight.grad.any()


def test_small_is_small() -> None:
    network = V2V(17, 17, channels=SMALL_CHANNELS, front_kernel=3)
    assert 380_000 < sum(parameter.numel() for parameter in network.parameters()) < 440_000


@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_learns(training) -> None:
    network = small().train(training)
    found = network(volumes(2, 3, 8, 8, 8))
    (found * volumes(*found.shape, seed=3)).sum().backward()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_bf16_in_channels_last() -> None:
    network = with_statistics(small()).to(memory_format=torch.channels_last_3d)
    given = volumes(1, 3, 8, 8, 8).to(memory_format=torch.channels_last_3d)
    exact = network(given)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(given)
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).norm() < 0.05 * exact.norm()
