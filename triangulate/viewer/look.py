"""How the scene is shown: what of it, and what colours say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triangulate.drawing.bones import joint_colours
from triangulate.drawing.scales import ColourScale, reprojection_scale
from triangulate.errors import InputError
from triangulate.options import ColourBy, Layer
from triangulate.poses import Poses3D
from triangulate.viewer.contents import Motion

PEOPLE = np.array(
    [
        (86, 180, 233),  # Okabe and Ito's colours, told apart without full colour vision
        (230, 159, 0),
        (0, 178, 125),
        (240, 228, 66),
        (204, 121, 167),
        (213, 94, 0),
        (110, 130, 255),
    ],
    np.uint8,
)


SHOWN = frozenset(Layer) - {Layer.ellipsoids}
"""What is shown unless told otherwise."""


@dataclass(frozen=True)
class Look:
    """What is shown, and how.

    Attributes:
        colour_by: what the colours of skeletons say.
        layers: what is shown.
        person: the only one shown, counted from 0; None: everybody.
        magnified: how many times too large ellipsoids are drawn.
        trail_s: how long trails are.
        view: the camera that is looked through: its image lies behind everything.
    """

    colour_by: ColourBy = ColourBy.side
    layers: frozenset[Layer] = SHOWN
    person: int | None = None
    magnified: float = 1.0
    trail_s: float = 1.0
    view: int | None = None


def parse_layers(text: str) -> frozenset[Layer]:
    """The layers of "skeletons,floor", or all usual ones but those of "-images,-trails".

    Raises:
        InputError: a name that no layer has.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = {layer.value for layer in Layer}
    for word in words:
        if (word[1:] if word[0] in "+-" else word) not in known:
            raise InputError(
                f"--show {text}: no layer is called {word!r}; there are {', '.join(Layer)}"
            )
    added = {Layer(word.lstrip("+")) for word in words if not word.startswith("-")}
    taken = {Layer(word[1:]) for word in words if word.startswith("-")}
    is_change = all(word[0] in "+-" for word in words)
    return frozenset((SHOWN | added if is_change else added) - taken)


def default_colours(motion: Motion | None) -> ColourBy:
    """By person where there are several."""
    several = motion is not None and motion.positions_m.shape[1] > 1
    return ColourBy.person if several else ColourBy.side


def colour_scale(motion: Motion, colour_by: ColourBy) -> ColourScale | None:
    """The scale of the whole recording; None where colours are no quantity.

    Raises:
        InputError: the file does not tell that quantity.
    """
    if colour_by not in (ColourBy.error, ColourBy.deviation):
        return None
    if motion.poses is None:
        raise InputError(
            f"colours by {colour_by} need poses of `triangulate reconstruct` (poses.npz); other "
            "files hold positions alone"
        )
    sample = motion.sampled()
    if colour_by == ColourBy.error:
        return reprojection_scale(error_px(motion.poses, sample))
    return ColourScale.of(deviation_mm(motion.poses, sample), "mm", "standard deviation")


def joint_colours_at(
    motion: Motion, index: int, colour_by: ColourBy, scale: ColourScale | None
) -> np.ndarray:
    """(P, J, 3) uint8 RGB of the joints in a frame."""
    people, joints = motion.positions_m.shape[1:3]
    if colour_by == ColourBy.person:
        return np.repeat(PEOPLE[np.arange(people) % len(PEOPLE), None], joints, axis=1)
    if scale is None or motion.poses is None:
        return np.repeat(np.array(joint_colours(motion.skeleton), np.uint8)[None], people, axis=0)
    measure = error_px if colour_by == ColourBy.error else deviation_mm
    return scale.colours(measure(motion.poses, [index])[0])


def error_px(poses: Poses3D, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """(F, P, J) mean reprojection error over the views used, NaN where none is known."""
    errors = np.asarray(poses.reprojection_px[rows], float)
    used = np.asarray(poses.views_used[rows]) & np.isfinite(errors)
    count = used.sum(axis=2)
    total = np.where(used, errors, 0).sum(axis=2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def deviation_mm(poses: Poses3D, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """(F, P, J) root of the mean variance along the axes."""
    covariance = np.asarray(poses.covariance_m2[rows], float)
    return 1e3 * np.sqrt(np.trace(covariance, axis1=-2, axis2=-1) / 3)
