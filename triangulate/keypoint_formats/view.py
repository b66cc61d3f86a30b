"""What a reader of a format hands over: the keypoints of one camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from triangulate.skeleton import Skeleton


@dataclass(frozen=True)
class View:
    """One camera's keypoints.

    Attributes:
        frames: (T,) ascending frame numbers.
        points_px: (T, P, J, 2) float32, pixels; missing ones have confidence 0.
        confidence: (T, P, J) float32 as stored in the file, so perhaps above 1.
        skeleton: the joints where the file names them, else None.
        notes: what had to be assumed, for people.
        size: of the images (width, height), where the file tells it.
    """

    frames: np.ndarray
    points_px: np.ndarray
    confidence: np.ndarray
    skeleton: Skeleton | None = None
    notes: tuple[str, ...] = ()
    size: tuple[int, int] | None = None

    @classmethod
    def empty(cls, frames: np.ndarray) -> View:
        """A camera that saw nobody, so that not even the number of joints is known."""
        shape = (len(frames), 0, 0)
        return cls(frames, np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32))

    @property
    def has_points(self) -> bool:
        """Whether anything was seen in any frame."""
        return bool((self.confidence > 0).any())

    def in_order(self, order: np.ndarray, skeleton: Skeleton) -> View:
        """The joints at the indices `order`, which are those of `skeleton`."""
        return replace(
            self,
            points_px=self.points_px[:, :, order],
            confidence=self.confidence[:, :, order],
            skeleton=skeleton,
        )
