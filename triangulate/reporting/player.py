"""A skeleton to turn and play in the page: its data, and the script that draws it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import torch

from triangulate.poses import Poses3D
from triangulate.reporting.over_time import PEOPLE
from triangulate.rig import Rig

MOST_FRAMES = 300
_MOST_NUMBERS = 400_000
_LEFT, _RIGHT, _MIDDLE = "#1f77d0", "#e2701c", "#4a5663"
_STRAY = 0.01  # of the points on either side, which do not count for where to look
_FRUSTUM = 0.12  # of the scene, how deep a camera is drawn

CSS = """
.player canvas { display: block; width: 100%; height: 540px; border: 1px solid #e2e7ec;
  border-radius: 6px; background: #fbfcfd; cursor: grab; touch-action: none; }
.player .controls { display: flex; align-items: center; gap: 12px; margin: 8px 0 4px;
  font-size: 14px; }
.player input[type=range] { flex: 1; accent-color: #2f6db3; }
.player button, .player select { font: inherit; border: 1px solid #c9d1d9; border-radius: 5px;
  background: #fff; padding: 3px 12px; min-width: 74px; }
.player output { min-width: 170px; text-align: right; color: #66727f;
  font-variant-numeric: tabular-nums; }
"""


@dataclass(frozen=True)
class Scene:
    """What the script draws.

    Attributes:
        data: for JSON; lengths in millimetres, axes along the floor and up.
        every: one of so many frames is in it.
        has_up: whether the poses, or the rig, say what is up.
    """

    data: dict[str, Any]
    every: int
    has_up: bool


def make_scene(poses: Poses3D, rig: Rig | None = None) -> Scene:
    """Take frames at even steps, at most `MOST_FRAMES`, and turn the world upright."""
    frames, people, joints, _ = poses.positions_m.shape
    most = max(2, min(MOST_FRAMES, _MOST_NUMBERS // max(3 * people * joints, 1)))
    every = -(-frames // most)
    chosen = np.arange(0, frames, every)
    up, has_up = _up(poses, rig)
    shown_from_world = _upright(up)
    points = poses.positions_m[chosen] @ shown_from_world.T
    known = points[np.isfinite(points).all(-1)]
    if not len(known):  # only between the frames that are shown
        known = (poses.positions_m @ shown_from_world.T).reshape(-1, 3)
        known = known[np.isfinite(known).all(-1)]
    low, high = np.quantile(known, (_STRAY, 1 - _STRAY), axis=0)
    size = float(np.linalg.norm(high - low)) or 1.0
    floor = 0.0 if has_up and 0 <= low[2] < 0.15 * size else low[2]
    origin = np.array([*(low + high)[:2] / 2, floor])
    numbers = np.asarray(poses.frames)[chosen]
    data = {
        "frames": numbers.tolist(),
        "seconds": None if poses.fps is None else (numbers / poses.fps).round(4).tolist(),
        "every": every,
        "joints": list(poses.skeleton.joint_names),
        "bones": [list(edge) for edge in poses.skeleton.edges],
        "colours": _colours(poses),
        "people": [PEOPLE[p % len(PEOPLE)] for p in range(people)],
        "points": _in_mm(points - origin),
        "size": round(1000 * size),
        "middle": round(1000 * float((low + high)[2] / 2 - floor)),
        "cameras": [] if rig is None else _cameras(rig, shown_from_world, origin, _FRUSTUM * size),
    }
    return Scene(data, every, has_up)


def player_html(scene: Scene) -> str:
    """The canvas, its controls, the data and the script."""
    script = resources.files("triangulate.reporting").joinpath("player.js")
    # Within a script element, only "</" and "<!--" could end or change it.
    data = json.dumps(scene.data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    last = len(scene.data["frames"]) - 1
    speeds = "".join(
        f'<option value="{speed}"{" selected" if speed == "1" else ""}>{speed} ×</option>'
        for speed in ("0.1", "0.25", "0.5", "1", "2")
    )
    return (
        '<div class="player" id="player"><canvas tabindex="0" aria-label="The skeleton in 3D">'
        '</canvas><div class="controls"><button type="button">Play</button>'
        f'<input type="range" min="0" max="{last}" value="0" aria-label="Frame">'
        f'<select aria-label="Speed">{speeds}</select><output></output></div></div>'
        f'<script type="application/json" id="scene">{data}</script>'
        f"<script>{script.read_text(encoding='utf-8')}</script>"
    )


def _in_mm(points_m: np.ndarray) -> list[Any]:
    """Nested lists of whole millimetres (T, P, J, 3), None for what is missing."""
    whole = np.rint(1000 * np.nan_to_num(points_m)).astype(int).tolist()
    known = np.isfinite(points_m).all(-1)
    for frame, person, joint in np.argwhere(~known).tolist():
        whole[frame][person][joint] = None
    return whole


def _colours(poses: Poses3D) -> list[str]:
    """A colour a joint, its left and right differ; none where no joint has a side."""
    colours = [_MIDDLE] * len(poses.skeleton.joint_names)
    for left, right in poses.skeleton.flip_pairs:
        colours[left], colours[right] = _LEFT, _RIGHT
    return colours


def _up(poses: Poses3D, rig: Rig | None) -> tuple[np.ndarray, bool]:
    """The direction up, and whether it is known; without any word it is z."""
    name = poses.up_axis or (rig.up_axis if rig is not None else None)
    if name is not None:
        return np.eye(3)["xyz".index(name[-1])] * (-1 if name[0] == "-" else 1), True
    if rig is not None:  # cameras are held upright, more or less
        mean = -rig.cameras.cam_from_world.rotation[:, 1].mean(0).numpy()
        if np.linalg.norm(mean) > 0.3:
            return mean / np.linalg.norm(mean), False
    return np.eye(3)[2], False


def _upright(up: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) from the world to axes of which the last is up."""
    side = np.eye(3)[(int(np.abs(up).argmax()) + 1) % 3]
    first = side - (side @ up) * up
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(up, first), up])


def _cameras(
    rig: Rig, shown_from_world: np.ndarray, origin: np.ndarray, depth_m: float
) -> list[dict[str, Any]]:
    """Names, and the apex and corners of each camera's pyramid, in millimetres."""
    K = rig.cameras.K.numpy()
    found = []
    for v, (name, size) in enumerate(zip(rig.names, rig.sizes, strict=True)):
        width, height = size or (2 * K[v, 0, 2], 2 * K[v, 1, 2])
        x = (np.array([0, width, width, 0]) - 0.5 - K[v, 0, 2]) / K[v, 0, 0]
        y = (np.array([0, 0, height, height]) - 0.5 - K[v, 1, 2]) / K[v, 1, 1]
        plane = np.stack([x, y, np.ones(4)], axis=-1)
        corners = np.concatenate([np.zeros((1, 3)), depth_m * plane])
        world = rig.cameras.cam_from_world[v].inverse().apply(torch.from_numpy(corners)).numpy()
        shown = 1000 * (world @ shown_from_world.T - origin)
        found.append({"name": name, "points": np.rint(shown).astype(int).tolist()})
    return found
