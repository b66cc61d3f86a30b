"""Pictures as bytes, for documents that hold them."""

from __future__ import annotations

import base64

import cv2
import numpy as np


def jpeg_uri(image: np.ndarray, quality: int = 80) -> str:
    """A picture (H, W, 3) uint8 RGB as a `data:` address."""
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"
