"""The demo: made-up recordings with known truth, and the main job run on them.

`run_demo` writes what a user would have (a rig and a detector's 2D keypoints; where asked, also
videos of the same walk), reads it back from the files, reconstructs it as any other recording, and
compares the result with the truth.
"""

from __future__ import annotations

from triangulate.demo.filming import FilmResult, film_table, film_walk, network_to_use
from triangulate.demo.scene import FILM, FPS, NUM_FRAMES, WALK, check_folder
from triangulate.demo.truth import telling_frame
from triangulate.demo.walking import DemoResult, demo_table, run_demo, write_openpose

__all__ = [
    "FILM",
    "FPS",
    "NUM_FRAMES",
    "WALK",
    "DemoResult",
    "FilmResult",
    "check_folder",
    "demo_table",
    "film_table",
    "film_walk",
    "network_to_use",
    "run_demo",
    "telling_frame",
    "write_openpose",
]
