"""Human3.6M, in the layout that the published learnable triangulation networks were trained on.

    processed/S1/Directions-1/imageSequence/54138969/img_000001.jpg          as filmed
    processed/S1/Directions-1/imageSequence-undistorted/54138969/...         without distortion
    human36m-multiview-labels-*.npy                                          everything else

The labels are a pickled dictionary: `subject_names`, `camera_names`, `action_names`; `cameras`, a
structured array (subject, camera) of R, t, K, dist (see `triangulate.rig_formats.human36m`); and
`table`, one row a moment:

* `subject_idx`, `action_idx`: into the names;
* `frame_idx`: from 0; its image is numbered frame_idx + 1;
* `keypoints`: (17, 3) world, mm, in the joint order of the skeleton `h36m17`;
* `bbox_by_camera_tlbr`: (camera, 4) top, left, bottom, right in pixels; all the same (such as 0):
  the camera has no picture of this moment.

`tools/datasets/human36m.py` makes both from the original download. The crops are the boxes, grown
to the crop's shape, black outside the image, shrunk by averaging over areas. Nothing in the data
says which joints are hidden: those in the picture count as visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from triangulate.data.crops import (
    Size,
    crop_cameras,
    cut,
    sample_of,
    shown_points,
    windows_around,
)
from triangulate.data.sample import Sample
from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.rig_formats import human36m
from triangulate.rig_formats.array_pickle import load_npy
from triangulate.skeleton import Skeleton
from triangulate.video import read_image

TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
TEST_SUBJECTS = ("S9", "S11")

DAMAGED = (("S9", "Greeting-2"), ("S9", "SittingDown-2"), ("S9", "Waiting-1"))
"""Scenes whose labels are displaced, as published: left out where absolute errors are reported."""

_TABLE = ("subject_idx", "action_idx", "frame_idx", "keypoints", "bbox_by_camera_tlbr")


class Human36M:
    """Human3.6M, one person a moment; the groups are the 15 actions.

    Attributes:
        skeleton: the 17 joints.
        groups: names of actions, without the number of the take.
        up_axis: "z".
    """

    up_axis = "z"

    def __init__(
        self,
        root: str | Path,
        labels: str | Path,
        *,
        subjects: Sequence[str] = TRAIN_SUBJECTS,
        cameras: Sequence[str] | None = None,
        undistorted: bool = True,
        drop_damaged: bool = False,
        every: int = 1,
        skeleton: Literal["h36m17", "h36m17_mmpose"] = "h36m17",
        size: Size = (384, 384),
        margin: float = 1.0,
        missing: Literal["error", "mask"] = "error",
    ) -> None:
        """Read the labels, and check that the folders of images are there.

        Args:
            root: the folder with S1, S5, ... in it.
            labels: the file of labels.
            subjects: whose moments.
            cameras: names of the cameras to use, such as 54138969; None: all.
            undistorted: take the images without distortion.
            drop_damaged: leave `DAMAGED` scenes out.
            every: take every nth row of the labels.
            skeleton: the order of the joints: that of the published networks, or MMPose's.
            size: (width, height) of the crops.
            margin: how much larger than the labelled box a crop is.
            missing: what an image is whose file is not there: an error, or a missing view.

        Raises:
            InputError: what keeps the data from being used, with what to do.
        """
        content = _read_labels(Path(labels))
        try:
            names = _chosen("camera", cameras, content["camera_names"])
            rows = _chosen_rows(content, subjects, drop_damaged=drop_damaged)[::every]
            rigs = {s: human36m.read(content, s).rig(names, None, {}) for s in subjects}
        except InputError as error:
            raise InputError(f"{labels}: {error}") from None
        table = content["table"]
        actions = np.array([str(name) for name in content["action_names"]])
        self.skeleton = Skeleton.named(skeleton)
        self._root, self._names, self._size, self._missing = Path(root), names, size, missing
        self._folder = "imageSequence-undistorted" if undistorted else "imageSequence"
        subject_names = np.array([str(name) for name in content["subject_names"]])
        self._subjects = subject_names[table["subject_idx"][rows]]
        self._actions = actions[table["action_idx"][rows]]
        self._frames = table["frame_idx"][rows].astype(np.int64)
        order = self.skeleton.indices_in(Skeleton.named("h36m17"))
        self._points_world = table["keypoints"][rows][:, order].astype(np.float64) * 1e-3
        columns = [list(map(str, content["camera_names"])).index(name) for name in names]
        boxes_px = table["bbox_by_camera_tlbr"][rows][:, columns][..., [1, 0, 3, 2]]
        self._windows = windows_around(boxes_px.astype(np.float64), size, margin)
        self._cameras = {
            subject: without_distortion(rig.cameras) if undistorted else rig.cameras
            for subject, rig in rigs.items()
        }
        takes = [name.rpartition("-")[0] or name for name in self._actions]
        self.groups = tuple(sorted(set(takes)))
        self._group = np.searchsorted(self.groups, takes)
        self._check_folders()

    def __len__(self) -> int:
        """How many moments there are."""
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        """One moment."""
        cameras = self._cameras[self._subjects[index]]
        points, windows = self._points_world[index], self._windows[index]
        known = np.isfinite(points).all(-1)
        points = np.where(known[:, None], points, 0.0)
        images = [self._image(index, view) for view in range(len(windows))]
        sizes = np.array([(0, 0) if image is None else image.shape[1::-1] for image in images])
        _, shown = shown_points(cameras, points[None], sizes)
        return sample_of(
            [
                None if image is None else cut(image, window, self._size)
                for image, window in zip(images, windows, strict=True)
            ],
            crop_cameras(cameras, windows, self._size),
            self._size,
            torch.from_numpy(points),
            torch.from_numpy(known),
            torch.from_numpy(shown[0]),
            int(self._group[index]),
        )

    def _camera_folder(self, subject: str, action: str, camera: str) -> Path:
        return self._root / subject / action / self._folder / camera

    def _image(self, index: int, view: int) -> np.ndarray | None:
        if not self._windows[index, view, 2:].all():
            return None
        folder = self._camera_folder(self._subjects[index], self._actions[index], self._names[view])
        file = folder / f"img_{self._frames[index] + 1:06d}.jpg"
        if not file.is_file():
            if self._missing == "mask":
                return None
            raise InputError(f"{file}: is missing: {_REMEDY}")
        return read_image(file)

    def _check_folders(self) -> None:
        """Refuse holes before the work rather than in it: one look for each folder."""
        if not self._root.is_dir():
            raise InputError(
                f"{self._root}: there is no such folder; name the one with S1, S5, ..."
            )
        has_picture = self._windows[..., 2] > 0
        scenes = np.char.add(np.char.add(self._subjects, "\n"), self._actions)
        names, scene_of = np.unique(scenes, return_inverse=True)
        for number, name in enumerate(names):
            subject, action = name.split("\n")
            for view in np.flatnonzero(has_picture[scene_of == number].any(0)):
                folder = self._camera_folder(subject, action, self._names[view])
                if self._missing == "error" and not folder.is_dir():
                    raise InputError(f"{folder}: is missing: {_REMEDY}")


_REMEDY = (
    'extract the images again, choose others with undistorted:, or say "missing: mask" to do '
    "without such views"
)


def without_distortion(cameras: Camera) -> Camera:
    """The cameras of images from which the lens's distortion was taken, with the same K."""
    none = cameras.lens.map(torch.zeros_like)  # model 0 is radtan
    return Camera(cameras.K, none, cameras.cam_from_world)


