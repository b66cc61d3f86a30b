from __future__ import annotations

import cv2
import numpy as np
import pytest

from triangulate.drawing.faces import blur_faces, face_of
from triangulate.skeleton import Skeleton, shipped_skeletons, snake_case

COCO = Skeleton.named("coco17")
SIZE = (330, 420)  # width, height
# A person of 240 px, seen from the front.
STANDING = {
    "nose": (150, 62),
    "left_eye": (155, 56),
    "right_eye": (145, 56),
    "left_ear": (161, 59),
    "right_ear": (139, 59),
    "left_shoulder": (176, 98),
    "right_shoulder": (124, 98),
    "left_elbow": (182, 142),
    "right_elbow": (118, 142),
    "left_wrist": (184, 177),
    "right_wrist": (116, 177),
    "left_hip": (166, 167),
    "right_hip": (134, 167),
    "left_knee": (166, 226),
    "right_knee": (134, 226),
    "left_ankle": (166, 285),
    "right_ankle": (134, 285),
}
FACE = np.array([[150, 50], [150, 72], [140, 58], [160, 58]])  # must always be hidden


def noise(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def person(*names: str) -> np.ndarray:
    """(17, 2) with only some joints known; all of them without names."""
    joints = np.full((17, 2), np.nan)
    for name in names or STANDING:
        joints[COCO.index(name)] = STANDING[name]
    return joints


def changed(image: np.ndarray, blurred: np.ndarray) -> np.ndarray:
    return (image != blurred).any(-1)


BODY = [name for name in STANDING if STANDING[name][1] > 90]


@pytest.mark.parametrize(
    "head",
    [
        ["nose", "left_eye", "right_eye", "left_ear", "right_ear"],
        ["left_eye", "right_eye"],
        ["nose"],
        ["left_ear"],
        [],
    ],
)
def test_a_face_is_hidden_whatever_is_known_of_the_head(head: list[str]) -> None:
    image = noise()
    blurred = blur_faces(image, person(*head, *BODY), COCO)
    hidden = changed(image, blurred)
    assert hidden[FACE[:, 1], FACE[:, 0]].all()
    assert hidden.mean() < 0.06  # a head of 240 px is some 35 x 30 px
    assert not hidden[120:].any()


def test_what_is_hidden_tells_little_and_what_is_not_stays() -> None:
    """Fine detail is gone inside; a checkerboard as coarse as eyes and mouth, too."""
    image = noise()
    before = image.copy()
    blurred = blur_faces(image, person(), COCO)
    np.testing.assert_array_equal(image, before)
    ellipse = face_of(person(), COCO, 1.0)
    assert ellipse is not None
    y, x = np.indices(image.shape[:2])
    away = np.stack([x, y], -1) - ellipse.centre_px
    across = np.array([-ellipse.up[1], ellipse.up[0]])
    outside = ((away @ np.stack([across, ellipse.up]).T / ellipse.half_axes_px) ** 2).sum(-1) > 1
    np.testing.assert_array_equal(image[outside], blurred[outside])
    assert blurred[~outside].std(0).max() < 0.15 * image[~outside].std(0).min()
    coarse = ((x // 8 + y // 8) % 2 * 200).astype(np.uint8)[..., None].repeat(3, -1)
    coarse = blur_faces(coarse, person(), COCO)
    assert coarse[~outside].std() < 35  # of 100


def test_other_detail_with_the_same_means_gives_the_same_picture() -> None:
    """So nothing can bring it back: two different faces look alike."""
    image = noise()
    other = image.copy()
    middle = other[54:60, 146:152]
    middle[:] = middle[::-1, ::-1].copy()
    first, second = (blur_faces(i, person(), COCO).astype(int) for i in (image, other))
    inside = slice(50, 64), slice(140, 160)
    assert np.abs(first[inside] - second[inside]).max() <= 8
    assert np.abs(image.astype(int) - other)[inside].max() > 100


def test_several_people_each_have_a_face() -> None:
    image = noise()
    second = person() + np.array([70, 100])
    blurred = blur_faces(image, np.stack([person(), second, np.full((17, 2), np.nan)]), COCO)
    hidden = changed(image, blurred)
    assert hidden[FACE[:, 1], FACE[:, 0]].all()
    assert hidden[FACE[:, 1] + 100, FACE[:, 0] + 70].all()
    assert not hidden[110:130].any()


@pytest.mark.parametrize("turn", [90, 180, 250])
def test_heads_may_be_turned_any_way(turn: float) -> None:
    angle = np.deg2rad(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([150, 200])
    image = noise()
    joints = (person("left_ear", *BODY) - middle) @ rotation.T + middle
    face = np.rint((FACE - middle) @ rotation.T + middle).astype(int)
    hidden = changed(image, blur_faces(image, joints, COCO))
    assert hidden[face[:, 1], face[:, 0]].all()


def test_the_top_of_a_head_is_enough() -> None:
    names = ["head_top", "left_shoulder", "right_shoulder", "left_hip", "right_hip"]
    joints = np.array([[150.0, 36], *(STANDING[name] for name in names[1:])])
    image = noise()
    hidden = changed(image, blur_faces(image, joints, Skeleton(tuple(names))))
    assert hidden[FACE[:, 1], FACE[:, 0]].all()
    assert not hidden[110:].any()


def test_a_lone_joint_of_a_head_is_hidden_widely() -> None:
    image = noise()
    hidden = changed(image, blur_faces(image, person("nose"), COCO))
    assert hidden[FACE[:, 1], FACE[:, 0]].all()


def test_faces_at_the_edge_and_outside() -> None:
    image = noise()
    shifted = person() - np.array([150, 60])  # the nose is in the corner
    hidden = changed(image, blur_faces(image, shifted, COCO))
    assert hidden[:8, :8].all()
    assert not hidden[40:].any()
    for far in (person() + 1000, person() - 4000, np.full((17, 2), np.nan), np.zeros((0, 17, 2))):
        np.testing.assert_array_equal(blur_faces(image, far, COCO), image)


def test_joints_without_names_hide_nothing() -> None:
    image = noise()
    np.testing.assert_array_equal(blur_faces(image, person(), Skeleton.anonymous(17)), image)


@pytest.mark.parametrize("name", shipped_skeletons())
def test_every_shipped_skeleton_tells_where_the_head_is(name: str) -> None:
    """Even one without a joint of the head, by its shoulders."""
    skeleton = Skeleton.named(name)
    places = dict(STANDING) | {"neck": (150, 92), "neck_base": (150, 92), "thorax": (150, 98)}
    places |= {"upper_neck": (150, 84), "head": (150, 36), "head_top": (150, 36)}
    joints = np.array([places.get(joint, (np.nan, np.nan)) for joint in skeleton.joint_names])
    image = noise()
    hidden = changed(image, blur_faces(image, joints, skeleton))
    assert hidden[FACE[:, 1], FACE[:, 0]].all()
    assert not hidden[115:].any()


def test_forearms_and_hearts_are_no_faces() -> None:
    """Names are read as words: an ear is no part of a forearm."""
    skeleton = Skeleton(("left_forearm", "heart", "eyebrow_raiser"))
    assert snake_case("left_forearm") == "left_forearm"
    assert face_of(np.full((3, 2), 50.0), skeleton, 200.0) is None


def test_a_drawn_face_is_gone() -> None:
    """Eyes and mouth of a drawn face leave no dark spots."""
    image = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
    for centre in ((145, 56), (155, 56), (150, 68)):
        cv2.circle(image, centre, 2, (0, 0, 0), -1)
    blurred = blur_faces(image, person(), COCO)
    assert image[45:75, 135:165].min() == 0
    assert np.ptp(blurred[45:75, 135:165]) < 60
