"""The rows of `tools/bench/adaptation.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import triangulate
from tools.bench._figures import shared_folder
from triangulate.adaptation.adapting import (
    Student,
    estimator_of,
    labels_of,
    train_student,
    untaught,
)
from triangulate.adaptation.estimators import (
    linear_estimator,
    robust_estimator,
    weighing_estimator,
)
from triangulate.adaptation.judgement import (
    Estimator,
    Interval,
    Measured,
    bone_spread,
    frame_means,
    interval,
    measure,
)
from triangulate.adaptation.material import Material, gather
from triangulate.config.adaptation import (
    AdaptConfig,
    StudentConfig,
    ViewWeightsStudentConfig,
    VolumeStudentConfig,
)
from triangulate.config.parsing import load_config
from triangulate.errors import InputError
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.view_weights import ViewWeights
from triangulate.models.weights import Card, load, save
from triangulate.recording import Recording
from triangulate.skeleton import Skeleton

SKELETON = Skeleton.named("mediapipe33")
SIDES = ("left", "right")
LIMBS = ("shoulder", "elbow", "wrist", "knee", "ankle")
BODY = ("hip", "heel", "foot_index", *LIMBS)
BONES = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))


@dataclass(frozen=True)
class Row:
    """One way's figures; gains are over the linear way, paired by frames, positive is better."""

    name: str
    trc_mm: Interval
    trc_less_offset_mm: Interval
    bones_percent: Interval
    held_out_px: Interval
    held_out_median_px: Interval
    held_out_p95_px: Interval
    gains: tuple[Interval, ...]

    def cells(self) -> list[Interval]:
        """The figures, in the order of the table."""
        return [
            self.trc_mm,
            self.trc_less_offset_mm,
            self.bones_percent,
            self.held_out_px,
            self.held_out_median_px,
            self.held_out_p95_px,
        ]

    @property
    def is_better(self) -> bool:
        """Whether TRC distance, bones and held-out cameras all gain beyond doubt."""
        return all(gain.low > 0 for gain in self.gains)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"is_better": self.is_better}


def compare_ways(
    weights: Sequence[Path], settings: Path | None, view_weights: str, keep: Path | None
) -> tuple[list[Row], list[str]]:
    """The rows, and notes on what is missing."""
    config = load_config(settings, AdaptConfig) if settings else AdaptConfig()
    folder = shared_folder() / "data" / "pose2sim_balancing"
    rig = triangulate.load_rig(folder / "calibration" / "Calib.qca.txt")
    material = gather(Recording.open(folder / "videos_a948c205", rig), config)
    half = len(material.recording) // 2
    trc_m = read_trc(folder / "S00_P00_T01_BalancingTrial_0-100.trc")[half:]
    adapted = (
        [_loaded(path) for path in weights]
        if weights
        else _adapted(material.part(slice(half)), config, keep, only=settings is not None)
    )
    unseen = material.part(slice(half, None))
    ways, notes = _ways(adapted, unseen, config, view_weights)
    seen = unseen.heatmaps
    camera = unseen.recording.rig.cameras
    measured = {
        name: measure(estimate, seen.points_px, seen.confidence, camera, config.min_confidence)
        for name, estimate in ways.items()
    }
    linear = measured["linear, by confidence"]
    return [_row(name, each, linear, trc_m) for name, each in measured.items()], notes


def _loaded(path: Path) -> Student:
    network = load(path)
    if not isinstance(network, HeatmapVolume | ViewWeights):
        raise InputError(f"{path}: a {type(network).__name__} is no student of this recording")
    return network


def _adapted(
    learned: Material, config: AdaptConfig, keep: Path | None, *, only: bool
) -> list[Student]:
    """A student of each kind; `only` the settings' own."""
    labels = labels_of(learned, config)
    students: list[StudentConfig] = [VolumeStudentConfig(), ViewWeightsStudentConfig()]
    chosen = [config.student] if only and config.student is not None else students
    networks = []
    for each in chosen:
        network, _ = train_student(learned, labels, each, config.min_confidence)
        if keep is not None:
            card = Card(summary="of tools/bench/adaptation.py")
            save(network, keep / f"{each.kind}.safetensors", card, labels.skeleton)
        networks.append(network)
    return networks


