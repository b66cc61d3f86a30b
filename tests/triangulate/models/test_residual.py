from __future__ import annotations

import pytest
import torch
from torch import nn

from triangulate.models.residual import BasicBlock, Bottleneck, conv_bn_relu, stage


def without_norm(block: nn.Module) -> nn.Module:
    """The block in use, its batch norms doing nothing."""
    block.eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0
    return block


@pytest.mark.parametrize("before", [6, 4])
def test_a_basic_block_by_hand(before: int) -> None:
    torch.manual_seed(0)
    block = without_norm(BasicBlock(before, 6, stride=1))
    x = torch.randn(2, before, 5, 7)
    shortcut = x if before == 6 else block.downsample[0](x)
    assert (block.downsample is None) is (before == 6)
    expected = torch.relu(block.conv2(torch.relu(block.conv1(x))) + shortcut)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("style", ["simple", "caffe"])
def test_a_bottleneck_by_hand(style) -> None:
    torch.manual_seed(0)
    block = without_norm(Bottleneck(6, 4, 2, style))
    x = torch.randn(2, 6, 8, 12)
    inner = torch.relu(block.conv2(torch.relu(block.conv1(x))))
    expected = torch.relu(block.conv3(inner) + block.downsample[0](x))
    assert expected.shape == (2, 16, 4, 6)
    torch.testing.assert_close(block(x), expected)


def test_a_stage_has_its_stride_in_front() -> None:
    blocks = stage(Bottleneck, 8, 4, 3, 2)
    assert [block.conv2.stride for block in blocks] == [(2, 2), (1, 1), (1, 1)]
    assert [block.downsample is not None for block in blocks] == [True, False, False]
    assert blocks(torch.zeros(2, 8, 8, 12)).shape == (2, 16, 4, 6)


def test_a_convolution_with_norm_has_no_bias() -> None:
    conv, norm, _ = conv_bn_relu(3, 5, stride=2)
    assert conv.bias is None and norm.num_features == 5
    assert nn.Sequential(*conv_bn_relu(3, 5, stride=2))(torch.zeros(2, 3, 8, 12)).shape == (
        2,
        5,
        4,
        6,
    )
