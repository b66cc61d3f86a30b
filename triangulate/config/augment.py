"""Settings of augmentation: how much moments are varied for training."""

from __future__ import annotations

from pydantic import Field

from triangulate.config.parsing import Config


class AugmentConfig(Config):
    """See `triangulate.data.augment`; as it stands, nothing is varied."""

    brightness: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Factors in 1 +- this."""

    contrast: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Factors in 1 +- this."""

    saturation: float = Field(default=0.0, ge=0.0, le=1.0)
    """Factors in 1 +- this."""

    hue_deg: float = Field(default=0.0, ge=0.0, le=180.0)
    """Colours turn by up to this much."""

    blur_px: float = Field(default=0.0, ge=0.0)
    """Standard deviation of up to this much."""

    blur_share: float = Field(default=0.3, ge=0.0, le=1.0)
    """Of the images, that are blurred."""

    noise: float = Field(default=0.0, ge=0.0, le=255.0)
    """Standard deviation of up to this much, of a full scale of 255."""

    noise_share: float = Field(default=0.3, ge=0.0, le=1.0)
    """Of the images, that get noise."""

    patches: int = Field(default=0, ge=0)
    """Most in front of one image."""

    patch_share: float = Field(default=0.5, ge=0.0, le=1.0)
    """Of the images, that get any."""

    patch_side: list[float] = Field(default=[0.1, 0.4], min_length=2, max_length=2)
    """Shortest and longest, as shares of the image's side."""

    rotation_deg: float = Field(default=0.0, ge=0.0, le=180.0)
    """Images turn by up to this much."""

    scale: float = Field(default=0.0, ge=0.0)
    """Factors between 1 / (1 + this) and 1 + this."""

    shift: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Images move by up to this share of their size."""

    mirror_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Of the moments, that are mirrored."""

    drop_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Of the moments, that lose views."""

    min_views: int = Field(default=2, ge=1)
    """How many views a moment keeps at least, of those it has."""
