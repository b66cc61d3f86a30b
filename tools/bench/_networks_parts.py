"""The parts of the networks' benchmark that run on a processor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tools.bench._dlt import LOOPED_SAMPLES, backward, load_problem, solve, solve_in_a_loop
from tools.bench._figures import Figure, peak_memory_mib
from tools.bench._networks_twins import (
    algebraic_in_a_loop,
    unproject_in_a_loop,
    volumetric_in_a_loop,
)
from triangulate.geometry.aggregation import Aggregation
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.volume import cuboid_grid, unproject
from triangulate.models.algebraic import AlgebraicTriangulator
from triangulate.models.backbone import PoseResNet
from triangulate.models.v2v import V2V
from triangulate.models.volumetric import VolumetricTriangulator
from triangulate.synthetic import ring_rig

VIEWS = 4
UNPROJECTED: tuple[Aggregation, ...] = ("sum", "max", "softmax")


def cpu_seconds(function: Callable[[], object], runs: int) -> float:
    """The least CPU time of a call, after one to warm up."""
    function()
    times = []
    for _ in range(max(1, runs)):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def has_matrix_units() -> bool:
    """Whether the processor multiplies bf16 matrices in units of their own (AMX)."""
    file = Path("/proc/cpuinfo")
    return file.is_file() and "amx_bf16" in file.read_text()


@dataclass(frozen=True)
class Scene:
    """A rig of square images around the middle of a cube.

    Attributes:
        cameras: (V,) of the images, without distortion.
        projections_mm: (1, V, 3, 4) float32, as published.
        grid_world: (1, X, Y, Z, 3) float64.
    """

    cameras: Camera
    projections_mm: Tensor
    grid_world: Tensor

    @classmethod
    def of(cls, image: int, size: int) -> Scene:
        """Images of `image` pixels squared, a cube of `size` voxels a side."""
        rig = ring_rig(torch.Generator().manual_seed(0), VIEWS, size=(image, image))
        cameras = rig.cameras
        cameras = Camera(cameras.K, cameras.lens.map(torch.zeros_like), cameras.cam_from_world)
        motion = cameras.cam_from_world
        in_mm = Camera(cameras.K, cameras.lens, Rigid(motion.rotation, 1000 * motion.translation))
        grid = cuboid_grid(torch.tensor([[0.0, 0.0, 0.95]], dtype=torch.float64), 2.5, size)
        return cls(cameras, in_mm.projection()[None].float(), grid)

    @property
    def grid_mm(self) -> Tensor:
        """(1, X, Y, Z, 3) float32."""
        return (1000 * self.grid_world).float()


def bench_dlt(runs: int) -> list[Figure]:
    """Linear triangulation of 17 joints in 4 views beside one float32 SVD a joint."""
    figures = []
    for samples in (1, 64, 1024):
        problem = load_problem(samples)
        looped = problem.first(LOOPED_SAMPLES)
        scale = samples / len(looped.points_px)
        loop_s = scale * cpu_seconds(lambda p=looped: solve_in_a_loop(p), runs)  # type: ignore[misc]
        ours_s = cpu_seconds(lambda p=problem: solve(p), 5 * runs)  # type: ignore[misc]
        figures += [
            Figure(f"triangulate_dlt, B = {samples}", 1e3 * ours_s, "ms"),
            Figure("  times faster than the loop", loop_s / ours_s, "x"),
        ]
        if samples == 64:
            loop_s = scale * cpu_seconds(lambda p=looped: backward(p, solve_in_a_loop), 1)  # type: ignore[misc]
            ours_s = cpu_seconds(lambda p=problem: backward(p, solve), 5 * runs)  # type: ignore[misc]
            figures += [
                Figure("  with gradients", 1e3 * ours_s, "ms"),
                Figure("  times faster than the loop", loop_s / ours_s, "x"),
            ]
    return figures


def bench_unproject(size: int, runs: int, channels: int = 32, cells: int = 96) -> list[Figure]:
    """Unprojection into size^3 voxels, without and with gradients."""
    scene = Scene.of(cells, size)
    features = torch.randn(1, VIEWS, channels, cells, cells)
    figures = []
    for how in UNPROJECTED:

        def loop(maps: Tensor = features, how: str = how) -> Tensor:
            return unproject_in_a_loop(maps, scene.projections_mm, scene.grid_mm, how)

        def ours(maps: Tensor = features, how: Aggregation = how) -> Tensor:
            return unproject(
                maps, scene.cameras, scene.grid_world, aggregation=how, sampling="published"
            )

        off = (loop() - ours()).abs().max().item()
        figures += [Figure(f"{how}, {size}^3: largest difference", off, "", at_most=5e-3)]
        figures += _compare(ours, loop, runs, at_least=3)
        training = _with_gradients(ours, features), _with_gradients(loop, features)
        figures += _compare(*training, 1, name=f"{how}, {size}^3, with gradients")
    return figures


def _compare(
    ours: Callable[[], object],
    loop: Callable[[], object],
    runs: int,
    at_least: float | None = None,
    name: str = "  time",
) -> list[Figure]:
    """Time and memory beside the twin's; a goal for the time sets one of a quarter for the rest."""
    loop_s, ours_s = cpu_seconds(loop, runs), cpu_seconds(ours, runs)
    loop_mib, ours_mib = peak_memory_mib(loop), peak_memory_mib(ours)
    quarter = None if at_least is None else 0.25
    return [
        Figure(name, 1e3 * ours_s, "ms"),
        Figure("  times faster than the loop", loop_s / ours_s, "x", at_least=at_least),
        Figure("  memory", ours_mib, "MiB"),
        Figure("  share of the loop's", ours_mib / loop_mib, "", at_most=quarter),
    ]


