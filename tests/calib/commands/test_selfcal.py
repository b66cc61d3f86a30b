from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from calib.cli import app
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A folder with a rig, its lenses alone, and what a detector saw of a walk."""
    folder = tmp_path_factory.mktemp("walk")
    generator = seeded(21)
    rig = ring_rig(generator, 3)
    motion = walk(generator, 60)
    seen, _ = observe(
        motion.positions_m, rig, motion.skeleton, generator, DetectorNoise(swapped=0.0), fps=50
    )
    seen.save(folder / "keypoints.npz")
    rig.save(folder / "rig.yaml")
    arrays = rig.to_arrays()
    arrays["rotation"][:], arrays["translation_m"][:] = np.eye(3), 0.0
    Rig.from_arrays(**arrays).save(folder / "lenses.yaml")
    replace(rig, cameras=rig.cameras.resized(0.5), sizes=((640, 360),) * 3).save(
        folder / "half.yaml"
    )
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, ["selfcal", *map(str, arguments)])


def apart_m(rig: Rig) -> float:
    centre = rig.cameras.centre_world
    return float((centre[0] - centre[1]).norm())


def test_it_writes_a_rig_and_tells_how_far_it_is_known(recording, tmp_path, errors) -> None:
    true = Rig.load(recording / "rig.yaml")
    out = tmp_path / "new" / "rig.yaml"
    done = run(
        recording / "keypoints.npz", "--rig", recording / "lenses.yaml", "--out", out,
        "--distance", f"cam1,cam2={apart_m(true)}", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [camera["name"] for camera in told["cameras"]] == ["cam1", "cam2", "cam3"]
    assert all(0 < camera["sigma_m"] < 0.05 for camera in told["cameras"])
    assert told["cameras"][0]["shift_m"] is None  # there was nowhere to move from
    assert errors(Rig.load(out), true)[0] < 0.03
    assert any("self-calibrated" in note for note in Rig.load(out).notes)


def test_a_table_for_people(recording, tmp_path) -> None:
    done = run(
        recording / "keypoints.npz", "--rig", recording / "rig.yaml", "--out", tmp_path / "r.yaml"
    )
    assert done.exit_code == 0, done.output
    assert "position (m)" in done.stdout
    assert f"wrote {tmp_path / 'r.yaml'}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.npz", "{}/rig.yaml"], "there is no such file"),
        (["{}/keypoints.npz", "{}/lenses.yaml"], "how long is a metre?"),
        (["{}/keypoints.npz", "{}/rig.yaml", "--limb", "left_hip,tail=0.4"], "no joint 'tail'"),
        (["{}/keypoints.npz", "{}/rig.yaml", "--distance", "cam1,cam7=2"], "no camera 'cam7'"),
        (["{}/keypoints.npz", "{}/half.yaml"], "--on-size-mismatch scale"),
    ],
)
def test_what_the_user_can_mend_is_one_line(recording, tmp_path, arguments, said) -> None:
    keypoints, rig, *options = [text.format(recording) for text in arguments]
    done = run(keypoints, "--rig", rig, *options, "--out", tmp_path / "rig.yaml")
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "rig.yaml").exists()


def test_two_scales_are_one_too_many(recording) -> None:
    done = run(
        recording / "keypoints.npz", "--rig", recording / "rig.yaml", "--distance", "cam1,cam2=2",
        "--limb", "left_hip,left_knee=0.4",
    )  # fmt: skip
    assert done.exit_code != 0
    assert "take one" in str(done.exception)
    assert (
        run(
            recording / "keypoints.npz", "--rig", recording / "rig.yaml", "--distance", "2"
        ).exit_code
        == 2
    )
