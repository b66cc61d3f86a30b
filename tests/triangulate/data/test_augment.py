from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from triangulate.data.augment import (
    Augmentation,
    augment,
    change_pixels,
    drop_views,
    mirror,
    reframe,
    warp,
)
from triangulate.data.lots import Lots
from triangulate.data.sample import Sample, collate
from triangulate.geometry.lens import Lens
from triangulate.skeleton import Skeleton
from triangulate.synthetic.draws import seeded

SKELETON = Skeleton.named("h36m17")
ALL = Augmentation(
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    hue_deg=10,
    blur_px=1.0,
    noise=5,
    patches=2,
    rotation_deg=20,
    scale=0.2,
    shift=0.05,
    mirror_share=0.5,
    drop_share=0.5,
)


def as_sample(stage, frame: int) -> Sample:
    """A stage's whole pictures as a moment."""
    images = np.stack([stage.picture(view, frame, sigma_px=2.0) for view in range(len(stage.rig))])
    points = torch.from_numpy(stage.points_m[frame, 0])
    num_views, num_joints = len(stage.rig), len(points)
    return Sample(
        torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        stage.rig.cameras,
        torch.ones(num_views, dtype=torch.bool),
        points,
        torch.ones(num_joints, dtype=torch.bool),
        torch.ones(num_views, num_joints, dtype=torch.bool),
        torch.tensor(frame),
    )


@pytest.fixture(scope="module", params=["radtan", "mixed"])
def batch(request, stage):
    scene = stage(size=(240, 176))
    if request.param == "mixed":  # rational and fisheye lenses, with a tangential part
        lens = scene.rig.cameras.lens
        model = torch.tensor([0, 1, 2])
        coefficients = lens.coefficients.clone()
        coefficients[:2, 2:4] = torch.tensor([0.01, -0.02])
        coefficients[2] = torch.tensor([-0.02, 0.004, -0.002, 0.03, 0, 0, 0, 0])
        cameras = replace(scene.rig.cameras, lens=Lens(model, coefficients))
        scene = replace(scene, rig=replace(scene.rig, cameras=cameras))
    return collate([as_sample(scene, frame) for frame in range(3)])


def worst_px(measured, sample: Sample, at_least: int = 20) -> float:
    """How far dots are from the projected joints, over a batch: the 99th percentile."""
    off = np.concatenate([measured(sample[b]) for b in range(len(sample.group))])
    assert len(off) >= at_least
    return float(np.quantile(np.abs(off), 0.99))


def lots(sample: Sample, seed: int = 0) -> Lots:
    return Lots(seeded(seed), *sample.views.shape)


def test_the_pictures_show_the_joints(batch, measured):
    assert worst_px(measured, batch) < 0.1


# --- Geometry -------------------------------------------------------------------------------------


def test_turned_scaled_and_shifted_images_show_the_joints(batch, measured):
    for seed in range(3):
        changed = reframe(batch, lots(batch, seed), rotation_deg=30, scale=0.3, shift=0.1)
        assert worst_px(measured, changed) < 0.15
        assert torch.equal(changed.points_world, batch.points_world)
        assert not torch.equal(changed.images, batch.images)
    angles = torch.atan2(changed.cameras.K[..., 1, 0], changed.cameras.K[..., 0, 0])
    assert len(angles.flatten().unique()) == 9
    assert angles.abs().max() <= np.deg2rad(30.1)


def test_a_warp_by_hand(batch):
    by_three = torch.eye(3).double().repeat(3, 3, 1, 1)
    by_three[..., 0, 2], by_three[..., 1, 2] = 3, -2
    moved = warp(batch, by_three)
    assert torch.equal(moved.images[..., :-2, 3:], batch.images[..., 2:, :-3])
    assert not moved.images[..., -2:, :].any()
    far = by_three.clone()
    far[:, 0, 0, 2] = 1000  # nothing of the first view is left in the picture
    gone = warp(batch, far)
    assert not gone.images[:, 0].any()
    assert not gone.visible[:, 0].any()
    assert gone.visible[:, 1:].any()


