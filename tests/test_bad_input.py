"""Bad input, through the real commands: one clear line, the right exit code, nothing half-written.

Every case runs `main()` as the shell would. The line must name the file or camera and what to do.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from triangulate.rig import Rig
from triangulate.synthetic import observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

SIZE, COUNT = (160, 120), 24
NAMES = ("cam1", "cam2", "cam3")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `triangulate ...` or `calib ...` in this process; what C libraries print is seen, too."""

    def run_main(program: str, *arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            importlib.import_module(f"{program}.cli").main()
        printed = capfd.readouterr()
        return Ended(int(end.value.code or 0), printed.out, printed.err)

    return run_main


def command(*arguments: object) -> list[str]:
    """`triangulate` in a process of its own."""
    return [sys.executable, "-m", "triangulate", *map(str, arguments)]


def spawn(words: list[str]) -> Ended:
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def obeying_permissions(words: list[str]) -> list[str]:
    """The command as somebody runs it who may not read and write everything, as root may."""
    if os.geteuid() != 0:
        return words
    prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    if not shutil.which("setpriv") or subprocess.run([*prefix, "true"]).returncode:
        pytest.skip("root may read and write everything here: setpriv cannot take that right away")
    return prefix + words


@pytest.fixture(scope="module")
def rig() -> Rig:
    return replace(ring_rig(seeded(0), len(NAMES), size=SIZE), notes=())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, write_video: Any, rig: Rig) -> Path:
    """A black video with its index in front, one with it at the end, a rig, and keypoints."""
    folder = tmp_path_factory.mktemp("made")
    noise = np.random.default_rng(0).integers(0, 9, (COUNT, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for name, faststart in (("fast.mp4", True), ("slow.mp4", False)):
        write_video(
            folder / name, COUNT, picture=lambda n, width, height: noise[n], faststart=faststart
        )
    rig.save(folder / "rig.yaml")
    generator = seeded(1)
    motion = walk(generator, 20, 50.0, half_length_m=0.5)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, fps=motion.fps)
    seen.save(folder / "keypoints.npz")
    return folder


@pytest.fixture
def project(tmp_path: Path, made: Path) -> Path:
    """A project: rig.yaml and walk/videos/, of three cameras."""
    shutil.copy(made / "rig.yaml", tmp_path)
    videos = tmp_path / "walk" / "videos"
    videos.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(made / "fast.mp4", videos / f"{name}.mp4")
    return tmp_path


def refused(ended: Ended, *said: str, code: int = 1) -> None:
    """One line, which says all of this."""
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert ended.err.startswith("error: ") and ended.err.count("\n") == 1, ended.err
    for text in said:
        assert text in ended.err


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def reconstruct_refused(run: Run, project: Path, *said: str, options: Any = ()) -> None:
    """`reconstruct` on the project's recording fails, and the folders stay as they were."""
    before = tree(project)
    refused(run("triangulate", "reconstruct", project / "walk", *options), *said)
    assert tree(project) == before


def test_the_project_itself_is_good(run: Run, project: Path) -> None:
    ended = run("triangulate", "check", project / "walk", "--json")
    assert (ended.code, ended.err) == (0, "")
    checked = json.loads(ended.out)
    assert [camera["name"] for camera in checked["cameras"]] == list(NAMES)
    assert checked["frames"] == COUNT and checked["self_test_px"] < 1e-6


# --- Videos ---------------------------------------------------------------------------------------


def cut(path: Path, part: float) -> bytes:
    content = path.read_bytes()
    return content[: int(len(content) * part)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda made: b"", ("the file is empty", "--cameras")),
        (lambda made: b"this is no video\n" * 99, ("damaged or no video", "copy it again")),
        (lambda made: bytes(range(256)) * 99, ("damaged or no video", "copy it again")),
        (lambda made: cut(made / "slow.mp4", 0.5), ("cut off", "copy it again", "--cameras")),
        (lambda made: cut(made / "fast.mp4", 0.8), ("breaks off after frame", "--frames :")),
    ],
    ids=["empty", "text", "noise", "truncated", "truncated behind its index"],
)
def test_a_video_that_cannot_be_read(
    run: Run, project: Path, made: Path, content: Any, said: tuple[str, ...]
) -> None:
    video = project / "walk" / "videos" / "cam2.mp4"
    video.write_bytes(content(made))
    reconstruct_refused(run, project, f"error: {video}: ", *said)


