"""A picture to draw on, smooth because it is drawn twice as large, and the colours in use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from triangulate.errors import InputError
from triangulate.files import atomic_path

Colour = tuple[int, int, int]  # RGB

BACKGROUND: Colour = (16, 19, 26)
PANEL: Colour = (25, 29, 38)
GRID: Colour = (50, 57, 71)
TEXT: Colour = (228, 232, 240)
DIM: Colour = (142, 150, 166)
LEFT: Colour = (70, 172, 255)
RIGHT: Colour = (255, 146, 64)
MIDDLE: Colour = (224, 228, 236)
USED: Colour = (92, 219, 149)
DROPPED: Colour = (255, 77, 100)
MISSING: Colour = (168, 176, 192)

FINER = 2
"""A canvas is drawn this much larger than the picture."""

_SHIFT = 4  # OpenCV's fractional bits
# Image edges map to image edges: x' + 0.5 = FINER (x + 0.5), as in `Camera.resized`.
_EDGE = 0.5 * FINER - 0.5
_FINE_FROM_HERE = np.array([[FINER, 0, _EDGE], [0, FINER, _EDGE], [0, 0, 1]])


@dataclass(frozen=True)
class Box:
    """A part of a picture: corner, width and height in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Canvas:
    """Draws in the pixels of the finished picture, whose centres are integers.

    Attributes:
        fine: (2 H, 2 W, 3) uint8 RGB.
    """

    fine: np.ndarray

    @classmethod
    def blank(cls, width: int, height: int, colour: Colour) -> Canvas:
        """A canvas of one colour."""
        return cls(np.full((FINER * height, FINER * width, 3), colour, dtype=np.uint8))

    @classmethod
    def over(cls, image: np.ndarray) -> Canvas:
        """A canvas on an image (H, W, 3) uint8 RGB; where nothing is drawn, its pixels stay."""
        size = (FINER * image.shape[1], FINER * image.shape[0])
        return cls(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST))

    @property
    def width(self) -> int:
        """Of the finished picture."""
        return self.fine.shape[1] // FINER

    @property
    def height(self) -> int:
        """Of the finished picture."""
        return self.fine.shape[0] // FINER

    def part(self, box: Box) -> Canvas:
        """The canvas of a part: what is drawn on it shows here, and is cut off at its edges."""
        y, x = FINER * box.y, FINER * box.x
        return Canvas(self.fine[y : y + FINER * box.height, x : x + FINER * box.width])

    def finished(self) -> np.ndarray:
        """The picture, (H, W, 3) uint8 RGB."""
        return cv2.resize(self.fine, (self.width, self.height), interpolation=cv2.INTER_AREA)

    def fill(self, colour: Colour) -> None:
        """One colour everywhere."""
        self.fine[:] = colour

    def warped(self, image: np.ndarray, here_from_image: np.ndarray, brightness: float) -> None:
        """An image (h, w, 3) uint8 RGB under an affine map (3, 3) of its pixels."""
        height, width = self.fine.shape[:2]
        fine_from_image = _FINE_FROM_HERE @ here_from_image
        moved = cv2.warpAffine(image, fine_from_image[:2], (width, height))
        self.fine[:] = np.rint(brightness * moved).astype(np.uint8)

    def line(self, points_px: np.ndarray, colour: Colour, width_px: float = 1.0) -> None:
        """A line through (N, 2) points, interrupted where one is NaN."""
        ends = np.stack([points_px[:-1], points_px[1:]], axis=1)
        self.segments(ends, colour, width_px)

    def segments(self, ends_px: np.ndarray, colour: Colour, width_px: float = 1.0) -> None:
        """Separate lines (N, 2 ends, 2); those with a NaN are left out."""
        thickness = max(1, round(FINER * width_px))
        fixed = list(_fixed(ends_px[_drawable(ends_px).all(-1)]))
        if fixed:
            cv2.polylines(self.fine, fixed, False, colour, thickness, cv2.LINE_AA, _SHIFT)

    def dot(
        self, points_px: np.ndarray, colour: Colour, radius_px: float, ring_px: float | None = None
    ) -> None:
        """Filled circles around (N, 2) points, or rings of width `ring_px`."""
        thickness = cv2.FILLED if ring_px is None else max(1, round(FINER * ring_px))
        radius = round(FINER * radius_px * 2**_SHIFT)
        for centre in _fixed(points_px[_drawable(points_px)]).tolist():
            cv2.circle(self.fine, centre, radius, colour, thickness, cv2.LINE_AA, _SHIFT)

    def cross(
        self, points_px: np.ndarray, colour: Colour, radius_px: float, width_px: float
    ) -> None:
        """Diagonal crosses on (N, 2) points."""
        for arm in (np.array([1.0, 1.0]), np.array([1.0, -1.0])):
            step = arm * radius_px / np.sqrt(2)
            self.segments(np.stack([points_px - step, points_px + step], 1), colour, width_px)

    def text(
        self,
        text: str,
        corner_px: tuple[float, float],
        colour: Colour = TEXT,
        size_px: float = 14,
        *,
        bold: bool = False,
        rim: Colour | None = None,
    ) -> None:
        """A line of text; `corner_px` is the left end of its base line, `rim` what outlines it."""
        weight = round((3 if bold else 2) * max(1.0, size_px / 22))

        def put(shift_px: np.ndarray, of_colour: Colour) -> None:
            corner = np.rint(FINER * (np.asarray(corner_px) + shift_px)).astype(int).tolist()
            cv2.putText(
                self.fine, text, corner, _FONT, _scale(size_px), of_colour, weight, cv2.LINE_AA
            )

        if rim is not None:
            for turn in np.linspace(0, 2 * np.pi, 8, endpoint=False):
                put(size_px / 9 * np.array([np.cos(turn), np.sin(turn)]), rim)
        put(np.zeros(2), colour)


_FONT = cv2.FONT_HERSHEY_SIMPLEX


def text_width(text: str, size_px: float) -> float:
    """How wide `Canvas.text` draws a text, in pixels."""
    (width, _), _ = cv2.getTextSize(text, _FONT, _scale(size_px), 2)
    return width / FINER


def faded(colour: Colour, ground: Colour, strength: float) -> Colour:
    """`colour` laid thinly over `ground`: 1 is the colour itself, 0 the ground."""
    r, g, b = (
        round(strength * c + (1 - strength) * d) for c, d in zip(colour, ground, strict=True)
    )
    return r, g, b


def save_picture(image: np.ndarray, path: str | Path) -> None:
    """Write a picture (H, W, 3) uint8 RGB; the suffix of the path chooses the format."""
    suffix = Path(path).suffix or ".png"
    if not cv2.haveImageWriter(f"picture{suffix}"):
        raise InputError(f"{path}: no picture format is called {suffix!r}; choose .png or .jpg")
    _, encoded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def _scale(size_px: float) -> float:
    """The font scale for capitals some 0.7 size_px tall."""
    return FINER * size_px / 31


def _drawable(points_px: np.ndarray) -> np.ndarray:
    """Which points (*B, 2) are there, and not so far outside that fixed-point numbers overflow."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(points_px) < 1e5).all(-1))


def _fixed(points_px: np.ndarray) -> np.ndarray:
    """Points of the finished picture as fixed-point points of the fine one."""
    return np.rint((FINER * points_px + _EDGE) * 2**_SHIFT).astype(np.int32)
