from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from triangulate.data.panoptic import Panoptic
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import save_rig

SEQUENCE, CAMERAS = "170000_walk1", ("00_03", "00_06", "00_12")
FIRST, SIZE = 100, (320, 240)


def panoptic_stage(stage):
    """Two people with 19 joints, in a world whose y axis points down."""
    upright = stage(num_frames=3, num_people=2, num_joints=19, size=SIZE)
    down_from_up = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # x_down = M x_up
    arrays = upright.rig.to_arrays()
    arrays["rotation"] = arrays["rotation"] @ down_from_up.T
    rig = Rig.from_arrays(**arrays | {"names": CAMERAS, "up_axis": "-y"})
    return replace(upright, rig=rig, points_m=upright.points_m @ down_from_up.T)


def write_tree(root: Path, stage, sequence: str = SEQUENCE, *, images: bool = True) -> Path:
    """A sequence in the official layout."""
    folder = root / sequence
    save_rig(stage.rig, folder / f"calibration_{sequence}.json", "panoptic")
    document = json.loads((folder / f"calibration_{sequence}.json").read_text())
    del document["up_axis"]  # only files written here have it
    (folder / f"calibration_{sequence}.json").write_text(json.dumps(document))
    (folder / "hdPose3d_stage1_coco19").mkdir()
    for frame, people in enumerate(stage.points_m):
        bodies = []
        for person, points in enumerate(people):
            confidence = np.full((19, 1), 0.7)
            joints = np.concatenate([100 * points, confidence], axis=-1)
            if frame == 1 and person == 1:
                joints[4] = 0, 0, 0, -1
            bodies.append({"id": person, "joints19": joints.ravel().tolist()})
        content = {"version": 0.7, "univTime": 1.5, "fpsType": "hd_29_97", "bodies": bodies}
        name = f"body3DScene_{FIRST + frame:08d}.json"
        (folder / "hdPose3d_stage1_coco19" / name).write_text(json.dumps(content))
        for view, camera in enumerate(CAMERAS if images else ()):
            place = folder / "hdImgs" / camera
            place.mkdir(parents=True, exist_ok=True)
            bgr = stage.picture(view, frame)[..., ::-1]
            file = place / f"{camera}_{FIRST + frame:08d}.jpg"
            cv2.imwrite(str(file), bgr, [cv2.IMWRITE_JPEG_QUALITY, 97])
    return folder


@pytest.fixture(scope="module")
def scene(stage):
    return panoptic_stage(stage)


@pytest.fixture
def tree(tmp_path, scene):
    write_tree(tmp_path, scene)
    return tmp_path


def load(tree: Path, **choices) -> Panoptic:
    return Panoptic(tree, **{"size": (140, 180), **choices})


def worst_px(measured, data: Panoptic, scene) -> tuple[int, float]:
    off = []
    for number in range(len(data)):
        frame = number // 2
        off.append(measured(data[number], 3, scene.points_m[frame, 1 - number % 2]))
    everything = np.concatenate(off)
    return len(everything), float(np.quantile(np.abs(everything), 0.95))


def test_crops_show_the_joints(tree, scene, measured):
    data = load(tree)
    assert len(data) == 6  # two people in three frames
    assert data.groups == (SEQUENCE,)
    assert data.skeleton.name == "panoptic19"
    assert data.up_axis == "-y"
    count, worst = worst_px(measured, data, scene)
    assert count > 30
    assert worst < 0.3
    sample = data[2]
    assert sample.images.shape == (3, 3, 180, 140)
    assert torch.allclose(sample.points_world, torch.from_numpy(scene.points_m[1, 0]), atol=1e-9)


def test_joints_without_confidence_are_not_known(tree):
    data = load(tree)
    assert data[3].known.tolist() == [joint != 4 for joint in range(19)]
    assert not data[3].points_world[4].any()
    assert not data[3].visible[:, 4].any()
    with pytest.raises(InputError, match="no two cameras show anybody"):
        load(tree, min_confidence=0.8)
    assert len(load(tree, min_joints=19)) == 5


