from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.adaptation import material as module
from triangulate.adaptation.material import check_suffices, gather
from triangulate.config.adaptation import AdaptConfig
from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.recording import Recording

QUICK = AdaptConfig()


@pytest.fixture
def material(walking):
    return walking.material()


def test_a_part_holds_its_frames_only(material) -> None:
    part = material.part(slice(30, None))
    assert len(part.recording) == len(part.heatmaps.mass) == 10
    assert part.person.frames.tolist() == list(range(30, 40))


@pytest.mark.parametrize("number", [1, 2])
def test_too_few_cameras(material, number: int) -> None:
    rig = material.recording.rig
    few = replace(material.recording, rig=rig.select(rig.names[:number]))
    with pytest.raises(InputError, match=rf"has {number} camera.*needs 3"):
        check_suffices(few, QUICK)


def test_two_cameras_suffice_for_labels(material) -> None:
    rig = material.recording.rig
    few = replace(material.recording, rig=rig.select(rig.names[:2]))
    check_suffices(few, AdaptConfig(student=None))


def test_frames_are_spread_and_the_detections_are_those_of_the_maps(
    walking, material, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def look(recording: Recording, person: Keypoints2D, **_: object):
        looked_at.append((recording.frame_numbers.tolist(), person.frames.tolist()))
        return material.heatmaps.select_frames(recording.frame_numbers)

    monkeypatch.setattr(module, "detect_recording", lambda *_, **__: walking.keypoints)
    monkeypatch.setattr(module, "recording_heatmaps", look)
    found = gather(material.recording, AdaptConfig(max_frames=20))
    assert looked_at == [(list(range(0, 40, 2)), list(range(0, 40, 2)))]
    np.testing.assert_array_equal(found.person.points_px[:, :, 0], found.heatmaps.points_px)


def test_nobody_there(walking, material, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = replace(walking.keypoints, confidence=0 * walking.keypoints.confidence)
    monkeypatch.setattr(module, "detect_recording", lambda *_, **__: nobody)
    with pytest.raises(InputError, match="nobody was found in any view"):
        gather(material.recording, QUICK)
