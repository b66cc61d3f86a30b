from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from triangulate.data.recordings import RecordedPeople
from triangulate.errors import InputError
from triangulate.poses import Poses3D, Reason
from triangulate.skeleton import Skeleton

SIZE = (320, 240)
FRAMES = np.array([1, 2, 4])  # of six in the files


def poses_of(stage, frames: np.ndarray = FRAMES) -> Poses3D:
    """The truth as poses, one joint of them not found and one uncertain."""
    num_frames, num_people, num_joints, _ = stage.points_m.shape
    num_views = len(stage.rig)
    covariance = np.broadcast_to(1e-6 * np.eye(3), (num_frames, num_people, num_joints, 3, 3))
    reason = np.zeros((num_frames, num_people, num_joints), np.uint8)
    reason[0, 0, 2] = Reason.high_error
    positions, covariance = stage.points_m.copy(), covariance.copy()
    positions[0, 0, 2], covariance[0, 0, 2] = np.nan, np.nan
    covariance[1, 0, 3] *= 1e4  # 10 cm
    used = np.ones((num_frames, num_people, num_views, num_joints), bool)
    used[2, 0, 1, 5] = False
    return Poses3D(
        positions,
        covariance,
        np.zeros((num_frames, num_people, num_views, num_joints)),
        used,
        reason,
        np.zeros((num_frames, num_people, num_views), bool),
        Skeleton.named("h36m17"),
        stage.rig.names,
        30.0,
        frames,
        "z",
        {"settings": {"match": "number", "frames": "1:5", "fps": None}},
    )


@pytest.fixture(scope="module")
def scene(stage):
    return stage(num_frames=len(FRAMES), size=SIZE)


def picture(scene, view: int, number: int) -> np.ndarray:
    found = np.flatnonzero(number == FRAMES)
    if len(found):
        return scene.picture(view, int(found[0]))
    return np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


def write_images(project: Path, scene, name: str = "walk") -> Path:
    folder = project / "recordings" / name
    for view, camera in enumerate(scene.rig.names):
        (folder / "images" / camera).mkdir(parents=True)
        for number in range(6):
            file = folder / "images" / camera / f"{number:04d}.png"
            cv2.imwrite(str(file), picture(scene, view, number)[..., ::-1])
    scene.rig.save(project / "rig.yaml")
    poses_of(scene).save(folder / "out" / "poses.npz")
    return folder


@pytest.fixture
def project(tmp_path, scene, monkeypatch):
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path / "cache"))
    write_images(tmp_path / "project", scene)
    return tmp_path / "project"


def load(root: Path, **choices) -> RecordedPeople:
    return RecordedPeople(root, **{"size": (150, 190), **choices})


def worst_px(measured, data: RecordedPeople) -> tuple[int, float]:
    off = np.concatenate([measured(data[number], 3) for number in range(len(data))])
    return len(off), float(np.quantile(np.abs(off), 0.95))


def test_crops_of_images_show_the_joints(project, scene, measured):
    data = load(project)
    assert len(data) == 3
    assert data.groups == ("walk",)
    assert data.up_axis == "z"
    assert data.skeleton.name == "h36m17"
    count, worst = worst_px(measured, data)
    assert count > 20
    assert worst < 0.15
    sample = data[1]
    assert sample.images.shape == (3, 3, 190, 150)
    assert torch.allclose(sample.points_world, torch.from_numpy(scene.points_m[1, 0]))
    assert torch.equal(load(project / "recordings" / "walk")[1].images, sample.images)


def test_what_is_known_and_seen(project):
    data = load(project)
    assert data[0].known.tolist() == [joint != 2 for joint in range(17)]
    assert not data[0].points_world[2].any()
    assert not data[0].visible[:, 2].any()
    assert data[1].known.all()
    sure = load(project, max_sigma_m=0.05)
    assert sure[1].known.tolist() == [joint != 3 for joint in range(17)]
    assert not data[2].visible[1, 5]  # the view took no part
    assert data[2].visible[0, 5]


def test_videos_are_cut_once(tmp_path, scene, project, measured, write_video):
    folder = tmp_path / "filmed" / "recordings" / "walk"
    for view, camera in enumerate(scene.rig.names):
        write_video(
            folder / "videos" / f"{camera}.mp4",
            6,
            picture=lambda number, *_, view=view: picture(scene, view, number),
            size=SIZE,
            options={"crf": "5"},
        )
    scene.rig.save(tmp_path / "filmed" / "rig.yaml")
    poses_of(scene).save(folder / "out" / "poses.npz")
    calls: list[tuple[int, int]] = []
    data = load(tmp_path / "filmed", progress=lambda *told: calls.append(told))
    assert calls[-1] == (9, 9)
    count, worst = worst_px(measured, data)
    assert count > 20
    assert worst < 0.3
    kept = sorted((tmp_path / "cache" / "crops").iterdir())
    assert sorted(file.suffix for file in kept) == [".jpegs"] * 3 + [".npy"] * 3
    calls.clear()
    again = load(tmp_path / "filmed", progress=lambda *told: calls.append(told))
    assert not calls
    assert torch.equal(again[2].images, data[2].images)
    clone = pickle.loads(pickle.dumps(again))
    assert torch.equal(clone[2].images, data[2].images)
    assert load(tmp_path / "filmed", size=(64, 64))[0].images.shape == (3, 3, 64, 64)


