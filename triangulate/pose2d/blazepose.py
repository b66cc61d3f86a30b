"""BlazePose: two small networks that find people, and 33 landmarks of each, on any CPU.

The detector looks at the whole image and gives a rotated square, a `Region`, for each person. The
landmark network looks at one region and gives 39 heatmaps: 33 landmarks and six auxiliary points,
of which the first two are the region for the next frame. (Bazarevsky et al. 2020, "BlazePose:
On-device Real-time Body Pose Tracking"; inputs, outputs and thresholds as in MediaPipe's
`pose_detection_cpu.pbtxt` and `tensors_to_pose_landmarks_and_segmentation.pbtxt`.)

Decisions, measured on a recording of four calibrated views of a balancing person:

- Positions come from the heatmaps, not from the regressed landmarks (49 mm to an independent
  result, against 34): a softmax over the 7 x 7 cells around the highest one. Over the whole map
  the thousands of nearly empty cells pull the point to the middle (ankles by 110 mm). MediaPipe's
  own 7 x 7 window around the regressed landmark is as good, but follows the regression where that
  is wrong; under small changes of the region the window around the peak repeats best (median
  0.82 crop pixels).
- Cell x of a heatmap lies at crop pixel 4 x - 0.5: the network counts pixels from the crop's edge,
  this project from the first pixel's centre. (On mirrored crops the points move by twice the
  error of the rule 4 x: it is 0.43; crops of different size say 0.5 in y.)
- The confidence is the height of the heatmap's peak times the visibility, both through a sigmoid:
  of all outputs and products this one ranks the joints best by their distance to the other views'
  agreement (Spearman 0.36; visibility alone 0.25, peak 0.29, presence 0.14).
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triangulate.errors import InputError
from triangulate.pose2d import ssd
from triangulate.pose2d.model_files import BlazePoseFiles, blazepose_files
from triangulate.pose2d.regions import Region, apply_affine, cut_out, region_from_axis

NUM_LANDMARKS = 33
NUM_POINTS = 39  # the landmarks and six auxiliary points
HIPS_POINT, CIRCLE_POINT = 33, 34  # middle of the hips, point on the circle around the person
CROP_PX = 256
HEATMAP_PX = 64

CROP_PX_PER_CELL = CROP_PX / HEATMAP_PX
CROP_OFFSET_PX = -0.5
"""Crop pixels = `CROP_PX_PER_CELL` x heatmap cells + this; see the module's docstring."""

WINDOW_RADIUS = 3
"""Cells around a heatmap's peak that the soft-argmax takes in, in each direction."""


@dataclass(frozen=True)
class FoundRegion:
    """A person seen by the detector."""

    region: Region
    score: float


