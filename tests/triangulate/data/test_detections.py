from __future__ import annotations

import pytest
import torch

from triangulate.data.detections import DetectionScenes
from triangulate.errors import InputError


@pytest.fixture(scope="module")
def scenes() -> DetectionScenes:
    return DetectionScenes.from_motions(num_batches=30, batch_size=4, views=(3, 6))


def test_a_number_gives_one_batch_whoever_asks(scenes) -> None:
    again = DetectionScenes.from_motions(num_batches=30, batch_size=4, views=(3, 6))
    last = scenes[7]
    assert torch.equal(last.points_px, again[7].points_px)
    assert not torch.equal(last.score[:, :3, :1], again[8].score[:, :3, :1])


def test_batches_have_the_shapes_they_say(scenes) -> None:
    assert len(scenes) == 30
    views, joints = set(), set()
    for batch in (scenes[number] for number in range(len(scenes))):
        size, num_views, num_joints, _ = batch.points_px.shape
        assert size == 4
        assert batch.cameras.K.shape[:2] == (4, num_views)
        assert batch.points_world.shape == (4, num_joints, 3)
        assert torch.isfinite(batch.points_px).all()
        views.add(num_views)
        joints.add(num_joints)
    assert views == {3, 4, 5, 6}
    assert 17 in joints
    assert len(joints) > 3


def test_numbers_that_do_not_exist_are_refused(scenes) -> None:
    with pytest.raises(IndexError, match="there are 30 batches"):
        scenes[30]


def test_recorded_motions_come_in(shared) -> None:
    folder = shared / "deepmimic_motions"
    plain = DetectionScenes.from_motions()
    more = DetectionScenes.from_motions([folder / "humanoid3d_roll.txt"])
    assert len(more.poses_m) > len(plain.poses_m)


def test_a_motion_that_is_none_is_refused(tmp_path) -> None:
    with pytest.raises(InputError):
        DetectionScenes.from_motions([tmp_path / "walk.xyz"])
