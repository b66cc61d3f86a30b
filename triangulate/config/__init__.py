"""Settings: one documented, strictly read type a job. See `triangulate.config.parsing`."""

from __future__ import annotations

from triangulate.config.models import ModelConfig
from triangulate.config.parsing import Config, load_config, with_options
from triangulate.config.reconstruct import ReconstructConfig

__all__ = [
    "Config",
    "ModelConfig",
    "ReconstructConfig",
    "load_config",
    "with_options",
]
