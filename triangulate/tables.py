"""What the commands show of a recording and of a reconstruction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triangulate.console import print_pairs, print_table

if TYPE_CHECKING:
    from triangulate.recording import Recording
    from triangulate.summary import Summary


def print_recording(recording: Recording, rig_path: Path, self_test_px: float) -> None:
    """A recording by camera, and in all.

    Args:
        recording: bound to its rig.
        rig_path: the calibration's file.
        self_test_px: see `Rig.self_test_px`.
    """
    print_table(
        "Cameras",
        ["camera", "size", "frames", "a second", "file"],
        [
            [
                name,
                f"{video.size[0]} x {video.size[1]}",
                str(video.num_frames),
                "not known" if video.fps is None else f"{video.fps:.6g}",
                str(video.path),
            ]
            for name, video in zip(recording.names, recording.videos, strict=True)
        ],
        texts=["file"],
    )
    first, last = recording.frame_numbers[[0, -1]]
    rate = "not known" if recording.fps is None else f"{recording.fps:.6g} frames a second"
    pairs = [
        ("frames", f"{len(recording)} ({first} to {last})"),
        ("rate", rate),
        ("calibration", str(rig_path)),
        ("self-test", f"{self_test_px:.1e} px (through every lens and back; must be near 0)"),
    ]
    print_pairs("Recording", pairs)


def print_summary(summary: Summary, folder: Path) -> None:
    """A reconstruction by camera, joint and bone, and in all."""
    print_table(
        "Cameras",
        ["camera", "frames used", "observations used", "reprojection median", "95 %"],
        [
            [
                camera.name,
                f"{camera.frames_used:.0%}",
                f"{camera.observations_used:.0%}",
                f"{camera.median_px:.2f} px",
                f"{camera.p95_px:.2f} px",
            ]
            for camera in summary.cameras
        ],
    )
    print_table(
        "Joints",
        ["joint", "found", "views used"],
        [
            [name, f"{summary.found_by_joint[name]:.0%}", f"{views:.1f}"]
            for name, views in summary.views_by_joint.items()
        ],
    )
    if summary.bones:
        print_table(
            "Bones",
            ["bone", "length", "spread"],
            [
                [bone.name, f"{1000 * bone.median_m:.0f} mm", f"{1000 * bone.spread_m:.1f} mm"]
                for bone in summary.bones
            ],
        )
    missing = ", ".join(f"{name} {share:.1%}" for name, share in summary.missing.items())
    found = f"{summary.points_found:.1%}" + (f" (missing: {missing})" if missing else "")
    pairs = [
        ("frames", str(summary.frames)),
        ("points found", found),
        ("reprojection", f"{summary.median_px:.2f} px median"),
        ("expected error", f"{1000 * summary.median_sigma_m:.1f} mm (standard deviation, median)"),
        ("written to", str(folder)),
    ]
    print_pairs("Result", pairs)