def test_damaged_crops_are_named(tmp_path, scene, project, write_video):
    folder = project / "recordings" / "walk"
    for view, camera in enumerate(scene.rig.names):
        for file in (folder / "images" / camera).iterdir():
            file.unlink()
        (folder / "images" / camera).rmdir()
        write_video(
            folder / "videos" / f"{camera}.mp4",
            6,
            picture=lambda number, *_, view=view: picture(scene, view, number),
            size=SIZE,
        )
    (folder / "images").rmdir()
    data = load(project)
    for file in (tmp_path / "cache" / "crops").glob("*.jpegs"):
        file.write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"\.jpegs: is damaged; remove it and start again"):
        data[0]
    for file in (tmp_path / "cache" / "crops").glob("*.jpegs"):
        file.unlink()
    with pytest.raises(InputError, match="is gone; start again"):
        data[0]
    assert load(project)[0].images.any()  # cut anew


def test_choices(project, scene):
    write_images(project, scene, "run")
    both = load(project)
    assert both.groups == ("run", "walk")
    assert len(both) == 6
    assert [int(both[n].group) for n in range(6)] == [0, 0, 0, 1, 1, 1]
    one = load(project, recordings=["walk"], every=2, cameras=["cam3", "cam1"])
    assert len(one) == 2
    assert torch.equal(one[1].images, both[2].images[[0, 2]])  # in the rig's order
    as_mmpose = load(project, recordings=["walk"], skeleton="h36m17_mmpose")
    assert torch.equal(as_mmpose[1].points_world[0], both[1].points_world[6])
    as_coco = load(project, recordings=["walk"], skeleton="coco17")
    assert as_coco[1].known.sum() == 12  # no eyes, ears or nose


def test_a_view_that_shows_too_little_is_missing(project, scene):
    file = project / "recordings" / "walk" / "out" / "poses.npz"
    moved = replace(scene, points_m=scene.points_m + np.array([2.5, 1.0, 1.6]))
    poses_of(moved).save(file)
    shares = []
    for sample in load(project, min_shown=0.6):
        pixels, _ = scene.rig.cameras.project(sample.points_world)
        inside = ((pixels >= -0.5) & (pixels <= torch.tensor(SIZE) - 0.5)).all(-1)
        share = (inside & sample.known).sum(-1) / sample.known.sum()
        assert torch.equal(sample.views, share >= 0.6)
        assert torch.equal(sample.images.flatten(1).any(-1), sample.views)
        shares += share.tolist()
    assert min(shares) < 0.6 < max(shares)
    poses_of(replace(scene, points_m=scene.points_m + np.array([0.0, 0.0, 6.0]))).save(file)
    with pytest.raises(InputError, match="holds nobody whom two cameras show"):
        load(project)


# --- Bad input ------------------------------------------------------------------------------------


def test_what_is_not_there(project, scene):
    with pytest.raises(InputError, match=r"recordings/run: does not exist"):
        load(project, recordings=["run"])
    with pytest.raises(InputError, match="there is no such folder"):
        load(project / "nowhere")
    with pytest.raises(InputError, match=r"has none of the joints of|no skeleton is called"):
        load(project, skeleton="nothing")
    (project / "rig.yaml").unlink()
    with pytest.raises(InputError, match=r"there is no rig.yaml"):
        load(project)
    (project / "recordings" / "walk" / "out" / "poses.npz").unlink()
    with pytest.raises(InputError, match='run "triangulate reconstruct" first'):
        load(project)


def test_poses_of_other_frames_and_joints(project, scene):
    file = project / "recordings" / "walk" / "out" / "poses.npz"
    poses_of(scene, FRAMES + 100).save(file)
    with pytest.raises(InputError, match="the recording has the frames 0 to 5"):
        load(project)
    poses_of(scene, FRAMES[::-1].copy()).save(file)
    with pytest.raises(InputError, match="no frames in growing order"):
        load(project)
    file.write_bytes(b"broken")
    with pytest.raises(InputError, match=r"poses\.npz"):
        load(project)
    poses_of(scene).save(file)
    folder = write_images(project, scene, "other")
    renamed = replace(poses_of(scene), skeleton=Skeleton.anonymous(17))
    renamed.save(folder / "out" / "poses.npz")
    with pytest.raises(InputError, match="its joints are others than those of"):
        load(project)


def test_an_image_that_does_not_decode(project):
    data = load(project)
    file = project / "recordings" / "walk" / "images" / "cam2" / "0002.png"
    file.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"0002.png: cannot be read as an image"):
        data[1]
