from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from triangulate.data.sample import Sample, collate
from triangulate.data.synthetic import SyntheticPeople
from triangulate.errors import InputError
from triangulate.geometry.dlt import triangulate_dlt

SIZE = (56, 40)


def people(**options: Any) -> SyntheticPeople:
    return SyntheticPeople(**({"seed": 3, "length": 40, "views": (2, 4), "size": SIZE} | options))


def assert_same(a: Sample, b: Sample) -> None:
    for name in ("images", "views", "points_world", "known", "visible", "group"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name
    assert torch.equal(a.cameras.K, b.cameras.K)
    assert torch.equal(a.cameras.lens.coefficients, b.cameras.lens.coefficients)
    assert torch.equal(a.cameras.cam_from_world.rotation, b.cameras.cam_from_world.rotation)
    assert torch.equal(a.cameras.cam_from_world.translation, b.cameras.cam_from_world.translation)


def test_a_moment_is_the_same_in_any_batch_and_with_any_threads() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = people().__getitems__(list(range(10)))
        torch.set_num_threads(1)
        data = people()
        for index in (7, 0, 9):
            assert_same(together[index], data[index])
    finally:
        torch.set_num_threads(before)
    assert not torch.equal(together[0].points_world, together[1].points_world)
    assert not torch.equal(people(seed=4)[0].points_world, together[0].points_world)


def test_samples_are_as_the_protocol_says() -> None:
    data = people()
    samples = data.__getitems__([0, 5, 6, 11])
    assert {len(sample.views) for sample in samples} <= {2, 3, 4}
    for sample in samples:
        views = len(sample.views)
        assert sample.images.shape == (views, 3, SIZE[1], SIZE[0])
        assert sample.images.dtype == torch.uint8
        assert sample.points_world.shape == (17, 3)
        assert sample.points_world.dtype == torch.float64
        assert sample.cameras.K.shape == (views, 3, 3)
        assert sample.visible.shape == (views, 17)
        assert sample.known.all()
        assert data.groups[int(sample.group)] in ("random angles", "made-up walk")
        assert sample.images.double().std() > 2
    batch = collate(samples)
    assert batch.images.shape[0] == 4
    with pytest.raises(IndexError):
        data[40]
    assert data.__getitems__([]) == []


def test_keypoints_agree_with_the_cameras() -> None:
    sample = people(views=4)[2]
    points_px, in_front = sample.cameras.project(sample.points_world)
    inside = ((points_px >= -0.5) & (points_px <= torch.tensor(SIZE) - 0.5)).all(-1)
    assert in_front.all()
    assert not (sample.visible & ~inside).any()
    straight, _ = sample.cameras.undistort(points_px)
    points, valid = triangulate_dlt(
        straight.transpose(0, 1), sample.cameras.projection(), torch.ones(17, 4).double()
    )[:2]
    assert valid.all()
    assert torch.allclose(points, sample.points_world, atol=1e-6)


def test_levels_of_occlusion_share_their_scenes() -> None:
    clean, heavy = (people(views=4, occlusion=level)[4] for level in ("none", "heavy"))
    assert torch.equal(clean.points_world, heavy.points_world)
    assert torch.equal(clean.cameras.K, heavy.cameras.K)
    assert not (heavy.visible & ~clean.visible).any()
    assert heavy.visible.sum() < clean.visible.sum()


def test_mixes_and_motions(shared: Any) -> None:
    files = [shared / "deepmimic_motions", shared / "cmu_mocap" / "11_01.amc"]
    data = people(motions=files, mix={"mocap": 1.0})
    assert len(data.groups) == 13 + 1 + 2
    groups = {data.groups[int(sample.group)] for sample in data.__getitems__(range(12))}
    assert len(groups) > 4
    assert "made-up walk" not in groups
    only = people(mix={"mocap": 1.0})  # no motions: its share is the walk's
    assert {only.groups[int(only[k].group)] for k in range(4)} == {"made-up walk"}
    angles = people(mix={"angles": 2.0}, lying=0.0)
    assert {angles.groups[int(angles[k].group)] for k in range(4)} == {"random angles"}


def test_people_stand_on_the_floor_in_the_middle() -> None:
    data = people(mix={"walk": 1.0})
    points = torch.stack([data[k].points_world for k in range(8)])
    assert points[..., 2].min() > 0
    assert points[..., 2].amin(1).max() < 0.12
    middle = (points.amin(1) + points.amax(1)) / 2
    assert torch.allclose(middle[:, :2], torch.zeros(8, 2).double(), atol=1e-9)
    tall = points[..., 2].amax(1)
    assert tall.min() > 1.3
    assert tall.max() < 2.2


def test_bodies_may_stay_as_captured(shared: Any) -> None:
    clip = shared / "cmu_mocap" / "11_01.amc"
    data = people(motions=[clip], mix={"mocap": 1.0}, reshape=0.0, tumbled=0.0)
    points = torch.stack([data[k].points_world for k in range(4)])
    names = data.skeleton.joint_names
    ends = [[names.index(f"{side}_{end}") for side in ("left", "right")] for end in ("hip", "knee")]
    thighs = (points[:, ends[0]] - points[:, ends[1]]).norm(dim=-1).sort(-1).values
    assert np.ptp(thighs.numpy(), axis=0).max() < 1e-9  # some are mirrored


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": 0}, "views"),
        ({"views": (4, 2)}, "views"),
        ({"occlusion": "some"}, "occlusion"),
        ({"mix": {"mocap": 0.0}}, "mix"),
        ({"mix": {"dance": 1.0}}, "mix"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        people(**options)


def test_folders_without_motions_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no motions"):
        people(motions=[tmp_path])