def _read_labels(file: Path) -> Mapping[str, Any]:
    """The dictionary in a file of labels, as far as it is needed."""
    try:
        content = load_npy(file.read_bytes())
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}); name the labels' file"
        ) from None
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    if not human36m.matches(content) or not {"table", "action_names"} <= set(content):
        raise InputError(
            f"{file}: holds no labels of Human3.6M (subject_names, camera_names, action_names, "
            "cameras, table); make them with tools/datasets/human36m.py"
        )
    columns = getattr(content["table"], "dtype", np.dtype(float)).names or ()
    if lacking := [name for name in _TABLE if name not in columns]:
        raise InputError(f"{file}: its table lacks {', '.join(lacking)}; make it anew")
    table, num_cameras = content["table"], len(content["camera_names"])
    shapes = {"keypoints": (17, 3), "bbox_by_camera_tlbr": (num_cameras, 4)}
    for name, shape in shapes.items():
        if table[name].shape != (len(table), *shape):
            raise InputError(f"{file}: {name} of its table must be {shape} a row; make it anew")
    for name, names in (("subject_idx", "subject_names"), ("action_idx", "action_names")):
        if len(table) and not 0 <= table[name].min() <= table[name].max() < len(content[names]):
            raise InputError(f"{file}: {name} of its table goes beyond {names}; make it anew")
    return content


def _chosen(what: str, wanted: Sequence[str] | None, there: Sequence[Any]) -> list[str]:
    names = [str(name) for name in there]
    for name in wanted or ():
        if name not in names:
            raise InputError(f"has no {what} {name!r}; there are {', '.join(names)}")
    return list(wanted) if wanted is not None else names


def _chosen_rows(
    content: Mapping[str, Any], subjects: Sequence[str], *, drop_damaged: bool
) -> np.ndarray:
    table = content["table"]
    _chosen("subject", subjects, content["subject_names"])
    subject = np.array([str(name) for name in content["subject_names"]])[table["subject_idx"]]
    action = np.array([str(name) for name in content["action_names"]])[table["action_idx"]]
    keep = np.isin(subject, subjects)
    if drop_damaged:
        for damaged_subject, damaged_action in DAMAGED:
            keep &= ~((subject == damaged_subject) & (action == damaged_action))
    if not keep.any():
        raise InputError(f"has no moments of {', '.join(subjects)}: name other subjects")
    return np.flatnonzero(keep)
