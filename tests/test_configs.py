"""Every file in configs/ is read strictly, and shows each setting with its default."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from triangulate.config import Config, ReconstructConfig, load_config

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
MODELS: dict[str, type[Config]] = {
    "reconstruct.yaml": ReconstructConfig,
}


def test_the_table_and_the_folder_agree() -> None:
    found = {str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*") if path.is_file()}
    assert found == set(MODELS), "a new file in configs/ gets a line in MODELS, with its type"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_config_parses_and_shows_the_defaults(name: str) -> None:
    model = MODELS[name]
    assert load_config(CONFIGS / name, model) == model()
    shown = yaml.safe_load((CONFIGS / name).read_text(encoding="utf-8"))
    assert set(shown) == set(model.model_fields)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_misspelt_key_in_a_config_is_refused(name: str, tmp_path: Path) -> None:
    text = (CONFIGS / name).read_text(encoding="utf-8")
    planted = tmp_path / name
    planted.write_text(text + "\nsurplus_key: 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="unknown key 'surplus_key'"):
        load_config(planted, MODELS[name])
