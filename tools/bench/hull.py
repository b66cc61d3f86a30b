"""Prints what the visual hulls of a real recording are good for, beside their goals.

    python tools/bench/hull.py                    every fifth frame, 128 voxels a side
    python tools/bench/hull.py --size 256 --every 20
    python tools/bench/hull.py --json             for programs

A person balances before four cameras. The goals hold for every frame and every view: a volume of
0.05 to 0.2 m3, nine tenths of the joints inside, and an overlap of 0.8 of the hull's silhouette
with each mask, by the calibration as it is. Seconds are of the processor, of the hull and its
colours, without the network; memory is what a hull takes at its highest.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VOLUME_M3, INSIDE, OVERLAP = (0.05, 0.2), 0.9, 0.8


@dataclass(frozen=True)
class Row:
    """A frame's figures; `overlap` by camera."""

    frame: int
    volume_m3: float
    joints_inside: float
    overlap: dict[str, float]
    points: int
    hull_s: float
    colours_s: float

    def misses(self) -> list[str]:
        """The goals that are not reached, in words."""
        low, high = VOLUME_M3
        found = []
        if not low <= self.volume_m3 <= high:
            found.append(f"frame {self.frame}: {self.volume_m3:.3f} m3")
        if self.joints_inside < INSIDE:
            found.append(f"frame {self.frame}: {self.joints_inside:.1%} of the joints inside")
        low_views = [name for name, share in self.overlap.items() if not share >= OVERLAP]
        return found + [
            f"frame {self.frame}: {name} {self.overlap[name]:.3f}" for name in low_views
        ]


def main(arguments: list[str] | None = None) -> None:
    """Measure; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=128, help="voxels along a side (128)")
    parser.add_argument("--every", type=int, default=5, help="frames from one to the next (5)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    rows, memory_mib = measure(options.size, options.every)
    missed = [miss for row in rows for miss in row.misses()]
    if options.json:
        told = {"frames": [vars(row) for row in rows], "memory_mib": memory_mib, "missed": missed}
        print(json.dumps(told, indent=2))
    else:
        print(table(rows), f"memory  {memory_mib:.0f} MiB", sep="\n")
        print("\n".join(f"MISS {miss}" for miss in missed) or "all goals are met")
    if missed:
        sys.exit(1)


def measure(size: int, every: int) -> tuple[list[Row], float]:
    """A row a frame, and the memory that the last hull took."""
    import torch

    import triangulate
    from tools.bench._figures import peak_memory_mib, shared_folder
    from triangulate.cloud.hull import hull_cloud, visual_hull
    from triangulate.cloud.recording import joints_in_images
    from triangulate.pose2d.blazepose import BlazePose
    from triangulate.pose2d.silhouettes import find_silhouettes
    from triangulate.recording import Recording

    torch.set_num_threads(1)
    folder = shared_folder() / "data" / "pose2sim_balancing"
    rig = triangulate.load_rig(folder / "calibration" / "Calib.qca.txt")
    videos = folder / "videos_a948c205"
    poses = triangulate.reconstruct_recording(videos, rig, "blazepose")
    recording = Recording.open(videos, rig, every=every)
    cameras, network, rows = recording.rig.cameras, BlazePose(), []
    for frame_set in recording.frames():
        joints = poses.positions_m[frame_set.index, 0]
        found = find_silhouettes(
            frame_set.images,
            joints_in_images(recording, joints),
            poses.skeleton,
            cameras,
            network,
        )
        start = time.process_time()
        hull = visual_hull(found, joints, poses.skeleton, size=size)
        if hull is None:
            raise SystemExit(f"no hull of frame {frame_set.index}")
        middle = time.process_time()
        cloud = hull_cloud(hull, frame_set.images, cameras, found)
        end = time.process_time()
        overlap = dict(zip(recording.names, map(float, hull.overlap), strict=True))
        figures = hull.volume_m3, hull.joints_inside, overlap, len(cloud.points_m)
        rows.append(Row(frame_set.index, *figures, middle - start, end - middle))
    return rows, peak_memory_mib(lambda: visual_hull(found, joints, poses.skeleton, size=size))


def table(rows: list[Row]) -> str:
    """A line a frame, then the least, the mean and the most of each column."""
    names = list(rows[0].overlap)
    heads = ["frame", "m3", "inside", *names, "points", "hull s", "colours s"]
    numbers = np.array(
        [
            [r.volume_m3, r.joints_inside, *r.overlap.values(), r.points, r.hull_s, r.colours_s]
            for r in rows
        ]
    )
    labelled = [(str(row.frame), values) for row, values in zip(rows, numbers, strict=True)]
    for label, joined in (("least", numbers.min(0)), ("mean", numbers.mean(0))):
        labelled.append((label, joined))
    labelled.append(("most", numbers.max(0)))
    lines = ["".join(f"{head:>10}" for head in heads)]
    for label, values in labelled:
        cells = [f"{value:.0f}" if value > 10 else f"{value:.3f}" for value in values]
        lines.append("".join(f"{cell:>10}" for cell in [label, *cells]))
    return "\n".join(lines)


if __name__ == "__main__":
    # Run as a script, Python looks beside it and not in the root of the checkout.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
