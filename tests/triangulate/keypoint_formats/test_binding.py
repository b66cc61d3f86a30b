from __future__ import annotations

import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats.binding import bind_cameras, camera_label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("cam02", "cam02"),
        ("cam02_json", "cam02"),
        ("cam02_pose_json", "cam02"),
        ("top.predictions.analysis", "top"),
        ("minimal_back_proofread.analysis", "minimal_back"),
        ("cam01DLC_resnet50_reachOct9shuffle1_100000", "cam01"),
        ("side_DLC_mobnet_100_filtered", "side"),
        ("json", "json"),
        ("_json", "_json"),
    ],
)
def test_label(name, label):
    assert camera_label(name) == label


def test_without_a_rig_every_source_is_a_camera():
    assert bind_cameras(["b_json", "a_json"]) == {"b": "b_json", "a": "a_json"}
    assert bind_cameras(["GX01", "a_json"], bind={"GX01": "top"}) == {"top": "GX01", "a": "a_json"}


def test_names_win_over_order():
    sources = ["cam10_json", "cam1_json", "cam2"]
    bound = bind_cameras(sources, ["cam1", "cam2", "cam10"])
    assert bound == {"cam1": "cam1_json", "cam2": "cam2", "cam10": "cam10_json"}
    assert list(bound) == ["cam1", "cam2", "cam10"]


def test_names_inside_names():
    assert bind_cameras(["s1_cam10", "s1_cam1"], ["cam1", "cam10"]) == {
        "cam1": "s1_cam1",
        "cam10": "s1_cam10",
    }
    assert bind_cameras(["walk_left", "walk_top_left"], ["left", "top_left"]) == {
        "left": "walk_left",
        "top_left": "walk_top_left",
    }
    assert bind_cameras(["take_A1_1", "take_A1_2"], ["1", "2"], {"take_A1_1": "1"})["2"] == (
        "take_A1_2"
    )


def test_bind_takes_file_names_and_wins():
    bound = bind_cameras(["a", "b"], ["a", "b"], {"a.h5": "b", "b": "a"})
    assert bound == {"a": "b", "b": "a"}


def test_cameras_left_out():
    """What is no camera of the rig may be there, as long as no camera waits for it."""
    assert bind_cameras(["a_json", "b_json", "c_json"], ["a", "c"]) == {
        "a": "a_json",
        "c": "c_json",
    }


@pytest.mark.parametrize(
    ("sources", "cameras", "bind", "words"),
    [
        (["GX01", "a"], ["a", "top"], None, r"camera top, and GX01.*--camera GX01=top"),
        (["a"], ["a", "b", "c"], None, "no keypoints for cameras b, c, only a; .*--cameras"),
        (["a_b"], ["a", "b"], None, "cameras a, b, and a_b.*--camera a_b=a"),
        (["a_json", "a_pose"], ["a"], None, "'a_json' and 'a_pose' both belong to camera 'a'"),
        (["a_json", "a_pose"], None, None, "both belong to camera 'a'.*--camera a_pose=NAME"),
        (["a"], ["a"], {"x.h5": "a"}, "--camera x.h5=a names nothing here; there are a"),
        (["a"], ["b"], {"a": "c"}, "--camera a=c names no camera of the rig; it has b"),
    ],
)
def test_refusals_say_what_to_pass(sources, cameras, bind, words):
    with pytest.raises(InputError, match="here: .*" + words):
        bind_cameras(sources, cameras, bind, "here")