def _with_gradients(function: Callable[[Tensor], Tensor], features: Tensor) -> Callable[[], Tensor]:
    def run() -> Tensor:
        leaf = features.clone().requires_grad_()
        volume = function(leaf)
        return torch.autograd.grad(volume, leaf, torch.ones_like(volume))[0]

    return run


@torch.no_grad()
def bench_v2v(size: int, runs: int) -> list[Figure]:
    """The published V2V in bf16, channels last and with folded normalisations."""
    network, volumes = V2V(32, 17).eval(), torch.randn(1, 32, size, size, size)
    exact = network(volumes)
    plain_s = cpu_seconds(lambda: network(volumes), min(runs, 1))
    figures = [Figure(f"V2V, {size}^3, float32", 1e3 * plain_s, "ms")]
    inner = volumes.to(memory_format=torch.channels_last_3d)
    ways = {"bf16, channels last": network, "  normalisations folded": network.folded()}
    for name, each in ways.items():
        last = each.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

        def rough(last: V2V = last) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return last(inner)

        off = (rough().float() - exact).norm() / exact.norm()
        seconds = cpu_seconds(rough, min(runs, 2))
        goal = 5.0 if has_matrix_units() else None
        figures += [
            Figure(name, 1e3 * seconds, "ms"),
            Figure("  times faster than float32", plain_s / seconds, "x", at_least=goal),
            Figure("  difference, relative", off.item(), "", at_most=0.05),
        ]
    return figures


@torch.no_grad()
def bench_whole(depth: int, image: int, size: int, runs: int) -> list[Figure]:
    """From images to joints, 4 views, in float32 and in bf16."""
    scene, images = Scene.of(image, size), torch.randn(1, VIEWS, 3, image, image)
    of_images = scene.projections_mm
    backbone, volume_net = PoseResNet(depth=depth), V2V(32, 17)
    algebraic = AlgebraicTriangulator(backbone, learned_confidences=False).eval()
    volumetric = VolumetricTriangulator(backbone, size=size, volume_net=volume_net).eval()
    centre = scene.grid_world.mean((1, 2, 3))

    def run_algebraic() -> object:
        return algebraic.predict(images, scene.cameras)

    def run_volumetric() -> object:
        return volumetric.predict(images, scene.cameras, centre_world=centre)

    loops: dict[str, Callable[[], object]] = {
        "algebraic": lambda: algebraic_in_a_loop(backbone, images, of_images),
        "volumetric": lambda: volumetric_in_a_loop(volumetric, images, of_images, scene.grid_mm),
    }
    few = min(runs, 1)
    loop_s = {name: cpu_seconds(loop, few) for name, loop in loops.items()}
    ours = {"algebraic": run_algebraic, "volumetric": run_volumetric}
    figures = _whole_figures("float32", ours, loop_s, few, goal=None)
    volumetric.volume_net = volume_net.folded()
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    volumetric.volume_net.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    with torch.autocast("cpu", torch.bfloat16):
        goal = 4.0 if has_matrix_units() else None
        return figures + _whole_figures("bf16", ours, loop_s, few, goal)


def _whole_figures(
    number: str,
    ours: dict[str, Callable[[], object]],
    loop_s: dict[str, float],
    runs: int,
    goal: float | None,
) -> list[Figure]:
    figures = []
    for name, run in ours.items():
        seconds = cpu_seconds(run, runs)
        at_least = goal if name == "volumetric" else None
        figures += [
            Figure(f"{name}, {number}", 1e3 * seconds, "ms"),
            Figure("  times faster than published", loop_s[name] / seconds, "x", at_least=at_least),
        ]
    return figures
