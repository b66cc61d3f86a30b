"""A trained image network as a 2D source: one person a view, found and then followed.

The network was trained on square crops that a person fills. Nothing tells it where the person is at
first, so each view starts from a few large squares and looks again, closer, at where the joints
seem to be; the square whose joints are surest at the end is the person's. In the next frame the
network looks at the square around the joints of this one. All views go through it as one batch.

Decisions, measured on rendered recordings of a walking person:

- The square is `MARGIN` times the joints' box. Training crops hold 1.1 to 1.6 times it, and the
  error hardly changes from 1.2 to 1.6; at 2 it is a third larger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triangulate.models.weights import read_header, shipped_weights
from triangulate.pose2d.heatmap_reader import HeatmapReader, reads_images, trained_crop_px
from triangulate.pose2d.regions import Region, apply_affine, cut_out
from triangulate.pose2d.source import FramePoses, ViewState
from triangulate.skeleton import Skeleton

NETWORK_REVISION = 1
"""Goes up with every change that makes detections differ: kept ones are then done again."""

MARGIN = 1.33
"""Side of the square that the network looks at, over the longer side of the joints' box."""

MIN_SURENESS = 0.4
"""Mean mass near the points below which there is nobody."""

_SURE_JOINT = 0.3  # mass near a point from which on it says where the person is
_LEAST_SURE_JOINTS = 4
_CLOSER_LOOKS = 3  # of a search, after the first
_SEARCH_EVERY = 5  # frames, in a view that does not see the person
_CROPS_AT_ONCE = 32

Images = Sequence[np.ndarray | None]
Place = tuple[int, Region]  # a view, and a square in its image


@dataclass(frozen=True)
class Look:
    """What the network says of one square.

    Attributes:
        points_px: (J, 2) in pixels of the full image.
        confidence: (J,) in [0, 1]; 0 for points outside the image.
        mass: (J,) in [0, 1], of each heatmap near its point.
    """

    points_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    mass: NDArray[np.float64]

    @property
    def sureness(self) -> float:
        """How much this looks like a person, in [0, 1]."""
        return float(self.mass.mean())

    @property
    def next_region(self) -> Region | None:
        """The square around the joints that are sure."""
        sure = self.mass >= _SURE_JOINT
        return region_around(self.points_px[sure]) if sure.sum() >= _LEAST_SURE_JOINTS else None


