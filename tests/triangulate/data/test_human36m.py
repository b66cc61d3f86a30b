from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from triangulate.data.human36m import Human36M
from triangulate.data.sample import collate
from triangulate.errors import InputError
from triangulate.skeleton import Skeleton

SUBJECTS, CAMERAS = ["S1", "S9"], ["54138969", "55011271", "58860488"]
ACTIONS = ["Directions-1", "Directions-2", "Waiting-1"]
ROWS = [(0, 0, 0), (0, 0, 5), (0, 1, 0), (1, 0, 0), (1, 2, 0)]  # subject, action, frame
CAMERA = [("R", "<f4", (3, 3)), ("t", "<f4", (3, 1)), ("K", "<f4", (3, 3)), ("dist", "<f4", 5)]
ROW = [
    ("subject_idx", "i1"),
    ("action_idx", "i1"),
    ("frame_idx", "<i2"),
    ("keypoints", "<f4", (17, 3)),
    ("bbox_by_camera_tlbr", "<i2", (3, 4)),
]


def write_tree(root: Path, stage, *, folder: str = "imageSequence") -> dict:
    """Images and labels in the published layout; the content of the labels."""
    arrays, num_rows = stage.rig.to_arrays(), len(ROWS)
    cameras = np.zeros((2, 3), CAMERA)
    cameras["R"], cameras["K"] = arrays["rotation"], arrays["K"]
    cameras["t"] = 1000 * arrays["translation_m"][..., None]
    cameras["dist"] = arrays["dist"]
    table = np.zeros(num_rows, ROW)
    for number, (subject, action, frame) in enumerate(ROWS):
        row = table[number]
        row["subject_idx"], row["action_idx"], row["frame_idx"] = subject, action, frame
        row["keypoints"] = 1000 * stage.points_m[number, 0]
        for view, camera in enumerate(CAMERAS):
            place = root / SUBJECTS[subject] / ACTIONS[action] / folder / camera
            place.mkdir(parents=True, exist_ok=True)
            bgr = stage.picture(view, number)[..., ::-1]
            file = place / f"img_{frame + 1:06d}.jpg"
            cv2.imwrite(str(file), bgr, [cv2.IMWRITE_JPEG_QUALITY, 97])
            points = torch.from_numpy(stage.points_m[number, 0])
            pixels = stage.rig.cameras[view].project(points)[0].numpy()
            low, high = pixels.min(0) - 8, pixels.max(0) + 8
            row["bbox_by_camera_tlbr"][view] = [low[1], low[0], high[1], high[0]]
    content = {
        "subject_names": SUBJECTS,
        "camera_names": CAMERAS,
        "action_names": ACTIONS,
        "cameras": cameras,
        "table": table,
    }
    np.save(root / "labels.npy", content)  # type: ignore[arg-type]
    return content


@pytest.fixture(scope="module")
def scene(stage):
    return stage(num_frames=len(ROWS), size=(300, 220))


@pytest.fixture
def tree(tmp_path, scene):
    write_tree(tmp_path, scene)
    return tmp_path


def load(tree: Path, **choices) -> Human36M:
    values = {"subjects": SUBJECTS, "undistorted": False, "size": (160, 160), **choices}
    return Human36M(tree, tree / "labels.npy", **values)


def test_crops_show_the_joints(tree, scene, measured):
    data = load(tree)
    assert len(data) == 5
    assert data.skeleton.name == "h36m17"
    assert data.groups == ("Directions", "Waiting")
    off = np.concatenate([measured(data[number], reach=3) for number in range(5)])
    assert len(off) > 30
    assert np.quantile(np.abs(off), 0.95) < 0.25
    sample = data[3]
    assert sample.images.shape == (3, 3, 160, 160)
    assert sample.images.dtype == torch.uint8
    assert torch.allclose(sample.points_world, torch.from_numpy(scene.points_m[3, 0]), atol=1e-6)
    assert sample.points_world.dtype == sample.cameras.K.dtype == torch.float64
    assert [int(data[number].group) for number in range(5)] == [0, 0, 0, 0, 1]
    assert torch.equal(data[-1].images, data[4].images)
    batch = collate([data[0], data[4]])
    assert batch.images.shape == (2, 3, 3, 160, 160)


def test_undistorted_images_have_no_lens(tree, scene):
    write_tree(tree, scene, folder="imageSequence-undistorted")
    cameras, plain = load(tree, undistorted=True)[0].cameras, load(tree)[0].cameras
    assert not cameras.lens.coefficients.any()
    assert plain.lens.coefficients.any()
    assert torch.equal(cameras.K, plain.K)


