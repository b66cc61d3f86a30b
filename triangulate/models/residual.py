"""Parts of networks: residual blocks (He et al. 2016) and stages of them."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

Style = Literal["simple", "caffe"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016)."""

    expansion = 1

    def __init__(self, before: int, width: int, stride: int = 1, style: Style = "simple") -> None:
        """A block from `before` channels; `width` counts the 3x3's."""
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(before, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, h, w) -> (N, width, h / stride, w / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut (He et al. 2016)."""

    expansion = 4

    def __init__(self, before: int, width: int, stride: int = 1, style: Style = "simple") -> None:
        """A block from `before` channels; `width` counts the 3x3's."""
        super().__init__()
        first, second = (stride, 1) if style == "caffe" else (1, stride)
        self.conv1 = nn.Conv2d(before, width, 1, stride=first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, h, w) -> (N, 4 width, h / stride, w / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + shortcut)


def stage(
    block: type[BasicBlock] | type[Bottleneck],
    before: int,
    width: int,
    count: int,
    stride: int,
    style: Style = "simple",
) -> nn.Sequential:
    """`count` blocks, of which the first has the stride and changes the number of channels."""
    after = width * block.expansion
    first = block(before, width, stride, style)
    return nn.Sequential(first, *(block(after, width, 1, style) for _ in range(count - 1)))


def conv_bn_relu(before: int, width: int, stride: int = 1) -> list[nn.Module]:
    """A 3x3 convolution, batch norm and ReLU."""
    conv = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]


def _shortcut(before: int, after: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and before == after:
        return None
    return nn.Sequential(
        nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
    )