@dataclass(frozen=True)
class Landmarks:
    """What the landmark network says of one region."""

    heatmap_logits: NDArray[np.float32]  # (39, 64, 64)
    points_crop: NDArray[np.float32]  # (39, 3) regressed x, y, z in the network's crop pixels
    visibility: NDArray[np.float64]  # (39,) in [0, 1]: present and not hidden
    presence: NDArray[np.float64]  # (39,) in [0, 1]: inside the crop
    pose_flag: float  # in [0, 1]: there is a person
    image_from_crop: NDArray[np.float64]  # (3, 3)
    mask_logits: NDArray[np.float32] | None = None  # (256, 256) of the person, where asked for

    def keypoints(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points (39, 2) in pixels of the full image, and their confidence (39,) in [0, 1]."""
        points_cell, peaks = peak_points(self.heatmap_logits)
        points_px = apply_affine(self.image_from_crop, crop_from_cell(points_cell))
        return points_px, sigmoid(peaks) * self.visibility


def sigmoid(logits: np.ndarray) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))


def crop_from_cell(points_cell: np.ndarray) -> NDArray[np.float64]:
    """Crop pixels of points in heatmap cells."""
    return CROP_PX_PER_CELL * points_cell + CROP_OFFSET_PX


def peak_points(heatmap_logits: np.ndarray) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The soft-argmax around each heatmap's highest cell.

    The same as `geometry.heatmap.soft_argmax_2d(heatmaps, window=WINDOW_RADIUS)`, for this one
    case: it reads 49 cells of a map, not all, and wakes none of torch's threads, whose waiting
    costs several milliseconds an image.

    Args:
        heatmap_logits: (J, H, W).

    Returns:
        Points (J, 2) in cells, and the logits (J,) of the peaks.
    """
    num_maps, height, width = heatmap_logits.shape
    joint = np.arange(num_maps)
    row, column = np.divmod(heatmap_logits.reshape(num_maps, -1).argmax(-1), width)
    peaks = heatmap_logits[joint, row, column]
    steps = np.arange(-WINDOW_RADIUS, WINDOW_RADIUS + 1)
    rows, columns = row[:, None] + steps, column[:, None] + steps  # (J, 7)
    windows = heatmap_logits[
        joint[:, None, None],
        np.clip(rows, 0, height - 1)[:, :, None],
        np.clip(columns, 0, width - 1)[:, None, :],
    ]
    mass = np.exp(windows.astype(np.float64) - peaks[:, None, None])
    mass *= ((rows >= 0) & (rows < height))[:, :, None]
    mass *= ((columns >= 0) & (columns < width))[:, None, :]
    mass /= mass.sum((-2, -1), keepdims=True)
    x = (mass.sum(-2) * columns).sum(-1)
    y = (mass.sum(-1) * rows).sum(-1)
    return np.stack([x, y], axis=-1), peaks


def region_from_landmarks(points_px: np.ndarray) -> Region:
    """The region to look at in the next frame, from the points (39, 2) of this one."""
    return region_from_axis(points_px[HIPS_POINT], points_px[CIRCLE_POINT])


def whole_image(image: np.ndarray) -> Region:
    """The upright square around an image."""
    height, width = image.shape[:2]
    return Region(((width - 1) / 2, (height - 1) / 2), float(max(height, width)))


class BlazePose:
    """The two networks, loaded.

    An instance serves one thread. Running a network releases the interpreter lock, so that several
    threads with an instance each work side by side.
    """

    def __init__(self, files: BlazePoseFiles | None = None) -> None:
        """Load the networks: those of the cache, or `files`.

        Raises:
            InputError: the files or the package that runs them are missing.
        """
        files = files or blazepose_files()
        self._detector = _Network(str(files.detection), ["Identity", "Identity_1"])
        names = ["Identity", "Identity_1", "Identity_2", "Identity_3"]
        self._landmarker = _Network(str(files.landmark), names)
        self._anchors = ssd.anchor_centers()

    def detect(self, image: np.ndarray, *, min_score: float = 0.5) -> list[FoundRegion]:
        """The people in an image (H, W, 3), uint8 RGB, the likeliest first.

        Every score counts that is at least `min_score`, MediaPipe's threshold by default. The
        image is shrunk to 224 pixels: people less than about a sixth of its longer side high are
        easily missed.
        """
        square = whole_image(image)
        crop = cut_out(image, square, ssd.INPUT_PX)
        self._detector.run(lambda out: np.subtract(crop * np.float32(2 / 255), 1, out=out))
        raw, logits = self._detector.output("Identity")[0], self._detector.output("Identity_1")
        people = ssd.merge(ssd.decode(raw, logits[0, :, 0], self._anchors, min_score=min_score))
        points_crop = people.points * ssd.INPUT_PX + CROP_OFFSET_PX
        points_px = apply_affine(square.image_from_crop(ssd.INPUT_PX), points_crop)
        return [
            FoundRegion(region_from_axis(points[0], points[1]), float(score))
            for points, score in zip(points_px, people.scores, strict=True)
        ]

    def landmarks(self, image: np.ndarray, region: Region, *, mask: bool = False) -> Landmarks:
        """The landmarks of the person in a region of an image (H, W, 3), uint8 RGB.

        Args:
            image: the full image.
            region: where the person is.
            mask: also give the person's outline.
        """
        crop = cut_out(image, region, CROP_PX)
        self._landmarker.run(lambda out: np.multiply(crop, np.float32(1 / 255), out=out))
        numbers = self._landmarker.output("Identity").reshape(NUM_POINTS, 5)
        return Landmarks(
            heatmap_logits=self._landmarker.output("Identity_3")[0].transpose(2, 0, 1),
            points_crop=numbers[:, :3],
            visibility=sigmoid(numbers[:, 3]),
            presence=sigmoid(numbers[:, 4]),
            pose_flag=float(self._landmarker.output("Identity_1")[0, 0]),
            image_from_crop=region.image_from_crop(CROP_PX),
            mask_logits=self._landmarker.output("Identity_2")[0, :, :, 0] if mask else None,
        )


class _Network:
    """A TFLite network with one input, on one thread."""

    def __init__(self, path: str, outputs: list[str]) -> None:
        self._interpreter = _load(path)
        self._input = self._interpreter.get_input_details()[0]["index"]
        places = {d["name"]: d["index"] for d in self._interpreter.get_output_details()}
        self._outputs = {name: places[name] for name in outputs}

    def run(self, fill: Callable[[np.ndarray], object]) -> None:
        """Run on what `fill` writes into the input (H, W, 3), float32."""
        # The view of the network's memory must be gone before it runs.
        fill(self._interpreter.tensor(self._input)()[0])
        self._interpreter.invoke()

    def output(self, name: str) -> np.ndarray:
        """A copy of an output."""
        return self._interpreter.get_tensor(self._outputs[name])


def _load(path: str) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise InputError(
            'BlazePose needs the package ai-edge-litert: pip install "triangulate[detect]"'
        ) from None
    with _without_greeting(b"INFO: Created TensorFlow Lite XNNPACK delegate"):
        interpreter = Interpreter(model_path=path, num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


_STDERR_LOCK = threading.Lock()


@contextmanager
def _without_greeting(greeting: bytes) -> Iterator[None]:
    """Keep a line of a C++ library, which has no setting for it, out of the user's terminal.

    What is written to standard error meanwhile comes out at the end, but for lines that start so.
    """
    with _STDERR_LOCK, tempfile.TemporaryFile() as caught:
        try:
            stderr = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        try:
            os.dup2(caught.fileno(), 2)
            yield
        finally:
            os.dup2(stderr, 2)
            caught.seek(0)
            for line in caught:
                if not line.startswith(greeting):
                    os.write(stderr, line)
            os.close(stderr)
