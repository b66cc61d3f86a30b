from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triangulate.demo import check_folder, run_demo
from triangulate.demo.scene import make_scene
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded


def test_a_seed_is_a_scene() -> None:
    first, second, other = (make_scene(seed)[1:] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[1].positions_m, second[1].positions_m)
    np.testing.assert_array_equal(first[0].cameras.K, second[0].cameras.K)
    assert np.abs(first[1].positions_m - other[1].positions_m).max() > 0.01


def test_it_does_not_touch_another_project(tmp_path: Path) -> None:
    arrays = ring_rig(seeded(0)).to_arrays()
    Rig.from_arrays(**{**arrays, "notes": ("real cameras",)}).save(tmp_path / "rig.yaml")
    before = (tmp_path / "rig.yaml").read_bytes()
    with pytest.raises(InputError, match=r"rig\.yaml: is not the demo's own.*--out"):
        run_demo(tmp_path)
    assert (tmp_path / "rig.yaml").read_bytes() == before
    (tmp_path / "rig.yaml").write_text("some: thing\n")
    with pytest.raises(InputError, match="is not the demo's own"):
        check_folder(tmp_path)
    (tmp_path / "rig.yaml").unlink()
    (tmp_path / "recordings" / "walk" / "videos").mkdir(parents=True)
    with pytest.raises(InputError, match="walk: is not the demo's own"):
        check_folder(tmp_path)


@pytest.mark.parametrize("name", ["cam1/other.json", "cam1/cam1_000000009999_keypoints.json"])
def test_it_does_not_read_what_it_did_not_write(tmp_path: Path, name: str) -> None:
    ring_rig(seeded(0)).save(tmp_path / "rig.yaml")
    stray = tmp_path / "recordings" / "walk" / "pose2d" / name
    stray.parent.mkdir(parents=True)
    stray.write_text("{}")
    with pytest.raises(InputError, match="would be read with it"):
        check_folder(tmp_path)


@pytest.mark.parametrize("name", ["cam5.mp4", "cam1.avi", "film.mp4"])
def test_it_does_not_read_videos_that_it_did_not_write(tmp_path: Path, name: str) -> None:
    ring_rig(seeded(0)).save(tmp_path / "rig.yaml")
    stray = tmp_path / "recordings" / "filmed" / "videos" / name
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"")
    with pytest.raises(InputError, match="would be read with it"):
        check_folder(tmp_path)
    stray.rename(stray.with_name("cam2.mp4"))
    check_folder(tmp_path)


@pytest.mark.parametrize(
    "name", ["board.yaml", "calibration/rig.yaml", "recordings/board/videos/cam1.mp4"]
)
def test_it_does_not_touch_a_calibration_that_it_did_not_make(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("some: thing\n")
    with pytest.raises(InputError, match=r"is not the demo's own.*--out"):
        run_demo(tmp_path)
    assert (tmp_path / name).read_text() == "some: thing\n"
    assert not (tmp_path / "rig.yaml").exists()


def test_a_calibration_of_ones_own_in_the_demos_folder_stays(tmp_path: Path) -> None:
    ring_rig(seeded(0)).save(tmp_path / "rig.yaml")
    own = tmp_path / "calibration" / "rig.yaml"
    ring_rig(seeded(0)).save(own)
    check_folder(tmp_path)
    arrays = ring_rig(seeded(0)).to_arrays()
    Rig.from_arrays(**{**arrays, "notes": ("real cameras",)}).save(own)
    with pytest.raises(InputError, match=r"rig\.yaml: is not the demo's own"):
        check_folder(tmp_path)
