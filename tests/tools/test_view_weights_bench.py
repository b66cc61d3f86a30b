"""The benchmark of view weights runs, and what real recordings hold the shipped ones to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tools.bench import view_weights
from tools.bench._held_out_views import all_views_px, held_out_px, load_balancing, load_mvor
from tools.bench._made_up_noise import Scenes, errors_mm
from tools.bench._weighing_methods import estimators, irls, ransac, weighted
from triangulate.models.view_weights import ViewWeights
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "bench" / "view_weights.py"


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    """Points seen by a ring of five, the first view far off in half of the joints."""
    cameras = ring_rig(seeded(0), 5).cameras
    truth = 0.3 * torch.randn(4, 10, 3, generator=seeded(1), dtype=torch.float64)
    truth[..., 2] += 1
    pixels = cameras.project(truth.flatten(0, 1))[0].unflatten(1, (4, 10)).movedim(1, 0).clone()
    pixels[:, 0, :5] += 90
    rigs = cameras.map(lambda values: values.expand(4, *values.shape))
    return Scenes(pixels, torch.ones(4, 5, 10, dtype=torch.float64), rigs, truth)


@pytest.mark.parametrize(("estimator", "most_mm"), [(ransac, 1e-3), (irls, 30.0)])
def test_peers_stand_a_wrong_view(scenes, estimator, most_mm: float) -> None:
    plain = errors_mm(weighted, scenes)
    assert plain.mean() > 60
    assert errors_mm(estimator, scenes).mean() < most_mm


def test_every_method_gives_the_truth_of_perfect_data(scenes) -> None:
    perfect = scenes.points_px.clone()
    perfect[:, 0, :5] -= 90
    for name, estimator in estimators(ViewWeights().eval()).items():
        found = estimator(perfect, scenes.score, scenes.cameras)
        assert (found - scenes.points_world).norm(dim=-1).max() < 1e-6, name


def test_real_detections_are_read_as_their_sources_say(shared) -> None:
    balancing, mvor = load_balancing(shared / "pose2sim_balancing"), load_mvor(shared / "mvor")
    assert balancing.points_px.shape == (100, 4, 25, 2)
    assert mvor.points_px.shape[1:] == (3, 10, 2)
    assert len(mvor.points_px) > 400
    # The right extrinsics, whose wrong direction is off by hundreds of pixels.
    assert all_views_px(weighted, mvor).nanmedian() < 15
    assert held_out_px(weighted, mvor).nanmedian() < 20
    # Two views are left of three: a pair is all there is to agree.
    torch.testing.assert_close(
        held_out_px(ransac, mvor).nan_to_num(-1),
        held_out_px(lambda p, s, c: weighted(p, (s > 0).double(), c), mvor).nan_to_num(-1),
    )


def test_goals_on_real_detections(shared) -> None:
    """Below plain, score-weighted and RANSAC in mean and 95th percentile."""
    done = subprocess.run(
        [
            sys.executable,
            str(SCRIPT),
            *("mvor", "balancing", "--methods", "dlt,score,ransac,learned", "--json"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["missed"] == []
    for part in ("mvor", "balancing"):
        learned = told["parts"][part].pop("learned")
        assert learned["points"] > 7000
        for column in ("mean", "p95"):
            assert all(learned[column] < other[column] for other in told["parts"][part].values())


def test_misses_are_named_and_medians_stand_behind_means() -> None:
    rows = {
        "dlt": {"mean": 3.0, "p50": 2.0, "p95": 8.0},
        "learned": {"mean": 2.5, "p50": 2.0, "p95": 9.0},
    }
    assert view_weights.missed_goals("mvor", rows) == ["mvor p95: 9 over 8 of dlt"]
    noise = {"learned": {name: 1e3 for name in view_weights.GOALS_MM}}
    assert "noise base: 1000 over 44 of the study" in view_weights.missed_goals("noise", noise)
    assert "12.5 (8)" in view_weights.table({"dlt": {"base": 12.5, "base p50": 8.0}})


@pytest.mark.parametrize("arguments", [["speed"], ["--methods", "dlt,best"]])
def test_wrong_use_names_what_there_is(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        view_weights.main(arguments)
    assert stop.value.code == 2
    assert "there are" in capsys.readouterr().err
