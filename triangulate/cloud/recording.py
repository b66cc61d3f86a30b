"""A recording and its poses in, a PLY file a frame out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from triangulate.cloud.density import density_cloud
from triangulate.cloud.hull import check_size, hull_cloud, middle_of, visual_hull
from triangulate.cloud.points import Cloud
from triangulate.errors import InputError
from triangulate.export.ply import write_ply
from triangulate.geometry.carving import BLOCK
from triangulate.geometry.threads import one_thread
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.options import CloudOf
from triangulate.pose2d.blazepose import NUM_LANDMARKS, BlazePose
from triangulate.pose2d.heatmaps import moment_heatmaps
from triangulate.pose2d.silhouettes import find_silhouettes, region_of
from triangulate.poses import Poses3D
from triangulate.recording import FrameSet, Recording

SHARE = 0.1

Progress = Callable[[int, int], None]  # frames done, frames in all


@dataclass(frozen=True)
class CloudSettings:
    """How clouds are made.

    Attributes:
        what: the person's visual hull, or the heatmaps in space.
        size: voxels along a side of the cube.
        side_m: of the cube.
        share: of a joint's highest voxel, from which on heatmaps are drawn.
    """

    what: CloudOf = CloudOf.hull
    size: int = 128
    side_m: float = 2.5
    share: float = SHARE


@dataclass(frozen=True)
class WrittenCloud:
    """A frame's cloud.

    Attributes:
        path: the file.
        frame: number in the recording.
        num_points: in the cloud.
        volume_m3: of the hull, None for heatmaps.
        overlap: by camera, of the hull's silhouette with its mask; None where it has none.
        joints_inside: share of the joints within a voxel of the hull, None for heatmaps.
    """

    path: Path
    frame: int
    num_points: int
    volume_m3: float | None = None
    overlap: dict[str, float | None] | None = None
    joints_inside: float | None = None


def write_clouds(
    recording: Recording,
    poses: Poses3D,
    folder: str | Path,
    settings: CloudSettings | None = None,
    *,
    network: BlazePose | None = None,
    progress: Progress | None = None,
) -> tuple[list[WrittenCloud], list[int]]:
    """Write `frame_000123.ply` for each frame of a recording.

    Args:
        recording: its videos; `with_poses` chooses the frames that have poses.
        poses: of the recording; the first person is looked at.
        folder: where to.
        settings: None: the visual hull in 128 voxels a side of 2.5 m.
        network: BlazePose, loaded already, or None.
        progress: called as frames are done.

    Returns:
        What was written, and the frames of which there is no cloud: no pose, or fewer than two
        views whose masks hold the person.

    Raises:
        InputError: a size that cannot be, a frame without poses, or no cloud at all.
    """
    settings = settings or CloudSettings()
    check_size(settings.size, BLOCK if settings.what == CloudOf.hull else 1)
    rows = _rows(recording, poses)
    network = network or BlazePose()
    written: list[WrittenCloud] = []
    missing: list[int] = []
    with closing(recording.frames()) as frame_sets:
        for done, (row, frame_set) in enumerate(zip(rows, frame_sets, strict=True), start=1):
            with one_thread():
                joints = poses.positions_m[row, 0]
                made = _MAKERS[settings.what](
                    recording, poses, joints, frame_set, settings, network
                )
            if made is None:
                missing.append(frame_set.index)
            else:
                path = Path(folder) / f"frame_{frame_set.index:06d}.ply"
                written.append(_write(path, *made, frame_set, recording, settings))
            if progress:
                progress(done, len(rows))
    if not written:
        raise InputError(
            f"no cloud: in none of {len(rows)} frames do the poses and two views' masks hold a "
            "person; check the videos, the calibration and the poses"
        )
    return written, missing


def with_poses(recording: Recording, poses: Poses3D) -> Recording:
    """The frames of a recording of which there are poses.

    Raises:
        InputError: there are none.
    """
    chosen = np.isin(recording.frame_numbers, np.asarray(poses.frames))
    if not chosen.any():
        raise InputError(f"no frame of the recording has poses; {_held(poses)}")
    late_s = recording.late_s
    return replace(
        recording,
        video_frames=recording.video_frames[chosen],
        frame_numbers=recording.frame_numbers[chosen],
        times_s=recording.times_s[chosen],
        late_s=None if late_s is None else late_s[chosen],
    )


def _rows(recording: Recording, poses: Poses3D) -> list[int]:
    """Where the recording's frames are in the poses."""
    place = {int(frame): row for row, frame in enumerate(np.asarray(poses.frames))}
    lacking = [int(number) for number in recording.frame_numbers if int(number) not in place]
    if lacking:
        raise InputError(f"frame {lacking[0]} has no pose; {_held(poses)}")
    return [place[int(number)] for number in recording.frame_numbers]