def test_videos_give_what_images_give(tmp_path, scene, measured, write_video, monkeypatch):
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path / "cache"))
    folder = write_tree(tmp_path, scene, images=False)
    for view, camera in enumerate(CAMERAS):

        def picture(number: int, *_: int, view: int = view) -> np.ndarray:
            known = 0 <= number - FIRST < 3
            empty = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
            return scene.picture(view, number - FIRST) if known else empty

        file = folder / "hdVideos" / f"hd_{camera}.mp4"
        write_video(file, FIRST + 3, picture=picture, size=SIZE, options={"crf": "5"})
    calls: list[tuple[int, int]] = []
    data = load(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert sorted(calls) == [(done, 9) for done in range(1, 10)]
    assert len(data) == 6
    count, worst = worst_px(measured, data, scene)
    assert count > 30
    assert worst < 0.3
    calls.clear()
    again = load(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert not calls  # nothing is cut twice
    assert torch.equal(again[5].images, data[5].images)


def test_choices(tree, scene):
    write_tree(tree, scene, "170001_walk2")
    assert len(load(tree)) == 12
    data = load(tree, sequences=["170001_walk2"], cameras=["00_12", "00_03"], every=2)
    assert len(data) == 4
    assert torch.equal(data[0].images, load(tree)[0].images[[2, 0]])
    assert [int(load(tree)[n].group) for n in (0, 11)] == [0, 1]


def test_frames_without_any_image_are_left_out(tree):
    for file in (tree / SEQUENCE / "hdImgs").glob(f"*/*{FIRST + 1:08d}.jpg"):
        file.unlink()
    assert len(load(tree)) == 4


# --- Bad input ------------------------------------------------------------------------------------


def test_a_hole_is_named(tree):
    file = tree / SEQUENCE / "hdImgs" / "00_06" / f"00_06_{FIRST + 1:08d}.jpg"
    file.unlink()
    with pytest.raises(InputError, match=r"00_06_00000101.jpg: is missing, .*extract"):
        load(tree)
    assert load(tree, missing="mask")[2].views.tolist() == [True, False, True]


def test_broken_files(tree):
    folder = tree / SEQUENCE
    image = folder / "hdImgs" / "00_06" / f"00_06_{FIRST:08d}.jpg"
    image.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"00_06_00000100.jpg: cannot be read as an image"):
        load(tree)[0]
    cv2.imwrite(str(image), np.zeros((100, 100, 3), np.uint8))
    with pytest.raises(InputError, match="100 x 100 pixels, while 320 x 240 are expected"):
        load(tree)[0]
    pose = folder / "hdPose3d_stage1_coco19" / f"body3DScene_{FIRST:08d}.json"
    pose.write_text('{"bodies": [{"id": 0, "joints19": [1, 2, 3]}]}')
    with pytest.raises(InputError, match=r"body3DScene_00000100.json: a person has 3 numbers"):
        load(tree)
    pose.write_text('{"bodies": [')
    with pytest.raises(InputError, match=r"body3DScene_00000100.json: is no file of 3D poses"):
        load(tree)


def test_what_is_not_there(tree):
    folder = tree / SEQUENCE
    with pytest.raises(InputError, match=r"camera 00_09 has neither hdImgs/00_09/ nor hdVideos"):
        load(tree, cameras=["00_03", "00_09"])
    with pytest.raises(InputError, match=r"unknown: has no hdPose3d_stage1_coco19"):
        load(tree, sequences=["unknown"])
    with pytest.raises(InputError, match="there is no such folder"):
        load(tree / "nowhere")
    (folder / f"calibration_{SEQUENCE}.json").rename(folder / "other.json")
    with pytest.raises(InputError, match=r"calibration_170000_walk1.json"):
        load(tree)
    (folder / "other.json").rename(folder / f"calibration_{SEQUENCE}.json")
    shutil.rmtree(folder / "hdImgs" / "00_03")
    shutil.rmtree(folder / "hdImgs" / "00_06")
    with pytest.raises(InputError, match="of two cameras are needed, and there are 1"):
        load(tree)
    shutil.rmtree(folder / "hdPose3d_stage1_coco19")
    with pytest.raises(InputError, match="no sequence in it has hdPose3d_stage1_coco19"):
        load(tree)
