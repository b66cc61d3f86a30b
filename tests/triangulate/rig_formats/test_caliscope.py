from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig


@pytest.fixture
def caliscope_text(truth, toml_table):
    def text(rotations: np.ndarray, identity: str = "cam_id") -> str:
        return "".join(
            toml_table(
                f"cameras.{v}",
                **{identity: v},
                rotation_count=-1,
                error=0.19,
                exposure=-7.0,
                grid_count=24,
                ignore=False,
                size=truth.sizes[v],
                matrix=truth.K[v],
                distortions=truth.dist[v],
                translation=truth.t[v],
                rotation=rotations[v],
            )
            for v in range(3)
        )

    return text


@pytest.mark.parametrize(
    ("identity", "names"),
    [("cam_id", ("cam_0", "cam_1", "cam_2")), ("port", ("port_0", "port_1", "port_2"))],
)
def test_reads_vectors_and_matrices_named_as_the_videos(
    truth, caliscope_text, tmp_path, identity, names
):
    path = tmp_path / "camera_array.toml"
    for rotations in (truth.rvec, truth.rotation):
        path.write_text(caliscope_text(rotations, identity))
        replace(truth, names=names).check(load_rig(path))


def test_reads_the_tables_of_its_earlier_config(truth, caliscope_text, tmp_path):
    path = tmp_path / "config.toml"
    text = caliscope_text(truth.rotation).replace("[cameras.", "[cam_")
    path.write_text(f"camera_count = 0\n{text}[charuco]\ncolumns = 4\n")
    replace(truth, names=("cam_0", "cam_1", "cam_2")).check(load_rig(path))


def test_a_camera_without_a_place_is_named_and_can_be_left_out(caliscope_text, truth, tmp_path):
    path = tmp_path / "camera_array.toml"
    before, _, after = caliscope_text(truth.rvec).rpartition("translation")
    path.write_text(before + after[after.index("\n") + 1 :])
    with pytest.raises(InputError, match=r"camera 'cam_2': 'translation' is missing.*--cameras"):
        load_rig(path)
    assert load_rig(path, cameras=["cam_0", "cam_1"]).names == ("cam_0", "cam_1")


def test_real_corners_agree_with_the_stored_calibration(shared, reprojection_px):
    folder = shared / "caliscope_4_cam_recording"
    rig = load_rig(folder / "camera_array.toml")
    corners = pd.read_csv(folder / "calibration" / "extrinsic" / "xy.csv")
    table = corners.pivot(
        index=["sync_index", "keypoint_id"], columns="cam_id", values=["img_loc_x", "img_loc_y"]
    )
    seen = np.stack([table["img_loc_x"], table["img_loc_y"]], axis=-1)  # (N, V, 2)
    errors = reprojection_px(rig, seen)
    assert np.mean(errors) == pytest.approx(0.61, abs=0.01)
    assert np.median(errors) == pytest.approx(0.46, abs=0.01)
    earlier = load_rig(folder / "config.toml")
    np.testing.assert_array_equal(earlier.cameras.projection(), rig.cameras.projection())
