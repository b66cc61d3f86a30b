"""Learning on one's own recording, without labels.

Detections become one person's heatmaps. In the first half of the frames, poses on which cameras,
bones and time agree are what a student learns to give, from the heatmaps of single frames and of
fewer cameras. In the second half cameras are left out in turn: the student must be nearer to their
detections, or its bones steadier, than the same volume without it, or it is refused.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from triangulate.adaptation.estimators import linear_estimator, volume_estimator
from triangulate.adaptation.judgement import Measured, Verdict, compare, measure
from triangulate.adaptation.material import Material, Report, check_suffices, gather
from triangulate.adaptation.pseudo_labels import pseudo_labels
from triangulate.adaptation.student import Moments, label_weights, learn
from triangulate.config.adaptation import AdaptConfig, StudentConfig
from triangulate.config.models import HeatmapVolumeConfig, V2VConfig
from triangulate.errors import InputError
from triangulate.models.build import build_model
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.weights import Card, save
from triangulate.poses import Poses3D, Reason
from triangulate.recording import Recording
from triangulate.skeleton import Skeleton
from triangulate.sync.keypoints import at_frame_times

WEIGHTS, LABELS = "adapted.safetensors", "poses.npz"


@dataclass(frozen=True)
class Adapted:
    """What learning on a recording gave.

    Attributes:
        network: that has learned; None where only labels were asked for.
        labels: the poses that were learned from.
        verdict: against the same volume without its network.
        over_linear: against plain linear triangulation weighted by confidence.
        losses: of every step.
    """

    network: HeatmapVolume | None
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
        _write(Adapted(None, labels, None, None, []), recording, Path(out))
        return Adapted(None, labels, None, None, [])
    half = len(material.recording) // 2
    labels = labels_of(material.part(slice(half)), chosen)
    network, losses = train_student(material.part(slice(half)), labels, chosen.student, report)
    unseen = material.part(slice(half, None))
    after = measured(network, unseen, chosen)
    verdict = compare(measured(untaught(network), unseen, chosen), after, labels.skeleton.edges)
    over_linear = compare(measured(None, unseen, chosen), after, labels.skeleton.edges)
    adapted = Adapted(network, labels, verdict, over_linear, losses)
    if not verdict.helped:
        raise InputError(refusal(verdict))
    _write(adapted, recording, Path(out))
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
    report: Report | None = None,
) -> tuple[HeatmapVolume, list[float]]:
    """A `HeatmapVolume` that learned to give the labels, and the loss of every step."""
    torch.manual_seed(settings.seed)
    config = HeatmapVolumeConfig(
        joints=len(labels.skeleton.joint_names),
        size=settings.size,
        side_m=settings.side_m,
        centre_joints=middle_joints(labels.skeleton),
        v2v=V2VConfig(channels=settings.channels, front_kernel=3),
    )
    network = cast(HeatmapVolume, build_model(config))
    flip = torch.from_numpy(labels.skeleton.flip_permutation())
    losses = learn(
        network,
        moments_of(material, labels),
        settings,
        flip,
        up_direction(labels.up_axis),
        (lambda done, total: report("learning", done, total)) if report else None,
    )
    return network, losses


def moments_of(material: Material, labels: Poses3D) -> Moments:
    """The heatmaps of the material beside the labels of the same frames."""
    known = torch.from_numpy(labels.reason[:, 0] == Reason.ok)
    covariance = torch.from_numpy(np.nan_to_num(labels.covariance_m2[:, 0])).double()
    return Moments(
        heatmaps=torch.from_numpy(material.heatmaps.mass),
        cameras=material.heatmaps.cameras(material.recording.rig.cameras),
        views=torch.from_numpy(material.heatmaps.views),
        labels_world=torch.from_numpy(np.nan_to_num(labels.positions_m[:, 0])),
        weights=label_weights(covariance, known),
    )


def middle_joints(skeleton: Skeleton) -> list[int] | None:
    """The joints around which a cube holds a whole body: the hips; None where it has none."""
    hips = [joint for joint, name in enumerate(skeleton.joint_names) if name.endswith("hip")]
    return hips or None


def up_direction(up_axis: str | None) -> Tensor:
    """The unit vector (3,) of an axis such as "z" or "-y"; where it is unknown, z."""
    axis = up_axis or "z"
    sign = -1.0 if axis.startswith("-") else 1.0
    return sign * torch.eye(3, dtype=torch.float64)["xyz".index(axis[-1])]


def untaught(network: HeatmapVolume) -> HeatmapVolume:
    """The same volume without what it learned."""
    return HeatmapVolume(
        network.num_joints,
        size=network.size,
        side_m=network.side_m,
        centre_joints=network.centre_joints,
    )


def measured(network: HeatmapVolume | None, material: Material, settings: AdaptConfig) -> Measured:
    """A volume, or with None plain linear triangulation, in frames that it did not see."""
    heatmaps, camera = material.heatmaps, material.recording.rig.cameras
    estimate = (
        linear_estimator(heatmaps, camera, settings.min_confidence)
        if network is None
        else volume_estimator(network, heatmaps, camera)
    )
    return measure(
        estimate, heatmaps.points_px, heatmaps.confidence, camera, settings.min_confidence
    )


def refusal(verdict: Verdict) -> str:
    """Why nothing is written."""
    (held, held_after), (bones, bones_after) = verdict.held_out_px, verdict.bone_spread
    return (
        f"learning did not help, so nothing was written: in {verdict.num_frames} frames that it "
        f"did not see, a left-out camera's detections lie {held.value:.1f} px off without it and "
        f"{held_after.value:.1f} px with it, and bones spread by {bones.value:.1%} and "
        f"{bones_after.value:.1%}; try a longer recording, or more steps"
    )


def _write(adapted: Adapted, recording: Recording, out: Path) -> None:
    command = shlex.join(sys.argv)
    labels = replace(adapted.labels, run={"command": command, "settings": {}})
    if adapted.network is not None and adapted.verdict is not None:
        card = Card(
            summary="joins BlazePose's heatmaps of one rig; learned without labels",
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
