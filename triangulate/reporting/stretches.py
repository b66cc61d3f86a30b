"""Long recordings in few points: frames are taken together in stretches of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stretches:
    """T frames in K stretches; each is one frame where there are no more than `most` frames.

    Attributes:
        starts: (K,) the first frame of each.
        num_frames: T.
    """

    starts: np.ndarray
    num_frames: int

    @classmethod
    def of(cls, num_frames: int, most: int) -> Stretches:
        """At most `most` stretches."""
        columns = min(num_frames, most)
        return cls(np.arange(columns) * num_frames // columns, num_frames)

    @property
    def lengths(self) -> np.ndarray:
        """(K,) frames in each."""
        return np.diff(self.starts, append=self.num_frames)

    @property
    def are_frames(self) -> bool:
        """Whether nothing is taken together."""
        return len(self.starts) == self.num_frames

    def middles(self, values: np.ndarray) -> np.ndarray:
        """(K,) the value (T,) in the middle of each."""
        return values[self.starts + self.lengths // 2]

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(K, ...) means of (T, ...), NaN left out."""
        known = np.isfinite(values)
        total = np.add.reduceat(np.where(known, values, 0.0), self.starts, axis=0)
        count = np.add.reduceat(known, self.starts, axis=0, dtype=np.int64)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def share(self, condition: np.ndarray) -> np.ndarray:
        """(K, ...) share of the frames (T, ...) in which it holds."""
        count = np.add.reduceat(condition, self.starts, axis=0, dtype=np.int64)
        return count / self.lengths.reshape(-1, *[1] * (condition.ndim - 1))

    def lowest(self, values: np.ndarray) -> np.ndarray:
        """(K, ...) smallest of (T, ...), NaN left out."""
        return np.fmin.reduceat(values, self.starts, axis=0)

    def highest(self, values: np.ndarray) -> np.ndarray:
        """(K, ...) largest of (T, ...), NaN left out."""
        return np.fmax.reduceat(values, self.starts, axis=0)

    def quantiles(self, values: np.ndarray, parts: Sequence[float]) -> np.ndarray:
        """(K, Q) quantiles of all values (T, ...) of each stretch together, NaN left out."""
        ends = self.starts + self.lengths
        return np.stack(
            [
                quantiles(values[start:end], parts)
                for start, end in zip(self.starts, ends, strict=True)
            ]
        )


def quantiles(values: np.ndarray, parts: Sequence[float]) -> np.ndarray:
    """(Q,) quantiles of all that is not NaN; NaN where there is nothing."""
    known = values[np.isfinite(values)]
    return np.quantile(known, parts) if known.size else np.full(len(parts), np.nan)