def test_a_video_that_is_a_broken_link(run: Run, project: Path) -> None:
    video = project / "walk" / "videos" / "cam2.mp4"
    video.unlink()
    video.symlink_to(project / "gone.mp4")
    reconstruct_refused(run, project, f"error: {video}: there is no such file")


def test_a_video_that_may_not_be_read(project: Path) -> None:
    video = project / "walk" / "videos" / "cam2.mp4"
    video.chmod(0)
    ended = spawn(obeying_permissions(command("check", project / "walk")))
    refused(ended, f"error: {video}: ", "not permitted", "--cameras")


def test_an_image_that_cannot_be_read(run: Run, project: Path) -> None:
    shutil.rmtree(project / "walk" / "videos")
    for name in NAMES:
        (project / "walk" / "images" / name).mkdir(parents=True)
        (project / "walk" / "images" / name / "0001.png").write_bytes(b"\x89PNG but no more")
    image = project / "walk" / "images" / "cam1" / "0001.png"
    reconstruct_refused(run, project, f"error: {image}: ", "copy it again")


def test_no_videos(run: Run, project: Path, made: Path) -> None:
    shutil.rmtree(project / "walk" / "videos")
    reconstruct_refused(run, project, f"{project / 'walk'}: no videos here", "<camera>.mp4")
    (project / "walk" / "pose2d").mkdir()
    shutil.copy(made / "keypoints.npz", project / "walk" / "pose2d")
    reconstruct_refused(run, project, f"--keypoints {project / 'walk' / 'pose2d'}")
    refused(run("triangulate", "reconstruct", project / "wlak"), "wlak: does not exist")


def test_no_common_cameras(run: Run, project: Path, rig: Rig) -> None:
    replace(rig, names=("left", "middle", "right")).save(project / "rig.yaml")
    video = project / "walk" / "videos" / "cam1.mp4"
    said = f"error: {video}: belongs to no camera of the rig (left, middle, right)"
    reconstruct_refused(run, project, said, "--camera cam1.mp4=NAME")


def test_one_video(run: Run, project: Path) -> None:
    for name in NAMES[1:]:
        (project / "walk" / "videos" / f"{name}.mp4").unlink()
    reconstruct_refused(run, project, "only 'cam1'", "no video for cam2, cam3")


def test_nobody_in_the_videos(run: Run, project: Path, own_cache: Path) -> None:
    ended = run("triangulate", "reconstruct", project / "walk")
    refused(ended, "nobody was found in any view", "check that the videos show a person")
    assert not (project / "walk" / "out").exists()


# --- Rigs -----------------------------------------------------------------------------------------


def as_toml(rig: Rig) -> str:
    from triangulate.rig_formats import anipose

    return anipose.text(rig)


def as_json(rig: Rig) -> dict[str, Any]:
    """CMU Panoptic's layout, in cm."""
    arrays = rig.to_arrays()
    cameras = [
        {
            "name": name,
            "resolution": list(SIZE),
            "K": arrays["K"][v].tolist(),
            "distCoef": arrays["dist"][v].tolist(),
            "R": arrays["rotation"][v].tolist(),
            "t": (100 * arrays["translation_m"][v])[:, None].tolist(),
        }
        for v, name in enumerate(rig.names)
    ]
    return {"cameras": cameras}


def yaml_with(rig: Rig, **change: Any) -> str:
    """rig.yaml with other values for cam2."""
    document = yaml.safe_load(rig.to_text())
    document["cameras"]["cam2"] |= change
    return yaml.safe_dump(document, sort_keys=False)


def json_with(rig: Rig, **change: Any) -> str:
    document = as_json(rig)
    document["cameras"][1] |= change
    return json.dumps({"cameras": document["cameras"]})


def at_one_place(rig: Rig) -> str:
    arrays = rig.to_arrays()
    for key in ("rotation", "translation_m"):
        arrays[key][1] = arrays[key][0]
    return Rig.from_arrays(**arrays).to_text()


def mirrored(rig: Rig) -> list[list[float]]:
    return (np.diag([1.0, 1.0, -1.0]) @ rig.to_arrays()["rotation"][1]).tolist()


