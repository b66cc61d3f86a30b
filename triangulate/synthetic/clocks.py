"""A walker seen by cameras that do not run on one clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from triangulate.keypoints import Keypoints2D
from triangulate.rig import Rig
from triangulate.synthetic.motion import Motion, walk
from triangulate.synthetic.noise import DetectorNoise, observe


def walk_seen_late(
    generator: torch.Generator,
    rig: Rig,
    late_s: Sequence[float] | np.ndarray,
    num_frames: int = 150,
    fps: float = 30.0,
    noise: DetectorNoise | None = None,
    **walker: Any,
) -> tuple[Keypoints2D, Motion]:
    """What a detector would report, and where the walker really was.

    Args:
        generator: source of all that varies.
        rig: V cameras.
        late_s: (V,) camera v took its frame t at t / fps + late_s[v].
        num_frames: T.
        fps: frames a second.
        noise: how the detector errs.
        walker: further arguments of `walk`.

    Returns:
        The keypoints, and the motion at the times t / fps.
    """
    before = generator.get_state()
    motions = []
    for start_s in (*late_s, 0.0):
        generator.set_state(before)  # the same walker for every camera
        motions.append(walk(generator, num_frames, fps, start_s=float(start_s), **walker))
    seen = [
        observe(motion.positions_m, rig.select([name]), motion.skeleton, generator, noise, fps)[0]
        for motion, name in zip(motions[:-1], rig.names, strict=True)
    ]
    keypoints = replace(
        seen[0],
        points_px=np.concatenate([view.points_px for view in seen], axis=1),
        confidence=np.concatenate([view.confidence for view in seen], axis=1),
        names=rig.names,
        sizes=rig.sizes,
    )
    return keypoints, motions[-1]
