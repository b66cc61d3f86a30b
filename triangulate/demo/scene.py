"""Who walks where, before which cameras, and the folder that the demo may write into."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.synthetic import Motion, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.rigs import MADE_UP

NUM_FRAMES = 300
NUM_CAMERAS = 4
IMAGE_SIZE = (1280, 720)
FPS = 50.0
WALK = Path("recordings") / "walk"
FILM = Path("recordings") / "filmed"
BOARD = Path("recordings") / "board"
CALIBRATION = Path("calibration")
BOARD_FILE = "board.yaml"


def make_scene(seed: int) -> tuple[torch.Generator, Rig, Motion]:
    """The cameras and the walk of a seed, and the generator for what comes after them."""
    generator = seeded(seed)
    rig = ring_rig(generator, NUM_CAMERAS, radius_m=3.6, size=IMAGE_SIZE)
    return generator, rig, walk(generator, NUM_FRAMES, FPS, half_length_m=1.5)


def check_folder(out: Path) -> None:
    """Refuse a folder in which the demo would overwrite, or mix with, what it did not make."""
    rig = out / "rig.yaml"
    rigs = (rig, out / CALIBRATION / "rig.yaml", out / FILM / "rig.yaml")
    strangers = [path for path in rigs if path.exists() and not _is_made_up(path)]
    if not rig.exists():
        strangers += [out / BOARD_FILE] if (out / BOARD_FILE).exists() else []
        strangers += [
            folder
            for folder in (out / WALK, out / FILM, out / BOARD, out / CALIBRATION)
            if folder.is_dir() and any(folder.iterdir())
        ]
    if strangers:
        raise InputError(f"{strangers[0]}: is not the demo's own; choose another folder with --out")
    strangers = [
        *(path for path in (out / WALK / "pose2d").glob("*/*.json") if not _is_keypoints(path)),
        *(
            path
            for recording in (FILM, BOARD)
            for path in (out / recording / "videos").glob("*")
            if not _is_film(path)
        ),
    ]
    if strangers:
        raise InputError(
            f"{min(strangers)}: is not the demo's own, but would be read with it; take it away, or "
            "choose another folder with --out"
        )


def _is_keypoints(path: Path) -> bool:
    match = re.fullmatch(r"(cam\d+)_(\d{12})_keypoints\.json", path.name)
    if match is None:
        return False
    return match[1] == path.parent.name and int(match[2]) < NUM_FRAMES


def _is_film(path: Path) -> bool:
    match = re.fullmatch(r"cam(\d+)\.mp4", path.name)
    return match is not None and 1 <= int(match[1]) <= NUM_CAMERAS


def _is_made_up(rig: Path) -> bool:
    try:
        return MADE_UP in Rig.load(rig).notes
    except InputError:
        return False
