from __future__ import annotations

from pathlib import Path

import pytest

from triangulate.config.data import DetectionsConfig, RecordingsConfig, SyntheticConfig
from triangulate.data.build import build_dataset, build_detections
from triangulate.data.detections import DetectionScenes
from triangulate.data.synthetic import SyntheticPeople
from triangulate.errors import InputError


def test_made_up_people_are_as_the_settings_say() -> None:
    config = SyntheticConfig(kind="synthetic", views=[2, 3], size=[64, 96], occlusion="none")
    dataset = build_dataset(config, Path("unused"))
    assert isinstance(dataset, SyntheticPeople)
    assert dataset.views == (2, 3)
    assert dataset.size == (64, 96)
    assert dataset.occlusion == "none"


def test_made_up_people_are_rendered_where_the_settings_say() -> None:
    here = SyntheticConfig(kind="synthetic")
    there = SyntheticConfig(kind="synthetic", device="network")
    found = [
        build_dataset(config, Path("unused"), device=device)
        for config, device in ((here, "meta"), (there, "meta"), (there, "cpu"))
    ]
    assert [dataset.device.type for dataset in found] == ["cpu", "meta", "cpu"]  # type: ignore[attr-defined]


def test_motions_are_looked_for_from_the_root(tmp_path: Path) -> None:
    config = SyntheticConfig(kind="synthetic", motions=["clips/walk.bvh"])
    with pytest.raises(InputError, match=str(tmp_path / "clips" / "walk.bvh")):
        build_dataset(config, tmp_path)


def test_a_recordings_poses_are_looked_for_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "recordings" / "walk"
    folder.mkdir(parents=True)
    config = RecordingsConfig(kind="recordings", root="mine", poses="adapted/poses.npz")
    with pytest.raises(InputError, match=r"mine.*adapted/poses\.npz"):
        build_dataset(config, tmp_path)


def test_detections_are_no_images() -> None:
    config = DetectionsConfig(kind="detections", views=[2, 4])
    with pytest.raises(ValueError, match="must be of images"):
        build_dataset(config, Path("unused"))
    scenes = build_detections(config, Path("unused"), num_batches=3, batch_size=2)
    assert isinstance(scenes, DetectionScenes)
    assert len(scenes) == 3
    assert len(scenes[0].points_world) == 2


def test_images_are_no_detections() -> None:
    with pytest.raises(ValueError, match="of kind detections, got synthetic"):
        build_detections(SyntheticConfig(kind="synthetic"), Path("unused"), 1, 1)
