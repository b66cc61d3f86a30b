"""Blocks through which every place of an image learns from every other."""

from __future__ import annotations

from torch import Tensor, nn


class ContextBlock(nn.Module):
    """Self-attention over the cells of a coarse map (Vaswani et al. 2017, normalised first).

    Which of two wrists is the left one shows at the face and the feet, far from the wrists. A
    depthwise convolution tells cells apart by their place, so that maps may have any size (Chu et
    al. 2021, "Conditional positional encodings"). A fresh block changes nothing.
    """

    def __init__(self, channels: int, num_heads: int = 6) -> None:
        """A block on `channels` channels, a multiple of `num_heads`."""
        super().__init__()
        if channels % num_heads:
            raise ValueError(f"channels must be a multiple of {num_heads}, got {channels}")
        self.num_heads = num_heads
        self.place = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm1 = nn.LayerNorm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.joined = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.expand = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU())
        self.reduce = nn.Linear(2 * channels, channels)
        for layer in (self.place, self.joined, self.reduce):
            nn.init.zeros_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> the same shape."""
        maps = maps + self.place(maps)
        cells = maps.flatten(2).mT  # (N, h * w, C)
        cells = cells + self._attend(self.norm1(cells))
        cells = cells + self.reduce(self.expand(self.norm2(cells)))
        return cells.mT.unflatten(2, maps.shape[2:])

    def _attend(self, cells: Tensor) -> Tensor:
        by_head = self.query_key_value(cells).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = by_head.movedim(2, 0).transpose(2, 3)  # (N, heads, h * w, C / heads)
        found = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.joined(found.transpose(1, 2).flatten(2))
