"""Made-up truth: motion, boards, rigs, pictures of people and what a detector would make of them.

The demo, the tests and the training data take their scenes from here, and from nowhere else. The
same seed gives the same scene, whatever the number of threads. Names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangulate.synthetic.angles import random_pose as random_pose
    from triangulate.synthetic.boards import BoardScene as BoardScene
    from triangulate.synthetic.boards import board_grid as board_grid
    from triangulate.synthetic.boards import board_scene as board_scene
    from triangulate.synthetic.clocks import walk_seen_late as walk_seen_late
    from triangulate.synthetic.films import render_recording as render_recording
    from triangulate.synthetic.kinematics import forward_kinematics as forward_kinematics
    from triangulate.synthetic.mocap import load_motion as load_motion
    from triangulate.synthetic.mocap import motions_in as motions_in
    from triangulate.synthetic.motion import Motion as Motion
    from triangulate.synthetic.motion import walk as walk
    from triangulate.synthetic.noise import DetectorNoise as DetectorNoise
    from triangulate.synthetic.noise import ObservationTruth as ObservationTruth
    from triangulate.synthetic.noise import observe as observe
    from triangulate.synthetic.people import random_crowd as random_crowd
    from triangulate.synthetic.people import take_pictures as take_pictures
    from triangulate.synthetic.rigs import corridor_rig as corridor_rig
    from triangulate.synthetic.rigs import corridor_volume as corridor_volume
    from triangulate.synthetic.rigs import islands_rig as islands_rig
    from triangulate.synthetic.rigs import moved_camera as moved_camera
    from triangulate.synthetic.rigs import ring_rig as ring_rig

_HOMES = {
    "BoardScene": "boards",
    "DetectorNoise": "noise",
    "Motion": "motion",
    "ObservationTruth": "noise",
    "board_grid": "boards",
    "board_scene": "boards",
    "corridor_rig": "rigs",
    "corridor_volume": "rigs",
    "forward_kinematics": "kinematics",
    "islands_rig": "rigs",
    "load_motion": "mocap",
    "motions_in": "mocap",
    "moved_camera": "rigs",
    "observe": "noise",
    "random_crowd": "people",
    "random_pose": "angles",
    "render_recording": "films",
    "ring_rig": "rigs",
    "take_pictures": "people",
    "walk": "motion",
    "walk_seen_late": "clocks",
}

__all__ = [*sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
