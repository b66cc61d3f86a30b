"""On real files: the conventions that the formats leave open, checked by how people move."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.synthetic import Motion, load_motion, motions_in
from triangulate.synthetic.captured import parent_indices

UPRIGHT = ("walk", "run", "jog", "jump", "dance_a", "dance_b", "kick", "punch", "spinkick")
load = cache(load_motion)


def clip(shared: Any, name: str) -> Motion:
    if name.endswith((".amc", ".bvh")):
        return load(shared / "cmu_mocap" / name)
    return load(shared / "deepmimic_motions" / f"humanoid3d_{name}.txt")


def joint(motion: Motion, name: str) -> np.ndarray:
    return motion.positions_m[:, motion.skeleton.index(name)]


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("name", [*UPRIGHT, "01_01.amc", "11_01.amc"])
def test_knees_bend_backwards_elbows_forwards_and_faces_look_ahead(name: str, shared: Any) -> None:
    motion = clip(shared, name)
    up = joint(motion, "thorax") - joint(motion, "pelvis")
    hips = joint(motion, "left_hip") - joint(motion, "right_hip")
    shoulders = unit(joint(motion, "left_shoulder") - joint(motion, "right_shoulder"))
    forward, chest = unit(np.cross(hips, up)), unit(np.cross(shoulders, up))
    for side in ("left", "right"):
        hip, knee, ankle = (joint(motion, f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        bend = ((knee - (hip + ankle) / 2) * forward).sum(-1)
        assert bend.mean() > 0.05
        upper = joint(motion, f"{side}_elbow") - joint(motion, f"{side}_shoulder")
        fore = joint(motion, f"{side}_wrist") - joint(motion, f"{side}_elbow")
        # The forearm turns to the front about the axis to the right.
        turn = -(np.cross(upper, fore) * shoulders).sum(-1)
        assert turn.mean() > -0.002
        assert (shoulders * unit(hips)).sum(-1).mean() > 0.7
    face = joint(motion, "neck_base") - joint(motion, "thorax")
    assert (face * chest).sum(-1).mean() > 0.01
    assert joint(motion, "head")[:, 2].max() == pytest.approx(1.7, abs=0.25)


@pytest.mark.parametrize("name", ["walk", "run", "jog", "11_01.amc"])
def test_people_go_where_they_face_with_a_foot_near_the_floor(name: str, shared: Any) -> None:
    motion = clip(shared, name)
    hips = joint(motion, "left_hip") - joint(motion, "right_hip")
    forward = unit(np.cross(hips, [0.0, 0.0, 1.0]))
    speed = (np.gradient(joint(motion, "pelvis"), axis=0) * forward).sum(-1) * motion.fps
    assert speed.mean() > 0.5
    ankles = np.stack([joint(motion, f"{side}_ankle")[:, 2] for side in ("left", "right")])
    assert 0.04 < np.median(ankles.min(0)) < 0.16
    assert ankles.min() > 0.03


@pytest.mark.parametrize("name", ["roll", "crawl", "cartwheel", "getup_faceup", "01_01.amc"])
def test_bones_are_rigid_and_the_floor_is_below(name: str, shared: Any) -> None:
    motion = clip(shared, name)
    bones = motion.positions_m - motion.positions_m[:, parent_indices(motion.skeleton)]
    assert np.ptp(np.linalg.norm(bones, axis=-1), axis=0).max() < 1e-9
    assert motion.positions_m[..., 2].min() > 0.0


def test_bvh_and_amc_of_one_take_agree(shared: Any) -> None:
    amc, bvh = clip(shared, "01_01.amc"), clip(shared, "01_01.bvh")
    assert (len(amc.positions_m), len(bvh.positions_m)) == (2751, 2752)  # the .bvh begins at rest
    assert bvh.fps == pytest.approx(amc.fps, rel=1e-3)
    apart = np.linalg.norm(amc.positions_m - bvh.positions_m[1:], axis=-1)
    legs = [amc.skeleton.index(f"{s}_{n}") for s in ("left", "right") for n in ("knee", "ankle")]
    assert apart[:, legs].max() < 1e-3
    # The .bvh lacks the bone `thorax`: all above is lower by its length of 2.06488 units.
    above = [amc.skeleton.index(name) for name in ("thorax", "left_elbow", "right_shoulder")]
    assert apart[:, above] == pytest.approx(2.06488 * 0.0254 / 0.45, abs=2e-3)


def test_folders_list_each_take_once(shared: Any, tmp_path: Path) -> None:
    cmu = [path.name for path in motions_in(shared / "cmu_mocap")]
    assert cmu == ["01_01.amc", "11_01.amc"]
    mimic = [path.name for path in motions_in(shared / "deepmimic_motions")]
    assert len(mimic) == 13
    assert "character_humanoid3d.txt" not in mimic
    assert motions_in(tmp_path) == []
    with pytest.raises(InputError, match="no such folder"):
        motions_in(tmp_path / "nowhere")


def test_other_files_and_missing_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder of motions"):
        load_motion(tmp_path / "motion.c3d")
    (tmp_path / "motion.c3d").touch()
    with pytest.raises(InputError, match=r"motions are read from"):
        load_motion(tmp_path / "motion.c3d")
    for name in ("a.bvh", "a.txt"):
        with pytest.raises(InputError, match=name):
            load_motion(tmp_path / name)
