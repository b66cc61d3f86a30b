from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tools.weights.synthetic_people import main
from triangulate.config import load_config
from triangulate.config.training import TrainConfig
from triangulate.models.weights import load, read_header
from triangulate.training.run import train

pytestmark = pytest.mark.slow

TINY = {
    "model": {
        "kind": "algebraic",
        "backbone": {"kind": "unet", "channels": [6, 6, 6, 6], "context_blocks": 1},
        "heatmap_multiplier": 1.0,
    },
    "data": {"kind": "synthetic"},
    "loading": {"batch_size": 2},
    "loss": {"heatmap": 1.0},
    "optimizer": {"lr": 0.001},
    "steps": 2,
    "summary": "Nothing much.",
    "limits": "For a test.",
}


def trained(folder: Path, **changes: object) -> Path:
    config = folder.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(TINY | changes), "utf-8")
    train(load_config(config, TrainConfig), folder)
    return folder


def test_what_training_wrote_is_measured_and_packed(tmp_path: Path, shared: Path) -> None:
    first = trained(tmp_path / "heatmaps")
    run = trained(tmp_path / "algebraic", start=str(first / "last.safetensors"), steps=1)
    data = (shared / "cmu_mocap").parent
    main([str(run), "--data", str(data), "--samples", "2", "--out", str(tmp_path / "out")])

    packed = tmp_path / "out" / "synthetic_algebraic.safetensors"
    header = read_header(packed)
    assert header.skeleton is not None
    assert header.skeleton.name == "h36m17"
    assert load(packed).num_joints == 17
    assert header.card.command == (
        "triangulate train (2 steps of 2 moments, each moment used 1 times, lr 0.001; from there "
        "1 steps of 2 moments, each moment used 1 times, lr 0.001)"
    )
    card = packed.with_suffix(".md").read_text("utf-8")
    for scene in ("clean", "occluded"):
        assert f"{header.card.metrics[scene]['mean_mm']:.1f} [" in card
    assert "log-sum volume" in card
    assert set(header.card.metrics["views"]) == {str(views) for views in range(2, 9)}
    assert "| views | 2 | 3 | 4 | 5 | 6 | 7 | 8 |" in card
    assert "None" not in card
