"""Colours for quantities: from 0 to a round figure that few values exceed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from triangulate.drawing.canvas import MISSING, Colour

_STEPS = 256
_DARKEST = 85  # of the scale's steps: what comes before is lost on a dark ground

# Perceptually even, and ordered by brightness: readable without colour vision, too.
_PLASMA = cv2.applyColorMap(np.arange(_STEPS, dtype=np.uint8)[:, None], cv2.COLORMAP_PLASMA)[
    :, 0, ::-1
]


@dataclass(frozen=True)
class ColourScale:
    """Colours for values from 0 to `top` and above.

    Attributes:
        top: the value from which on the colour stays the same.
        unit: of the values.
        title: what they are.
    """

    top: float
    unit: str
    title: str

    @classmethod
    def of(cls, values: np.ndarray, unit: str, title: str) -> ColourScale:
        """One scale for a whole recording: its top is a round figure that 5 % exceed at most."""
        known = values[np.isfinite(values)]
        most = max(float(np.percentile(known, 95)), 1e-3) if known.size else 1.0
        power = 10.0 ** np.floor(np.log10(most))
        return cls(
            next(step * power for step in (1, 2, 5, 10) if step * power >= most), unit, title
        )

    def colours(self, values: np.ndarray) -> np.ndarray:
        """(*B, 3) uint8 RGB for values (*B,); grey where a value is not known."""
        known = np.isfinite(values)
        part = np.clip(np.where(known, values, 0.0) / self.top, 0, 1)
        steps = np.rint(part * (_STEPS - 1 - _DARKEST)).astype(int) + _DARKEST
        return np.where(known[..., None], _PLASMA[steps], np.array(MISSING, np.uint8))

    def colour(self, value: float) -> Colour:
        """The colour of one value."""
        r, g, b = self.colours(np.asarray(value)).tolist()
        return r, g, b


def reprojection_scale(reprojection_px: np.ndarray) -> ColourScale:
    """For reprojection errors of any shape, pixels."""
    return ColourScale.of(reprojection_px, "px", "reprojection error")
