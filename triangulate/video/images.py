"""Folders of images as if they were videos."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from triangulate.errors import InputError
from triangulate.video.info import Frame, VideoInfo

IMAGE_SUFFIXES = frozenset(".jpg .jpeg .png .bmp .tif .tiff .webp .ppm .pgm".split())


def list_images(folder: Path) -> tuple[Path, ...]:
    """The images of a folder, in the natural order of their names: image2 before image10."""
    files = (f for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES)
    return tuple(sorted((f for f in files if not f.name.startswith(".")), key=natural_key))


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Sorts names as people count: runs of digits are numbers."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def probe_images(folder: Path, fps: float | None = None) -> VideoInfo:
    """What a folder of images holds. See `triangulate.video.probe`."""
    files = list_images(folder)
    if not files:
        raise InputError(
            f"{folder}: no images in this folder; looked for {', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    height, width = read_image(files[0]).shape[:2]
    times_s = np.arange(len(files)) / fps if fps else np.full(len(files), np.nan)
    return VideoInfo(
        path=folder,
        size=(width, height),
        codec="images",
        times_s=times_s,
        fps=fps,
        is_variable_rate=False,
        num_announced=len(files),
        notes=_numbering_notes(files),
        files=files,
    )


def read_images(info: VideoInfo, wanted: np.ndarray) -> Iterator[Frame]:
    """The wanted images of a folder. See `triangulate.video.read_frames`."""
    for index in wanted.tolist():
        image = read_image(info.files[index])
        size = (image.shape[1], image.shape[0])
        if size != info.size:
            raise InputError(
                f"{info.files[index]}: {size[0]} x {size[1]} pixels, while the first image of the "
                f"folder has {info.size[0]} x {info.size[1]}: keep one size in a folder"
            )
        yield Frame(index, float(info.times_s[index]), image)


def read_image(file: Path) -> np.ndarray:
    """A picture (H, W, 3) uint8 RGB: turned by EXIF, 16 bits scaled to 8, grey on three channels.

    Raises:
        InputError: it does not decode.
    """
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{file}: cannot be read as an image; copy it again or take it away")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def _numbering_notes(files: tuple[Path, ...]) -> tuple[str, ...]:
    """A note where numbered files have holes: the frames behind one may be out of step."""
    found = [re.findall(r"\d+", file.stem) for file in files]
    if len(files) < 3 or not all(found):
        return ()
    numbers = np.array([float(digits[-1]) for digits in found])
    steps = np.diff(numbers)
    step = np.median(steps)
    holes = np.nonzero(steps != step)[0]
    if not 0 < len(holes) <= 0.1 * len(steps):
        return ()
    first = files[holes[0]].name, files[holes[0] + 1].name
    return (
        f"{files[0].parent}: the numbering jumps {len(holes)} times, first between {first[0]} and "
        f"{first[1]}: images are counted as they come, so check that none is missing",
    )
