"""The rig of the videos as they are: calibrated at one size, recorded at another."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
import torch

from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.rig import Rig, Size
from triangulate.video import VideoInfo, read_frames

ON_SIZE_MISMATCH = ("crop", "scale", "error")

CROP_LIMIT = 0.02  # an edge cut or padded by a codec or a player stays below
SAME_ASPECT = 0.005
BLACK, NOT_BLACK = 24, 32  # mean of a row, of 255


@dataclass(frozen=True)
class _Fit:
    """How a video's picture comes from the calibrated one: resized by `scale`, then cropped."""

    scale: tuple[float, float] = (1.0, 1.0)
    corner_px: tuple[float, float] = (0.0, 0.0)
    note: str | None = None


def fit_rig(
    rig: Rig, videos: Sequence[VideoInfo], on_size_mismatch: str = "crop"
) -> tuple[Rig, list[str]]:
    """The rig with its cameras as the videos show them, and notes for people.

    Args:
        rig: V cameras.
        videos: V videos, in the rig's order.
        on_size_mismatch: what to take a differing size for. "crop": the right and lower edges were
            cut or padded (as codecs do, so that `K` stays), by 2 % at most. "scale": the whole
            picture was resized. With both, black bars on opposite edges are looked for: where they
            are as wide as a picture fitted into the frame leaves them, the picture was resized
            evenly and centred. "error": refuse.

    Raises:
        InputError: sizes that do not fit, with the option that says what to do.
    """
    if on_size_mismatch not in ON_SIZE_MISMATCH:
        raise InputError(
            f"on_size_mismatch is one of {', '.join(ON_SIZE_MISMATCH)}, not {on_size_mismatch!r}"
        )
    modes = [on_size_mismatch] * len(rig)
    with ThreadPoolExecutor() as pool:  # each may decode a few pictures
        fits = list(pool.map(_fit, rig.names, rig.sizes, videos, modes))
    scale = torch.tensor([fit.scale for fit in fits], dtype=torch.float64)
    corner = torch.tensor([fit.corner_px for fit in fits], dtype=torch.float64)
    cameras = rig.cameras.resized(scale).cropped(corner)
    sizes = tuple(video.size for video in videos)
    return replace(rig, cameras=cameras, sizes=sizes), [fit.note for fit in fits if fit.note]


def fit_rig_to_keypoints(
    rig: Rig, keypoints: Keypoints2D, on_size_mismatch: str = "crop"
) -> tuple[Rig, list[str]]:
    """The rig of the images that the keypoints are of, and notes: `fit_rig` without the images."""
    seen = keypoints.select_cameras(rig.names)
    sizes = seen.sizes or [None] * len(rig)
    fitted = tuple(size or calibrated for size, calibrated in zip(sizes, rig.sizes, strict=True))
    if fitted != rig.sizes and seen.image_from_rig is not None:  # the detector saw the videos
        cameras = rig.cameras.warped(torch.from_numpy(seen.image_from_rig))
        return replace(rig, cameras=cameras, sizes=fitted), []
    scale, notes = np.ones((len(rig), 2)), []
    for v, (name, calibrated, size) in enumerate(zip(rig.names, rig.sizes, sizes, strict=True)):
        if calibrated is None or size is None or size == calibrated:
            continue
        factor = np.array(size) / calibrated
        says = f"{name}: the keypoints are of {size[0]} x {size[1]} images, the calibration is of "
        says += f"{calibrated[0]} x {calibrated[1]}"
        if on_size_mismatch == "scale":
            scale[v] = factor
            notes.append(f"{says}: taken as resized")
        elif on_size_mismatch == "crop" and np.abs(factor - 1).max() <= CROP_LIMIT:
            notes.append(f"{says}: taken as cut or padded at the right or lower edge")
        else:
            raise InputError(f"{says}; if they were resized, say --on-size-mismatch scale")
    if not notes:
        return rig, notes
    return replace(rig, cameras=rig.cameras.resized(torch.from_numpy(scale)), sizes=fitted), notes


