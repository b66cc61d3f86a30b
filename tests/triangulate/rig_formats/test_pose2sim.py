from __future__ import annotations

import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig


@pytest.fixture
def pose2sim_file(truth, toml_table, tmp_path):
    tables = [
        toml_table(
            f'"{name}"',
            name=name,
            size=truth.sizes[v].astype(float),
            matrix=truth.K[v],
            distortions=truth.dist[v, :4],
            rotation=truth.rvec[v],
            translation=truth.t[v],
            fisheye=False,
        )
        for v, name in enumerate(truth.names)
    ]
    others = [
        toml_table("metadata", adjusted=False, error=0.0),
        toml_table("capture_volume", stage=1),
        toml_table("charuco", columns=4, rows=5),
        toml_table("checkerboard", columns=4, rows=7),
    ]
    path = tmp_path / "Calib.toml"
    path.write_text("".join([*tables, *others]))
    return path


def test_reads_the_truth_in_metres(truth, pose2sim_file):
    rig = load_rig(pose2sim_file)
    truth.with_lens([-0.21, 0.05, 1e-3, -2e-3]).check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert rig.up_axis == "z"


@pytest.mark.parametrize(
    ("old", "new"),
    [("fisheye = false\n", ""), (",]\nrotation", ", 0.01,]\nrotation")],
)
def test_asks_for_the_unit_where_it_could_be_anipose(pose2sim_file, old, new):
    pose2sim_file.write_text(pose2sim_file.read_text().replace(old, new))
    with pytest.raises(InputError, match="--unit"):
        load_rig(pose2sim_file)
    assert len(load_rig(pose2sim_file, unit="m")) == 3


def test_writes_what_it_reads(truth, pose2sim_file, tmp_path):
    rig = load_rig(pose2sim_file)
    save_rig(rig, tmp_path / "again.toml", format="pose2sim")
    again = load_rig(tmp_path / "again.toml")
    truth.with_lens([-0.21, 0.05, 1e-3, -2e-3]).check(again)
    assert (again.sizes, again.up_axis) == (rig.sizes, "z")
    assert "size = [640.0, 480.0]" in (tmp_path / "again.toml").read_text()


def test_does_not_write_what_it_would_lose(anipose_file, tmp_path):
    rig = load_rig(anipose_file, unit="mm")
    with pytest.raises(InputError, match="camera 'left' has a third radial coefficient"):
        save_rig(rig, tmp_path / "lost.toml", format="pose2sim")
    fisheye = rig.to_arrays() | {"dist": rig.to_arrays()["dist"][:, :4], "lens": "fisheye"}
    with pytest.raises(InputError, match="camera 'left' has a fisheye lens"):
        save_rig(type(rig).from_arrays(**fisheye), tmp_path / "lost.toml", format="pose2sim")
