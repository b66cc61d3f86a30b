"""The networks' benchmark on a CUDA device."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from tools.bench._figures import Figure
from tools.bench._networks_parts import VIEWS, Scene
from triangulate.models.backbone import PoseResNet
from triangulate.models.volumetric import VolumetricTriangulator

PEAK_TFLOPS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "RTX 4090": 165.0}
"""Dense bf16 matrix products a second, as the makers state them."""

BATCH = 8


def bench_gpu(depth: int, image: int, size: int, runs: int = 10) -> list[Figure]:
    """The volumetric network in bf16, forward and with gradients; nothing without a device."""
    if not torch.cuda.is_available():
        return []
    backbone = PoseResNet(depth=depth)
    network = VolumetricTriangulator(backbone, size=size).cuda()
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.volume_net.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    scene = Scene.of(image, size)
    cameras = scene.cameras.to(device="cuda")
    centre = scene.grid_world.mean((1, 2, 3)).expand(BATCH, 3).cuda()
    images = torch.randn(BATCH, VIEWS, 3, image, image, device="cuda")

    def forward() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            network.predict(images, cameras, centre_world=centre)

    def learn() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            found = network(images, cameras, centre_world=centre)
        found.points_world.sum().backward()
        network.zero_grad(set_to_none=True)

    return [
        *_figures("forward", forward, runs),
        *_figures("forward and backward", learn, runs),
    ]


def _figures(name: str, function: Callable[[], None], runs: int) -> list[Figure]:
    with FlopCounterMode(display=False) as counter:
        function()
    torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(function, runs)
    tflops = counter.get_total_flops() / seconds / 1e12
    figures = [
        Figure(f"volumetric, bf16, {BATCH} x {VIEWS} images: {name}", 1e3 * seconds, "ms"),
        Figure("  moments a second", BATCH / seconds, "1/s"),
        Figure("  bf16 products", tflops, "TF/s"),
        Figure("  memory", torch.cuda.max_memory_allocated() / 2**20, "MiB"),
    ]
    device = torch.cuda.get_device_name()
    for known, peak in PEAK_TFLOPS.items():
        if known in device:
            figures.append(Figure(f"  of the {known}'s matrix peak", 100 * tflops / peak, "%"))
    return figures


def _seconds(function: Callable[[], None], runs: int) -> float:
    """Median time of a call, after two to warm up."""
    times = []
    for run in range(runs + 2):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        end.record()
        torch.cuda.synchronize()
        if run >= 2:
            times.append(start.elapsed_time(end) / 1e3)
    return statistics.median(times)
