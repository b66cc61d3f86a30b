from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig
from triangulate.skeleton import Skeleton, snake_case


def qca_camera(truth, v, left=0, top=0, more=""):
    """One camera in Qualisys's terms: looking along -z, y up, 1/64 px of the whole sensor."""
    width, height = truth.sizes[v]
    K, dist = 64 * truth.K[v], truth.dist[v]
    world_from_camera = truth.rotation[v].T @ np.diag([1, -1, -1])
    turns = " ".join(
        # r11 r12 r13 is the first column of world from camera
        f'r{column + 1}{row + 1}="{world_from_camera[row, column]!s}"'
        for column in range(3)
        for row in range(3)
    )
    x, y, z = truth.centre[v] * 1000
    return f"""
    <camera active="1" avg-residual="0.4" model="Miqus Video" serial="{truth.names[v]}" {more}>
      <fov_marker bottom="9" left="0" right="9" top="0"/>
      <fov_video bottom="{top + height - 1}" left="{left}" right="{left + width - 1}" top="{top}"/>
      <transform {turns} x="{x}" y="{y}" z="{z}"/>
      <intrinsic focalLengthU="{K[0, 0]}" focalLengthV="{K[1, 1]}"
        centerPointU="{K[0, 2] + 64 * left}" centerPointV="{K[1, 2] + 64 * top}" skew="0.000000"
        radialDistortion1="{dist[0]}" radialDistortion2="{dist[1]}" radialDistortion3="{dist[4]}"
        tangentalDistortion1="{dist[2]}" tangentalDistortion2="{dist[3]}"/>
    </camera>"""


def qca_file(path, cameras):
    path.write_text(
        "<?xml version='1.0' encoding='ASCII'?>\n<calibration created='x' type='regular'>"
        f"<results std-dev='0.'/><cameras>{''.join(cameras)}</cameras></calibration>"
    )
    return path


def test_reads_the_truth(truth, tmp_path):
    cameras = [qca_camera(truth, v, left=16 * v, top=8 * v) for v in range(3)]
    rig = load_rig(qca_file(tmp_path / "Calib.qca.txt", cameras))
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert rig.up_axis == "z"
    assert "taken as written" in rig.notes[0]


def test_leaves_out_cameras_that_were_off_and_tells_what_it_did_not_apply(truth, tmp_path):
    off = qca_camera(truth, 0).replace('active="1"', 'active="0"')
    turned = qca_camera(truth, 1, more='viewrotation="90" video_resolution="720p"')
    rig = load_rig(qca_file(tmp_path / "c.qca.txt", [off, turned, qca_camera(truth, 2)]))
    assert rig.names == truth.names[1:]
    assert "view rotation of 90" in rig.notes[1]
    assert "720p" in rig.notes[2]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('skew="0.000000"', 'skew="3.0"', "camera 'left': its skew"),
        ("<transform", "<other", "camera 'left': it has no <transform>"),
        ("focalLengthU", "focal", "camera 'left': <intrinsic> lacks focalLengthU"),
        ('serial="left"', 'serial="cam.3"', "'cam.3' is given twice"),
        ('x="', 'x="nothing', "camera 'left': 'transform' must hold"),
        ("</cameras>", "", "no valid XML"),
        ("<calibration", "<!DOCTYPE a [<!ENTITY b 'c'>]><calibration", "document type"),
    ],
)
def test_broken_files(truth, tmp_path, old, new, said):
    path = qca_file(tmp_path / "c.qca.txt", [qca_camera(truth, v) for v in range(3)])
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as refused:
        load_rig(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert said in str(refused.value)


def test_an_independent_3d_result_reprojects_to_its_2d(shared):
    """Pose2Sim's TRC (metres, y up) onto the strongest person of OpenPose in every view."""
    folder = shared / "pose2sim_balancing"
    rig = load_rig(folder / "calibration" / "Calib.qca.txt")
    assert rig.names == ("cam01", "cam02", "cam03", "cam04")
    assert set(rig.sizes) == {(1088, 1920)}
    trc = next(folder.glob("*.trc"))
    heading = trc.read_text().splitlines()[3].split("\t")[2::3]
    markers = [snake_case(name) for name in heading if name]
    joints = [re.sub("^l_", "left_", re.sub("^r_", "right_", name)) for name in markers]
    order = [Skeleton.named("body25b").index(name) for name in joints]
    y, z, x = np.loadtxt(trc, skiprows=5)[:, 2:].reshape(100, 21, 3).transpose(2, 0, 1)
    points_world = torch.from_numpy(np.stack([x, y, z], axis=-1).reshape(-1, 3))
    found = rig.cameras.project(points_world)[0].reshape(4, 100, 21, 2).numpy()

    seen = np.stack([[strongest(folder, name, t) for t in range(100)] for name in rig.names])
    errors = np.linalg.norm(found[..., :, None, :] - seen[..., None, :, :2], axis=-1)
    own = np.take_along_axis(errors, np.array(order)[None, None, :, None], axis=-1)[..., 0]
    assert 10 < np.median(own[seen[:, :, order, 2] > 0.3]) < 12
    # Every marker is nearest to the joint of its name: the set's names are in the right order.
    assert np.median(errors, axis=(0, 1)).argmin(axis=-1).tolist() == order


def strongest(folder, camera, frame):
    name = f"{camera}_json/{camera}.{frame:04d}.json"
    people = json.loads((folder / "pose_openpose_body25b" / name).read_text())["people"]
    poses = [np.array(person["pose_keypoints_2d"]).reshape(25, 3) for person in people]
    return max(poses, key=lambda pose: pose[:, 2].sum())
