from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.adaptation import adapting
from triangulate.adaptation.adapting import (
    LABELS,
    WEIGHTS,
    adapt_recording,
    refusal,
    untaught,
)
from triangulate.adaptation.judgement import Interval, Verdict
from triangulate.adaptation.volume_student import train_volume
from triangulate.config.adaptation import (
    AdaptConfig,
    LabelsConfig,
    ViewWeightsStudentConfig,
    VolumeStudentConfig,
)
from triangulate.errors import InputError
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.view_weights import ViewWeights
from triangulate.models.weights import load, read_header
from triangulate.pipeline import reconstruct_keypoints
from triangulate.poses import load_poses
from triangulate.triangulation import load_view_weights

QUICK = AdaptConfig(
    student=VolumeStudentConfig(
        size=16, side_m=2.2, channels=[4, 4, 4], steps=10, batch_size=1, half_precision=False
    )
)
QUICK_WEIGHTS = AdaptConfig(student=ViewWeightsStudentConfig(steps=10, batch_size=4))
STUDENTS = pytest.mark.parametrize("settings", [QUICK, QUICK_WEIGHTS], ids=["volume", "weights"])


@pytest.fixture
def material(walking, monkeypatch: pytest.MonkeyPatch):
    """What would be gathered from videos."""
    found = walking.material()
    monkeypatch.setattr(adapting, "gather", lambda *_, **__: found)
    return found


def verdict(gain_px: float) -> Verdict:
    one, gain = Interval(10.0, 9.0, 11.0), Interval(gain_px, gain_px - 0.1, gain_px + 0.1)
    return Verdict((one, one), (one, one), gain, gain, 20)


@STUDENTS
def test_what_helped_is_written(material, tmp_path, monkeypatch, settings) -> None:
    monkeypatch.setattr(adapting, "measured", lambda *_: None)
    monkeypatch.setattr(adapting, "compare", lambda *_: verdict(1.0))
    stages: list[str] = []
    done = adapt_recording(
        material.recording, tmp_path, settings, report=lambda what, *_: stages.append(what)
    )
    assert len(done.losses) == 10
    assert stages == ["learning"] * 10
    network = load(tmp_path / WEIGHTS)
    assert type(network) is type(done.network)
    assert all(map(torch.equal, network.parameters(), done.network.parameters()))
    header = read_header(tmp_path / WEIGHTS)
    assert header.skeleton is not None
    assert header.skeleton.joint_names == material.person.skeleton.joint_names
    assert "this rig" in header.card.limits
    labels = load_poses(tmp_path / LABELS)
    assert labels.positions_m.shape == (20, 1, 17, 3)
    assert AdaptConfig.model_validate(labels.run["settings"]) == settings
    assert labels.run["command"]
    assert done.as_dict()["over_start"]["num_frames"] == 20


def test_adapted_view_weights_are_weights_of_reconstruct(material, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(adapting, "compare", lambda *_: verdict(1.0))
    adapt_recording(material.recording, tmp_path, QUICK_WEIGHTS)
    ways = [
        reconstruct_keypoints(material.person, material.recording.rig, weights=weights)
        for weights in (tmp_path / WEIGHTS, "learned")
    ]
    adapted, shipped = (way.positions_m for way in ways)
    assert 1e-6 < np.nanmean(abs(adapted - shipped)) < 0.02


def test_an_adapted_volume_is_refused_by_reconstruct(material, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(adapting, "measured", lambda *_: None)
    monkeypatch.setattr(adapting, "compare", lambda *_: verdict(1.0))
    adapt_recording(material.recording, tmp_path, QUICK)
    with pytest.raises(InputError, match=r"of a HeatmapVolume.*view weights are expected") as said:
        reconstruct_keypoints(material.person, material.recording.rig, weights=tmp_path / WEIGHTS)
    assert "\n" not in str(said.value)


@STUDENTS
def test_what_did_not_help_is_refused_and_nothing_is_written(
    material, tmp_path, monkeypatch, settings
) -> None:
    monkeypatch.setattr(adapting, "measured", lambda *_: None)
    monkeypatch.setattr(adapting, "compare", lambda *_: verdict(-1.0))
    before = tmp_path / "out" / WEIGHTS
    before.parent.mkdir()
    before.write_text("of another run")
    with pytest.raises(InputError, match="learning did not help, so nothing was written"):
        adapt_recording(material.recording, before.parent, settings)
    assert [path.name for path in before.parent.iterdir()] == [WEIGHTS]
    assert before.read_text() == "of another run"


@pytest.mark.slow
def test_a_network_that_does_harm_is_found_out(material, tmp_path, monkeypatch) -> None:
    def spoil(*arguments: object) -> tuple[HeatmapVolume, list[float]]:
        network, losses = train_volume(*arguments)
        torch.nn.init.normal_(network.v2v.output_layer.weight, std=20.0)
        return network, losses

    monkeypatch.setattr(adapting, "train_volume", spoil)
    with pytest.raises(InputError, match="learning did not help"):
        adapt_recording(material.recording, tmp_path / "out", QUICK)
    assert not (tmp_path / "out").exists()


def test_labels_alone(material, tmp_path) -> None:
    done = adapt_recording(material.recording, tmp_path, AdaptConfig(student=None))
    assert done.network is None
    assert [path.name for path in tmp_path.iterdir()] == [LABELS]
    assert load_poses(tmp_path / LABELS).positions_m.shape == (40, 1, 17, 3)


def test_untaught_view_weights_are_those_that_ship() -> None:
    shipped = load_view_weights()
    changed = ViewWeights()
    assert all(map(torch.equal, untaught(changed).parameters(), shipped.parameters()))


def test_an_untaught_copy_is_the_volume_alone(material, clean_walking) -> None:
    net = HeatmapVolume(17, size=16, side_m=2.2, centre_joints=[2, 3])
    plain = untaught(net)
    maps = torch.from_numpy(clean_walking.material().heatmaps.mass[:2]).float()
    cameras = clean_walking.material().heatmaps.cameras(clean_walking.rig.cameras)[:2]
    torch.testing.assert_close(
        plain.predict(maps, cameras).points_world, net.predict(maps, cameras).points_world
    )


# --- What does not suffice ------------------------------------------------------------------------


def test_too_few_frames(material, tmp_path) -> None:
    with pytest.raises(InputError, match=r"has 19 frames.*needs 20"):
        adapt_recording(material.part(slice(19)).recording, tmp_path / "out", QUICK)
    assert not (tmp_path / "out").exists()


def test_labels_that_are_not_good_enough(material, tmp_path) -> None:
    strict = QUICK.model_copy(update={"labels": LabelsConfig(max_sigma_m=1e-6)})
    with pytest.raises(InputError, match="only 0% of the joints are certain to 1e-06 m"):
        adapt_recording(material.recording, tmp_path / "out", strict)
    assert not (tmp_path / "out").exists()


def test_a_refusal_is_one_line_with_the_figures() -> None:
    text = refusal(verdict(-1.0))
    assert "\n" not in text
    assert "10.0 px off without it" in text
