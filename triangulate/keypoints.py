"""2D keypoints of a whole recording, and their file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from triangulate.errors import InputError
from triangulate.npz import read_npz, write_npz
from triangulate.skeleton import Skeleton

FARTHEST_PX = 1e6
"""A point beyond it is no pixel of any image, and is taken as not seen."""

MIN_CONFIDENCE = 0.1
"""A 2D joint below this confidence is not used, unless told otherwise."""

KEYPOINTS_FORMAT, KEYPOINTS_VERSION = "triangulate-keypoints2d", 1
_WHERE_KNOWN = ("image_from_rig", "late_s", "offsets_s")


@dataclass(frozen=True)
class Keypoints2D:
    """What every camera saw, frame by frame. People are not matched between the views.

    Attributes:
        points_px: (T, V, P, J, 2) distorted pixels of the full image; NaN: not seen.
        confidence: (T, V, P, J) in [0, 1]; 0 exactly where the point is NaN.
        names: V camera names.
        skeleton: the J joints.
        fps: frames a second of the recording (of which `frames` may be every nth), None where
            unknown.
        sizes: V image sizes (width, height), None where unknown.
        frames: (T,) frame numbers in the recording.
        source: the detector or the format the points came from.
        image_from_rig: (V, 3, 3) affine map from the calibration's pixels to the images', where
            the videos were resized or cut; None where nobody looked.
        late_s: (T, V) how much later than the frame's time each picture was taken, as far as is
            known; None: taken as simultaneous.
        offsets_s: (V,) how late the cameras are by the `sync.yaml` that the frames were paired by
            (`triangulate.recording.offsets`); None without one.
    """

    points_px: np.ndarray
    confidence: np.ndarray
    names: tuple[str, ...]
    skeleton: Skeleton
    fps: float | None = None
    sizes: tuple[tuple[int, int] | None, ...] | None = None
    frames: np.ndarray | None = None
    source: str = ""
    image_from_rig: np.ndarray | None = None
    late_s: np.ndarray | None = None
    offsets_s: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check the shapes, and let NaN and confidence 0 be the same points."""
        points, confidence = np.asarray(self.points_px), np.asarray(self.confidence)
        expected = f"(T, {len(self.names)}, P, {len(self.skeleton.joint_names)}, 2)"
        if points.ndim != 5 or points.shape[1::2] != (
            len(self.names),
            len(self.skeleton.joint_names),
        ):
            raise ValueError(f"points_px must have shape {expected}, got {points.shape}")
        if confidence.shape != points.shape[:-1]:
            raise ValueError(
                f"confidence must have shape {points.shape[:-1]}, got {confidence.shape}"
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"names must differ, got {self.names}")
        if self.sizes is not None and len(self.sizes) != len(self.names):
            raise ValueError(f"sizes must hold {len(self.names)} entries, got {len(self.sizes)}")
        for name, shape in (("late_s", points.shape[:2]), ("offsets_s", points.shape[1:2])):
            values = getattr(self, name)
            if values is not None and np.shape(values) != shape:
                raise ValueError(f"{name} must have shape {shape}, got {np.shape(values)}")
        seen = (np.abs(points) < FARTHEST_PX).all(-1) & (confidence > 0)  # False for NaN
        frames = np.arange(len(points)) if self.frames is None else np.asarray(self.frames)
        if frames.shape != points.shape[:1]:
            raise ValueError(f"frames must have shape {points.shape[:1]}, got {frames.shape}")
        object.__setattr__(self, "points_px", np.where(seen[..., None], points, np.nan))
        object.__setattr__(self, "confidence", np.where(seen, confidence, 0).clip(0, 1))
        object.__setattr__(self, "frames", frames)

    @property
    def num_people(self) -> int:
        """How many people a view can hold."""
        return self.points_px.shape[2]

    def select_cameras(self, names: Sequence[str]) -> Keypoints2D:
        """The keypoints of some cameras, in the order given."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise InputError(
                f"no keypoints for camera {', '.join(map(repr, missing))}; there are keypoints "
                f"for {', '.join(self.names)}"
            )
        order = [self.names.index(name) for name in names]
        return replace(
            self,
            points_px=self.points_px[:, order],
            confidence=self.confidence[:, order],
            names=tuple(names),
            sizes=None if self.sizes is None else tuple(self.sizes[v] for v in order),
            image_from_rig=None if self.image_from_rig is None else self.image_from_rig[order],
            late_s=None if self.late_s is None else self.late_s[:, order],
            offsets_s=None if self.offsets_s is None else self.offsets_s[order],
        )

    def select_frames(self, index: np.ndarray) -> Keypoints2D:
        """The keypoints of some frames, by their place in the arrays."""
        return replace(
            self,
            points_px=self.points_px[index],
            confidence=self.confidence[index],
            frames=np.asarray(self.frames)[index],
            late_s=None if self.late_s is None else self.late_s[index],
        )

    def save(self, path: str | Path) -> None:
        """Write the keypoints as `.npz` (layout: `load_keypoints`)."""
        sizes = self.sizes or [None] * len(self.names)
        header = {
            "format": KEYPOINTS_FORMAT,
            "version": KEYPOINTS_VERSION,
            "cameras": self.names,
            "sizes": sizes,
            "joints": self.skeleton.joint_names,
            "edges": self.skeleton.edges,
            "flip_pairs": self.skeleton.flip_pairs,
            "skeleton": self.skeleton.name,
            "fps": self.fps,
            "source": self.source,
        }
        arrays = {
            "points_px": self.points_px,
            "confidence": self.confidence,
            "frames": np.asarray(self.frames),
        }
        known = {name: getattr(self, name) for name in _WHERE_KNOWN}
        arrays |= {name: values for name, values in known.items() if values is not None}
        write_npz(path, header, arrays)


def load_keypoints(path: str | Path) -> Keypoints2D:
    """Read keypoints that `Keypoints2D.save` wrote.

    The file is a NumPy `.npz` with `points_px`, `confidence`, `frames` and, where they are known,
    `image_from_rig`, `late_s` and `offsets_s` as in `Keypoints2D`, and `header`, a JSON text:
    format, version, cameras, sizes, joints, edges, flip_pairs, skeleton, fps, source.
    """
    arrays, header = read_npz(path, KEYPOINTS_FORMAT, KEYPOINTS_VERSION)
    try:
        return Keypoints2D(
            arrays["points_px"],
            arrays["confidence"],
            tuple(header["cameras"]),
            skeleton_from_header(header),
            header["fps"],
            tuple(None if size is None else (size[0], size[1]) for size in header["sizes"]),
            arrays["frames"],
            header["source"],
            **{name: arrays.get(name) for name in _WHERE_KNOWN},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is a broken {KEYPOINTS_FORMAT} file ({error})") from None


def skeleton_from_header(header: dict) -> Skeleton:
    """The skeleton that a file's header describes."""
    edges, pairs = (tuple((a, b) for a, b in header[key]) for key in ("edges", "flip_pairs"))
    return Skeleton(tuple(header["joints"]), edges, pairs, header["skeleton"])
