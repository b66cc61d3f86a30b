from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from triangulate.skeleton import Skeleton
from triangulate.synthetic import render_recording, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.films import empty_room

SIZE = (192, 108)
RIG = ring_rig(seeded(0), num_cameras=3, size=SIZE)
MOTION = walk(seeded(1), 4, fps=5.0)


def test_frames_show_the_person_where_the_rig_projects_it() -> None:
    frames = list(render_recording(seeded(2), MOTION, RIG))
    assert len(frames) == 4
    assert all(frame.shape == (3, SIZE[1], SIZE[0], 3) for frame in frames)
    assert all(frame.dtype == np.uint8 for frame in frames)
    changed = np.abs(frames[0].astype(int) - frames[3]).max(-1) > 8
    points_px, _ = RIG.cameras.project(torch.from_numpy(MOTION.positions_m[[0, 3]].reshape(-1, 3)))
    low, high = points_px.amin(1).numpy(), points_px.amax(1).numpy()
    for v in range(3):
        y, x = np.nonzero(changed[v])
        assert 30 < len(x) < 0.3 * SIZE[0] * SIZE[1]
        # The shadow may lie beside the feet.
        assert x.min() > low[v, 0] - 25
        assert x.max() < high[v, 0] + 25
        assert y.min() > low[v, 1] - 8


def test_the_seed_decides_whatever_the_threads() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        first = next(render_recording(seeded(2), MOTION, RIG))
        torch.set_num_threads(1)
        assert np.array_equal(first, next(render_recording(seeded(2), MOTION, RIG)))
    finally:
        torch.set_num_threads(before)
    assert not np.array_equal(first, next(render_recording(seeded(3), MOTION, RIG)))


def test_other_orders_of_joints_are_understood_and_missing_ones_refused() -> None:
    order = np.random.default_rng(0).permutation(17)
    names = [MOTION.skeleton.joint_names[j] for j in order]
    shuffled = replace(
        MOTION,
        positions_m=MOTION.positions_m[:, order],
        skeleton=Skeleton.from_edges(names, []),
    )
    same = next(render_recording(seeded(2), shuffled, RIG))
    assert np.array_equal(same, next(render_recording(seeded(2), MOTION, RIG)))
    coco = walk(seeded(1), 2, skeleton=Skeleton.named("coco17"))
    with pytest.raises(ValueError, match="pelvis"):
        next(render_recording(seeded(0), coco, RIG))
    sizes = (SIZE, SIZE, (SIZE[0] + 2, SIZE[1]))
    with pytest.raises(ValueError, match="one size"):
        next(render_recording(seeded(0), MOTION, replace(RIG, sizes=sizes)))


def test_the_empty_room_is_that_of_the_film() -> None:
    room = empty_room(seeded(2), MOTION, RIG)
    assert room.size == SIZE
    frame = next(render_recording(seeded(2), MOTION, RIG))
    same = (frame == room.empty.numpy()).all(-1)
    assert 0.6 < same.mean() < 0.99  # the person, and the floor's shadow, are not in it
    assert same[:, :, :8].all()
