"""glTF, read from its bytes by the specification alone, and moved by evaluating its animation."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from triangulate.errors import InputError
from triangulate.export.gltf import turned_from_y, write_gltf
from triangulate.skeleton import Skeleton

pygltflib = pytest.importorskip("pygltflib")

WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
TYPES = {5126: "<f4", 5123: "<u2"}


class Glb:
    """A document and its numbers."""

    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", raw)
        assert (magic, version, length) == (b"glTF", 2, len(raw))
        json_length, kind = struct.unpack_from("<I4s", raw, 12)
        assert kind == b"JSON" and json_length % 4 == 0
        self.document = json.loads(raw[20 : 20 + json_length])
        binary_length, kind = struct.unpack_from("<I4s", raw, 20 + json_length)
        assert kind == b"BIN\0" and 28 + json_length + binary_length == len(raw)
        self.binary = raw[28 + json_length :]
        assert self.document["buffers"] == [{"byteLength": binary_length}]
        self.nodes = self.document["nodes"]
        self.moves = {
            (channel["target"]["node"], channel["target"]["path"]): sampler
            for animation in self.document["animations"]
            for channel in animation["channels"]
            for sampler in [animation["samplers"][channel["sampler"]]]
        }

    def numbers(self, accessor: int) -> np.ndarray:
        entry = self.document["accessors"][accessor]
        view = self.document["bufferViews"][entry["bufferView"]]
        width, kind = WIDTHS[entry["type"]], np.dtype(TYPES[entry["componentType"]])
        assert view["byteOffset"] % 4 == 0
        assert view["byteLength"] == entry["count"] * width * kind.itemsize
        values = np.frombuffer(self.binary, kind, entry["count"] * width, view["byteOffset"])
        values = values.reshape(entry["count"], width)
        assert np.isfinite(values).all()
        if "min" in entry:
            assert values.min(0).tolist() == entry["min"]
            assert values.max(0).tolist() == entry["max"]
        return values

    def at(self, node: int, path: str, time_s: float) -> np.ndarray:
        """A node's property at a moment, as the specification has it."""
        usual = {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}[path]
        sampler = self.moves.get((node, path))
        if sampler is None:
            return np.array(self.nodes[node].get(path, usual), float)
        times = self.numbers(sampler["input"])[:, 0]
        assert "min" in self.document["accessors"][sampler["input"]]
        assert (np.diff(times) > 0).all()
        values = self.numbers(sampler["output"]).astype(float)
        assert len(values) == len(times)
        if sampler["interpolation"] == "STEP":
            return values[max(np.searchsorted(times, time_s, side="right") - 1, 0)]
        if path == "rotation" and len(times) > 1:
            turns = Slerp(times, Rotation.from_quat(values))
            return turns(np.clip(time_s, times[0], times[-1])).as_quat()
        return np.array([np.interp(time_s, times, column) for column in values.T])

    def matrix(self, node: int, time_s: float) -> np.ndarray:
        matrix = np.eye(4)
        turn = Rotation.from_quat(self.at(node, "rotation", time_s)).as_matrix()
        matrix[:3, :3] = turn * self.at(node, "scale", time_s)
        matrix[:3, 3] = self.at(node, "translation", time_s)
        return matrix

    def people(self) -> dict[str, dict[str, int]]:
        """Person -> name -> node. Their own nodes stand still."""
        [scene] = self.document["scenes"]
        assert self.document["scene"] == 0
        for root in scene["nodes"]:
            np.testing.assert_array_equal(self.matrix(root, 0), np.eye(4))
        return {
            self.nodes[root]["name"]: {
                self.nodes[n]["name"]: n for n in self.nodes[root]["children"]
            }
            for root in scene["nodes"]
        }


def y_up(points: np.ndarray) -> np.ndarray:
    return points[..., [1, 2, 0]]


