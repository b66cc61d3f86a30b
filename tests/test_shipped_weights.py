"""The weights that ship: each with a card, small, and better than what needs no learning."""

from __future__ import annotations

from pathlib import Path

import pytest

from triangulate.config import load_config
from triangulate.config.evaluation import EvaluateConfig
from triangulate.evaluation.estimators import NETWORK
from triangulate.evaluation.run import evaluate
from triangulate.models.weights import load, read_header

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "triangulate" / "weights"
SHIPPED = ("view_weights", "synthetic_algebraic", "synthetic_volumetric")


def test_these_ship() -> None:
    assert sorted(path.stem for path in WEIGHTS.glob("*.safetensors")) == sorted(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_small_and_have_a_card(name: str) -> None:
    header = read_header(name)
    assert header.num_bytes <= 10e6
    assert header.card.summary
    assert header.card.limits
    text = (WEIGHTS / f"{name}.md").read_text("utf-8")
    for part in ("**What it is.**", "**Data.**", "**Command.**", "**Measured**", "**Limits.**"):
        assert part in text
    assert str(ROOT.parent) not in text
    assert "/tmp" not in text + header.card.command
    network = load(name)
    assert sum(value.numel() for value in network.state_dict().values()) == header.num_parameters


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["clean", "occluded"])
@pytest.mark.parametrize("name", ["synthetic_algebraic", "synthetic_volumetric"])
def test_image_networks_beat_plain_triangulation(name: str, scene: str, shared: Path) -> None:
    config = load_config(ROOT / "configs" / f"eval_synthetic_{scene}.yaml", EvaluateConfig)
    few = config.model_copy(update={"samples": 40, "views": []})
    data = (shared / "cmu_mocap").parent
    report = evaluate(few, name, against=["plain"], data_root=data)
    assert report.gains_mm[NETWORK].low > 0
