from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.export.opensim import place_of, write_opensim
from triangulate.export.options import ExportOptions
from triangulate.skeleton import Skeleton

BODIES = {"pelvis", "torso"} | {
    f"{body}_{side}"
    for side in "rl"
    for body in ("femur", "tibia", "talus", "calcn", "toes", "humerus", "ulna", "radius", "hand")
}
"""Those of Rajagopal et al. (2016) that can carry a marker."""


def read_markers(path: Path) -> dict[str, tuple[str, np.ndarray, bool]]:
    root = ElementTree.parse(path).getroot()
    assert root.tag == "OpenSimDocument" and int(root.attrib["Version"]) >= 40000
    [marker_set] = root
    assert marker_set.tag == "MarkerSet"
    [objects] = marker_set
    found = {}
    for marker in objects:
        assert marker.tag == "Marker"
        parts = {part.tag: part.text or "" for part in marker}
        assert set(parts) == {"socket_parent_frame", "location", "fixed"}
        bodyset, body = parts["socket_parent_frame"].removeprefix("/").split("/")
        assert bodyset == "bodyset" and parts["fixed"] in ("true", "false")
        location = np.array([float(word) for word in parts["location"].split()])
        found[marker.attrib["name"]] = (body, location, parts["fixed"] == "true")
    assert len(found) == len(objects)
    return found


def trc_of(path: Path) -> tuple[list[str], np.ndarray]:
    lines = path.read_text().splitlines()
    rows = [[float(cell or "nan") for cell in line.split("\t")[2:]] for line in lines[5:]]
    assert lines[2].split("\t")[4] == "m" and lines[0].endswith("up: +Y")
    return lines[3].split("\t")[2::3], np.array(rows).reshape(len(rows), -1, 3)


@pytest.mark.parametrize("name", ["h36m17", "halpe26", "coco17"])
def test_markers_stand_on_bodies_of_the_model_and_move_in_the_trc(
    name: str, made_poses: Any, tmp_path: Path
) -> None:
    poses = made_poses(name, num_people=2)
    notes = write_opensim(poses, tmp_path / "a.xml", ExportOptions(person=1))
    markers = read_markers(tmp_path / "a.xml")
    assert {body for body, _, _ in markers.values()} <= BODIES
    names, points = trc_of(tmp_path / "a.trc")
    assert set(markers) <= set(names) and tuple(names) == poses.skeleton.joint_names
    np.testing.assert_allclose(points, poses.positions_m[:, 1][..., [1, 2, 0]], atol=1e-6)
    assert len(notes) == 2 and "Rajagopal" in notes[0] and "free to move" in notes[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.trc", "a.xml"]


def test_joints_stand_on_joint_centres_and_sides_mirror_each_other(
    made_poses: Any, tmp_path: Path
) -> None:
    write_opensim(made_poses("body25"), tmp_path / "a.xml")
    markers = read_markers(tmp_path / "a.xml")
    for name, (body, location, is_fixed) in markers.items():
        if name.startswith("right_"):
            other, mirrored, also_fixed = markers[name.replace("right", "left")]
            assert other == (body.removesuffix("_r") + "_l" if body.endswith("_r") else body)
            np.testing.assert_array_equal(mirrored, location * [1, 1, -1])
            assert also_fixed == is_fixed
    body, location, is_fixed = markers["right_knee"]
    assert (body, location.tolist(), is_fixed) == ("femur_r", [-0.00809, -0.40796, -0.00275], True)
    assert markers["left_hip"][:1] == ("pelvis",) and markers["left_hip"][1][2] < 0
    assert not markers["right_big_toe"][2] and markers["right_big_toe"][0] == "toes_r"


def test_names_of_other_sets_and_what_has_no_place(made_poses: Any, tmp_path: Path) -> None:
    assert place_of("RKnee") == place_of("right_knee")
    assert place_of("pelvis") == place_of("mid_hip") and place_of("head_top") == place_of("head")
    assert place_of("face_12") is None
    skeleton = Skeleton.from_edges(["left_hip", "tail"], [])
    poses = made_poses(skeleton, positions_m=np.ones((2, 1, 2, 3)), up_axis=None, with_gaps=False)
    notes = write_opensim(poses, tmp_path / "a.xml")
    assert "opensim: no place in the model for tail" in notes
    assert any(note.startswith("opensim: the rig does not say") for note in notes)
    assert list(read_markers(tmp_path / "a.xml")) == ["left_hip"]
    mouse = Skeleton.from_edges(["snout", "tail"], [])
    with pytest.raises(InputError, match=r"none of the joints \(snout, tail\) has a place"):
        write_opensim(
            made_poses(mouse, positions_m=np.ones((2, 1, 2, 3)), with_gaps=False),
            tmp_path / "b.xml",
        )
