from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats.sleap import read_sleap

AXES = ("track", "xy", "node", "frame")
NODES = ("Head", "Wing_L", "Wing_R")


def tracks_of(frames: int = 5, tracks: int = 2) -> np.ndarray:
    """(track, xy, node, frame): 1000 track + 100 xy + 10 node + frame + 1."""
    grid = np.indices((tracks, 2, 3, frames))
    return np.tensordot([1000.0, 100.0, 10.0, 1.0], grid, axes=1) + 1


def write(
    path: Path,
    tracks: np.ndarray,
    scores: np.ndarray | None = None,
    order: Sequence[str] = AXES,
    says_dims: bool = False,
    **more: Any,
) -> Path:
    """An analysis file with its axes in `order`; scores (track, node, frame)."""
    with h5py.File(path, "w") as file:
        stored_axes = [AXES.index(axis) for axis in order]
        file["tracks"] = tracks.transpose(stored_axes) if tracks.ndim == 4 else tracks
        if scores is not None:
            without_xy = [axis for axis in order if axis != "xy"]
            stored = [("track", "node", "frame").index(axis) for axis in without_xy]
            file["point_scores"] = scores.transpose(stored)
        if says_dims:
            file["tracks"].attrs["dims"] = json.dumps(order)
        file["node_names"] = np.array([name.encode() for name in NODES])
        file["edge_inds"] = np.array([[0, 1], [0, 2]])
        file["track_names"] = np.array([b"track_0"] * len(tracks))
        for key, value in more.items():
            if key.startswith("attr_"):
                file.attrs[key.removeprefix("attr_")] = value
            else:
                if key in file:
                    del file[key]
                file[key] = value
    return path


def test_real_file(shared):
    """Values read from the files with h5py."""
    folder = shared / "sleap_anipose_mouse" / "minimal_session"
    view = read_sleap(folder / "back" / "minimal_back_proofread.analysis.h5")
    assert view.points_px.shape == (120, 1, 15, 2)
    assert view.skeleton.joint_names[:5] == ("nose", "ear_r", "ear_l", "tti", "tail_tip")
    assert view.skeleton.edges[:2] == ((3, 5), (3, 7))
    assert set(view.skeleton.flip_pairs) == {(2, 1), (10, 11), (12, 13)}
    np.testing.assert_allclose(view.points_px[7, 0, 0], [806.09265137, 538.1116333])
    np.testing.assert_allclose(view.confidence[7, 0, 0], 0.310406357)
    np.testing.assert_allclose(view.points_px[119, 0, 14], [848.02471924, 522.10339355])
    assert (view.confidence > 0).sum() == 1408
    assert np.isnan(view.points_px[:3, 0, 2]).all()
    assert view.notes == ()
    top = read_sleap(folder / "top" / "minimal_top_proofread.analysis.h5")
    assert (top.confidence > 0).all()
    assert top.confidence.max() == pytest.approx(1.02134370803833)


@pytest.mark.parametrize(
    ("order", "says_dims"),
    [
        (AXES, False),
        (AXES, True),
        (("frame", "track", "node", "xy"), True),
        (("node", "frame", "xy", "track"), True),
        (("frame", "node", "xy", "track"), False),
    ],
)
def test_every_order_of_axes(tmp_path, order, says_dims):
    scores = np.linspace(0.1, 0.9, 2 * 3 * 5).reshape(2, 3, 5)
    path = write(tmp_path / "a.h5", tracks_of(), scores, order, says_dims)
    view = read_sleap(path)
    assert view.points_px.shape == (5, 2, 3, 2)
    assert view.points_px[4, 1, 2].tolist() == [1000 + 20 + 5, 1000 + 100 + 20 + 5]
    np.testing.assert_allclose(view.confidence, scores.transpose(2, 0, 1), rtol=1e-6)
    assert view.skeleton.joint_names == ("head", "wing_l", "wing_r")
    assert view.skeleton.edges == ((0, 1), (0, 2))
    assert view.skeleton.flip_pairs == ((1, 2),)


def test_an_ambiguous_shape_follows_the_file(tmp_path):
    """Two nodes and two tracks fit both orders: the transposed one unless the file denies it."""
    tracks = tracks_of(frames=2)[:, :, :2]
    nodes = {"node_names": np.array([b"a", b"b"]), "edge_inds": np.zeros((0, 2), int)}
    assert read_sleap(write(tmp_path / "a.h5", tracks, **nodes)).points_px[1, 0, 1, 0] == 12
    old = ("frame", "node", "xy", "track")
    path = write(tmp_path / "b.h5", tracks, None, old, attr_transpose=False, **nodes)
    assert read_sleap(path).points_px[1, 0, 1, 0] == 12


