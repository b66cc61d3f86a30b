from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.data.moments import People, Scene, SceneDataset, people_in_view
from triangulate.skeleton import Skeleton

SIZE, CROP = (320, 240), (64, 80)


class GreyCrops:
    """Every crop tells its number; the second view has none."""

    def crop(self, moment: int, view: int) -> np.ndarray | None:
        return None if view == 1 else np.full((CROP[1], CROP[0], 3), moment, np.uint8)


def people(stage, **choices) -> People:
    frames, num_people, joints, _ = stage.points_m.shape
    values = {"size": CROP, "margin": 1.2, "min_joints": 5, "min_shown": 0.5, **choices}
    return people_in_view(
        stage.rig.cameras,
        np.array(stage.rig.sizes),
        stage.points_m.reshape(-1, joints, 3),
        values.pop("known", np.ones((frames * num_people, joints), bool)),
        np.repeat(np.arange(frames), num_people),
        **values,
    )


@pytest.fixture(scope="module")
def scene(stage):
    return stage(num_frames=4, size=SIZE)


def test_windows_hold_what_is_shown(scene):
    found = people(scene)
    assert len(found) == 4
    sample = found.sample(2, GreyCrops(), group=3)
    assert sample.images[0].unique().tolist() == [2]
    assert sample.views.tolist() == [True, False, True]
    assert int(sample.group) == 3
    assert torch.equal(
        sample.visible, torch.from_numpy(found.shown[2]) & sample.views[:, None]
    )  # what the image shows is in the crop


def test_who_is_left_out(scene):
    known = np.ones((4, 17), bool)
    known[1, 4:] = False
    found = people(scene, known=known)
    assert found.frames.tolist() == [0, 2, 3]
    known[1] = False
    known[:, 3] = False
    found = people(scene, known=known, min_joints=0)
    assert found.frames.tolist() == [0, 2, 3]
    assert not found.shown[:, :, 3].any()
    assert not found.points_world[:, 3].any()


def test_hidden_joints_count_for_the_window_but_are_not_visible(scene):
    hidden = np.ones((4, 3, 17), bool)
    hidden[:, 1, :9] = False
    found = people(scene, unhidden=hidden)
    assert np.array_equal(found.windows, people(scene).windows)
    assert not found.shown[:, 1, :9].any()
    assert found.shown[:, 1, 9:].any()


def test_scenes_follow_each_other(scene):
    everybody = people(scene)
    scenes = [
        Scene(everybody.choose(np.arange(3)), GreyCrops(), 0),
        Scene(everybody.choose(np.arange(0)), GreyCrops(), 1),
        Scene(everybody, GreyCrops(), 2),
    ]
    data = SceneDataset(Skeleton.named("h36m17"), ["a", "b", "c"], scenes, "z")
    assert len(data) == 7
    assert [int(data[number].group) for number in range(7)] == [0, 0, 0, 2, 2, 2, 2]
    assert [int(data[number].images[0, 0, 0, 0]) for number in range(7)] == [0, 1, 2, 0, 1, 2, 3]
    assert int(data[-1].images.max()) == 3
    assert len(list(data)) == 7  # type: ignore[call-overload]
    with pytest.raises(IndexError):
        data[7]