def _ways(
    adapted: Sequence[Student], unseen: Material, config: AdaptConfig, view_weights: str
) -> tuple[dict[str, Estimator], list[str]]:
    heatmaps, camera = unseen.heatmaps, unseen.recording.rig.cameras
    flip, least = SKELETON.flip_permutation(), config.min_confidence
    ways = {
        "linear, by confidence": linear_estimator(heatmaps, camera, least),
        "robust, over time": robust_estimator(heatmaps, camera, least, flip),
    }
    notes = []
    try:
        weighing = load(view_weights)
        if isinstance(weighing, ViewWeights):
            name = "learned view weights"
            ways[name] = weighing_estimator(weighing, heatmaps, camera, least)
    except InputError as error:
        notes.append(f"learned view weights are left out: {error}")
    for network in adapted:
        match network:
            case HeatmapVolume():
                ways["log-sum volume"] = estimator_of(untaught(network), unseen, least)
                ways["adapted V2V on it"] = estimator_of(network, unseen, least)
            case ViewWeights():
                ways["adapted view weights"] = estimator_of(network, unseen, least)
    return ways, notes


def _row(name: str, way: Measured, linear: Measured, trc_m: NDArray[np.float64]) -> Row:
    count = len(trc_m)
    away, body = _trc_errors_mm(way, trc_m), _body_errors_px(way)
    free = _trc_errors_mm(way, trc_m, less_offset=True)
    gains = (
        interval(_mean(frame_means(_trc_errors_mm(linear, trc_m)) - frame_means(away)), count),
        interval(lambda frames: _bones(linear)(frames) - _bones(way)(frames), count),
        interval(_mean(frame_means(_body_errors_px(linear)) - frame_means(body)), count),
    )
    return Row(
        name,
        interval(_mean(frame_means(away)), count),
        interval(_mean(frame_means(free)), count),
        interval(_bones(way), count),
        interval(_mean(frame_means(body)), count),
        interval(_quantile(body, 0.5), count),
        interval(_quantile(body, 0.95), count),
        gains,
    )


def _joints(names: tuple[str, ...]) -> list[int]:
    return [SKELETON.index(f"{side}_{name}") for side in SIDES for name in names]


def _trc_errors_mm(
    way: Measured, trc_m: NDArray[np.float64], *, less_offset: bool = False
) -> NDArray[np.float64]:
    """(T, 10)."""
    away = way.positions_m[:, _joints(LIMBS)] - trc_m
    if less_offset:
        away = away - np.nanmedian(away, axis=0)
    return 1000 * np.linalg.norm(away, axis=-1)


def _body_errors_px(way: Measured) -> NDArray[np.float64]:
    return way.held_out_px[..., [SKELETON.index("nose"), *_joints(BODY)]]


def _bones(way: Measured) -> Callable[[np.ndarray], np.ndarray]:
    names = [(f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in BONES]
    edges = [(SKELETON.index(a), SKELETON.index(b)) for a, b in names]
    return lambda frames: 100 * bone_spread(way.positions_m[frames], edges)


def _mean(values: NDArray[np.float64]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda frames: np.nanmean(values[frames], axis=-1)


def _quantile(errors: NDArray[np.float64], share: float) -> Callable[[np.ndarray], np.ndarray]:
    def of(frames: np.ndarray) -> np.ndarray:
        some = [np.nanquantile(errors[each], share) for each in np.atleast_2d(frames)]
        return np.array(some).reshape(frames.shape[:-1])

    return of


def read_trc(path: Path) -> NDArray[np.float64]:
    """The limbs' markers (T, 10, 3), metres in the z-up world, whose y, z, x the file holds."""
    lines = path.read_text().splitlines()
    names = lines[3].split("\t")[2::3]
    rows = [line.split("\t")[2 : 2 + 3 * len(names)] for line in lines[5:] if line.strip()]
    points_m = np.array([[float(cell or "nan") for cell in row] for row in rows])
    points_m = points_m.reshape(len(rows), -1, 3)[..., [2, 0, 1]]
    wanted = [f"{side[0].upper()}{joint.title()}" for side in SIDES for joint in LIMBS]
    return points_m[:, [names.index(name) for name in wanted]]
