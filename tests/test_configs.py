"""Every file in configs/ is read strictly; networks and optimizers are built from those of jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from triangulate.config import Config, ReconstructConfig, load_config
from triangulate.config.adaptation import AdaptConfig
from triangulate.config.evaluation import EvaluateConfig
from triangulate.config.training import TrainConfig

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
MODELS: dict[str, type[Config]] = {
    "adapt.yaml": AdaptConfig,
    "reconstruct.yaml": ReconstructConfig,
    "eval_human36m.yaml": EvaluateConfig,
    "eval_synthetic_clean.yaml": EvaluateConfig,
    "eval_synthetic_occluded.yaml": EvaluateConfig,
    "eval_synthetic_views.yaml": EvaluateConfig,
    "human36m_algebraic.yaml": TrainConfig,
    "human36m_volumetric.yaml": TrainConfig,
    "synthetic_algebraic.yaml": TrainConfig,
    "synthetic_heatmaps.yaml": TrainConfig,
    "synthetic_volumetric.yaml": TrainConfig,
    "view_weights.yaml": TrainConfig,
}
SHOW_ALL = {"adapt.yaml", "reconstruct.yaml"}
"""These show each setting with its default."""


def names_of(model: type[Config]) -> list[str]:
    return sorted(name for name, other in MODELS.items() if other is model)


def test_the_table_and_the_folder_agree() -> None:
    found = {str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*") if path.is_file()}
    assert found == set(MODELS), "a new file in configs/ gets a line in MODELS, with its type"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_config_is_read(name: str) -> None:
    load_config(CONFIGS / name, MODELS[name])


@pytest.mark.parametrize("name", sorted(SHOW_ALL))
def test_a_config_shows_the_defaults(name: str) -> None:
    model = MODELS[name]
    assert load_config(CONFIGS / name, model) == model()
    shown = yaml.safe_load((CONFIGS / name).read_text(encoding="utf-8"))
    assert set(shown) == set(model.model_fields)


@pytest.mark.parametrize("name", names_of(TrainConfig))
def test_the_network_and_its_optimizer_are_built(name: str) -> None:
    from triangulate.models.build import build_model
    from triangulate.training.optimization import build_optimizer, rate_at

    config = load_config(CONFIGS / name, TrainConfig)
    with torch.device("meta"):  # names and shapes alone
        model = build_model(config.model)
    optimizer = build_optimizer(model, config.optimizer)
    schedule = config.optimizer.schedule
    assert all(group["lr"] > 0 for group in optimizer.param_groups)
    assert 0 <= rate_at(config.steps - 1, config.steps, schedule) <= 1


@pytest.mark.parametrize(
    "name",
    [name for name in sorted(MODELS) if name.startswith(("synthetic_", "eval_synthetic_"))],
)
def test_the_data_set_gives_what_the_network_takes(name: str, shared_motions: Path) -> None:
    from triangulate.data.build import build_dataset

    config = load_config(CONFIGS / name, MODELS[name])
    assert isinstance(config, TrainConfig | EvaluateConfig)
    dataset = build_dataset(config.data, shared_motions)
    sample = dataset[0]
    assert sample.images.shape[-2:] == (128, 128)
    if isinstance(config, EvaluateConfig):
        assert config.samples <= len(dataset)
        assert set(config.head) <= set(dataset.skeleton.joint_names)
        assert config.root in dataset.skeleton.joint_names
        assert max(config.views) < len(sample.views)


@pytest.fixture
def shared_motions(shared: Path) -> Path:
    """Where the motion capture is that the configs name."""
    return (shared / "cmu_mocap").parent


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_misspelt_key_in_a_config_is_refused(name: str, tmp_path: Path) -> None:
    text = (CONFIGS / name).read_text(encoding="utf-8")
    planted = tmp_path / name
    planted.write_text(text + "\nsurplus_key: 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="unknown key 'surplus_key'"):
        load_config(planted, MODELS[name])
