"""Time offsets between cameras, from motion.

The convention, here and everywhere (`late_s` in arrays, in `sync.yaml`, in `calib`): a camera that
is late_s late calls t what was seen at t + late_s on the clock of the reference camera. A camera
that was started 10 ms after the reference is 0.010 late; what happens is seen in earlier frames of
it. The reference is 0 late.

    coarse_offsets     to about a frame, by trying all; with or without a calibration
    refine_offsets     to a small part of a frame, with calibrated cameras
    estimate_offsets   both, for the keypoints of people (`triangulate.sync.keypoints`)
    shift_points       points of all cameras at common times
    velocities_px      how fast points move through the images
"""

from __future__ import annotations

from triangulate.sync.coarse import MAX_OFFSET_S, CoarseOffsets, Doubt, coarse_offsets
from triangulate.sync.refinement import RefinedOffsets, refine_offsets
from triangulate.sync.resampling import shift_points, velocities_px

__all__ = [
    "MAX_OFFSET_S",
    "CoarseOffsets",
    "Doubt",
    "RefinedOffsets",
    "coarse_offsets",
    "refine_offsets",
    "shift_points",
    "velocities_px",
]
