"""`triangulate render`: the scene in space, and poses on made-up videos (`--overlay`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from triangulate.cli import app
from triangulate.commands.viewing import Wanted, open_contents
from triangulate.drawing.bones import joint_colours, project
from triangulate.drawing.canvas import BACKGROUND
from triangulate.drawing.overlay import resized_views
from triangulate.drawing.sheet import lay_out_sheet
from triangulate.drawing.space import image_planes
from triangulate.errors import InputError, UsageError
from triangulate.keypoints import load_keypoints
from triangulate.pipeline import reconstruct_keypoints
from triangulate.poses import load_poses
from triangulate.rig import Rig
from triangulate.synthetic import observe, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.video import probe, read_frames, read_image, writing
from triangulate.video.writing import VideoWriter
from triangulate.viewer import apart
from triangulate.viewer.scene import Scene

ROOT = Path(__file__).resolve().parents[3]
SIZE, NUM_FRAMES, FPS = (240, 180), 8, 25.0
SCENE_SIZE, SHOWN_FRAME = (320, 180), 3
STILL = ["--size", "320x180", "--view", "still"]


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result: Result, *said: str, code: int = 1) -> None:
    assert result.exit_code == 1 and result.stdout == ""  # the exception ends the command
    assert isinstance(result.exception, InputError if code == 1 else UsageError)
    for text in said:
        assert text in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project: rig.yaml, and walk/ with grey videos, pose2d/ and out/poses.npz."""
    folder = tmp_path_factory.mktemp("made")
    generator = seeded(3)
    rig = ring_rig(generator, 3, size=SIZE)
    rig.save(folder / "rig.yaml")
    motion = walk(generator, NUM_FRAMES, FPS, half_length_m=0.1)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, fps=FPS)
    seen.save(folder / "walk" / "pose2d" / "keypoints.npz")
    reconstruct_keypoints(seen, rig).save(folder / "walk" / "out" / "poses.npz")
    rng = np.random.default_rng(0)
    for name in rig.names:
        with VideoWriter(folder / "walk" / "videos" / f"{name}.mp4", SIZE, FPS) as video:
            coarse = rng.integers(60, 120, (SIZE[1] // 6, SIZE[0] // 6, 1), dtype=np.uint8)
            for _ in range(NUM_FRAMES):
                video.write(
                    np.broadcast_to(coarse, (*coarse.shape[:2], 3)).repeat(6, 0).repeat(6, 1)
                )
    return folder


@pytest.fixture
def recording(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "project")
    return tmp_path / "project" / "walk"


def test_joints_lie_where_they_project(recording: Path) -> None:
    words = ["render", recording, "--overlay", "--out", recording / "a.png"]
    result = triangulate(*words, "--frames", "5:6")
    assert result.exit_code == 0, result.exception
    assert "1 of 3 cameras" in result.stdout and "a.png" in result.stdout
    picture = read_image(recording / "a.png").astype(int)
    rig, poses = Rig.load(recording.parent / "rig.yaml"), load_poses(recording / "out/poses.npz")
    sheet = lay_out_sheet([SIZE] * 3)
    small = resized_views([None] * 3, rig, [(box.width, box.height) for box in sheet.boxes])[1]
    joints_px = project(small.cameras, poses.positions_m[5, 0])
    apart = np.linalg.norm(joints_px[:, :, None] - joints_px[:, None], axis=-1)
    apart = (np.nan_to_num(apart, nan=1e6) + 1e6 * np.eye(joints_px.shape[1])).min(-1)
    checked = (apart > 8) & poses.views_used[5, 0]
    assert checked.sum() > 12
    colours = joint_colours(poses.skeleton)
    for v, j in zip(*np.nonzero(checked), strict=True):
        x, y = np.rint(joints_px[v, j] + [sheet.boxes[v].x, sheet.boxes[v].y]).astype(int)
        assert np.abs(picture[y, x] - colours[j]).max() < 15


def test_the_video_is_the_pictures_at_the_recordings_rate(recording: Path) -> None:
    words = ["render", recording, "--overlay", "--colours", "error"]
    assert triangulate(*words).exit_code == 0
    info = probe(recording / "out" / "overlay.mp4")
    assert (info.num_frames, info.fps) == (NUM_FRAMES, FPS)
    assert triangulate(*words, "--out", recording / "shots").exit_code == 0
    files = sorted((recording / "shots").iterdir())
    assert [file.name for file in files] == [f"frame_{n:06d}.png" for n in range(NUM_FRAMES)]
    for frame, file in zip(read_frames(info), files, strict=True):
        apart = np.abs(frame.image_rgb.astype(int) - read_image(file))
        assert apart.mean() < 3 and np.quantile(apart, 0.99) < 40  # thin lines lose their hue


def test_every_second_frame_lasts_twice_as_long(recording: Path) -> None:
    words = ["render", recording, "--overlay", "--every", 2, "--frames", "1:8"]
    result = triangulate(*words, "--size", "640x360", "--cameras", "cam3,cam1")
    assert result.exit_code == 0, result.exception
    info = probe(recording / "out" / "overlay.mp4")
    assert (info.num_frames, info.fps, info.size) == (4, FPS / 2, (640, 360))


def test_faces_are_hidden_by_pose_and_by_what_was_seen(recording: Path) -> None:
    poses = load_poses(recording / "out" / "poses.npz")
    seen = load_keypoints(recording / "pose2d" / "keypoints.npz")
    nobody = replace(poses, positions_m=np.full_like(poses.positions_m, np.nan))
    nobody.save(recording / "nobody.npz")
    words = ["render", recording, "--overlay", "--frames", "5:6", "--out", recording / "a.png"]
    words += ["--poses", recording / "nobody.npz"]
    assert triangulate(*words).exit_code == 0
    plain = read_image(recording / "a.png").astype(int)
    result = triangulate(*words, "--blur-faces")
    assert result.exit_code == 0 and "--keypoints" not in result.stderr
    by_keypoints = read_image(recording / "a.png").astype(int)
    assert (plain != by_keypoints).any(-1).sum() > 100
    assert (seen.confidence[5] > 0).any()
    shutil.rmtree(recording / "pose2d")
    result = triangulate(*words, "--blur-faces")
    assert "--keypoints" in result.stderr  # nobody tells of the others
    np.testing.assert_array_equal(read_image(recording / "a.png"), plain)


def test_what_does_not_fit_is_one_clear_line(recording: Path, made: Path) -> None:
    def draw(*options: object) -> Result:
        return triangulate("render", recording, "--overlay", *options)

    refused(draw("--poses", "none.npz"), "none.npz: there is no such file")
    refused(draw("--frames", "5:99"), "--frames 5:99", "0 to 7")
    refused(draw("--out", recording / "a.gif"), "a.gif", ".mp4")
    refused(draw("--out", recording / "a.png"), "8 frames", "--frames")
    refused(draw("--size", "641x360"), "--size 641x360", "even")
    refused(draw("--rig", recording / "none.yaml"), "none.yaml")
    poses = load_poses(recording / "out" / "poses.npz")
    replace(poses, names=("a", "b", "c")).save(recording / "others.npz")
    refused(draw("--poses", recording / "others.npz"), "others.npz", "other cameras (a, b, c)")
    replace(poses, frames=np.arange(NUM_FRAMES) + 60).save(recording / "late.npz")
    refused(draw("--poses", recording / "late.npz"), "late.npz", "frame 67", "frame 7")
    (recording / "file").write_text("no folder")
    refused(draw("--out", recording / "file" / "a.mp4"), "file")
    (recording / "out" / "poses.npz").unlink()
    refused(draw(), "poses.npz", "triangulate reconstruct", "--poses")
    shutil.rmtree(recording / "videos")
    refused(draw("--poses", recording / "late.npz"), str(recording))
    left = {path.name for path in recording.rglob("*")}
    assert left == {"pose2d", "keypoints.npz", "out", "others.npz", "late.npz", "file"}


def test_without_an_encoder_nothing_is_drawn(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "ENCODERS", {"no_such_encoder": ({}, None)})
    refused(triangulate("render", recording, "--overlay"), "overlay.mp4", "no encoder", "--out")
    assert [path.name for path in (recording / "out").iterdir()] == ["poses.npz"]


def test_a_size_that_is_none(recording: Path) -> None:
    result = triangulate("render", recording, "--overlay", "--size", "large")
    assert result.exit_code == 2 and "WxH" in result.stderr


# --- The scene in space ---------------------------------------------------------------------------


def run_render(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, from which it starts another one."""
    return subprocess.run(
        [sys.executable, "-m", "triangulate", "render", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def failed(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """One line, after notes."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert (done.returncode, done.stdout, len(lines)) == (1, "", 1), done.stderr
    for text in said:
        assert text in lines[0]


def test_joints_are_drawn_where_they_project(made: Path, tmp_path: Path, vulkan: None) -> None:
    source, path = tmp_path / "poses.npz", tmp_path / "a.png"
    shutil.copy(made / "walk" / "out" / "poses.npz", source)  # without cameras: the person is large
    frames = f"{SHOWN_FRAME}:{SHOWN_FRAME + 1}"
    done = run_render(source, *STILL, "--frames", frames, "--show", "-axes", "--out", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Scene\nframes      1, 320 x 180\nwritten to  {path}\n"
    assert "no rig.yaml" in done.stderr and len(done.stderr.splitlines()) == 1
    picture, poses = read_image(path), load_poses(source)
    assert picture.shape == (SCENE_SIZE[1], SCENE_SIZE[0], 3)

    start = Scene.of(open_contents(Wanted((source,)))).start
    joints_px = project(start.camera(SCENE_SIZE), poses.positions_m[SHOWN_FRAME, 0])
    x, y = np.rint(joints_px).astype(int).T
    # Shading and smooth edges put a joint's colour between the background's and its own.
    background = np.array(BACKGROUND, float)
    own = np.array(joint_colours(poses.skeleton)) - background
    seen = picture[y, x] - background
    strength = (seen * own).sum(-1) / (own**2).sum(-1)
    beside = np.linalg.norm(seen - strength[:, None] * own, axis=-1)
    is_drawn = (0.5 < strength) & (strength < 1.02) & (beside < 0.1 * np.linalg.norm(own, axis=-1))
    assert is_drawn.mean() > 0.9  # a leg may hide the other one's ankle
    for corner in (picture[:20, :20], picture[:20, -20:], picture[-20:, -20:]):
        assert (corner == BACKGROUND).all()


def test_the_scene_becomes_a_video_with_images_on_their_cameras(
    recording: Path, vulkan: None
) -> None:
    done = run_render(recording, *STILL)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "note: made up by triangulate.synthetic: no real cameras\n"
    info = probe(recording / "out" / "scene.mp4")
    assert (info.num_frames, info.fps, info.size) == (NUM_FRAMES, FPS, SCENE_SIZE)
    picture = [frame.image_rgb for frame in read_frames(info)][SHOWN_FRAME].astype(int)

    scene = Scene.of(open_contents(Wanted((recording,))))
    middles_m = image_planes(Rig.load(recording.parent / "rig.yaml"), scene.depth_m).mean((1, 2))
    for x, y in np.rint(project(scene.start.camera(SCENE_SIZE), middles_m)).astype(int):
        patch = picture[y - 1 : y + 2, x - 1 : x + 2]
        assert np.ptp(patch.mean((0, 1))) < 15 and 60 < patch.mean() < 120  # as the videos are
    for corner in (picture[:20, :20], picture[:20, -20:]):
        assert np.abs(corner - BACKGROUND).mean() < 3


def test_without_vulkan_a_line_says_what_to_install(recording: Path, vulkan: None) -> None:
    done = run_render(recording, "--out", recording / "a.mp4", VK_ICD_FILENAMES="/nonexistent")
    failed(done, "Vulkan", "apt-get install mesa-vulkan-drivers libvulkan1", "--overlay")
    assert not list(recording.glob("*a.mp4*"))


def test_a_folder_of_clouds_alone_is_in_view(tmp_path: Path) -> None:
    pytest.importorskip("open3d")
    corners = np.array([[4.0, 0, 0], [4, 1, 2], [5, 1, 0], [5, 0, 2]])
    for number in range(3):
        lines = [f"{x} {y} {z}" for x, y, z in (corners + np.array([number, 0, 0])).tolist()]
        (tmp_path / f"frame_{number:06d}.xyz").write_text("\n".join(lines))
    scene = Scene.of(open_contents(Wanted((tmp_path,))))
    np.testing.assert_array_equal(scene.contents.frames, [0, 1, 2])
    for shift_m in (0, 2):
        x, y = project(scene.start.camera(SCENE_SIZE), corners + np.array([shift_m, 0, 0])).T
        assert (0 < x).all() and (x < SCENE_SIZE[0]).all()
        assert (0 < y).all() and (y < SCENE_SIZE[1]).all()


def test_a_picture_that_is_called_a_cloud(tmp_path: Path) -> None:
    pytest.importorskip("open3d")
    cloud = tmp_path / "cloud.ply"
    cloud.write_bytes((ROOT / "docs" / "demo.png").read_bytes())
    failed(run_render(cloud), f"{cloud}: is no point cloud or mesh")
    assert list(tmp_path.iterdir()) == [cloud]


def test_what_cannot_be_shown_is_one_clear_line(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(work: Callable[..., None], *arguments: Any, remedy: str) -> None:
        work(*arguments)

    monkeypatch.setattr(apart, "run_apart", here)

    def draw(*options: object, source: Path = recording) -> Result:
        return triangulate("render", source, *options)

    refused(draw("--view", "above"), "--view above", "orbit, still, cam1, cam2, cam3")
    refused(draw("--size", "321x180"), "--size 321x180", "even")
    refused(draw("--turn", "nan"), "--turn nan", "degrees a second")
    refused(draw("--show", "bones"), "--show bones", "skeletons, ellipsoids")
    refused(draw("--person", 9), "--person 9", "there are 1")
    refused(draw("--frames", "90:99"), "--frames 90:99")
    refused(draw("--out", recording / "a.gif"), "a.gif", ".mp4")
    refused(draw("--out", recording / "a.png"), "8 frames", "--frames")
    rig = recording.parent / "rig.yaml"
    refused(draw(rig, "--rig", rig), "two calibrations", code=2)
    refused(draw(source=recording / "videos" / "none"), "none")
    markers = recording.parent / "walk.trc"
    exported = triangulate("export", recording / "out" / "poses.npz", "--out", markers)
    assert exported.exit_code == 0, exported.stderr
    refused(draw("--colours", "deviation", source=markers), "deviation", "poses.npz")
    assert [path.name for path in (recording / "out").iterdir()] == ["poses.npz"]
    assert {path.name for path in recording.iterdir()} == {"out", "pose2d", "videos"}
