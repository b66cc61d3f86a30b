"""The window on a virtual screen: what it shows is compared with the projected truth."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from triangulate.drawing.bones import joint_colours, project
from triangulate.drawing.canvas import BACKGROUND
from triangulate.pipeline import reconstruct_keypoints
from triangulate.poses import Poses3D, load_poses
from triangulate.rig import Rig
from triangulate.synthetic import observe, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.video.writing import VideoWriter
from triangulate.viewer.contents import Contents, Motion
from triangulate.viewer.scene import Scene

SCREEN, SIZE, NUM_FRAMES = (1280, 800), (240, 180), 40


@dataclass(frozen=True)
class Screen:
    """A virtual X display.

    Attributes:
        name: for DISPLAY.
        memory: the file in which the server keeps what it shows (X Window Dump).
    """

    name: str
    memory: Path

    def pixels(self) -> np.ndarray:
        """(H, W, 3) what is on it."""
        content = self.memory.read_bytes()
        header = struct.unpack(">25I", content[:100])
        start, width, height, row, colours = header[0], header[4], header[5], header[12], header[19]
        raw = np.frombuffer(content, np.uint8, row * height, start + 12 * colours)
        return raw.reshape(height, row // 4, 4)[:, :width, 2::-1]

    def do(self, *words: object) -> None:
        """Send keys or move the mouse."""
        command = ["xdotool", *map(str, words)]
        subprocess.run(command, check=True, env={**os.environ, "DISPLAY": self.name}, timeout=20)

    def wait(self, condition: Callable[[np.ndarray], bool], seconds: float = 30) -> float:
        """Until something shows; how long that took."""
        began = time.monotonic()
        while not condition(self.pixels()):
            assert time.monotonic() - began < seconds, "it never showed"
            time.sleep(0.05)
        return time.monotonic() - began


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        message = "needs Xvfb and xdotool (tools/setup.sh dev)"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(message)
        pytest.skip(message)
    reading, writing = os.pipe()
    folder = tmp_path / "screen"
    folder.mkdir()
    options = ["-displayfd", str(writing), "-screen", "0", f"{SCREEN[0]}x{SCREEN[1]}x24"]
    server = subprocess.Popen(
        ["Xvfb", *options, "-noreset", "-fbdir", str(folder)],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with open(reading) as stream:
        number = stream.readline().strip()
    yield Screen(f":{number}", folder / "Xvfb_screen0")
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rig.yaml, and walk/ with grey videos and out/poses.npz."""
    folder = tmp_path_factory.mktemp("viewed")
    generator = seeded(3)
    rig = ring_rig(generator, 3, size=SIZE)
    rig.save(folder / "rig.yaml")
    motion = walk(generator, NUM_FRAMES, 25.0)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, fps=25.0)
    reconstruct_keypoints(seen, rig).save(folder / "walk" / "out" / "poses.npz")
    for name in rig.names:
        with VideoWriter(folder / "walk" / "videos" / f"{name}.mp4", SIZE, 25.0) as video:
            for _ in range(NUM_FRAMES):
                video.write(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    return folder


@pytest.fixture
def opened(screen: Screen, project_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "triangulate", "view", str(project_folder / "walk")],
        env={**os.environ, "DISPLAY": screen.name},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.terminate()
    process.wait()


def scene_size(pixels: np.ndarray) -> tuple[int, int]:
    """(width, height) of the part of the window that holds the scene."""
    is_panel = (np.ptp(pixels.astype(int), axis=-1) <= 2) & (np.abs(pixels[..., 0] - 44.0) < 12)
    width = int(is_panel[300:500].all(axis=0).argmax())
    return width, int(is_panel[:, 200 : width - 300].any(axis=1)[600:].argmax()) + 600


def visible_joints(pixels: np.ndarray, poses: Poses3D, rig: Rig, frame: int) -> np.ndarray:
    """Which joints with a position are seen, in their colour, where the truth projects to."""
    size = scene_size(pixels)
    scene = Scene.of(Contents("walk", Motion.of(poses), rig))
    places = project(scene.start.camera(size), poses.positions_m[frame, 0])
    seen = []
    for (x, y), colour in zip(places, joint_colours(poses.skeleton), strict=True):
        if np.isnan(x):
            continue
        at = pixels[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3].reshape(-1, 3)
        hue = np.array(colour) / np.linalg.norm(colour)
        length = np.linalg.norm(at.astype(float), axis=-1)
        alike = at @ hue > 0.99 * length
        seen.append(bool((alike & (length > 100)).any()))
    return np.array(seen)


def joints_shown(poses: Poses3D, rig: Rig, frame: int) -> Callable[[np.ndarray], bool]:
    """Whether a frame's pose is on the screen: most of its joints; some hide others."""

    def are(pixels: np.ndarray) -> bool:
        if scene_size(pixels)[0] < 300:
            return False
        return float(visible_joints(pixels, poses, rig, frame).mean()) > 0.85

    return are


def test_the_window_shows_the_pose_and_obeys(
    screen: Screen, opened: subprocess.Popen[str], project_folder: Path
) -> None:
    poses = load_poses(project_folder / "walk" / "out" / "poses.npz")
    rig = Rig.load(project_folder / "rig.yaml")
    assert screen.wait(lambda pixels: bool(pixels.any())) < 3  # a window, and that it reads
    screen.wait(joints_shown(poses, rig, 0))
    first = screen.pixels().copy()
    width, height = scene_size(first)
    assert width > 800 and height > 600
    assert (first[5, 5] == BACKGROUND).all()
    # The controls: light texts on the panel and in the bar.
    is_text = first.min(axis=-1) > 180
    assert is_text[:, width + 5 :].sum() > 3000 and is_text[height + 5 :, :width].sum() > 200
    assert not joints_shown(poses, rig, NUM_FRAMES - 1)(first)

    screen.do("search", "--name", "triangulate: ", "windowfocus")  # no window manager does it
    screen.do("key", "End")
    screen.wait(joints_shown(poses, rig, NUM_FRAMES - 1))
    screen.do("key", "Home")
    screen.wait(joints_shown(poses, rig, 0))
    for _ in range(6):
        screen.do("key", "Right")
    screen.wait(joints_shown(poses, rig, 6))
    screen.do("key", "Home")

    # A click on a joint tells about it.
    scene = Scene.of(Contents("walk", Motion.of(poses), rig))
    head = project(scene.start.camera((width, height)), poses.positions_m[0, 0, :]).tolist()
    x, y = head[poses.skeleton.index("head")]
    before = is_text[:, width + 5 :].sum()
    screen.do("mousemove", round(x), round(y), "click", 1)
    screen.wait(lambda p: (p.min(axis=-1) > 180)[:, width + 5 :].sum() > before + 300)
    # Layers go and come.
    screen.do("key", "1")
    screen.wait(lambda pixels: visible_joints(pixels, poses, rig, 0).mean() < 0.5)
    screen.do("key", "1")
    screen.wait(joints_shown(poses, rig, 0))
    screen.do("key", "q")
    assert opened.wait(timeout=20) == 0
    out, said = opened.communicate()
    assert out == "" and "Open3D" not in said and "Traceback" not in said


def test_playing_reaches_later_frames(
    screen: Screen, opened: subprocess.Popen[str], project_folder: Path
) -> None:
    poses = load_poses(project_folder / "walk" / "out" / "poses.npz")
    rig = Rig.load(project_folder / "rig.yaml")
    screen.wait(joints_shown(poses, rig, 0))
    screen.do("search", "--name", "triangulate: ", "windowfocus")
    screen.do("key", "l", "key", "space")  # once, to the end
    screen.wait(joints_shown(poses, rig, NUM_FRAMES - 1))
    time.sleep(0.5)
    assert joints_shown(poses, rig, NUM_FRAMES - 1)(screen.pixels())
    screen.do("key", "Escape")
    assert opened.wait(timeout=20) == 0
