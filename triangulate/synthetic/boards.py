"""Boards held before a made-up rig: what every camera sees of them, with exact truth.

A board's frame has x along its columns, y along its rows and z away from whoever reads the print,
so a camera sees the print where the board's z points away from the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from triangulate.rig import Rig
from triangulate.synthetic.draws import normal, uniform

Boxes = tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]

RING_VOLUME: Boxes = ((0.0, 0.0, 1.2), (1.2, 1.2, 0.8))
"""Centre and half size of the box in which boards are held: the middle of `ring_rig`."""

_EDGE_PX = 3.0  # nearer to the image's edge no corner is found
_GROSS_PX = (5.0, 50.0)
_KEY_S = 2.0  # a hand-waved board takes this long from one place to the next
_TILT_RAD = 0.5  # how far boards are turned from the camera they are shown to, standard deviation


@dataclass(frozen=True)
class BoardScene:
    """What the cameras saw of one board, and the truth.

    Attributes:
        points_px: (V, F, N, 2) as detected: with noise and outliers; NaN where not seen.
        clean_px: (V, F, N, 2) the same points without either.
        outlier: (V, F, N) seen, but 5 to 50 px off.
        times_s: (F,) of the rig's clock; camera v took its frame f at times_s[f] + late_s[v].
        world_from_board_rotation: (F, 3, 3) at times_s.
        world_from_board_translation_m: (F, 3) at times_s.
        target_m: (N, 3) the board as it was meant to be.
        bowed_target_m: (N, 3) the board as it is.
    """

    points_px: np.ndarray
    clean_px: np.ndarray
    outlier: np.ndarray
    times_s: np.ndarray
    world_from_board_rotation: np.ndarray
    world_from_board_translation_m: np.ndarray
    target_m: np.ndarray
    bowed_target_m: np.ndarray


def board_grid(columns: int = 9, rows: int = 6, square_m: float = 0.06) -> np.ndarray:
    """(N, 3) corners of a flat board, row by row, the first one at the origin."""
    y, x = np.mgrid[0:rows, 0:columns]
    return square_m * np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1)


def bowed(target_m: np.ndarray, bow_m: float) -> np.ndarray:
    """The board (N, 3) bent to a paraboloid, its middle `bow_m` farther along z than its corners.

    z += bow_m (1 - r^2 / h^2), where r is the distance from the middle of the board's outline and h
    half the outline's diagonal.
    """
    low, high = target_m[:, :2].min(0), target_m[:, :2].max(0)
    half_diagonal = 0.5 * np.linalg.norm(high - low)
    share = np.square(target_m[:, :2] - (low + high) / 2).sum(-1) / half_diagonal**2
    bent = target_m.copy()
    bent[:, 2] += bow_m * (1 - share)
    return bent


def board_scene(
    generator: torch.Generator,
    rig: Rig,
    target_m: np.ndarray,
    num_frames: int = 60,
    *,
    noise_px: float = 0.3,
    outliers: float = 0.02,
    hidden: float = 0.0,
    missing_views: float = 0.05,
    bow_m: float = 0.0,
    late_s: Sequence[float] | np.ndarray | None = None,
    fps: float = 30.0,
    motion: str = "poses",
    volume: Boxes = RING_VOLUME,
    max_tilt_deg: float = 65.0,
    from_behind: Sequence[str] = (),
) -> BoardScene:
    """A board held up to the cameras of a rig, `num_frames` times or moving.

    Every pose is shown to one of the cameras near it, tilted and turned at random. A view counts
    where the whole board lies in the image; with `hidden` above 0, as with boards whose corners
    carry numbers, corners outside the image are missing one by one instead.

    Args:
        generator: source of all that varies.
        rig: the cameras; all image sizes must be known.
        target_m: (N, 3) the board's points.
        num_frames: F.
        noise_px: standard deviation of x and of y.
        outliers: part of the seen corners that lie 5 to 50 px off, in any direction.
        hidden: part of a board that something covers from one side, on average; below 0.5.
        missing_views: part of the views in which the board is not found at all.
        bow_m: how far the board's middle stands over its corners, see `bowed`.
        late_s: (V,) how much later than the rig's clock each camera takes its frames; needs
            `motion="smooth"`.
        fps: frames a second.
        motion: "poses" (a new place in each frame, each seen by some camera) or "smooth" (waved by
            hand, two seconds from place to place; some frames may be seen by nobody).
        volume: centre (3,) and half size (3,) of the box that the board's middle keeps to (a waved
            one swings a little beyond it), or (K, 3) of several boxes, of which each pose takes
            one.
        max_tilt_deg: a camera that looks at the board more slantingly does not find it.
        from_behind: cameras that see the points through the back of the board too.
    """
    _check(rig, target_m, motion, late_s, hidden)
    bent = bowed(np.asarray(target_m, dtype=np.float64), bow_m)
    late = np.zeros(len(rig)) if late_s is None else np.asarray(late_s, dtype=np.float64)
    times_s = np.arange(num_frames) / fps
    stage = _Stage(
        rig, bent, bent.mean(0), np.atleast_2d(volume[0]), np.atleast_2d(volume[1]),
        np.cos(np.deg2rad(max_tilt_deg)), np.isin(rig.names, from_behind), missing_views, hidden,
    )  # fmt: skip
    if motion == "smooth":
        rotation, translation, clean_px = _waved(generator, stage, times_s, late)
    else:
        rotation, translation, clean_px = _static(generator, stage, num_frames)
    points_px, outlier = _detected(generator, clean_px, noise_px, outliers)
    return BoardScene(
        points_px, clean_px, outlier, times_s, rotation, translation, np.array(target_m), bent
    )


@dataclass(frozen=True)
class _Stage:
    """What stays the same over a scene.

    Attributes:
        rig: the cameras.
        board_m: (N, 3) the board as it is.
        middle_m: (3,) of the board.
        centres_m: (K, 3) of the boxes.
        halves_m: (K, 3) or (1, 3).
        least_cosine: between the board's axis and the line of sight.
        sees_back: (V,) cameras that see the board through its back.
        missing_views: part of the views in which the board is not found.
        hidden: part of the board that is covered; 0: whole boards only.
    """

    rig: Rig
    board_m: np.ndarray
    middle_m: np.ndarray
    centres_m: np.ndarray
    halves_m: np.ndarray
    least_cosine: float
    sees_back: np.ndarray
    missing_views: float
    hidden: float


def _static(
    generator: torch.Generator, stage: _Stage, num_frames: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(F, 3, 3), (F, 3) poses and (V, F, N, 2) pixels of boards that some camera sees."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    count = 0
    for _ in range(50):
        rotation, middle = _shown(generator, stage, num_frames, roll_rad=np.pi)
        translation = middle - rotation @ stage.middle_m
        pixels = _seen(generator, stage, rotation, translation)
        kept = ~np.isnan(pixels[..., 0]).all((0, 2))
        found.append((rotation[kept], translation[kept], pixels[:, kept]))
        count += int(kept.sum())
        if count >= num_frames:
            rotations, translations, views = zip(*found, strict=True)
            return (
                np.concatenate(rotations)[:num_frames],
                np.concatenate(translations)[:num_frames],
                np.concatenate(views, axis=1)[:, :num_frames],
            )
    raise ValueError("no camera of the rig sees boards in `volume`: move or widen it")


def _waved(
    generator: torch.Generator, stage: _Stage, times_s: np.ndarray, late_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Poses at `times_s`, and pixels of the board where it is when each camera looks."""
    first, last = times_s[0] + min(0, late_s.min()), times_s[-1] + max(0, late_s.max())
    count = int(np.ceil((last - first) / _KEY_S)) + 3
    keys_s = first + _KEY_S * (np.arange(count) - 1)
    rotation, middle = _shown(generator, stage, count, roll_rad=0.5)
    places, turns = (
        CubicSpline(keys_s, middle),
        RotationSpline(keys_s, Rotation.from_matrix(rotation)),
    )

    def pose_at(moments_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat = moments_s.ravel()
        turned = turns(flat).as_matrix()
        shape = moments_s.shape
        moved = places(flat) - turned @ stage.middle_m
        return turned.reshape(*shape, 3, 3), moved.reshape(*shape, 3)

    pixels = _seen(generator, stage, *pose_at(times_s + late_s[:, None]))
    return *pose_at(times_s), pixels


def _shown(
    generator: torch.Generator, stage: _Stage, count: int, roll_rad: float
) -> tuple[np.ndarray, np.ndarray]:
    """Random rotations (count, 3, 3) and middles (count, 3), each facing a camera near it."""
    box = torch.randint(len(stage.centres_m), (count,), generator=generator).numpy()
    halves = np.broadcast_to(stage.halves_m, stage.centres_m.shape)[box]
    middle = stage.centres_m[box] + halves * uniform(generator, -1, 1, (count, 3))
    sight = middle[:, None] - stage.rig.cameras.centre_world.numpy()  # (count, V, 3)
    distance = np.linalg.norm(sight, axis=-1)
    near = distance <= 2 * distance.min(1, keepdims=True)
    lot = uniform(generator, 0, 1, near.shape)
    chosen = np.where(near, lot, -1).argmax(1)
    z = sight[np.arange(count), chosen] / distance[np.arange(count), chosen, None]
    # Any x across z: the roll that follows turns it anyway, but a waved board is kept upright.
    x = np.cross(np.array([0.0, 0.0, 1.0]), z)
    flat = np.linalg.norm(x, axis=-1, keepdims=True) < 1e-6
    x = np.where(flat, np.array([1.0, 0.0, 0.0]), x)
    x = -x / np.linalg.norm(x, axis=-1, keepdims=True)
    facing = np.stack([x, np.cross(z, x), z], axis=-1)
    about = uniform(generator, 0, 2 * np.pi, (count,))
    angle = normal(generator, _TILT_RAD, (count,))
    tilt = angle[:, None] * np.stack([np.cos(about), np.sin(about), 0 * about], axis=-1)
    roll = uniform(generator, -roll_rad, roll_rad, (count, 1)) * np.array([0.0, 0.0, 1.0])
    turn = Rotation.from_rotvec(tilt) * Rotation.from_rotvec(roll)
    return facing @ turn.as_matrix(), middle


def _seen(
    generator: torch.Generator, stage: _Stage, rotation: np.ndarray, translation: np.ndarray
) -> np.ndarray:
    """(F, 3, 3), (F, 3) or a pose for each camera, (V, F, ...) -> (V, F, N, 2); NaN unseen."""
    views, (*_, frames, _) = len(stage.rig), translation.shape
    points = stage.board_m @ np.swapaxes(rotation, -1, -2) + translation[..., None, :]
    points = np.broadcast_to(points, (views, frames, *points.shape[-2:]))
    pixels, visible = _project(stage.rig, points)

    middle = rotation @ stage.middle_m + translation
    sight = middle - stage.rig.cameras.centre_world.numpy()[:, None]
    cosine = (sight * rotation[..., 2]).sum(-1) / np.linalg.norm(sight, axis=-1)
    cosine = np.where(stage.sees_back[:, None], np.abs(cosine), cosine)
    found = (cosine >= stage.least_cosine) & (
        uniform(generator, 0, 1, (views, frames)) >= stage.missing_views
    )
    if stage.hidden > 0:
        visible = visible & ~_covered(generator, stage, (views, frames))
    else:
        found = found & visible.all(-1)
    return np.where((visible & found[..., None])[..., None], pixels, np.nan)


def _project(rig: Rig, points_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V, F, N, 3) -> (V, F, N, 2) pixels and (V, F, N) whether the point shows in the image."""
    flat = torch.from_numpy(np.array(points_world)).flatten(1, 2)
    pixels, in_front = rig.cameras.project(flat)
    # Far outside the image a lens model may fold over and bring a point back into it.
    origins, rays, valid = rig.cameras.rays(pixels)
    wanted = flat - origins[:, None]
    reached = (rays * wanted).sum(-1) > (1 - 1e-9) * wanted.norm(dim=-1)
    last = torch.tensor([size or (0, 0) for size in rig.sizes])[:, None] - 1 - _EDGE_PX
    inside = ((pixels >= _EDGE_PX) & (pixels <= last)).all(-1)
    visible = in_front & valid & reached & inside
    shape = points_world.shape[:-1]
    return pixels.numpy().reshape(*shape, 2), visible.numpy().reshape(shape)


def _covered(generator: torch.Generator, stage: _Stage, shape: tuple[int, int]) -> np.ndarray:
    """(V, F, N): the points that something covers which reaches in from one side of the board."""
    angle = uniform(generator, 0, 2 * np.pi, shape)
    share = uniform(generator, 0, 2 * stage.hidden, shape)
    across = np.stack([np.cos(angle), np.sin(angle)], axis=-1) @ stage.board_m[:, :2].T
    rank = across.argsort(-1).argsort(-1)
    return rank < np.round(share * len(stage.board_m))[..., None]


def _detected(
    generator: torch.Generator, clean_px: np.ndarray, noise_px: float, outliers: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels with noise, and which of them are outliers."""
    shape = clean_px.shape[:-1]
    wild = uniform(generator, 0, 1, shape) < outliers
    outlier = wild & ~np.isnan(clean_px[..., 0])
    radius = np.where(outlier, uniform(generator, *_GROSS_PX, shape), 0.0)
    angle = uniform(generator, 0, 2 * np.pi, shape)
    far_off = radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return clean_px + normal(generator, noise_px, clean_px.shape) + far_off, outlier


def _check(
    rig: Rig,
    target_m: np.ndarray,
    motion: str,
    late_s: Sequence[float] | np.ndarray | None,
    hidden: float,
) -> None:
    if np.ndim(target_m) != 2 or np.shape(target_m)[1] != 3:
        raise ValueError(f"target_m must have shape (N, 3), got {np.shape(target_m)}")
    if None in rig.sizes:
        raise ValueError("the sizes of all cameras must be known")
    if motion not in ("poses", "smooth"):
        raise ValueError(f"motion must be 'poses' or 'smooth', not {motion!r}")
    if late_s is not None and (motion != "smooth" or np.shape(late_s) != (len(rig),)):
        raise ValueError(
            f"late_s needs motion='smooth' and a number for each of {len(rig)} cameras"
        )
    if not 0 <= hidden < 0.5:
        raise ValueError(f"hidden must lie in [0, 0.5), got {hidden}")