BAD_RIGS: dict[str, tuple[str, Callable[[Rig], str], tuple[str, ...]]] = {
    # What is wrong: the file's name, its content, and what must be said.
    "missing name, yaml": (
        "rig.yaml",
        lambda rig: rig.to_text().replace("cam2:", "'':"),
        ("camera number 2 has no name", "give it"),
    ),
    "missing name, json": (
        "rig.json",
        lambda rig: json_with(rig, name=""),
        ("camera number 2 has no name", "give it"),
    ),
    "no name at all, json": (
        "rig.json",
        lambda rig: json_with(rig).replace('"name": "cam2", ', ""),
        ("camera number 2 has no name", "give it that of its video"),
    ),
    "missing name, toml": (
        "rig.toml",
        lambda rig: as_toml(rig).replace('name = "cam2"', 'name = ""'),
        ("camera number 2 has no name", "give it"),
    ),
    "doubled name, yaml": (
        "rig.yaml",
        lambda rig: rig.to_text().replace("cam2:", "cam1:"),
        ("'cam1' is given twice (lines ", "rename or remove one"),
    ),
    "doubled name, json": (
        "rig.json",
        lambda rig: json_with(rig, name="cam1"),
        ("camera name 'cam1' is given twice", "rename one"),
    ),
    "doubled key, json": (
        "rig.json",
        lambda rig: json_with(rig).replace('"name": "cam2"', '"name": "cam2", "name": "cam4"'),
        ("'name' is given twice", "rename one"),
    ),
    "doubled name, toml": (
        "rig.toml",
        lambda rig: as_toml(rig).replace('name = "cam2"', 'name = "cam1"'),
        ("camera name 'cam1' is given twice", "rename one"),
    ),
    "doubled table, toml": (
        "rig.toml",
        lambda rig: as_toml(rig).replace("[cam_1]", "[cam_0]"),
        ("cam_0", "twice", "rename"),
    ),
    "NaN, yaml": (
        "rig.yaml",
        lambda rig: yaml_with(rig, translation_m=[0.0, float("nan"), 1.0]),
        ("camera 'cam2': translation holds NaN", "calibrate it again"),
    ),
    "NaN, json": (
        "rig.json",
        lambda rig: json_with(rig, distCoef=[float("nan")] * 5),
        ("camera 'cam2': 'distCoef' holds NaN", "calibrate it again"),
    ),
    "NaN, toml": (
        "rig.toml",
        lambda rig: re.sub(r"(?<=matrix = \[\[)[0-9.]+", "nan", as_toml(rig), count=1),
        ("camera 'cam1': 'matrix' holds NaN", "calibrate it again"),
    ),
    "no rotation, yaml": (
        "rig.yaml",
        lambda rig: yaml_with(rig, rotation=np.diag([1.0, 1.0, 1.1]).tolist()),
        ("camera 'cam2': its rotation is no rotation matrix", "calibrate it again"),
    ),
    "no rotation, json": (
        "rig.json",
        lambda rig: json_with(rig, R=np.diag([1.0, 1.0, 1.1]).tolist()),
        ("camera 'cam2': its rotation is no rotation matrix", "calibrate it again"),
    ),
    "mirrored, yaml": (
        "rig.yaml",
        lambda rig: yaml_with(rig, rotation=mirrored(rig)),
        ("camera 'cam2': its rotation is mirrored", "calibrate it again"),
    ),
    "mirrored, json": (
        "rig.json",
        lambda rig: json_with(rig, R=mirrored(rig)),
        ("camera 'cam2': its rotation is mirrored", "calibrate it again"),
    ),
    "swapped size, yaml": (
        "rig.yaml",
        lambda rig: yaml_with(rig, size=[120, 160]),
        ("camera 'cam2': size 120 x 160 looks swapped", "--size cam2=160x120"),
    ),
    "swapped size, json": (
        "rig.json",
        lambda rig: json_with(rig, resolution=[120, 160]),
        ("camera 'cam2': size 120 x 160 looks swapped", "--size cam2=160x120"),
    ),
    "swapped size, toml": (
        "rig.toml",
        lambda rig: as_toml(rig).replace("size = [160, 120]", "size = [120, 160]"),
        ("camera 'cam1': size 120 x 160 looks swapped", "--size cam1=160x120"),
    ),
    "one place": (
        "rig.yaml",
        at_one_place,
        ("cameras 'cam1' and 'cam2' stand at the same place", "--cameras cam2,cam3"),
    ),
    "cut off, yaml": (
        "rig.yaml",
        lambda rig: rig.to_text()[:-40],
        ("no valid YAML", "line", "cut off?"),
    ),
    "cut off, json": ("rig.json", lambda rig: json_with(rig)[:-40], ("no valid JSON", "cut off?")),
    "cut off, toml": ("rig.toml", lambda rig: as_toml(rig)[:-40], ("no valid TOML", "cut off?")),
    "empty": ("rig.yaml", lambda rig: "", ("is empty", "copy it again")),
    "something else": ("rig.json", lambda rig: "[1, 2]", ("no calibration", "it reads rig.yaml")),
}


