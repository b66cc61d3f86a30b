"""A user's own recordings with the poses that were reconstructed from them.

    project/  rig.yaml  recordings/<name>/{videos/<camera>.mp4 | images/<camera>/*, out/poses.npz}

That is what `triangulate reconstruct` leaves. A joint counts where its reason is `ok` and, where a
limit is given, its standard deviation is below it; a view that took no part in the joint's position
is taken as one from which it is hidden. Videos are paired, and the rig is fitted to them, as the
poses' own run did it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.data.crops import Size
from triangulate.data.moments import People, Scene, SceneDataset, people_in_view
from triangulate.data.pictures import Crops, FileCrops, Progress, VideoCrops
from triangulate.errors import InputError
from triangulate.poses import Poses3D, Reason, load_poses
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig
from triangulate.skeleton import Skeleton

POSES = Path("out", "poses.npz")
_RUN_SETTINGS = {"match": str, "on_size_mismatch": str, "fps": float, "sync": str}


class RecordedPeople(SceneDataset):
    """People in recordings of one's own; the groups are the recordings."""

    def __init__(
        self,
        root: str | Path,
        *,
        recordings: Sequence[str] | None = None,
        rig: str | Path | None = None,
        poses: str | Path = POSES,
        cameras: Sequence[str] | None = None,
        bind: Mapping[str, str] | None = None,
        skeleton: str | None = None,
        size: Size = (128, 128),
        every: int = 1,
        margin: float = 1.25,
        max_sigma_m: float | None = None,
        min_joints: int = 4,
        min_shown: float = 0.5,
        progress: Progress | None = None,
    ) -> None:
        """Find the recordings, and cut the crops of videos where the cache has none.

        Args:
            root: a project, or the folder of one recording.
            recordings: names in a project; None: all that have poses.
            rig: the calibration; None: `rig.yaml` of the recording, else of the project.
            poses: the file of poses in a recording's folder.
            cameras: names of the cameras to use; None: all with a video.
            bind: file name or stem -> camera name, for files that are named otherwise.
            skeleton: the joints to give, a set such as `coco17` or a `.yaml` file; those that the
                poses lack are not known. None: the poses' own.
            size: (width, height) of the crops.
            every: only every nth frame that has poses.
            margin: how much larger than the box around the joints a crop is.
            max_sigma_m: leave out joints with a larger standard deviation, in metres (the root of
                the mean variance).
            min_joints: leave out people of whom fewer joints are left.
            min_shown: a view is missing where it shows less than this share of them.
            progress: called as frames of videos are cut: done, all.

        Raises:
            InputError: what keeps them from being used, with what to do.
        """
        folders = _folders(Path(root), recordings, Path(poses))
        wanted = Skeleton.given(skeleton) if skeleton else None
        scenes, skeletons, up_axes = [], [], set()
        for group, folder in enumerate(folders):
            found = load_poses(folder / poses)
            recording = _open(folder, found, _rig_of(folder, rig), cameras, bind)
            skeletons.append(wanted or found.skeleton)
            up_axes.add(recording.rig.up_axis)
            people, rows = _people(
                _with_joints(found, wanted, folder / poses),
                recording,
                every=every,
                max_sigma_m=max_sigma_m,
                size=size,
                margin=margin,
                min_joints=min_joints,
                min_shown=min_shown,
            )
            if not len(people):
                raise InputError(
                    f"{folder / poses}: holds nobody whom two cameras show with {min_joints} "
                    f"joints: leave this recording out, or allow a larger max_sigma_m"
                )
            scenes.append(Scene(people, _crops(recording, people, rows, progress), group))
        _check_same(folders, skeletons)
        up_axis = up_axes.pop() if len(up_axes) == 1 else None
        super().__init__(skeletons[0], [folder.name for folder in folders], scenes, up_axis)


def _folders(root: Path, names: Sequence[str] | None, poses: Path) -> list[Path]:
    """The folders of the recordings."""
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder; name a project or a recording")
    if names is None and (root / poses).is_file():
        return [root]
    inside = root / "recordings"
    there = sorted(file.relative_to(inside) for file in inside.glob("*")) if inside.is_dir() else []
    with_poses = [name for name in there if (inside / name / poses).is_file()]
    for name in names or ():
        if Path(name) not in with_poses:
            what = f"has no {poses}" if Path(name) in there else "does not exist"
            raise InputError(f'{inside / name}: {what}: run "triangulate reconstruct" on it first')
    if not with_poses:
        raise InputError(
            f'{root}: no recording in it has {poses}: run "triangulate reconstruct" first, or name '
            "a project with recordings/ in it"
        )
    return [inside / name for name in (names if names is not None else with_poses)]


