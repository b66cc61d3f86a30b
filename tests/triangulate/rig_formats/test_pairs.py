from __future__ import annotations

import shutil

import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig


@pytest.fixture
def truth(truth):
    return truth.with_lens([-0.21, 0.05, 1e-3, -2e-3]).named("left", "top", "c")


@pytest.mark.parametrize(
    ("format", "files"),
    [("easymocap", ("intri.yml", "extri.yml")), ("colmap", ("cameras.txt", "images.txt"))],
)
def test_the_rest_of_the_name_and_the_folder_are_the_same(truth, tmp_path, format, files):
    save_rig(truth.rig(), tmp_path, format)
    for name in files:
        (tmp_path / name).rename(tmp_path / f"hall_{name}")
    for name in files:
        truth.check(load_rig(tmp_path / f"hall_{name}"))
    truth.check(load_rig(tmp_path))
    shutil.move(tmp_path / f"hall_{files[1]}", tmp_path / files[1])
    with pytest.raises(InputError, match=f"put hall_{files[1]}, with the places of the cameras"):
        load_rig(tmp_path / f"hall_{files[0]}")


def test_a_pair_counts_once_in_a_folder(truth, tmp_path):
    save_rig(truth.rig(), tmp_path, "easymocap")
    save_rig(truth.rig(), tmp_path / "camchain.yaml", "kalibr")
    with pytest.raises(InputError, match=r"holds several calibrations \(camchain\.yaml, intri\.y"):
        load_rig(tmp_path)


def test_only_files_of_a_pair_are_taken_for_one(truth, tmp_path):
    save_rig(truth.rig(), tmp_path / "cameras.txt", "kalibr")
    save_rig(truth.rig(), tmp_path / "images.txt", "panoptic")
    with pytest.raises(InputError, match=r"several calibrations \(cameras\.txt, images\.txt\)"):
        load_rig(tmp_path)