@pytest.mark.parametrize("what", BAD_RIGS)
def test_a_rig_that_cannot_be(run: Run, project: Path, rig: Rig, what: str) -> None:
    name, content, said = BAD_RIGS[what]
    (project / "rig.yaml").unlink()
    path = project / name
    path.write_text(content(rig), encoding="utf-8")
    refused(run("calib", "show", path), f"error: {path}: ", *said)
    reconstruct_refused(run, project, f"error: {path}: ", *said, options=["--rig", path])
    written = project / "converted.yaml"
    refused(run("calib", "convert", path, written), *said)
    assert not written.exists()


def test_a_broken_camera_can_be_left_out(run: Run, project: Path, rig: Rig) -> None:
    (project / "rig.yaml").write_text(at_one_place(rig))
    ended = run("triangulate", "check", project / "walk", "--cameras", "cam2,cam3", "--json")
    assert [camera["name"] for camera in json.loads(ended.out)["cameras"]] == ["cam2", "cam3"]


def test_a_rig_of_one_camera(run: Run, project: Path, rig: Rig) -> None:
    rig.select(["cam2"]).save(project / "rig.yaml")
    reconstruct_refused(run, project, "rig.yaml: holds one camera (cam2)", "--rig")


def test_no_rig(run: Run, project: Path) -> None:
    (project / "rig.yaml").unlink()
    reconstruct_refused(run, project, f"{project / 'walk'}: no rig.yaml in it", "--rig")
    options = ["--rig", project / "rig.toml"]
    reconstruct_refused(run, project, "rig.toml: no such file", options=options)


# --- 2D keypoints ---------------------------------------------------------------------------------


def write_openpose(folder: Path, text: str) -> Path:
    """The same content for two frames of every camera."""
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        for frame in (0, 1):
            (folder / name / f"{name}_{frame:012d}_keypoints.json").write_text(text)
    return folder / "cam1" / "cam1_000000000000_keypoints.json"


def person(values: Any) -> str:
    return json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": values}]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (person([50.0, 60.0, 0.9] * 17)[:-9], ("is no JSON, or cut short", "write it again")),
        ("", ("is empty", "write it again")),
        ('{"people": 3}', ("a list 'people'", "run the detector")),
        ('{"people": [{}, 3]}', ("no 'pose_keypoints_2d'", "run the detector")),
        (person([1.0, 2.0]), ("must be a list of x, y, c", "run the detector")),
        (person([[1.0, 2.0, 0.9]] * 17), ("must be a list of x, y, c", "run the detector")),
        (person("left"), ("must be a list of x, y, c", "run the detector")),
        ('{"joints": []}', ("a JSON object without 'people'", "known are")),
    ],
    ids=["cut off", "empty", "people no list", "no keypoints", "odd", "nested", "text", "other"],
)
def test_json_of_the_wrong_shape(run: Run, project: Path, text: str, said: Any) -> None:
    write_openpose(project / "walk" / "pose2d", text)
    options = ["--keypoints", project / "walk" / "pose2d", "--skeleton", "coco17"]
    reconstruct_refused(run, project, str(project / "walk" / "pose2d"), *said, options=options)


def test_coco_of_the_wrong_shape(run: Run, project: Path) -> None:
    for name in NAMES:
        entry = {"image_id": 1, "category_id": 1, "score": 0.9, "keypoints": [1.0, 2.0]}
        (project / f"{name}.json").write_text(json.dumps([entry]))
    (project / "pose2d").mkdir()
    for name in NAMES:
        (project / f"{name}.json").rename(project / "pose2d" / f"{name}.json")
    options = ["--keypoints", project / "pose2d"]
    said = (str(project / "pose2d" / "cam1.json"), "'keypoints' must be x, y, c")
    reconstruct_refused(run, project, *said, options=options)


