"""What all tests share: real recordings, made-up videos, the networks, one thread a process."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from triangulate.pose2d.model_files import BlazePoseFiles

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported, so that workers do not multiply with its threads.
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Shared:
    """Real recordings and reference results, kept outside the repository.

    `shared / "pose2sim_balancing"` is a path below the data folder.
    """

    data: Path

    def __truediv__(self, name: str) -> Path:
        return existing(self.data / name)

    @property
    def bench(self) -> Path:
        return existing(self.data.parent / "bench")

    @property
    def parity(self) -> Path:
        return existing(self.data.parent / "parity")


def existing(path: Path) -> Path:
    """`path`, or the end of the test where there is none: skipped here, failed in CI."""
    if path.exists():
        return path
    end_test(f"no {path}: set TRIANGULATE_DATA to the data folder (see CONTRIBUTING.md)")


def end_test(message: str) -> NoReturn:
    """End a test that lacks something: skipped here, failed in CI."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def shared() -> Shared:
    """The data folder: $TRIANGULATE_DATA, or ../shared/data beside the checkout."""
    default = ROOT.parent / "shared" / "data"
    return Shared(existing(Path(os.environ.get("TRIANGULATE_DATA", default)).absolute()))


@pytest.fixture(scope="session")
def blazepose_networks() -> BlazePoseFiles:
    """The networks in the user's cache, fetched where they are not there yet."""
    from triangulate.errors import InputError
    from triangulate.pose2d.model_files import blazepose_files, fetch_blazepose

    pytest.importorskip("ai_edge_litert")
    try:
        fetch_blazepose()
        return blazepose_files()
    except InputError as error:
        end_test(str(error))


@pytest.fixture(scope="session")
def vulkan() -> None:
    """For tests that render the scene in space."""
    pytest.importorskip("open3d")
    try:
        ctypes.CDLL("libvulkan.so.1")
    except OSError as error:
        end_test(f"needs Vulkan ({error}): apt-get install libvulkan1 mesa-vulkan-drivers")
    folders = (Path("/usr/share/vulkan/icd.d"), Path("/etc/vulkan/icd.d"))
    if not any(file for folder in folders for file in folder.glob("*.json")):
        end_test("needs a Vulkan driver: apt-get install mesa-vulkan-drivers")


@pytest.fixture
def own_cache(
    blazepose_networks: BlazePoseFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty cache folder for this test alone, but for the networks."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "models").symlink_to(blazepose_networks.detection.parents[1])
    monkeypatch.setenv("TRIANGULATE_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """A function that writes a small video; see `_write_video`."""
    return _write_video


def _write_video(
    path: Path,
    count: int = 40,
    *,
    picture: Callable[..., Any],
    codec: str = "libx264",
    fps: int = 30,
    times: list[int] | None = None,
    time_base: Fraction | None = None,
    size: tuple[int, int] = (160, 120),
    rotation: int | None = None,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    faststart: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video with PyAV.

    Args:
        path: its suffix chooses the container. Missing folders are made.
        count: how many frames.
        picture: (number, width, height) -> (H, W, 3) uint8 RGB.
        codec: of the stream.
        fps: its rate.
        times: when each frame is shown, in `time_base`; by default at the rate.
        time_base: seconds, 1 / fps by default.
        size: (width, height).
        rotation: degrees, for the display matrix.
        mirrored: for the display matrix.
        aspect: width of a pixel through its height.
        faststart: the index comes first, so that a file that is cut off can be opened.
        options: of the encoder.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    time_base = time_base or Fraction(1, fps)
    flags = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", container_options=flags) as container:
        stream: Any = container.add_stream(codec, rate=fps, options={"g": "10", **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = time_base
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None or mirrored:
            stream.set_display_rotation(rotation or 0, hflip=mirrored)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
