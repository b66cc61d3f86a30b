from __future__ import annotations

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats.merge import merge_views, sizes_in_order
from triangulate.keypoint_formats.view import View
from triangulate.skeleton import Skeleton

ANT = Skeleton.from_edges(["head", "thorax", "tail"], [["head", "thorax"]])


def view(frames, people=1, skeleton: Skeleton | None = ANT, first=10.0, confidence=0.5) -> View:
    """Points that tell their frame (y) and their joint and person (x)."""
    frames = np.array(frames)
    points = np.zeros((len(frames), people, 3, 2), np.float32)
    points[..., 0] = first + np.arange(3) + 100 * np.arange(people)[:, None]
    points[..., 1] = 1000 + frames[:, None, None]
    return View(frames, points, np.full(points.shape[:-1], confidence, np.float32), skeleton)


def test_cameras_share_a_frame_axis_with_gaps():
    merged = merge_views({"a": view([2, 3, 6]), "b": view([3, 4], people=2)}, "ANT", "here", fps=25)
    assert merged.frames.tolist() == [2, 3, 4, 5, 6]
    assert merged.points_px.shape == (5, 2, 2, 3, 2)
    seen = merged.confidence[..., 0] > 0  # (T, V, P)
    assert seen[:, 0, 0].tolist() == [True, True, False, False, True]
    assert seen[:, 1].all(-1).tolist() == [False, True, True, False, False]
    assert not seen[:, 0, 1].any()
    assert merged.points_px[1, 1, 1, 2].tolist() == [112, 1003]
    assert merged.names == ("a", "b")
    assert merged.skeleton == ANT
    assert (merged.fps, merged.source) == (25, "ANT")


def test_labelled_stills_of_a_long_video_keep_their_numbers():
    merged = merge_views({"a": view([5, 900]), "b": view([5, 70_000])}, "ANT", "here")
    assert merged.frames.tolist() == [5, 900, 70_000]
    assert np.isnan(merged.points_px[1, 1]).all()


def test_joints_named_in_another_order_are_reordered():
    tail_first = Skeleton.from_edges(["tail", "head", "thorax"], [])
    merged = merge_views({"a": view([0]), "b": view([0], skeleton=tail_first)}, "ANT", "here")
    assert merged.points_px[0, 0, 0, :, 0].tolist() == [10, 11, 12]
    assert merged.points_px[0, 1, 0, :, 0].tolist() == [11, 12, 10]
    spelt = Skeleton.from_edges(["Tail", "HeadTop", "THORAX"], [])
    merged = merge_views({"a": view([0]), "b": view([0], skeleton=spelt)}, "ANT", "here")
    assert merged.points_px[0, 1, 0, :, 0].tolist() == [11, 12, 10]
    chosen = Skeleton.from_edges(["thorax", "tail"], [["tail", "thorax"]])
    merged = merge_views({"a": view([0])}, "ANT", "here", skeleton=chosen)
    assert merged.skeleton == chosen
    assert merged.points_px[0, 0, 0, :, 0].tolist() == [11, 12]


def test_what_was_assumed_is_told():
    blind = view([0, 1], confidence=0)
    merged = merge_views(
        {"a": view([0, 1], confidence=2.5), "b": blind, "c": View.empty(np.arange(0))},
        "ANT",
        "here",
        notes=["told"],
    )
    assert merged.source == (
        "ANT; told; confidences above 1 (up to 2.50) clipped to 1; nobody detected by b, c"
    )
    assert merged.confidence.max() == 1
    assert np.isnan(merged.points_px[:, 1:]).all()


def test_sizes_by_name_or_order():
    names = ("a", "b")
    assert sizes_in_order(None, names) is None
    assert sizes_in_order({"b": (640, 480)}, names) == (None, (640, 480))
    assert sizes_in_order([(640, 480), None], names) == ((640, 480), None)
    with pytest.raises(ValueError, match="sizes must hold 2 entries"):
        sizes_in_order([(640, 480)], names)


UNNAMED = Skeleton.from_edges(["nose", "neck", "hip"], [])


@pytest.mark.parametrize(
    ("views", "skeleton", "words"),
    [
        ({"a": view([0, 1], confidence=0)}, None, "nobody is detected in any of 2 frames"),
        ({"a": View.empty(np.arange(3))}, None, "nobody is detected in any of 3 frames"),
        (
            {"a": view([0, 1]), "b": view([2, 3]), "c": view([0])},
            None,
            "camera 'b' shares no frame number.*a 0-1, b 2-3, c 0-0",
        ),
        (
            {"a": view([0]), "b": view([0], skeleton=UNNAMED)},
            None,
            "camera 'b' and camera 'a' differ in the joints head, thorax, tail",
        ),
        (
            {"a": view([0])},
            UNNAMED,
            "camera 'a' and the skeleton asked for differ in the joints nose, neck, hip",
        ),
        ({"a": view([0], skeleton=None)}, None, "3 joints"),
    ],
)
def test_refusals(views, skeleton, words):
    with pytest.raises(InputError, match="here: .*" + words):
        merge_views(views, "ANT", "here", skeleton)


def test_a_joint_more_in_one_camera_is_refused():
    bigger = Skeleton.from_edges(["head", "thorax", "tail", "sting"], [])
    points = np.ones((1, 1, 4, 2), np.float32)
    more = View(np.arange(1), points, points[..., 0], bigger)
    with pytest.raises(InputError, match=r"camera 'b'.*differ in the joints sting"):
        merge_views({"a": view([0]), "b": more}, "ANT", "here")


def test_different_numbers_of_unnamed_joints_are_refused():
    points = np.ones((1, 1, 4, 2), np.float32)
    four = View(np.arange(1), points, points[..., 0])
    with pytest.raises(InputError, match=r"different numbers of joints \(a 3, b 4\)"):
        merge_views({"a": view([0], skeleton=None), "b": four}, "ANT", "here", ANT)


def test_coordinates_divided_by_the_image_size_are_refused():
    points = np.random.default_rng(0).random((2, 1, 3, 2)).astype(np.float32)
    divided = View(np.arange(2), points, np.ones((2, 1, 3), np.float32), ANT)
    with pytest.raises(InputError, match=r"no pixels.*--keypoint_scale 0"):
        merge_views({"a": divided}, "ANT", "here")