def test_the_window_is_the_labelled_square(tree, scene):
    """A square box of whole numbers is taken as it is, and shrunk by averaging."""
    content = write_tree(tree, scene)
    content["table"]["bbox_by_camera_tlbr"][0, 0] = [-20, 10, 160, 190]  # top, left, bottom, right
    np.save(tree / "labels.npy", content)
    sample = load(tree, size=(90, 90))[0]
    folder = tree / "S1" / "Directions-1" / "imageSequence" / CAMERAS[0]
    image = cv2.imread(str(folder / "img_000001.jpg"))[..., ::-1]
    padded = np.zeros((180, 180, 3), np.uint8)
    padded[20:] = image[:160, 10:190]
    expected = cv2.resize(padded, (90, 90), interpolation=cv2.INTER_AREA)
    assert (sample.images[0].permute(1, 2, 0).numpy() == expected).all()
    K, full = sample.cameras.K[0], content["cameras"]["K"][0, 0]
    assert K[0, 2] == pytest.approx(0.5 * (full[0, 2] - 10) - 0.25, abs=1e-4)
    assert K[1, 2] == pytest.approx(0.5 * (full[1, 2] + 20) - 0.25, abs=1e-4)


def test_the_other_order_of_joints(tree):
    published, other = load(tree), load(tree, skeleton="h36m17_mmpose")
    a, b = (data[0].points_world for data in (published, other))
    assert torch.equal(a[Skeleton.named("h36m17").index("pelvis")], b[0])
    head = other.skeleton.index("head")
    assert torch.equal(a[published.skeleton.index("head")], b[head])


def test_choices_of_rows(tree):
    assert len(load(tree, subjects=["S9"])) == 2
    assert len(load(tree, drop_damaged=True)) == 4  # S9's Waiting-1
    assert len(load(tree, subjects=["S1"], every=2)) == 2
    two = load(tree, cameras=[CAMERAS[2], CAMERAS[0]])[0]
    three = load(tree)[0]
    assert torch.equal(two.images, three.images[[2, 0]])
    assert torch.equal(two.cameras.K, three.cameras.K[[2, 0]])
    with pytest.raises(IndexError):
        load(tree)[5]


def test_an_empty_box_is_a_missing_view(tree, scene):
    content = write_tree(tree, scene)
    content["table"]["bbox_by_camera_tlbr"][3:, 1] = 0
    np.save(tree / "labels.npy", content)
    shutil.rmtree(tree / "S9" / "Directions-1" / "imageSequence" / CAMERAS[1])
    sample = load(tree)[3]
    assert sample.views.tolist() == [True, False, True]
    assert not sample.images[1].any()
    assert not sample.visible[1].any()
    assert torch.isfinite(sample.cameras.K).all()


def test_workers_can_take_it(tree):
    data = pickle.loads(pickle.dumps(load(tree)))
    assert torch.equal(data[0].images, load(tree)[0].images)


# --- Bad input ------------------------------------------------------------------------------------


def test_a_hole_is_named(tree):
    folder = tree / "S1" / "Directions-2" / "imageSequence" / CAMERAS[1]
    (folder / "img_000001.jpg").unlink()
    with pytest.raises(InputError, match=r"Directions-2.*img_000001.jpg: is missing: extract"):
        load(tree)[2]
    assert load(tree, missing="mask")[2].views.tolist() == [True, False, True]
    folder.rmdir()
    with pytest.raises(InputError, match=r"Directions-2/imageSequence/55011271: is missing"):
        load(tree)
    assert load(tree, missing="mask")[2].views.tolist() == [True, False, True]


def test_an_image_that_does_not_decode_is_named(tree):
    file = tree / "S1" / "Directions-1" / "imageSequence" / CAMERAS[0] / "img_000006.jpg"
    file.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"img_000006.jpg: cannot be read as an image"):
        load(tree)[1]


def test_a_file_that_is_no_label_file(tree, scene):
    content = write_tree(tree, scene)
    labels = tree / "labels.npy"

    def refuse(value: object, message: str) -> None:
        np.save(labels, value)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=message) as caught:
            load(tree)
        assert str(labels) in str(caught.value)
        assert "\n" not in str(caught.value)

    refuse(np.zeros((3, 4)), r"holds no labels of Human3.6M .*tools/datasets/human36m.py")
    refuse({k: v for k, v in content.items() if k != "cameras"}, "holds no labels of Human3.6M")
    refuse({**content, "table": content["table"][["keypoints"]]}, r"table lacks subject_idx, .*")
    refuse({**content, "cameras": content["cameras"][["R", "t"]]}, r"K, dist missing|missing")
    refuse({**content, "cameras": content["cameras"][:1]}, "'cameras' must be an array")
    table = content["table"].copy()
    table["action_idx"] = 3
    refuse({**content, "table": table}, "action_idx of its table goes beyond action_names")
    refuse({**content, "camera_names": CAMERAS[:2]}, r"bbox_by_camera_tlbr .* \(2, 4\) a row")
    labels.write_bytes(labels.read_bytes()[:200])
    with pytest.raises(InputError, match="no readable npy file"):
        load(tree)
    labels.unlink()
    with pytest.raises(InputError, match=r"labels.npy: cannot be read \(No such file"):
        load(tree)


def test_names_that_are_not_there(tree):
    with pytest.raises(InputError, match=r"labels.npy: has no subject 'S7'; there are S1, S9"):
        load(tree, subjects=["S1", "S7"])
    with pytest.raises(InputError, match=r"labels.npy: has no camera 'left'; there are 54138969"):
        load(tree, cameras=["left"])
    with pytest.raises(InputError, match=r"elsewhere: there is no such folder"):
        Human36M(tree / "elsewhere", tree / "labels.npy", subjects=["S1"])
