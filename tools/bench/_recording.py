"""A real recording beside decoding it and running the network, which nothing can go below."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np

import triangulate
from tools.bench._figures import Figure, elapsed, shared_folder
from triangulate.config import ReconstructConfig
from triangulate.inputs import open_recording
from triangulate.pipeline import reconstruct_recording
from triangulate.pose2d.model_files import blazepose_files
from triangulate.recording import Recording

GOAL_RATIO = 1.4
THREADS = 2  # as the detector's own default


def bench_recording(runs: int = 3, frames: int | None = None) -> list[Figure]:
    """Wall time of the whole way over that of decoding and inference alone, warm.

    The two take turns, and the fastest of each counts: others may use the machine as well.

    Args:
        runs: of each.
        frames: only so many of the first ones.
    """
    folder = shared_folder() / "data" / "pose2sim_balancing"
    rig = triangulate.load_rig(folder / "calibration" / "Calib.qca.txt")
    videos = folder / "videos_a948c205"
    settings = ReconstructConfig(frames=None if frames is None else f"0:{frames}")
    recording = open_recording(videos, rig, settings)

    def whole_way() -> None:
        reconstruct_recording(videos, rig, "blazepose", settings=settings, cache=False)

    with Landmarkers(THREADS) as network:
        network.run(np.zeros(1, np.uint8) for _ in range(4))
        whole_way()  # caches of the system, imports, and the network's first run
        pairs = [
            (elapsed(whole_way), elapsed(lambda: decode_and_infer(recording, network)))
            for _ in range(runs)
        ]
    whole_s, alone_s = (min(times) for times in zip(*pairs, strict=True))
    images = len(recording) * len(recording.names)
    return [
        Figure(f"reconstruct_recording, {images} images", whole_s, "s"),
        Figure(f"decoding and inference alone, {THREADS} threads", alone_s, "s"),
        Figure("ratio of wall times", whole_s / alone_s, "x", at_most=GOAL_RATIO),
        Figure("images a second, the whole way", images / whole_s, "1/s"),
    ]


def decode_and_infer(recording: Recording, network: Landmarkers) -> None:
    """Decode every picture, and run the landmark network once for each, on any input."""
    with closing(recording.frames()) as frame_sets:
        for frame_set in frame_sets:
            network.run(image for image in frame_set.images if image is not None)


class Landmarkers:
    """The landmark network, once a thread."""

    def __init__(self, threads: int) -> None:
        """Start the threads; the networks are loaded on first use."""
        self._path = str(blazepose_files().landmark)
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(threads)

    def run(self, images: Iterable[np.ndarray]) -> None:
        """Run it once for each image, in parallel."""
        list(self._pool.map(self._invoke, images))

    def __enter__(self) -> Landmarkers:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _invoke(self, _: np.ndarray) -> None:
        if not hasattr(self._local, "interpreter"):
            self._local.interpreter = self._load()
        self._local.interpreter.invoke()

    def _load(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=self._path, num_threads=1)
        interpreter.allocate_tensors()
        details = interpreter.get_input_details()[0]
        interpreter.set_tensor(details["index"], np.full(details["shape"], 0.5, np.float32))
        return interpreter
