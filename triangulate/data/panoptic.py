"""CMU Panoptic Studio, in the layout of its own download.

    160422_haggling1/
        calibration_160422_haggling1.json
        hdPose3d_stage1_coco19/body3DScene_00000123.json
        hdImgs/00_03/00_03_00000123.jpg   or   hdVideos/hd_00_03.mp4

Poses: `bodies`, a list of `id` and `joints19`, 19 times x, y, z in cm and a confidence, which is -1
where the joint is not known. Frame 123 of the poses is frame 123 of every HD camera, counted from
0. The world's y axis points down; it is left so (`up_axis` is "-y"), in metres. A moment is one
person in one frame. Which joints are hidden is not known: those in the picture count as visible.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from triangulate.data.crops import Size
from triangulate.data.moments import MIN_VIEWS, People, Scene, SceneDataset, people_in_view
from triangulate.data.pictures import Crops, FileCrops, Progress, VideoCrops
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig
from triangulate.skeleton import Skeleton
from triangulate.video import VideoInfo, probe

POSES = "hdPose3d_stage1_coco19"
NUM_JOINTS = 19


class Panoptic(SceneDataset):
    """CMU Panoptic; the groups are the sequences."""

    def __init__(
        self,
        root: str | Path,
        *,
        sequences: Sequence[str] | None = None,
        cameras: Sequence[str] | None = None,
        size: Size = (384, 384),
        every: int = 1,
        margin: float = 1.3,
        min_confidence: float = 0.1,
        min_joints: int = 10,
        min_shown: float = 0.5,
        missing: Literal["error", "mask"] = "error",
        progress: Progress | None = None,
    ) -> None:
        """Read the poses, and cut the crops of videos where the cache has none.

        Args:
            root: the folder with the sequences in it.
            sequences: their names; None: all that have poses.
            cameras: names such as 00_03; None: all with images or a video.
            size: (width, height) of the crops.
            every: only every nth file of poses.
            margin: how much larger than the box around the joints a crop is; the head reaches
                beyond the joints.
            min_confidence: a joint below it is not known.
            min_joints: leave out people of whom fewer joints are known.
            min_shown: a view is missing where it shows less than this share of them.
            missing: what an image is whose file is not there while other cameras have theirs: an
                error, or a missing view. Frames of which no camera has an image are left out.
            progress: called as frames of videos are cut: done, all.

        Raises:
            InputError: what keeps the data from being used, with what to do.
        """
        names = _sequences(Path(root), sequences)
        scenes = []
        for group, name in enumerate(names):
            folder = Path(root) / name
            rig, pictures = _cameras(folder, cameras)
            frames, points_world, known = _poses(folder / POSES, every, min_confidence)
            people = people_in_view(
                rig.cameras,
                np.array(rig.sizes),
                points_world,
                known,
                frames,
                size=size,
                margin=margin,
                min_joints=min_joints,
                min_shown=min_shown,
            )
            people, crops = _crops(people, pictures, rig, missing, progress)
            if not len(people):
                raise InputError(
                    f"{folder}: no two cameras show anybody: name other cameras, or leave the "
                    "sequence out"
                )
            scenes.append(Scene(people, crops, group))
        super().__init__(Skeleton.named("panoptic19"), names, scenes, "-y")


def _sequences(root: Path, wanted: Sequence[str] | None) -> list[str]:
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder; name the one with the sequences in it")
    there = sorted(folder.parent.name for folder in root.glob(f"*/{POSES}"))
    for name in wanted or ():
        if name not in there:
            raise InputError(
                f"{root / name}: has no {POSES}: download and unpack the sequence's 3D poses"
            )
    if not there:
        raise InputError(f"{root}: no sequence in it has {POSES}; name the folder above them")
    return list(wanted) if wanted is not None else there


# --- Cameras and their pictures -------------------------------------------------------------------


def _cameras(folder: Path, wanted: Sequence[str] | None) -> tuple[Rig, dict[str, Path]]:
    """The cameras to use, and where the pictures of each are: a folder of images, or a video."""
    images = {place.name: place for place in folder.glob("hdImgs/*_*") if place.is_dir()}
    videos = {
        file.stem.removeprefix("hd_"): file
        for file in folder.glob("hdVideos/hd_*_*")
        if file.is_file()
    }
    pictures = videos | images
    for name in wanted or ():
        if name not in pictures:
            raise InputError(
                f"{folder}: camera {name} has neither hdImgs/{name}/ nor hdVideos/hd_{name}.mp4: "
                "download it, or name other cameras"
            )
    names = list(wanted) if wanted is not None else sorted(pictures)
    if len(names) < 2:
        raise InputError(
            f"{folder}: images (hdImgs/00_00/) or videos (hdVideos/hd_00_00.mp4) of two cameras "
            f"are needed, and there are {len(names)}: download them"
        )
    rig = load_rig(folder / f"calibration_{folder.name}.json", cameras=names)
    if unknown := [name for name, size in zip(rig.names, rig.sizes, strict=True) if size is None]:
        raise InputError(
            f"{folder}: the calibration has no resolution of camera {unknown[0]}: add it"
        )
    return rig, {name: pictures[name] for name in names}


def _crops(
    people: People,
    pictures: dict[str, Path],
    rig: Rig,
    missing: Literal["error", "mask"],
    progress: Progress | None,
) -> tuple[People, Crops]:
    """The people of whom there are pictures, and these."""
    if all(place.is_dir() for place in pictures.values()):
        places, files = _image_places(pictures, people.frames)
        if missing == "error":
            _refuse_holes(people, pictures, places)
        has_picture = (places >= 0) & (people.windows[..., 2] > 0)
        keep = np.flatnonzero(has_picture.sum(-1) >= MIN_VIEWS)
        people = people.choose(keep)
        sizes = [size for size in rig.sizes if size is not None]
        return people, FileCrops(files, places[keep], people.windows, people.size, sizes)
    videos = [probe(place) for place in pictures.values()]
    _check_sizes(videos, rig)
    ends = np.array([video.num_frames for video in videos])
    if len(people) and (people.frames >= ends.max()).any():
        people = people.choose(people.frames < ends.max())
    frames = np.where(people.frames[:, None] < ends, people.frames[:, None], -1)
    return people, VideoCrops.of(videos, frames, people.windows, people.size, progress)


def _image_places(
    pictures: dict[str, Path], frames: np.ndarray
) -> tuple[np.ndarray, list[list[Path]]]:
    """Which file of each camera shows each frame: (N, V) places in V lists, -1 where none does."""
    columns, files = [], []
    for camera, folder in pictures.items():
        numbered = {
            int(file.stem.rpartition("_")[2]): file
            for file in folder.glob(f"{camera}_*.*")
            if file.stem.rpartition("_")[2].isdecimal()
        }
        place_of = {number: place for place, number in enumerate(numbered)}
        columns.append([place_of.get(frame, -1) for frame in frames.tolist()])
        files.append(list(numbered.values()))
    return np.array(columns, dtype=np.int64).reshape(len(files), -1).T, files


def _refuse_holes(people: People, pictures: dict[str, Path], places: np.ndarray) -> None:
    """Refuse an image that is not there while another camera has that frame."""
    is_hole = (places < 0) & (places >= 0).any(-1, keepdims=True)
    moments, views = np.nonzero(is_hole & people.windows[..., 2:].all(-1))
    if not len(moments):
        return
    camera, frame = list(pictures)[views[0]], people.frames[moments[0]]
    raise InputError(
        f"{pictures[camera] / f'{camera}_{frame:08d}.jpg'}: is missing, as are "
        f'{len(moments) - 1} others: extract the images again, or say "missing: mask" to do '
        "without such views"
    )


def _check_sizes(videos: Sequence[VideoInfo], rig: Rig) -> None:
    for video, name, size in zip(videos, rig.names, rig.sizes, strict=True):
        if video.size != size:
            raise InputError(
                f"{video.path}: {video.size} pixels, while camera {name} is calibrated at {size}: "
                "take the HD video"
            )


# --- Poses ----------------------------------------------------------------------------------------


def _poses(
    folder: Path, every: int, min_confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) frames, (N, 19, 3) points in metres and (N, 19) whether they are known."""
    files = sorted(folder.glob("body3DScene_*.json"))[::every]
    if not files:
        raise InputError(f"{folder}: holds no body3DScene_*.json: unpack the 3D poses again")
    frames, joints = [], []
    for file in files:
        bodies = _bodies(file)
        frames += [int(file.stem.rpartition("_")[2])] * len(bodies)
        joints += bodies
    values = np.array(joints, dtype=np.float64).reshape(-1, NUM_JOINTS, 4)
    known = np.isfinite(values).all(-1) & (values[..., 3] >= min_confidence)
    return np.array(frames, dtype=np.int64), values[..., :3] * 1e-2, known


def _bodies(file: Path) -> list[list[float]]:
    """4 x 19 numbers for each person in a file."""
    try:
        content: Any = json.loads(file.read_bytes())
        bodies = [list(map(float, body["joints19"])) for body in content["bodies"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: is no file of 3D poses ({error!r}); unpack it again") from None
    for body in bodies:
        if len(body) != 4 * NUM_JOINTS:
            raise InputError(
                f"{file}: a person has {len(body)} numbers instead of 4 x {NUM_JOINTS}: take "
                f"{POSES}"
            )
    return bodies
