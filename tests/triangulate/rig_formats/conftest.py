"""A small rig with known truth, whose pixels OpenCV computes, and a plain triangulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from triangulate.rig import Rig


@dataclass(frozen=True)
class Truth:
    """Three cameras that look at a cloud of points; metres, camera from world."""

    names: tuple[str, ...]
    sizes: np.ndarray  # (V, 2)
    K: np.ndarray  # (V, 3, 3)
    dist: np.ndarray  # (V, n)
    rvec: np.ndarray  # (V, 3)
    t: np.ndarray  # (V, 3)
    points: np.ndarray  # (N, 3)
    is_fisheye: bool = False

    @property
    def rotation(self) -> np.ndarray:
        return np.stack([cv2.Rodrigues(rvec)[0] for rvec in self.rvec])

    @property
    def t_mm(self) -> np.ndarray:
        return self.t * 1000

    @property
    def centre(self) -> np.ndarray:
        return -(self.rotation.mT @ self.t[:, :, None])[:, :, 0]

    def with_lens(self, dist: list[float], *, is_fisheye: bool = False) -> Truth:
        """The same rig with these coefficients, a little different in each camera."""
        rows = np.array(dist) * np.array([[1.0], [0.9], [1.1]])
        return replace(self, dist=rows, is_fisheye=is_fisheye)

    def named(self, *names: str) -> Truth:
        """The same rig under other names."""
        return replace(self, names=names)

    def rig(self, **change: Any) -> Rig:
        """The truth as a rig, with other arguments of `Rig.from_arrays` where told."""
        lens = "fisheye" if self.is_fisheye else "radtan" if self.dist.shape[1] < 6 else "rational"
        arrays = {"K": self.K, "dist": self.dist, "rotation": self.rotation, "lens": lens}
        arrays |= {"translation_m": self.t, "names": self.names, "sizes": self.sizes}
        return Rig.from_arrays(**arrays | change)

    def pixels(self) -> np.ndarray:
        """(V, N, 2), by OpenCV."""
        project = cv2.fisheye.projectPoints if self.is_fisheye else cv2.projectPoints
        zero = np.zeros(3)
        pixels = []
        for K, dist, rotation, t in zip(self.K, self.dist, self.rotation, self.t, strict=True):
            points_cam = (self.points @ rotation.T + t)[:, None]
            pixels.append(project(points_cam, zero, zero, K, dist)[0][:, 0])
        return np.stack(pixels)

    def check(self, rig: Rig, tolerance_px: float = 1e-6) -> None:
        """The rig has the same names and projects to the same pixels."""
        assert rig.names == self.names
        found, valid = rig.cameras.project(torch.from_numpy(self.points))
        assert bool(valid.all())
        np.testing.assert_allclose(found.numpy(), self.pixels(), rtol=0, atol=tolerance_px)


@pytest.fixture
def truth() -> Truth:
    rng = np.random.default_rng(3)
    centres = np.array([[0.1, -0.2, -3.0], [-2.4, 0.3, -1.6], [2.2, -0.4, 2.1]])
    rolls = (0.1, -0.3, 2.0)
    rotation = np.stack([_towards_the_origin(*c) for c in zip(centres, rolls, strict=True)])
    K = [[[f, 0, cx], [0, f + 3.5, cy], [0, 0, 1]] for f, cx, cy in _LENSES]
    return Truth(
        names=("left", "top cam", "cam.3"),
        sizes=np.array([[640, 480], [1080, 1920], [640, 480]]),
        K=np.array(K),
        dist=np.array([[-0.21, 0.05, 1e-3, -2e-3, 0.01]]) * [[1.0], [0.9], [1.1]],
        rvec=np.stack([cv2.Rodrigues(R)[0][:, 0] for R in rotation]),
        t=-(rotation @ centres[:, :, None])[:, :, 0],
        points=rng.uniform(-0.4, 0.4, (40, 3)),
    )


def _towards_the_origin(centre: np.ndarray, roll: float) -> np.ndarray:
    """Camera from world: z towards the origin, then turned about z."""
    z = -centre / np.linalg.norm(centre)
    x = np.cross([0.1, 1.0, -0.2], z)
    x /= np.linalg.norm(x)
    return cv2.Rodrigues(np.array([0, 0, roll]))[0] @ np.stack([x, np.cross(z, x), z])


_LENSES = [(610.25, 322.1, 238.7), (1650.5, 541.3, 955.9), (580.0, 310.7, 246.2)]


@pytest.fixture
def toml_table() -> Callable[..., str]:
    """A camera's table as the tools write it: `toml_table("cam_0", name="a", size=[6, 4])`."""

    def text(section: str, **values: object) -> str:
        rows = {key: v.tolist() if isinstance(v, np.ndarray) else v for key, v in values.items()}
        lines = [f"{key} = {_toml(value)}" for key, value in rows.items()]
        return "\n".join([f"[{section}]", *lines, "", ""])

    return text


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[ {', '.join(map(_toml, value))},]"
    return repr(value)


@pytest.fixture
def anipose_file(truth: Truth, toml_table: Callable[..., str], tmp_path: Path) -> Path:
    """An anipose file of the truth, in millimetres."""
    tables = [
        toml_table(
            f"cam_{v}",
            name=name,
            size=truth.sizes[v],
            matrix=truth.K[v],
            distortions=truth.dist[v],
            rotation=truth.rvec[v],
            translation=truth.t_mm[v],
        )
        for v, name in enumerate(truth.names)
    ]
    path = tmp_path / "calibration.toml"
    path.write_text("".join([*tables, "[metadata]\nadjusted = false\nerror = 0.3\n"]))
    return path


@pytest.fixture
def reprojection_px() -> Callable[[Rig, np.ndarray], np.ndarray]:
    """Triangulates (N, V, 2) pixels, NaN where unseen, and returns the errors of those seen.

    By plain SVD on points that OpenCV undistorts: nothing of the package but the numbers.
    """

    def errors(rig: Rig, pixels: np.ndarray) -> np.ndarray:
        arrays = rig.to_arrays()
        K, dist, R, t = (arrays[key] for key in ("K", "dist", "rotation", "translation_m"))
        found = []
        for seen_px in pixels:
            views = np.flatnonzero(np.isfinite(seen_px[:, 0]))
            if len(views) < 2:
                continue
            rows = []
            for v in views:
                x, y = cv2.undistortPoints(seen_px[v][None, None], K[v], dist[v])[0, 0]
                P = np.column_stack([R[v], t[v]])
                rows += [x * P[2] - P[0], y * P[2] - P[1]]
            point = np.linalg.svd(np.array(rows))[2][-1]
            for v in views:
                point_cam = (R[v] @ (point[:3] / point[3]) + t[v])[None, None]
                back = cv2.projectPoints(point_cam, np.zeros(3), np.zeros(3), K[v], dist[v])[0]
                found.append(np.linalg.norm(back[0, 0] - seen_px[v]))
        return np.array(found)

    return errors