def test_keypoints_of_nobody(run: Run, project: Path) -> None:
    write_openpose(project / "walk" / "pose2d", '{"people": []}')
    options = ["--keypoints", project / "walk" / "pose2d"]
    reconstruct_refused(run, project, "pose2d: nobody is detected", "check", options=options)


def test_keypoints_of_other_cameras(run: Run, project: Path, made: Path, rig: Rig) -> None:
    replace(rig, names=("left", "middle", "right")).save(project / "rig.yaml")
    options = ["--keypoints", made / "keypoints.npz"]
    said = ("nothing is named after cameras left, middle, right", "--camera cam1=left")
    reconstruct_refused(run, project, str(made / "keypoints.npz"), *said, options=options)


def test_keypoints_that_are_not_there(run: Run, project: Path) -> None:
    options = ["--keypoints", project / "pose3d"]
    reconstruct_refused(run, project, "pose3d: there is no such file or folder", options=options)


# --- Options and settings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--frames", "5:40"], ("--frames 5:40", "frames 0 to 23")),
        (["--frames", "24:"], ("--frames 24:", "frames 0 to 23")),
        (["--frames", "five"], ("--frames five", "write it as 100:200")),
        (["--cameras", "cam1,cam9"], ("no camera 'cam9' (--cameras)", "cam1, cam2, cam3")),
        (["--cameras", "cam1"], ("--cameras needs at least 2 entries",)),
        (["--camera", "GX01.MP4=cam1"], ("there is no file 'GX01.MP4'", "cam1.mp4, cam2.mp4")),
        (["--camera", "cam1.mp4=left"], ("--camera cam1.mp4=left: no camera 'left'", "cam2")),
        (["--fps", "-5"], ("--fps should be greater than 0",)),
        (["--config", "{project}/none.yaml"], ("none.yaml: cannot be read",)),
        (["--subject", "S1"], ("rig.yaml: has no subjects", "--subject")),
        (["--unit", "mm"], ("rig.yaml: a rig.yaml is in metres", "--unit")),
    ],
)
def test_an_option_that_does_not_fit(run: Run, project: Path, options: Any, said: Any) -> None:
    filled = [option.format(project=project) for option in options]
    reconstruct_refused(run, project, *said, options=filled)