def _fit(name: str, calibrated: Size | None, video: VideoInfo, mode: str) -> _Fit:
    width, height = video.size
    if calibrated is None:
        return _Fit(
            note=f"{name}: the calibration tells no image size; the video's {width} x {height} "
            "is taken"
        )
    if video.size == calibrated:
        return _Fit()
    says = f"{name}: the video is {width} x {height}, the calibration {calibrated[0]} x "
    says += f"{calibrated[1]}"
    scale = width / calibrated[0], height / calibrated[1]
    _check_mismatch(f"{video.path}: {says}", video.size, calibrated, mode)
    in_bars = _fit_between_bars(says, video, calibrated)
    if in_bars is not None:
        return in_bars
    if mode == "scale":
        stretched = "" if _same_aspect(scale) else ", not evenly"
        return _Fit(scale=scale, note=f"{says}: taken as resized{stretched}")
    cut = [
        f"{'cut' if factor < 1 else 'padded'} at the {edge} edge"
        for factor, edge in zip(scale, ("right", "lower"), strict=True)
        if factor != 1
    ]
    return _Fit(note=f"{says}: taken as {' and '.join(cut)}")


def _check_mismatch(says: str, size: Size, calibrated: Size, mode: str) -> None:
    """Refuse what cannot be meant or has to be said."""
    scale = size[0] / calibrated[0], size[1] / calibrated[1]
    turned = size[1] / calibrated[0], size[0] / calibrated[1]
    if _nearly_one(turned) and not _nearly_one(scale):
        raise InputError(
            f"{says}: the picture is turned by 90 degrees; give the video the rotation that the "
            "camera was calibrated with"
        )
    if mode == "error":
        raise InputError(
            f"{says}; say what happened with --on-size-mismatch crop or scale, or calibrate at "
            "this size"
        )
    if mode == "scale" or _nearly_one(scale):
        return
    if _same_aspect(scale):
        raise InputError(
            f"{says}: it looks resized by {scale[0]:.3f}; if it is, say --on-size-mismatch scale"
        )
    raise InputError(
        f"{says}: neither a cut edge nor an even resize explains that; calibrate at this size, or "
        "say --on-size-mismatch scale if the picture was stretched or fitted between black bars"
    )


def _nearly_one(scale: tuple[float, float]) -> bool:
    return max(abs(factor - 1) for factor in scale) <= CROP_LIMIT


def _same_aspect(scale: tuple[float, float]) -> bool:
    return abs(scale[0] / scale[1] - 1) <= SAME_ASPECT


def _fit_between_bars(says: str, video: VideoInfo, calibrated: Size) -> _Fit | None:
    """The calibrated picture resized evenly and centred between black bars, if it is there."""
    width, height = video.size
    factor = min(width / calibrated[0], height / calibrated[1])
    margin_x = (width - factor * calibrated[0]) / 2
    margin_y = (height - factor * calibrated[1]) / 2
    margin = max(margin_x, margin_y)
    if margin < 2 or not _has_bars(video, margin, lying=margin_y > margin_x):
        return None
    resized = f"resized by {factor:.4f}" if factor != 1 else "kept as it is"
    where = "above and below" if margin_y > margin_x else "left and right"
    return _Fit(
        scale=(factor, factor),
        corner_px=(-margin_x, -margin_y),
        note=f"{says}; black bars {where} show that the picture was {resized} and centred, with "
        f"{margin:.1f} pixels on either side: taken so",
    )


def _has_bars(video: VideoInfo, margin: float, *, lying: bool) -> bool:
    """Whether both outer `margin` pixels are black in all of some frames, and the next are not."""
    some = np.unique(np.clip([0, 15, 30], 0, video.num_frames - 1))
    outer, inner = floor(margin) - 1, ceil(margin) + 1
    inside_seen = np.zeros(2, dtype=bool)
    for frame in read_frames(video, some):
        image = frame.image_rgb if lying else frame.image_rgb.transpose(1, 0, 2)
        for side, rows in enumerate((image, image[::-1])):
            if rows[:outer].max(axis=-1).mean(axis=-1).max() > BLACK:
                return False
            inside = rows[inner : inner + 4].max(axis=-1)
            inside_seen[side] |= bool(inside.mean() > NOT_BLACK)
    return bool(inside_seen.all())
