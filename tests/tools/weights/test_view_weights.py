from __future__ import annotations

import torch

from tools.weights import view_weights
from triangulate.config.models import ViewWeightsConfig
from triangulate.models.build import build_model
from triangulate.models.weights import load, read_header, save


def test_packing_settles_the_covariance_and_writes_a_card(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(view_weights, "BATCHES", 4)
    torch.manual_seed(0)
    save(build_model(ViewWeightsConfig()), tmp_path / "run" / "last.safetensors")
    out = tmp_path / "packed.safetensors"
    view_weights.main([str(tmp_path / "run"), "--out", str(out)])
    metrics = read_header(out).card.metrics
    assert 0.4 < metrics["inside_the_50_percent_ellipsoid"] < 0.6
    before, after = load(tmp_path / "run" / "last.safetensors"), load(out)
    changed = [
        name
        for name, value in after.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    ]
    assert changed == ["doubt.out.bias"]
    text = (tmp_path / "packed.md").read_text("utf-8")
    for words in ("**Data.**", "**Command.**", "**Measured**", "**Limits.**"):
        assert words in text
    assert str(metrics["median_mm"]) in text
    assert "packed.safetensors: " in capsys.readouterr().out