def test_an_unknown_skeleton(run: Run, project: Path, made: Path) -> None:
    options = ["--keypoints", made / "keypoints.npz", "--skeleton", "coco18"]
    reconstruct_refused(run, project, "'coco18'", "coco17", options=options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("methd: dlt\n", ("unknown key 'methd'", "did you mean 'method'?")),
        ("every: two\n", ("'every' should be a valid integer",)),
        ("method: [dlt\n", ("no valid YAML: line 2",)),
        ("every: 1\nevery: 2\n", ("'every' is given twice (lines 1 and 2)",)),
    ],
)
def test_a_config_that_does_not_fit(run: Run, project: Path, text: str, said: Any) -> None:
    config = project / "settings.yaml"
    config.write_text(text)
    options = ["--config", config]
    reconstruct_refused(run, project, f"error: {config}: ", *said, options=options)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["triangulate", "reconstrukt"], ("Did you mean 'reconstruct'?",)),
        (["triangulate", "reconstruct"], ("RECORDING",)),
        (["triangulate", "reconstruct", "walk", "--evry", "2"], ("--evry", "--every")),
        (["triangulate", "reconstruct", "walk", "--every", "0"], ("--every",)),
        (["triangulate", "reconstruct", "walk", "--match", "never"], ("--match", "number")),
        (["triangulate", "reconstruct", "walk", "--camera", "GX01"], ("FILE=NAME",)),
        (["triangulate", "models", "fetch", "openpose"], ("blazepose",)),
        (["calib", "show", "rig.yaml", "--size", "big"], ("neither WxH nor NAME=WxH",)),
        (["calib", "convert", "rig.yaml"], ("OUT",)),
    ],
)
def test_wrong_usage(run: Run, project: Path, arguments: Any, said: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(project)
    refused(run(*arguments), *said, code=2)


def test_missing_networks(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIANGULATE_CACHE", str(project / "cache"))
    said = ("the BlazePose networks are not in", '"triangulate models fetch blazepose"')
    reconstruct_refused(run, project, str(project / "cache"), *said)
    ended = run("triangulate", "detect", project / "walk")
    refused(ended, *said)


# --- Places that cannot be written ----------------------------------------------------------------


def test_a_file_in_the_way(run: Run, project: Path, made: Path) -> None:
    out = project / "walk" / "out"
    out.write_text("mine")
    options = ["--keypoints", made / "keypoints.npz"]
    reconstruct_refused(run, project, f"{out}", "--out", options=options)
    assert out.read_text() == "mine"
    options += ["--out", out / "further"]
    reconstruct_refused(run, project, f"{out}", "--out", options=options)
    refused(run("triangulate", "demo", "--out", out), str(out), "--out")
    refused(run("calib", "convert", project / "rig.yaml", out / "rig.yaml"), "choose another")


def test_a_folder_in_the_way(run: Run, project: Path, made: Path) -> None:
    (project / "walk" / "out" / "poses.csv").mkdir(parents=True)
    options = ["--keypoints", made / "keypoints.npz"]
    said = f"{project / 'walk' / 'out' / 'poses.csv'}: cannot be written"
    reconstruct_refused(run, project, said, "--out", options=options)
    ended = run("calib", "convert", project / "rig.yaml", project / "walk", "--to", "rig")
    refused(ended, f"{project / 'walk'}: is a folder", "name the file")


def test_a_folder_that_may_not_be_written(project: Path, made: Path) -> None:
    out = project / "walk" / "out"
    out.mkdir(mode=0o555)
    words = command("reconstruct", project / "walk", "--keypoints", made / "keypoints.npz")
    refused(spawn(obeying_permissions(words)), f"{out}", "permission denied", "--out")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("mount", "said"),
    [("size=16k", ("the disk is full", "free some space")), ("ro", ("read-only", "--out"))],
    ids=["full disk", "read-only disk"],
)
def test_a_disk_that_takes_nothing_more(project: Path, made: Path, mount: str, said: Any) -> None:
    out = project / "walk" / "out"
    out.mkdir()
    apart = ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--"]
    mounting = ["mount", "-t", "tmpfs", "-o", mount, "tmpfs", str(out)]
    if not shutil.which("unshare") or subprocess.run([*apart, *mounting], stderr=-3).returncode:
        pytest.skip("a small disk cannot be mounted here: no right to make a mount namespace")
    words = command("reconstruct", project / "walk", "--keypoints", made / "keypoints.npz")
    listing = project / "listing"
    script = (
        'mount -t tmpfs -o "$1" tmpfs "$2"; out=$2; list=$3; shift 3; "$@"; code=$?; '
        'find "$out" -mindepth 1 >"$list"; exit $code'
    )
    shell = ["sh", "-c", script, "sh", mount, str(out), str(listing)]
    refused(spawn([*apart, *shell, *words]), f"error: {out}", *said)
    assert listing.read_text() == ""


# --- Ctrl-C ---------------------------------------------------------------------------------------

SHORT_STRETCHES = """
import sys
import triangulate.detection
from triangulate.cli import main
triangulate.detection.STRETCH_FRAMES = 6
main()
"""


def test_ctrl_c_keeps_what_is_done(shared: Any, own_cache: Path, tmp_path: Path) -> None:
    data, out = shared / "pose2sim_balancing", tmp_path / "out"
    arguments = ["reconstruct", data / "videos_a948c205", "--out", out, "--frames", ":30"]
    arguments += ["--rig", data / "calibration" / "Calib.qca.txt", "--cameras", "cam03,cam04"]
    words = [sys.executable, "-c", SHORT_STRETCHES, *map(str, arguments)]
    with subprocess.Popen(words, stdout=-1, stderr=-1, text=True) as process:
        wait_for(lambda: len(list(own_cache.rglob("0*.npz"))) >= 2, process)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    last = said.splitlines()[-1]
    assert (process.returncode, printed) == (130, "")
    assert all(line.startswith("note: ") for line in said.splitlines()[:-1])
    assert last.startswith("stopped after frame ") and " of 30; the first " in last
    assert "run the same command again" in last
    assert not out.exists() and not list(tmp_path.rglob("*.part*"))
    kept = {path: path.stat().st_mtime_ns for path in own_cache.rglob("0*.npz")}
    assert int(last.partition("the first ")[2].split()[0]) == 6 * len(kept)
    done = spawn(words)
    assert done.code == 0, done.err
    assert "written to" in done.out
    assert {path.stat().st_mtime_ns for path in kept} == set(kept.values())
    assert {path.name for path in out.iterdir()} >= {"poses.npz", "poses.csv", "run.yaml"}


def wait_for(is_there: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 100
    while not is_there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
