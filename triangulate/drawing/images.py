"""Images made smaller."""

from __future__ import annotations

import cv2
import numpy as np


def shrunk(image: np.ndarray, longest_px: int) -> np.ndarray:
    """An image (H, W, 3) with no side longer than `longest_px`; smaller ones stay as they are."""
    height, width = image.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(image)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