class NetworkDetector:
    """Finds one person in the frames of all views, one frame after the other."""

    def __init__(self, weights: str | Path, *, crop_px: int | None = None) -> None:
        """Load a network.

        Args:
            weights: one of the shipped names, or a file.
            crop_px: side of the squares in the network's pixels; as trained by default.

        Raises:
            InputError: there are none, or they find no joints in images.
        """
        self._reader = HeatmapReader(weights)
        header = self._reader.header
        self.num_joints = self._reader.num_joints
        self.skeleton = header.skeleton or Skeleton.anonymous(self.num_joints)
        self.crop_px = crop_px or trained_crop_px(header)
        digest = hashlib.blake2b(header.path.read_bytes(), digest_size=16).hexdigest()
        self.cache_key = f"network {NETWORK_REVISION} {self.crop_px} {digest}"
        self.state: tuple[ViewState, ...] = ()
        """What the views remember: set it to go on where another run stopped; () for a start."""

    def __call__(self, images: Images, hints: Sequence[Region | None] | None = None) -> FramePoses:
        """The people in the next frame of all views; see `PoseSource`.

        Returns:
            Points (V, 1, J, 2) and confidence (V, 1, J).
        """
        hints = hints if hints is not None else [None] * len(images)
        if not self.state:
            self.state = (ViewState((None,), _SEARCH_EVERY),) * len(images)
        if not len(images) == len(hints) == len(self.state):
            raise ValueError(
                f"expected {len(self.state)} views as before, "
                f"got {len(images)} images and {len(hints)} hints"
            )
        found: dict[int, Look] = {}
        followed = [(v, view.regions[0]) for v, view in enumerate(self.state)]
        self._look_into(images, followed, found, closer=0)
        self._look_into(images, enumerate(hints), found, closer=1)
        self._look_into(images, _squares_to_search(images, self.state), found, closer=_CLOSER_LOOKS)
        self.state = tuple(
            view if image is None else _state_after(view, found.get(v))
            for v, (image, view) in enumerate(zip(images, self.state, strict=True))
        )
        return self._stacked(found, len(images))

    def reset(self) -> None:
        """Forget the person: the next frame is the first one of another recording."""
        self.state = ()

    def close(self) -> None:
        """Nothing is held open."""

    def region_around(self, points_px: np.ndarray) -> Region | None:
        """The square to look at, from joints (J, 2), NaN where unknown."""
        return region_around(points_px)

    def looks(self, images: Images, places: Sequence[Place]) -> list[Look]:
        """What each of some squares holds."""
        return [
            look
            for start in range(0, len(places), _CROPS_AT_ONCE)
            for look in self._looks(images, places[start : start + _CROPS_AT_ONCE])
        ]

    def _looks(self, images: Images, places: Sequence[Place]) -> Iterator[Look]:
        """As `looks`, as one batch."""
        pictures = [_checked(images[v]) for v, _ in places]
        crops = [
            cut_out(picture, square, self.crop_px)
            for picture, (_, square) in zip(pictures, places, strict=True)
        ]
        joints = self._reader(np.stack(crops))
        for picture, (_, square), points, confidence, mass in zip(
            pictures, places, *joints, strict=True
        ):
            points_px = apply_affine(square.image_from_crop(self.crop_px), points)
            size = np.array(picture.shape[1::-1])
            inside = ((points_px >= -0.5) & (points_px <= size - 0.5)).all(-1)
            yield Look(points_px, np.where(inside, confidence, 0.0), mass)

    def _look_into(
        self,
        images: Images,
        places: Iterable[tuple[int, Region | None]],
        found: dict[int, Look],
        *,
        closer: int,
    ) -> None:
        """Look for the views that are not among the found ones yet, and add what is found.

        Args:
            images: V, None where there is none.
            places: squares to begin with, any number a view.
            found: the best look at each view.
            closer: how often to look again at where the joints are.
        """
        open_views = {v for v, image in enumerate(images) if image is not None} - set(found)
        current = [(v, square) for v, square in places if square and v in open_views]
        for _ in range(closer):
            looks = self.looks(images, current)
            following = [(v, s.next_region) for (v, _), s in zip(current, looks, strict=True)]
            current = [(v, square) for v, square in following if square]
        for (v, _), look in zip(current, self.looks(images, current), strict=True):
            is_person = look.sureness >= MIN_SURENESS and look.next_region is not None
            if is_person and (v not in found or look.sureness > found[v].sureness):
                found[v] = look

    def _stacked(self, found: Mapping[int, Look], num_views: int) -> FramePoses:
        points_px = np.full((num_views, 1, self.num_joints, 2), np.nan, np.float32)
        confidence = np.zeros((num_views, 1, self.num_joints), np.float32)
        for v, look in found.items():
            is_seen = look.confidence > 0
            points_px[v, 0] = np.where(is_seen[:, None], look.points_px, np.nan)
            confidence[v, 0] = look.confidence
        return FramePoses(points_px, confidence)


def shipped_networks() -> list[str]:
    """The names of the shipped weights that find joints in images."""
    return [name for name in shipped_weights() if reads_images(read_header(name))]


# --- Where to look --------------------------------------------------------------------------------


def region_around(points_px: np.ndarray) -> Region | None:
    """The square around joints (N, 2), NaN where unknown; None where they span nothing."""
    known = points_px[np.isfinite(points_px).all(-1)]
    if not len(known):
        return None
    low, high = known.min(0), known.max(0)
    side = MARGIN * float((high - low).max())
    x, y = ((low + high) / 2).tolist()
    return Region((x, y), side) if side > 0 else None


def first_squares(size: tuple[int, int]) -> list[Region]:
    """Where to start in an image of (width, height): the square around it, and three within."""
    middle = np.array([(side - 1) / 2 for side in size])
    side = min(size)
    reach = (max(size) - side) / 2 * (np.array(size) > side)  # along the longer side
    within = [Region(tuple((middle + step * reach).tolist()), float(side)) for step in (-1, 0, 1)]
    return [Region(tuple(middle.tolist()), float(max(size))), *within]


def _squares_to_search(images: Images, state: Sequence[ViewState]) -> Iterator[Place]:
    """All over the images of views that lost the person just now, or have waited long enough."""
    for v, (image, view) in enumerate(zip(images, state, strict=True)):
        is_due = bool(view.regions[0]) or view.frames_since_detection + 1 >= _SEARCH_EVERY
        if image is not None and is_due:
            for square in first_squares((image.shape[1], image.shape[0])):
                yield v, square


def _state_after(before: ViewState, look: Look | None) -> ViewState:
    if look is not None:
        return ViewState((look.next_region,))
    waited = before.frames_since_detection + 1
    was_searched = bool(before.regions[0]) or waited >= _SEARCH_EVERY
    return ViewState((None,), 0 if was_searched else waited)


def _checked(image: np.ndarray | None) -> np.ndarray:
    if image is None or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        what = "none" if image is None else f"{image.dtype} {image.shape}"
        raise ValueError(f"expected a uint8 image (H, W, 3), got {what}")
    return image