def test_mirrored_moments_show_the_joints_of_the_other_side(batch, measured):
    is_mirrored = torch.tensor([True, False, True])
    changed = mirror(batch, is_mirrored, SKELETON)
    assert worst_px(measured, changed) < 0.1
    assert torch.equal(changed.images[0], batch.images[0].flip(-1))
    left, right = SKELETON.index("left_wrist"), SKELETON.index("right_wrist")
    across = torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    assert torch.equal(changed.points_world[0, left], batch.points_world[0, right] * across)
    assert torch.allclose(
        torch.linalg.det(changed.cameras.cam_from_world.rotation), torch.ones(3, 3).double()
    )
    pixels, _ = batch.cameras.project(batch.points_world[:, None])
    mirrored, _ = changed.cameras.project(changed.points_world[:, None])
    assert torch.allclose(mirrored[1], pixels[1])
    assert torch.allclose(mirrored[0, :, left, 0], 239 - pixels[0, :, right, 0])
    assert torch.allclose(mirrored[0, :, left, 1], pixels[0, :, right, 1])


def test_mirroring_twice_changes_nothing(batch):
    everything = torch.ones(3, dtype=torch.bool)
    hidden = replace(batch, visible=batch.visible & (torch.arange(17) % 3 > 0))
    twice = mirror(mirror(hidden, everything, SKELETON), everything, SKELETON)
    assert torch.equal(twice.images, hidden.images)
    assert torch.equal(twice.visible, hidden.visible)
    assert torch.allclose(twice.points_world, hidden.points_world)
    assert torch.allclose(twice.cameras.projection(), hidden.cameras.projection())
    assert torch.allclose(twice.cameras.lens.coefficients, hidden.cameras.lens.coefficients)


# --- Pixels ---------------------------------------------------------------------------------------


def test_patches_hide_the_joints_behind_them(batch):
    how = Augmentation(patches=3, patch_share=1.0, patch_side=(0.2, 0.5))
    changed = change_pixels(batch, lots(batch), how)
    is_painted = (changed.images != batch.images).any(2)
    pixels, _ = batch.cameras.project(batch.points_world[:, None])
    x, y = pixels.round().long().unbind(-1)
    inside = (x >= 0) & (x < 240) & (y >= 0) & (y < 176)
    index = (y.clamp(0, 175) * 240 + x.clamp(0, 239)).flatten(2)
    under = is_painted.flatten(2).gather(2, index)
    agree = (changed.visible == ~under)[inside]
    assert agree.float().mean() > 0.97  # but for joints on the edge of a patch
    assert 0.05 < (~changed.visible).float().mean() < 0.9


def test_colours_blur_and_noise_leave_the_geometry(batch, measured):
    how = replace(ALL, patches=0, noise=1.0)
    changed = change_pixels(batch, lots(batch), how)
    assert worst_px(measured, changed) < 0.3
    assert changed.images.dtype == torch.uint8
    assert torch.equal(changed.visible, batch.visible)


def test_missing_views_stay_black(batch):
    views = batch.views.clone()
    views[1, 0] = False
    images = batch.images * views[..., None, None, None]
    changed = augment(replace(batch, views=views, images=images), seeded(0), ALL, SKELETON)
    assert not changed.images[1, 0].any()
    assert changed.images[changed.views].flatten(1).any(1).all()


# --- Views ----------------------------------------------------------------------------------------