def _held(poses: Poses3D) -> str:
    frames = np.asarray(poses.frames)
    if not len(frames):
        return "the poses are of no frame at all"
    return f"the poses are of {len(frames)} frames from {frames.min()} to {frames.max()}"


def joints_in_images(recording: Recording, joints: np.ndarray) -> np.ndarray:
    """(V, J, 2) the joints (J, 3) in the images, NaN where unknown or behind the camera."""
    known = np.isfinite(joints).all(-1)
    points = torch.from_numpy(np.where(known[:, None], joints, 0.0))
    points_px, in_front = recording.rig.cameras.project(points)
    return np.where((in_front.numpy() & known)[..., None], points_px.numpy(), np.nan)


def _hull(
    recording: Recording,
    poses: Poses3D,
    joints: np.ndarray,
    frame_set: FrameSet,
    settings: CloudSettings,
    network: BlazePose,
) -> tuple[Cloud, dict[str, Any]] | None:
    cameras, person_px = recording.rig.cameras, joints_in_images(recording, joints)
    found = find_silhouettes(frame_set.images, person_px, poses.skeleton, cameras, network)
    hull = visual_hull(found, joints, poses.skeleton, size=settings.size, side_m=settings.side_m)
    if hull is None:
        return None
    overlap = {
        name: None if np.isnan(share) else round(float(share), 3)
        for name, share in zip(recording.names, hull.overlap, strict=True)
    }
    figures = {
        "volume_m3": round(hull.volume_m3, 4),
        "overlap": overlap,
        "joints_inside": round(hull.joints_inside, 3),
    }
    return hull_cloud(hull, frame_set.images, cameras, found), figures


def _heatmaps(
    recording: Recording,
    poses: Poses3D,
    joints: np.ndarray,
    frame_set: FrameSet,
    settings: CloudSettings,
    network: BlazePose,
) -> tuple[Cloud, dict[str, Any]] | None:
    known = torch.from_numpy(joints[np.isfinite(joints).all(-1)])
    person_px = joints_in_images(recording, joints)
    regions = [region_of(points_px, poses.skeleton) for points_px in person_px]
    maps = moment_heatmaps(frame_set.images, regions, network)
    if not len(known) or maps.views.sum() < 2:
        return None
    volume = HeatmapVolume(
        NUM_LANDMARKS, size=settings.size, side_m=settings.side_m, refine_side_m=None
    )
    prediction = volume.predict(
        torch.from_numpy(maps.mass),
        maps.cameras(recording.rig.cameras),
        torch.from_numpy(maps.views),
        centre_world=middle_of(known, settings.side_m)[None],
        keep_maps=True,
    )
    if prediction.volume is None or prediction.grid_world is None:
        raise ValueError("the prediction must have its volume: ask for it with keep_maps=True")
    grid = prediction.grid_world[0].reshape(*prediction.volume.shape[2:], 3)
    return density_cloud(prediction.volume[0], grid, settings.share), {}


_MAKERS = {CloudOf.hull: _hull, CloudOf.heatmaps: _heatmaps}


def _write(
    path: Path,
    cloud: Cloud,
    figures: dict[str, Any],
    frame_set: FrameSet,
    recording: Recording,
    settings: CloudSettings,
) -> WrittenCloud:
    comments = [
        f"triangulate cloud: {settings.what}",
        "unit metres",
        f"up axis {recording.rig.up_axis or 'unknown'}",
        f"frame {frame_set.index}",
        f"cameras {', '.join(recording.names)}",
        f"voxel {settings.side_m / (settings.size - 1):.6f} metres",
    ]
    if np.isfinite(frame_set.time_s):
        comments.append(f"time {frame_set.time_s:.6f} seconds")
    write_ply(
        path,
        cloud.points_m,
        cloud.colours,
        normals=cloud.normals,
        density=cloud.density,
        comments=comments,
    )
    return WrittenCloud(path, frame_set.index, len(cloud.points_m), **figures)
