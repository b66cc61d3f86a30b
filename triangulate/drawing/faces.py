"""Faces made unrecognisable: where the joints say that a head is, the picture goes.

A face lies around the head's joints, which are known by their names (nose, eyes, ears, mouth, the
top of the head). How large it is follows from how far these lie apart and from the size of the
body, so that one ear, or nothing but shoulders, is enough. What replaces it is made of a few means
of colour: the picture underneath cannot be had back from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from triangulate.skeleton import Skeleton, snake_case

_FACE = {"nose", "eye", "ear", "mouth", "face", "chin", "jaw", "forehead"}
_HEAD = {"head"}
_LEFT, _RIGHT = {"left", "l"}, {"right", "r"}

# Lengths as parts of a person's height (Winter, Biomechanics and Motor Control, table 4.1). Seen
# obliquely a bone is shorter, never longer: of several estimates the larger ones count.
_OF_HEIGHT = {
    ("shoulder", "hip"): 0.288,
    ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.146,
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
}
_SHOULDERS_OF_HEIGHT = 0.22
_UPPER_QUANTILE = 0.8
_SPREAD_OF_HEIGHT = 0.07  # half the way between the outermost joints of a head, at most
_OF_IMAGE = 0.7  # how tall a person is taken to be whose bones tell nothing
_BEYOND_JOINTS = np.array([0.05, 0.068])  # the head reaches so far beyond its joints: aside, along
_BEYOND_ONE_JOINT = np.array([0.115, 0.115])  # an ear lies at the side of a face
_ABOVE_NECK = 0.1  # the middle of the face, from the line between the shoulders
_AROUND_GUESS = np.array([0.12, 0.13])  # where no joint of the head is known
_SMALLEST_PX = 4.0

_CELLS = 4  # a face is given by so many colours across


@dataclass(frozen=True)
class Ellipse:
    """A part of an image.

    Attributes:
        centre_px: (2,).
        half_axes_px: (2,) across and along `up`.
        up: (2,) unit vector, from the body to the top of the head.
    """

    centre_px: np.ndarray
    half_axes_px: np.ndarray
    up: np.ndarray


def blur_faces(image: np.ndarray, joints_px: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """The image with every face replaced by a few blurred patches of colour.

    Args:
        image: (H, W, 3) uint8 RGB, which stays as it is.
        joints_px: (*B, J, 2) of any number of people, NaN where not known.
        skeleton: the J joints; a head is found by their names.

    Returns:
        (H, W, 3) uint8; outside the faces its pixels are those of the image.
    """
    blurred = image.copy()
    for person in joints_px.reshape(-1, *joints_px.shape[-2:]):
        ellipse = face_of(person, skeleton, _OF_IMAGE * image.shape[0])
        if ellipse is not None:
            _hide(blurred, image, ellipse)
    return blurred


def face_of(joints_px: np.ndarray, skeleton: Skeleton, unknown_height_px: float) -> Ellipse | None:
    """Where a person's head is in an image, None where nothing tells.

    Args:
        joints_px: (J, 2), NaN where not known.
        skeleton: the J joints.
        unknown_height_px: how tall to take a person for whose bones do not tell.
    """
    known = np.isfinite(joints_px).all(-1)
    words = [set(snake_case(name).split("_")) for name in skeleton.joint_names]
    height_px = _height_px(joints_px, words) or unknown_height_px
    body = _middle(joints_px, words, {"hip", "pelvis"})
    neck = _middle(joints_px, words, {"shoulder"})
    neck = _middle(joints_px, words, {"neck", "thorax"}) if neck is None else neck
    face = joints_px[known & [bool(_FACE & word) for word in words]]
    top = joints_px[known & [bool(_HEAD & word) and not _FACE & word for word in words]]
    if len(top) and not len(face) and neck is not None:
        # The top of the head alone: the face lies on the way to the neck.
        face = top[:1] + np.array([[0.2], [0.65]]) * (neck - top[0])
    points = np.concatenate([face, top])
    if not len(points):
        return _guessed(neck, body, height_px)
    below = neck if neck is not None else body
    up = _unit(points.mean(axis=0) - below) if below is not None else np.array([0.0, -1.0])
    return _around(points, up, height_px)


def _around(points: np.ndarray, up: np.ndarray, height_px: float) -> Ellipse:
    """An ellipse that holds the head whose joints (N, 2) are given."""
    axes = np.stack([[-up[1], up[0]], up])  # across, along
    places = points @ axes.T
    low, high = places.min(axis=0), places.max(axis=0)
    extent = 0.5 * (high - low)
    spread = float(np.linalg.norm(extent))
    height_px = max(height_px, spread / _SPREAD_OF_HEIGHT)  # where the body is foreshortened
    beyond = _BEYOND_ONE_JOINT if spread < 0.02 * height_px else _BEYOND_JOINTS
    half_axes = np.maximum(extent + beyond * height_px, _SMALLEST_PX)
    middle = 0.5 * (low + high)
    outermost = float(np.linalg.norm((places - middle) / half_axes, axis=-1).max())
    half_axes *= max(1.0, outermost / 0.85)
    return Ellipse(middle @ axes, half_axes, up)


def _guessed(neck: np.ndarray | None, body: np.ndarray | None, height_px: float) -> Ellipse | None:
    """Where the head is, from the shoulders."""
    if neck is None:
        return None
    up = _unit(neck - body) if body is not None else np.array([0.0, -1.0])
    half_axes = np.maximum(_AROUND_GUESS * height_px, _SMALLEST_PX)
    return Ellipse(neck + _ABOVE_NECK * height_px * up, half_axes, up)


def _height_px(joints_px: np.ndarray, words: list[set[str]]) -> float:
    """How tall the person would stand in the image, from bones of known proportion; 0: unknown."""
    found = []
    for side in (_LEFT, _RIGHT):
        for (upper, lower), part in _OF_HEIGHT.items():
            ends = [_one(joints_px, words, side, word) for word in (upper, lower)]
            found.append(np.linalg.norm(ends[0] - ends[1]) / part)
    across = [_one(joints_px, words, side, "shoulder") for side in (_LEFT, _RIGHT)]
    found.append(np.linalg.norm(across[0] - across[1]) / _SHOULDERS_OF_HEIGHT)
    lengths = np.array(found)
    lengths = lengths[np.isfinite(lengths)]
    return float(np.quantile(lengths, _UPPER_QUANTILE)) if len(lengths) else 0.0


def _one(joints_px: np.ndarray, words: list[set[str]], side: set[str], word: str) -> np.ndarray:
    """The first joint of a side and name, (2,); NaN where there is none."""
    places = (j for j, of_joint in enumerate(words) if word in of_joint and side & of_joint)
    j = next(places, None)
    return np.full(2, np.nan) if j is None else joints_px[j]


def _middle(joints_px: np.ndarray, words: list[set[str]], wanted: set[str]) -> np.ndarray | None:
    """The mean of the known joints of such names."""
    points = joints_px[[bool(wanted & of_joint) for of_joint in words]]
    points = points[np.isfinite(points).all(-1)]
    return points.mean(axis=0) if len(points) else None


def _unit(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-6 else np.array([0.0, -1.0])


def _hide(blurred: np.ndarray, image: np.ndarray, ellipse: Ellipse) -> None:
    """Replace an ellipse of `blurred` by what a few colours of `image` tell of it."""
    height, width = image.shape[:2]
    across = np.array([-ellipse.up[1], ellipse.up[0]])
    reach = np.linalg.norm(np.stack([across, ellipse.up]) * ellipse.half_axes_px[:, None], axis=0)
    low = np.floor(ellipse.centre_px - reach).clip(0, [width, height]).astype(int)
    high = (np.ceil(ellipse.centre_px + reach) + 1).clip(0, [width, height]).astype(int)
    if not (high > low).all():
        return
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    y, x = np.mgrid[y0:y1, x0:x1]
    away = np.stack([x, y], axis=-1) - ellipse.centre_px
    places = away @ np.stack([across, ellipse.up]).T / ellipse.half_axes_px
    inside = (places**2).sum(-1) <= 1
    patch = image[y0:y1, x0:x1]
    few = cv2.resize(patch, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(few, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    blurred[y0:y1, x0:x1][inside] = smooth[inside]