def _rig_of(folder: Path, rig: str | Path | None) -> Rig:
    if rig is not None:
        return load_rig(rig)
    places = [place / "rig.yaml" for place in (folder, folder.parent, folder.parent.parent)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(
            f"{folder}: there is no rig.yaml in it or in the project: copy the calibration there, "
            "or name it with rig:"
        )
    return load_rig(found)


def _open(
    folder: Path,
    poses: Poses3D,
    rig: Rig,
    cameras: Sequence[str] | None,
    bind: Mapping[str, str] | None,
) -> Recording:
    """The recording, from the first to the last frame with poses, opened as the poses' run did."""
    run: Any = poses.run.get("settings")
    told = {
        key: run[key]
        for key, kind in _RUN_SETTINGS.items()
        if isinstance(run, Mapping) and isinstance(run.get(key), kind)
    }
    frames = np.asarray(poses.frames)
    if not len(frames) or (np.diff(frames) <= 0).any():
        raise InputError(f"{folder}: its poses have no frames in growing order: make them anew")
    chosen = f"{frames[0]}:{frames[-1] + 1}"
    try:
        return Recording.open(folder, rig, bind=bind, cameras=cameras, frames=chosen, **told)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from None


def _with_joints(poses: Poses3D, skeleton: Skeleton | None, file: Path) -> Poses3D:
    """The poses with other joints; those that they lack have a reason that is not ok."""
    if skeleton is None:
        return poses
    order = skeleton.indices_in(poses.skeleton)
    if not (order >= 0).any():
        raise InputError(
            f"{file}: has none of the joints of {skeleton.name or 'the skeleton asked for'} "
            f"({', '.join(poses.skeleton.joint_names)})"
        )
    reason = np.where(order >= 0, poses.reason[..., order], Reason.too_few_views)
    return Poses3D(
        poses.positions_m[..., order, :],
        poses.covariance_m2[..., order, :, :],
        poses.reprojection_px[..., order],
        poses.views_used[..., order],
        reason.astype(np.uint8),
        poses.sides_swapped,
        skeleton,
        poses.names,
        poses.fps,
        poses.frames,
        poses.up_axis,
        poses.run,
    )


def _people(
    poses: Poses3D,
    recording: Recording,
    *,
    every: int,
    max_sigma_m: float | None,
    **choices: Any,
) -> tuple[People, np.ndarray]:
    """The people, and (N,) the rows of the recording in which they are."""
    some = slice(None, None, every)
    frames = np.asarray(poses.frames)[some]
    num_people, num_joints = poses.positions_m.shape[1:3]
    variance = np.trace(poses.covariance_m2[some], axis1=-2, axis2=-1) / 3
    known = poses.reason[some] == Reason.ok
    if max_sigma_m is not None:
        known &= np.sqrt(np.where(known, variance, 0.0)) <= max_sigma_m
    used = [
        poses.views_used[some][:, :, poses.names.index(name)] if name in poses.names else known
        for name in recording.names
    ]
    people = people_in_view(
        recording.rig.cameras,
        np.array(recording.sizes),
        poses.positions_m[some].reshape(-1, num_joints, 3),
        known.reshape(-1, num_joints),
        np.repeat(frames, num_people),
        unhidden=np.stack(used, axis=2).reshape(-1, len(used), num_joints),
        **choices,
    )
    return people, people.frames - recording.frame_numbers[0]


def _crops(
    recording: Recording, people: People, rows: np.ndarray, progress: Progress | None
) -> Crops:
    frames = recording.video_frames[rows]
    if not all(video.files for video in recording.videos):
        return VideoCrops.of(recording.videos, frames, people.windows, people.size, progress)
    files = [video.files for video in recording.videos]
    return FileCrops(files, frames, people.windows, people.size, recording.sizes)


def _check_same(folders: Sequence[Path], skeletons: Sequence[Skeleton]) -> None:
    for folder, skeleton in zip(folders, skeletons, strict=True):
        if not skeleton.has_joints_of(skeletons[0]):
            raise InputError(
                f"{folder}: its joints are others than those of {folders[0].name}: name a skeleton "
                "for all, or reconstruct both with the same detector"
            )