def test_every_joint_is_where_the_poses_have_it(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses("h36m17", 20, 2, step=2)
    assert write_gltf(poses, tmp_path / "a.glb") == ()
    glb = Glb(tmp_path / "a.glb")
    assert glb.document["asset"]["version"] == "2.0"
    assert glb.document["asset"]["extras"] == {"unit": "m", "up": "+Y"}
    people = glb.people()
    assert list(people) == ["person_1", "person_2"]
    for p, nodes in enumerate(people.values()):
        for j, joint in enumerate(poses.skeleton.joint_names):
            for row in range(20):
                time_s = row * 2 / 50 + 1e-6
                scale = glb.at(nodes[joint], "scale", time_s)
                if np.isnan(poses.positions_m[row, p, j, 0]):
                    assert scale.tolist() == [0, 0, 0]
                else:
                    assert scale.tolist() == [1, 1, 1]
                    there = glb.at(nodes[joint], "translation", row * 2 / 50)
                    np.testing.assert_allclose(there, y_up(poses.positions_m[row, p, j]), atol=1e-5)


def test_bars_reach_from_joint_to_joint(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses("h36m17", 20)
    write_gltf(poses, tmp_path / "a.glb")
    glb = Glb(tmp_path / "a.glb")
    [nodes] = glb.people().values()
    names, points = poses.skeleton.joint_names, y_up(poses.positions_m[:, 0])
    hidden = 0
    for a, b in poses.skeleton.edges:
        for row in range(0, 20, 3):
            matrix = glb.matrix(nodes[f"{names[a]}-{names[b]}"], row / 50 + 1e-6)
            if np.isnan(points[row, [a, b], 0]).any():
                assert not matrix[:3, :3].any()
                hidden += 1
                continue
            ends = (matrix @ [[0, 0], [0, 1], [0, 0], [1, 1]])[:3].T
            np.testing.assert_allclose(ends, points[row, [a, b]], atol=2e-5)
            np.testing.assert_allclose(np.linalg.norm(matrix[:3, [0, 2]], axis=0), 1, atol=1e-6)
    assert hidden > 5


def test_between_frames_bars_stay_with_their_joints(made_poses: Any, tmp_path: Path) -> None:
    """Also the thighs, which point down, where the turn from y is all but open."""
    poses = made_poses("h36m17", 60, with_gaps=False)
    write_gltf(poses, tmp_path / "a.glb")
    glb = Glb(tmp_path / "a.glb")
    [nodes] = glb.people().values()
    for row in range(0, 59, 4):
        time_s = (row + 0.5) / 50
        matrix = glb.matrix(nodes["left_knee-left_hip"], time_s)
        tip = (matrix @ [0, 1, 0, 1])[:3]
        hip = glb.at(nodes["left_hip"], "translation", time_s)
        assert np.linalg.norm(tip - hip) < 0.01


def test_pygltflib_reads_it_and_shapes_are_shared(made_poses: Any, tmp_path: Path) -> None:
    write_gltf(made_poses("body25", 5, 2), tmp_path / "a.glb")
    read = pygltflib.GLTF2().load(str(tmp_path / "a.glb"))
    assert len(read.scenes) == len(read.animations) == 1 and len(read.meshes) == 6
    glb = Glb(tmp_path / "a.glb")
    materials = [material["name"] for material in glb.document["materials"]]
    [nodes, _] = glb.people().values()
    for name, side in [
        ("left_knee", "left"),
        ("right_hip-right_knee", "right"),
        ("nose", "middle"),
    ]:
        [primitive] = glb.document["meshes"][glb.nodes[nodes[name]]["mesh"]]["primitives"]
        assert materials[primitive["material"]] == side
        positions = glb.numbers(primitive["attributes"]["POSITION"])
        assert "min" in glb.document["accessors"][primitive["attributes"]["POSITION"]]
        normals = glb.numbers(primitive["attributes"]["NORMAL"])
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
        indices = glb.numbers(primitive["indices"])[:, 0]
        assert len(indices) % 3 == 0 and indices.max() < len(positions)


def test_still_a_viewer_without_motion_shows_the_first_frame(
    made_poses: Any, tmp_path: Path
) -> None:
    poses = made_poses("h36m17", 1, with_gaps=False)
    write_gltf(poses, tmp_path / "a.glb")
    glb = Glb(tmp_path / "a.glb")
    [nodes] = glb.people().values()
    for j, joint in enumerate(poses.skeleton.joint_names):
        there = y_up(poses.positions_m[0, 0, j])
        np.testing.assert_allclose(glb.nodes[nodes[joint]]["translation"], there, atol=1e-6)


def test_the_memory_needed_is_that_of_one_array(made_poses: Any, tmp_path: Path) -> None:
    """Made when written: never are more than a few of the arrays there at once."""
    import tracemalloc

    poses = made_poses(
        "h36m17", 3000, positions_m=np.random.default_rng(0).normal(size=(3000, 1, 17, 3))
    )
    tracemalloc.start()
    write_gltf(poses, tmp_path / "a.glb")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "a.glb").stat().st_size > 2_500_000
    assert peak < 2.5 * poses.positions_m.nbytes + 2_000_000


def test_small_animals_have_small_joints_and_missing_ones_none(
    made_poses: Any, tmp_path: Path
) -> None:
    mouse = Skeleton.from_edges(["snout", "back", "tail"], [[0, 1], [1, 2]])
    at = np.array([[0, 0, 0], [0.03, 0, 0], [np.nan, 0, 0]])
    poses = made_poses(mouse, positions_m=np.tile(at, (3, 1, 1, 1)), with_gaps=False, up_axis=None)
    poses = replace(poses, fps=None)
    notes = write_gltf(poses, tmp_path / "a.glb")
    assert "tail of person 1: without a position" in notes[0]
    assert "which way is up" in notes[1] and "frame rate is not known" in notes[2]
    glb = Glb(tmp_path / "a.glb")
    assert set(glb.people()["person_1"]) == {"snout", "back", "snout-back"}
    mesh = glb.document["meshes"][glb.nodes[glb.people()["person_1"]["back"]]["mesh"]]
    radius = glb.numbers(mesh["primitives"][0]["attributes"]["POSITION"]).max()
    assert 0.002 < radius < 0.004


def test_turns_from_y_are_of_unit_length_and_do_not_flip() -> None:
    angle = np.linspace(0, 6 * np.pi, 200)
    along = np.stack([np.sin(angle) * 0.01, -np.ones_like(angle), np.cos(angle) * 0.01], axis=-1)
    along[[50, 51]] = [[0, -1, 0], [0, 0, 0]]
    turns = turned_from_y(along)
    np.testing.assert_allclose(np.linalg.norm(turns, axis=1), 1)
    unit = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    unit[51] = [0, 1, 0]
    np.testing.assert_allclose(Rotation.from_quat(turns).apply([0, 1, 0]), unit, atol=1e-9)
    assert ((turns[1:] * turns[:-1]).sum(-1) >= 0).all()


def test_what_does_not_go(made_poses: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no frames"):
        write_gltf(made_poses(positions_m=np.zeros((0, 1, 17, 3))), tmp_path / "a.glb")
    monkeypatch.setattr("triangulate.export.glb._MAX_BYTES", 10_000)
    with pytest.raises(InputError, match=r"do not fit into a \.glb"):
        write_gltf(made_poses(), tmp_path / "a.glb")
    monkeypatch.setitem(sys.modules, "pygltflib", None)
    with pytest.raises(InputError, match=r'pip install "triangulate\[export\]"'):
        write_gltf(made_poses(), tmp_path / "a.glb")
    assert not list(tmp_path.iterdir())