def test_views_are_dropped_down_to_two():
    tiny = Sample(
        torch.full((400, 5, 3, 2, 2), 9, dtype=torch.uint8),
        None,  # type: ignore[arg-type]
        torch.ones(400, 5, dtype=torch.bool),
        torch.zeros(400, 4, 3),
        torch.ones(400, 4, dtype=torch.bool),
        torch.ones(400, 5, 4, dtype=torch.bool),
        torch.zeros(400, dtype=torch.int64),
    )
    tiny.views[:100, 2:] = False
    tiny.views[:50, 1:] = False
    dropped = drop_views(tiny, lots(tiny), share=0.5)
    left = dropped.views.sum(-1)
    assert (left[:50] == 1).all()  # had one
    assert (left[50:100] == 2).all()
    assert sorted(left[100:].unique().tolist()) == [2, 3, 4, 5]
    assert (
        0.3 < (left[100:] < 5).float().mean() < 0.45
    )  # half are chosen, a quarter of these keep 5
    assert not (dropped.views & ~tiny.views).any()
    assert torch.equal(dropped.images.flatten(2).any(-1), dropped.views)
    assert torch.equal(dropped.visible.all(-1), dropped.views)
    assert dropped.views[100:].float().mean(0).std() < 0.05  # no view is preferred
    assert torch.equal(drop_views(tiny, lots(tiny), share=0.0).views, tiny.views)


# --- All together ---------------------------------------------------------------------------------


def test_all_together_shows_the_joints(batch, measured):
    quiet = replace(ALL, noise=1.0, patches=0)
    changed = augment(batch, seeded(5), quiet, SKELETON)
    assert worst_px(measured, changed, at_least=8) < 0.35


def test_nothing_asked_for_is_nothing_changed(batch):
    changed = augment(batch, seeded(0), Augmentation(), SKELETON)
    assert torch.equal(changed.images, batch.images)
    assert torch.equal(changed.visible, batch.visible)
    assert torch.equal(changed.cameras.K, batch.cameras.K)


def test_the_generator_decides_and_nothing_else(batch):
    before = batch.images.clone()
    torch.manual_seed(1)
    first = augment(batch, seeded(7), ALL, SKELETON)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    second = augment(batch, seeded(7), ALL, SKELETON)
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())
    other = augment(batch, seeded(8), ALL, SKELETON)
    for field in fields(Sample):
        if field.name != "cameras":
            assert torch.equal(getattr(first, field.name), getattr(second, field.name))
    assert torch.equal(first.cameras.K, second.cameras.K)
    assert not torch.equal(first.images, other.images)
    assert torch.equal(batch.images, before)


def test_a_moment_is_varied_alike_in_any_batch(batch):
    together = augment(batch, [seeded(s) for s in range(3)], ALL, SKELETON)
    alone = augment(batch[1:2], [seeded(1)], ALL, SKELETON)
    assert torch.equal(together.images[1], alone.images[0])
    assert torch.equal(together.visible[1], alone.visible[0])
    assert torch.allclose(together.cameras.K[1], alone.cameras.K[0])


def test_draws_of_the_processor_vary_batches_on_another_device(batch):
    """No GPU is needed to see that nothing is left behind: operations refuse two devices."""
    # What looks at values, such as lens models do, cannot be tried in this way.
    how = Augmentation(brightness=0.2, saturation=0.2, hue_deg=10, mirror_share=0.5, drop_share=0.5)
    changed = augment(batch.to(device="meta"), [seeded(s) for s in range(3)], how, SKELETON)
    assert {changed.images.device.type, changed.cameras.K.device.type} == {"meta"}
    assert changed.images.shape == batch.images.shape


def test_images_on_another_device_than_the_rest_are_stacked(batch):
    elsewhere = [replace(batch[b], images=batch[b].images.to("meta")) for b in range(2)]
    fewer = replace(
        elsewhere[1],
        images=elsewhere[1].images[:2],
        cameras=elsewhere[1].cameras[:2],
        views=elsewhere[1].views[:2],
        visible=elsewhere[1].visible[:2],
    )
    stacked = collate([elsewhere[0], fewer])
    assert stacked.images.device.type == "meta" and stacked.images.shape[:2] == (2, 3)
    assert stacked.views[1].tolist() == [True, True, False]
