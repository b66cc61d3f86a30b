"""Prepares Human3.6M for `triangulate.data.human36m` from the original download.

    python tools/datasets/human36m.py --download DIR --out processed

`--download` holds what the data set's site gives, unpacked:

    metadata.xml                                           of the code package: cameras, scene names
    S1/Videos/Directions 1.54138969.mp4
    S1/MyPoseFeatures/D3_Positions/Directions 1.cdf        32 joints in the world, mm
    S1/MySegmentsMat/ground_truth_bb/Directions 1.54138969.mat   the person's box, as a mask a frame

`--out` gets S1/Directions-1/imageSequence-undistorted/54138969/img_000001.jpg ... and
human36m-multiview-labels.npy. The images keep the camera matrix; only the lens's distortion is
taken out (`--distorted` leaves it in, under imageSequence). Boxes are those of the original images
in both cases. A camera without a video, a mask or a frame has an empty box there, and is told of.
Folders of images that are complete already are left as they are. Needs cdflib: pip install cdflib.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import h5py
import numpy as np
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError, report_errors
from triangulate.files import atomic_path
from triangulate.video import probe, read_frames

LABELS = "human36m-multiview-labels.npy"
JOINTS = (3, 2, 1, 6, 7, 8, 0, 12, 13, 15, 27, 26, 25, 17, 18, 19, 14)  # h36m17, of the 32
_LONG_NAMES = {
    "Photo": "TakingPhoto",
    "WalkDog": "WalkingDog",
    "WalkTogether": "WalkingTogether",
}
_CAMERA = [("R", "f4", (3, 3)), ("t", "f4", (3, 1)), ("K", "f4", (3, 3)), ("dist", "f4", 5)]


@dataclass(frozen=True)
class Metadata:
    """What metadata.xml tells.

    Attributes:
        cameras: names of the 4 cameras.
        scenes: subject -> scene as written here (`Directions-1`) -> name of its files.
        numbers: of the cameras: 6 for each camera and subject (three angles about x, y, z; the
            centre in mm), camera by camera, then 9 for each camera (f, c, k1 k2 k3, p1 p2).
        subjects: all subjects, in the order of those numbers.
    """

    cameras: list[str]
    scenes: dict[str, dict[str, str]]
    numbers: np.ndarray
    subjects: list[str]

    def camera(self, subject: str, camera: str) -> np.ndarray:
        """One camera as a record: R, t (camera from world, mm), K, dist (k1 k2 p1 p2 k3)."""
        column, row = self.cameras.index(camera), self.subjects.index(subject)
        placed = self.numbers[6 * (column * len(self.subjects) + row) :][:6]
        lens = self.numbers[6 * len(self.cameras) * len(self.subjects) + 9 * column :][:9]
        rotation = Rotation.from_euler("XYZ", placed[:3]).as_matrix()
        record = np.zeros((), _CAMERA)
        record["R"], record["t"] = rotation, -rotation @ placed[3:, None]
        record["K"] = [[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1]]
        record["dist"] = lens[[4, 5, 7, 8, 6]]
        return record


def read_metadata(file: Path) -> Metadata:
    """Read metadata.xml."""
    try:
        root: Any = ElementTree.parse(file).getroot()
        header, *rows = root.find("mapping")
        subjects = [cell.text for cell in header][2:]
        actions = [item.text for item in root.find("actionnames")]
        cameras = [item.text for item in root.find("dbcameras/index2id")]
        numbers = np.array(root.find("w0").text.strip("[] \n").split(), dtype=np.float64)
        scenes: dict[str, dict[str, str]] = {subject: {} for subject in subjects}
        for row in rows:
            action, take, *names = [cell.text for cell in row]
            if len(names) != len(subjects) or not (action or "").isdecimal():
                continue
            name = actions[int(action) - 1]
            for subject, files in zip(subjects, names, strict=True):
                if files and not name.startswith("_"):
                    scenes[subject][f"{_LONG_NAMES.get(name, name)}-{take}"] = files
    except (OSError, ElementTree.ParseError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: cannot be read as the metadata ({error}): take metadata.xml of the data "
            "set's code package"
        ) from None
    if len(numbers) != 6 * len(subjects) * len(cameras) + 9 * len(cameras):
        raise InputError(f"{file}: holds {len(numbers)} numbers of cameras, which do not fit")
    return Metadata(cameras, scenes, numbers, subjects)


def read_poses(file: Path) -> np.ndarray:
    """The poses of a scene, (T, 17, 3) mm."""
    try:
        import cdflib
    except ImportError:
        raise InputError("the poses are CDF files: pip install cdflib") from None
    try:
        values = np.asarray(cdflib.CDF(str(file)).varget("Pose"), dtype=np.float64)
        return values.reshape(-1, 32, 3)[:, list(JOINTS)]
    except Exception as error:  # a damaged file fails in any way
        reason = " ".join(str(error).split())
        raise InputError(f"{file}: cannot be read ({reason}); unpack it again") from None


def read_boxes(file: Path, frames: Sequence[int]) -> np.ndarray:
    """The boxes of some frames, (N, 4) top, left, bottom, right; 0 where a frame has none.

    The file holds a mask a frame, (width, height) as MATLAB stores it.
    """
    boxes = np.zeros((len(frames), 4), np.int16)
    try:
        with h5py.File(file, "r") as content:
            masks = content["Masks"]
            for box, frame in zip(boxes, frames, strict=True):
                if frame < len(masks):
                    box[:] = _box_of(np.asarray(content[masks[frame, 0]]).T)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error}); unpack it again") from None
    return boxes


def _box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def write_images(
    video: Path, folder: Path, frames: Sequence[int], camera: np.ndarray | None
) -> set[int]:
    """Write some frames of a video; which of them it has.

    Args:
        video: the file.
        folder: gets img_000001.jpg for frame 0; is there whole or not at all.
        frames: which, in growing order.
        camera: whose distortion is taken out; None: of none.
    """
    if folder.is_dir():
        return {int(file.stem.removeprefix("img_")) - 1 for file in folder.glob("img_*.jpg")}
    info = probe(video)
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    staging.mkdir(parents=True)
    written = set()
    try:
        wanted = [frame for frame in frames if frame < info.num_frames]
        for frame in read_frames(info, wanted, threads=os.cpu_count() or 1):
            bgr = cv2.cvtColor(frame.image_rgb, cv2.COLOR_RGB2BGR)
            if camera is not None:
                K, dist = camera["K"].astype(np.float64), camera["dist"].astype(np.float64)
                bgr = cv2.undistort(bgr, K, dist)
            file = staging / f"img_{frame.index + 1:06d}.jpg"
            if not cv2.imwrite(str(file), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95]):
                raise InputError(f"{file}: cannot be written; is the disk full?")
            written.add(frame.index)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return written


def prepare(download: Path, out: Path, every: int, *, distorted: bool) -> Iterator[str]:
    """Write images and labels; says what it did."""
    metadata = read_metadata(download / "metadata.xml")
    subjects = [name for name in metadata.subjects if (download / name).is_dir()]
    if not subjects:
        raise InputError(
            f"{download}: there are no subjects (S1, S5, ...) in it: unpack them there"
        )
    scenes = sorted({scene for subject in subjects for scene in metadata.scenes[subject]})
    cameras = np.stack([[metadata.camera(s, c) for c in metadata.cameras] for s in subjects])
    tables = []
    for number, subject in enumerate(subjects):
        for scene, name in sorted(metadata.scenes[subject].items()):
            poses_file = download / subject / "MyPoseFeatures" / "D3_Positions" / f"{name}.cdf"
            if not poses_file.is_file():
                yield f"{poses_file}: is missing: {subject} {scene} is left out"
                continue
            poses = read_poses(poses_file)
            table = _table(poses, every, len(metadata.cameras))
            table["subject_idx"], table["action_idx"] = number, scenes.index(scene)
            for view, camera in enumerate(metadata.cameras):
                record = None if distorted else cameras[number, view]
                place = out / subject / scene / _folder(distorted=distorted) / camera
                frames = table["frame_idx"].tolist()
                boxes, note = _view(download / subject, f"{name}.{camera}", place, frames, record)
                table["bbox_by_camera_tlbr"][:, view] = boxes
                if note:
                    yield note
            tables.append(table)
            yield f"{subject} {scene}: {len(table)} moments"
    if not tables:
        raise InputError(f"{download}: there are no poses (S1/MyPoseFeatures/D3_Positions/*.cdf)")
    labels: Any = {
        "subject_names": subjects,
        "camera_names": metadata.cameras,
        "action_names": scenes,
        "cameras": cameras,
        "table": np.concatenate(tables),
    }
    with atomic_path(out / LABELS) as temporary:
        np.save(temporary, labels, allow_pickle=True)
    yield f"{out / LABELS}: {sum(map(len, tables))} moments"


def _table(poses: np.ndarray, every: int, num_cameras: int) -> np.ndarray:
    """The rows of a scene, without names and boxes; (T, 17, 3) poses."""
    row: Any = [("subject_idx", "i1"), ("action_idx", "i1"), ("frame_idx", "i2")]
    row += [("keypoints", "f4", (17, 3)), ("bbox_by_camera_tlbr", "i2", (num_cameras, 4))]
    chosen = np.arange(0, len(poses), every)
    table = np.zeros(len(chosen), row)
    table["frame_idx"], table["keypoints"] = chosen, poses[chosen]
    return table


def _folder(*, distorted: bool) -> str:
    return "imageSequence" if distorted else "imageSequence-undistorted"


def _view(
    subject: Path, name: str, place: Path, frames: Sequence[int], camera: np.ndarray | None
) -> tuple[np.ndarray, str]:
    """One camera of a scene: its images are written; the boxes, and what was amiss."""
    video = subject / "Videos" / f"{name}.mp4"
    masks = subject / "MySegmentsMat" / "ground_truth_bb" / f"{name}.mat"
    for file in (video, masks):
        if not file.is_file():
            return np.zeros((len(frames), 4), np.int16), f"{file}: is missing: no views of it"
    boxes = read_boxes(masks, frames)
    there = write_images(video, place, frames, camera)
    lacks = np.array([frame not in there for frame in frames])
    boxes[lacks] = 0
    note = f"{place}: {lacks.sum()} of {len(frames)} frames have no image" if lacks.any() else ""
    return boxes, note


def main(arguments: list[str] | None = None) -> None:
    """Prepare the data set."""
    parser = argparse.ArgumentParser(prog="human36m", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--download", type=Path, required=True, help="the unpacked download")
    parser.add_argument("--out", type=Path, required=True, help="gets images and labels")
    parser.add_argument("--every", type=int, default=5, help="take every nth frame (default: 5)")
    parser.add_argument("--distorted", action="store_true", help="leave the lens's distortion in")
    options = parser.parse_args(arguments)
    if options.every < 1:
        parser.error("--every must be 1 or more")
    for line in prepare(options.download, options.out, options.every, distorted=options.distorted):
        print(line, flush=True)


if __name__ == "__main__":
    report_errors(main)
