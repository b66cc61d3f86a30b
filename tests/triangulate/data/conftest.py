"""Stages with known truth, whose pictures show a dot at every joint, and a look at such dots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from triangulate.data.sample import Sample
from triangulate.geometry.camera import Camera
from triangulate.rig import Rig
from triangulate.synthetic.draws import seeded, uniform
from triangulate.synthetic.rigs import ring_rig

APART_PX = 9.0
"""A dot that has another one nearer than this is not measured."""


@dataclass(frozen=True)
class Stage:
    """People whose joints are scattered in a person's volume, and the cameras around them."""

    rig: Rig
    points_m: np.ndarray  # (T, P, J, 3)

    def picture(self, view: int, frame: int, sigma_px: float = 1.6) -> np.ndarray:
        """(H, W, 3) uint8: a grey ground with a dot at every joint, of everybody."""
        points = torch.from_numpy(self.points_m[frame].reshape(-1, 3))
        points_px, _ = self.rig.cameras[view].project(points)
        return dots(points_px.numpy(), self.rig.sizes[view], sigma_px)


def dots(points_px: np.ndarray, size: tuple[int, int], sigma_px: float) -> np.ndarray:
    """(H, W, 3) uint8, Gaussian dots (N, 2), nearly white, on dark grey; channels round apart."""
    x, y = np.arange(size[0]), np.arange(size[1])[:, None]
    far2 = (x - points_px[:, 0, None, None]) ** 2 + (y - points_px[:, 1, None, None]) ** 2
    light = np.exp(-0.5 * far2 / sigma_px**2).max(0)
    return np.round(40 + light[..., None] * [187, 200, 211]).astype(np.uint8)


def make_stage(
    seed: int = 0,
    num_frames: int = 3,
    num_people: int = 1,
    num_joints: int = 17,
    num_cameras: int = 3,
    size: tuple[int, int] = (320, 240),
) -> Stage:
    generator = seeded(seed)
    rig = ring_rig(generator, num_cameras, size=size, lens="radtan")
    inside = uniform(generator, -1, 1, (num_frames, num_people, num_joints, 3))
    middle = np.array([0.0, 0.0, 0.95]) + np.arange(num_people)[:, None, None] * [1.0, 0.6, 0.0]
    return Stage(rig, middle + inside * [0.45, 0.45, 0.8])


@pytest.fixture(scope="session")
def stage() -> Callable[..., Stage]:
    """A function that makes a stage; see `make_stage`."""
    return make_stage


def centroids(image: np.ndarray, points_px: np.ndarray, reach: int | tuple[int, int]) -> np.ndarray:
    """(N, 2) where the light around points lies in an (H, W) image, within `reach` in x and y."""
    reach_x, reach_y = (reach, reach) if isinstance(reach, int) else reach
    found = []
    for x, y in np.round(points_px).astype(int):
        columns = np.arange(x - reach_x, x + reach_x + 1)
        rows = np.arange(y - reach_y, y + reach_y + 1)
        light = image[np.ix_(rows, columns)].astype(float)
        light -= np.median(np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]]))
        light = light.clip(0)
        found.append([(light.sum(0) * columns).sum(), (light.sum(1) * rows).sum()] / light.sum())
    return np.array(found).reshape(-1, 2)


def project(cameras: Camera, points_world: torch.Tensor) -> np.ndarray:
    """(V, J, 2)."""
    return cameras.project(points_world)[0].numpy()


def offsets_px(
    sample: Sample, reach: int = 4, others_world: np.ndarray | None = None
) -> np.ndarray:
    """(N, 2) how far the dots lie from the projected joints, for those that stand alone.

    Args:
        sample: of V views, without a batch.
        reach: half side of the square in which light is measured.
        others_world: (M, 3) other dots that may be in the pictures.
    """
    height, width = sample.images.shape[-2:]
    points_px = project(sample.cameras, sample.points_world)
    others = np.zeros((0, 3)) if others_world is None else others_world
    others_px = project(sample.cameras, torch.from_numpy(others))
    found = []
    for view in range(len(points_px)):
        own = points_px[view]
        everything = np.concatenate([own, others_px[view]])
        apart = np.linalg.norm(own[:, None] - everything[None], axis=-1)
        alone = np.sort(apart, axis=1)[:, 1] > APART_PX
        inside = ((own > reach + 1) & (own < [width - reach - 2, height - reach - 2])).all(-1)
        chosen = own[alone & inside & sample.visible[view].numpy()]
        image = sample.images[view].float().mean(0).numpy()
        found.append(centroids(image, chosen, reach) - chosen)
    return np.concatenate(found)


@pytest.fixture(scope="session")
def measured() -> Callable[..., np.ndarray]:
    """A function that measures a sample; see `offsets_px`."""
    return offsets_px


@pytest.fixture(scope="session", name="dots")
def dots_fixture() -> Callable[..., np.ndarray]:
    """See `dots`."""
    return dots


@pytest.fixture(scope="session", name="centroids")
def centroids_fixture() -> Callable[..., np.ndarray]:
    """See `centroids`."""
    return centroids