def test_missing_points_and_points_placed_by_hand(tmp_path):
    tracks = tracks_of(tracks=1)
    tracks[0, :, 1, 3] = np.nan
    tracks[0, 0, 2, 3] = np.nan
    scores = np.full((1, 3, 5), 0.5)
    scores[0, 0, 0], scores[0, 0, 1], scores[0, 1, 3] = np.nan, 0, 0
    view = read_sleap(write(tmp_path / "a.h5", tracks, scores))
    assert view.confidence[:, 0].tolist() == [
        [1, 0.5, 0.5],
        [1, 0.5, 0.5],
        [0.5, 0.5, 0.5],
        [0.5, 0, 0],
        [0.5, 0.5, 0.5],
    ]
    assert view.notes == ("points without a score have confidence 1",)


def test_files_without_scores(tmp_path):
    view = read_sleap(write(tmp_path / "a.h5", tracks_of()))
    assert (view.confidence == 1).all()


def test_tracks_keep_their_place_and_share_it_where_they_never_meet(tmp_path):
    tracks = tracks_of(frames=6, tracks=4)
    spans = [(0, 3), (2, 6), (3, 6), (0, 0)]
    for track, (first, last) in enumerate(spans):
        tracks[track, ..., :first] = np.nan
        tracks[track, ..., last:] = np.nan
    view = read_sleap(write(tmp_path / "a.h5", tracks, np.full((4, 3, 6), 0.5)))
    assert view.points_px.shape == (6, 2, 3, 2)
    track = np.floor(view.points_px[:, :, 0, 0] / 1000)  # (T, P)
    assert track[:, 0].tolist() == [0, 0, 0, 2, 2, 2]
    np.testing.assert_array_equal(track[:, 1], [np.nan, np.nan, 1, 1, 1, 1])


def test_nobody_in_any_frame(tmp_path):
    view = read_sleap(write(tmp_path / "a.h5", np.full((1, 2, 3, 5), np.nan)))
    assert not view.has_points
    assert len(view.frames) == 5


def test_symmetries_without_sides_in_the_names(tmp_path):
    nodes = np.array([b"nose", b"A", b"B"])
    text = json.dumps([["A", "B"]])
    path = write(tmp_path / "a.h5", tracks_of(), node_names=nodes, attr_skeleton_symmetries=text)
    assert read_sleap(path).skeleton.flip_pairs == ((1, 2),)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tracks": np.zeros((2, 2, 4, 5))}, "does not fit 2 coordinates of 3 nodes"),
        ({"tracks": np.zeros((2, 3, 3, 5))}, "does not fit 2 coordinates of 3 nodes"),
        ({"tracks": np.zeros((2, 3))}, "does not fit"),
        ({"dims": np.array([b"track", b"xy", b"node"])}, "does not fit"),
        ({"point_scores": np.zeros((2, 3, 6))}, "'point_scores' has shape"),
        ({"point_scores": np.zeros((2, 3))}, "is no SLEAP analysis file"),
        ({"node_names": np.array([b"a", b"b", b"A"])}, "given twice: a"),
        ({"edge_inds": np.array([[0, 7]])}, "no pair of different joints"),
        ({"attr_skeleton_symmetries": "[3"}, None),
    ],
)
def test_refusals_name_the_file(tmp_path, more, words):
    path = write(tmp_path / "cam1.h5", **({"tracks": tracks_of()} | more))
    if words is None:  # the names tell the sides, so the symmetries are not looked at
        assert read_sleap(path).has_points
        return
    with pytest.raises(InputError, match=f"cam1.h5: .*{words}") as caught:
        read_sleap(path)
    assert "\n" not in str(caught.value)


def test_broken_files(tmp_path):
    good = write(tmp_path / "good.h5", tracks_of()).read_bytes()
    (tmp_path / "cut.h5").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["tracks"] = np.zeros(3)
    for name in ("cut", "text", "other", "missing"):
        with pytest.raises(InputError, match=f"{name}.h5: .*export the analysis HDF5"):
            read_sleap(tmp_path / f"{name}.h5")
