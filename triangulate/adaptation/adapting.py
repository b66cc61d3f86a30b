"""Learning on one's own recording, without labels.

Detections become one person's heatmaps and points. In the first half of the frames, poses on which
cameras, bones and time agree are what a student learns to give, from single frames and fewer
cameras. In the second half cameras are left out in turn: the student must be nearer to their
detections, or its bones steadier, than before it learned, or it is refused.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from triangulate.adaptation.estimators import (
    linear_estimator,
    volume_estimator,
    weighing_estimator,
)
from triangulate.adaptation.judgement import Estimator, Measured, Verdict, compare, measure
from triangulate.adaptation.material import Material, Report, check_suffices, gather
from triangulate.adaptation.pseudo_labels import pseudo_labels
from triangulate.adaptation.view_weights_student import train_view_weights
from triangulate.adaptation.volume_student import train_volume
from triangulate.config.adaptation import (
    AdaptConfig,
    StudentConfig,
    ViewWeightsStudentConfig,
    VolumeStudentConfig,
)
from triangulate.errors import InputError
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.view_weights import ViewWeights
from triangulate.models.weights import Card, save
from triangulate.poses import Poses3D, Reason
from triangulate.recording import Recording
from triangulate.sync.keypoints import at_frame_times
from triangulate.triangulation import load_view_weights

Student = HeatmapVolume | ViewWeights

WEIGHTS, LABELS = "adapted.safetensors", "poses.npz"


@dataclass(frozen=True)
class Adapted:
    """What learning on a recording gave.

    Attributes:
        network: that has learned; None where only labels were asked for.
        labels: the poses that were learned from.
        verdict: against the same network before it learned.
        over_linear: against plain linear triangulation weighted by confidence.
        losses: of every step.
    """

    network: Student | None
    labels: Poses3D
    verdict: Verdict | None
    over_linear: Verdict | None
    losses: list[float]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and texts."""
        verdicts = {"over_start": self.verdict, "over_linear": self.over_linear}
        return {
            "frames": len(self.labels.positions_m),
            "labels_kept": float((self.labels.reason == Reason.ok).mean()),
            "loss": self.losses[-1] if self.losses else None,
        } | {name: asdict(verdict) for name, verdict in verdicts.items() if verdict is not None}


def adapt_recording(
    recording: Recording,
    out: str | Path,
    settings: AdaptConfig | None = None,
    *,
    cache: bool = True,
    report: Report | None = None,
) -> Adapted:
    """Learn on a recording, and write what was learned where it helped.

    Args:
        recording: synchronized videos of at least three calibrated cameras.
        out: folder for `adapted.safetensors` and the labels, `poses.npz`.
        settings: how.
        cache: keep detections and heatmaps in the user's cache folder and use them again.
        report: called as work is done.

    Raises:
        InputError: the recording does not suffice, or learning did not help; nothing is written.
    """
    chosen = settings or AdaptConfig()
    check_suffices(recording, chosen)
    material = gather(recording, chosen, cache=cache, report=report)
    if chosen.student is None:
        labels = labels_of(material, chosen)
        adapted = Adapted(None, labels, None, None, [])
        _write(adapted, recording, Path(out), chosen)
        return adapted
    half = len(material.recording) // 2
    labels = labels_of(material.part(slice(half)), chosen)
    learned = material.part(slice(half))
    network, losses = train_student(learned, labels, chosen.student, chosen.min_confidence, report)
    unseen = material.part(slice(half, None))
    after = measured(network, unseen, chosen)
    verdict = compare(measured(untaught(network), unseen, chosen), after, labels.skeleton.edges)
    over_linear = compare(measured(None, unseen, chosen), after, labels.skeleton.edges)
    adapted = Adapted(network, labels, verdict, over_linear, losses)
    if not verdict.helped:
        raise InputError(refusal(verdict))
    _write(adapted, recording, Path(out), chosen)
    return adapted


def labels_of(material: Material, settings: AdaptConfig) -> Poses3D:
    """Poses to learn from.

    Raises:
        InputError: too few are good enough.
    """
    labels = pseudo_labels(
        at_frame_times(material.person),
        material.recording.rig,
        max_sigma_m=settings.labels.max_sigma_m,
        min_confidence=settings.min_confidence,
    )
    share = float((labels.reason == Reason.ok).mean())
    if share < settings.labels.min_share or share == 0:
        raise InputError(
            f"only {share:.0%} of the joints are certain to {settings.labels.max_sigma_m:g} m, so "
            'there is nothing to learn from: check the rig with "calib check" and the timing with '
            '"triangulate sync", or allow more with labels.max_sigma_m'
        )
    return labels


def train_student(
    material: Material,
    labels: Poses3D,
    settings: StudentConfig,
    min_confidence: float,
    report: Report | None = None,
) -> tuple[Student, list[float]]:
    """A network that learned to give the labels, and the loss of every step."""
    telling = (lambda done, total: report("learning", done, total)) if report else None
    match settings:
        case VolumeStudentConfig():
            return train_volume(material, labels, settings, telling)
        case ViewWeightsStudentConfig():
            return train_view_weights(material, labels, settings, min_confidence, telling)


def untaught(network: Student) -> Student:
    """The same network before it learned: a volume alone, or the shipped view weights."""
    match network:
        case HeatmapVolume():
            return HeatmapVolume(
                network.num_joints,
                size=network.size,
                side_m=network.side_m,
                centre_joints=network.centre_joints,
            )
        case ViewWeights():
            return load_view_weights()


def estimator_of(network: Student | None, material: Material, min_confidence: float) -> Estimator:
    """A network's way from detections to joints; None: plain linear triangulation."""
    heatmaps, camera = material.heatmaps, material.recording.rig.cameras
    match network:
        case None:
            return linear_estimator(heatmaps, camera, min_confidence)
        case HeatmapVolume():
            return volume_estimator(network, heatmaps, camera)
        case ViewWeights():
            return weighing_estimator(network, heatmaps, camera, min_confidence)


def measured(network: Student | None, material: Material, settings: AdaptConfig) -> Measured:
    """A network, or with None plain linear triangulation, in frames that it did not see."""
    heatmaps, least = material.heatmaps, settings.min_confidence
    estimate = estimator_of(network, material, least)
    camera = material.recording.rig.cameras
    return measure(estimate, heatmaps.points_px, heatmaps.confidence, camera, least)


def refusal(verdict: Verdict) -> str:
    """Why nothing is written."""
    (held, held_after), (bones, bones_after) = verdict.held_out_px, verdict.bone_spread
    return (
        f"learning did not help, so nothing was written: in {verdict.num_frames} frames that it "
        f"did not see, a left-out camera's detections lie {held.value:.1f} px off without it and "
        f"{held_after.value:.1f} px with it, and bones spread by {bones.value:.1%} and "
        f"{bones_after.value:.1%}; try a longer recording, or more steps"
    )


def _write(adapted: Adapted, recording: Recording, out: Path, settings: AdaptConfig) -> None:
    command = shlex.join(sys.argv)
    labels = replace(adapted.labels, run={"command": command, "settings": settings.model_dump()})
    if adapted.network is not None and adapted.verdict is not None:
        card = Card(
            summary=_summary(adapted.network),
            data=f"{len(labels.positions_m)} frames of {', '.join(recording.names)}",
            command=command,
            metrics={
                "held-out camera, px": adapted.verdict.held_out_px[1].value,
                "held-out camera before, px": adapted.verdict.held_out_px[0].value,
                "bone spread": adapted.verdict.bone_spread[1].value,
                "bone spread before": adapted.verdict.bone_spread[0].value,
            },
            limits="this rig, this detector, people like the one in the recording",
        )
        save(adapted.network, out / WEIGHTS, card, labels.skeleton)
    labels.save(out / LABELS)


def _summary(network: Student) -> str:
    match network:
        case HeatmapVolume():
            return "joins BlazePose's heatmaps of one rig; learned without labels"
        case ViewWeights():
            return "says how far to believe each view of one rig; learned on without labels"
