"""COLMAP's text model, `cameras.txt` and `images.txt`, read and written.

cameras.txt has a line a camera: ID MODEL WIDTH HEIGHT PARAMS. images.txt has two lines an image,
of which the second (points) is not read: ID QW QX QY QZ TX TY TZ CAMERA_ID NAME. Camera from world
in OpenCV's axes, but the centre of the first pixel is (0.5, 0.5). Several images may share a
camera. Lengths have no unit: the user must tell it, unless a comment `# unit: m` does, as in files
written here. Up is not known.

A camera of the rig is an image here, and is named after it: by its folder where every image has a
folder of its own (`left/0001.png` is `left`), else by the file (`left.png`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import limits
from triangulate.rig_formats.calibration import (
    METRES,
    Calibration,
    CameraNumbers,
    apart_hint,
    as_numbers,
)

# Where a model's parameters go: focal lengths and centre, then coefficients; the last is the lens.
FOCAL_CENTRE = {1: ("f", "f", "cx", "cy"), 2: ("fx", "fy", "cx", "cy")}
MODELS: dict[str, tuple[int, tuple[str, ...], str]] = {
    "SIMPLE_PINHOLE": (1, (), "radtan"),
    "PINHOLE": (2, (), "radtan"),
    "SIMPLE_RADIAL": (1, ("k1",), "radtan"),
    "RADIAL": (1, ("k1", "k2"), "radtan"),
    "OPENCV": (2, ("k1", "k2", "p1", "p2"), "radtan"),
    "FULL_OPENCV": (2, ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"), "rational"),
    "SIMPLE_RADIAL_FISHEYE": (1, ("k1",), "fisheye"),
    "RADIAL_FISHEYE": (1, ("k1", "k2"), "fisheye"),
    "OPENCV_FISHEYE": (2, ("k1", "k2", "k3", "k4"), "fisheye"),
}
PIXEL_CENTRE = 0.5
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
CAMERA_LINE = re.compile(rf"(\d+)\s+([A-Z_\d]*[A-Z_])\s+(\d+)\s+(\d+)((?:\s+{NUMBER})+)\s*")
IMAGE_LINE = re.compile(rf"(\d+)((?:\s+{NUMBER}){{7}})\s+(\d+)\s+(\S.*?)\s*")
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
FREE_SCALE = "; COLMAP's scale is arbitrary, so bring the model to a known size first"


def parse(text: str) -> dict[str, Any] | None:
    """`cameras` or `images`, and the `unit` where a comment tells it; None for another text.

    Its first line that is no comment decides.
    """
    lines = text.splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if CAMERA_LINE.fullmatch(first):
        found: dict[str, Any] = {"cameras": dict(_camera_lines(lines))}
        _check_count(lines, "cameras", len(found["cameras"]))
    elif _image(first):
        found = {"images": list(_image_lines(lines))}
        _check_count(lines, "images", len(found["images"]))
    else:
        return None
    unit = re.search(r"^#\s*unit:\s*(\w+)\s*$", text, re.MULTILINE)
    return found | ({"unit": unit[1]} if unit and unit[1] in METRES else {})


def read(content: Mapping[str, Any]) -> Calibration:
    """The calibration in the content of both files."""
    images = content["images"]
    names = _names([image["name"] for image in images])
    first = dict(zip(reversed(names), reversed(images), strict=True))
    for name, image in zip(names, images, strict=True):
        if first[name] is not image:
            raise InputError(
                f"images {first[name]['name']!r} and {image['name']!r} would both be camera "
                f"{name!r}: leave one image a camera in images.txt"
            )
    entries = [(n, (i, content["cameras"])) for n, i in zip(names, images, strict=True)]
    unit = content.get("unit")
    hint = "" if unit else apart_hint(_read_camera, [entry for _, entry in entries])
    return Calibration(entries, _read_camera, unit=unit, unit_hint=f"{hint}{FREE_SCALE}")


def texts(rig: Rig) -> dict[str, str]:
    """The content of each file, in metres; without points, but COLMAP wants their file.

    Raises:
        InputError: where the format cannot hold the rig: a name has spaces or slashes, an image
            size is missing, or K has skew.
    """
    from scipy.spatial.transform import Rotation

    for name in rig.names:
        if re.search(r"[\s/\\]", name) or not name.isprintable():
            raise InputError(
                f"camera {name!r}: COLMAP cuts the names of images at spaces, and slashes stand "
                "for folders: rename it without"
            )
    limits.check_sizes_known(rig)
    limits.check_no_skew(rig)
    rotations = Rotation.from_matrix(rig.cameras.cam_from_world.rotation.numpy())
    w_first = rotations.as_quat(canonical=True)[:, [3, 0, 1, 2]]
    translations_m = rig.cameras.cam_from_world.translation.numpy()
    cameras = ["# ID MODEL WIDTH HEIGHT PARAMS", f"# Number of cameras: {len(rig)}"]
    images = ["# ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then a line of points (none)"]
    images += [f"# Number of images: {len(rig)}", "# unit: m"]
    for v, name in enumerate(rig.names):
        pose = " ".join(map(repr, [*w_first[v].tolist(), *translations_m[v].tolist()]))
        cameras.append(f"{v + 1} {_camera_text(rig, v)}")
        images += [f"{v + 1} {pose} {v + 1} {name}.png", ""]
    return {
        "cameras.txt": "\n".join([*cameras, ""]),
        "images.txt": "\n".join([*images, ""]),
        "points3D.txt": "# No points\n",
    }


def _camera_text(rig: Rig, view: int) -> str:
    K, row = rig.cameras.K[view].numpy(), rig.cameras.lens.coefficients[view].numpy()
    lens = rig.lens_names[view]
    if lens == "fisheye":
        model = "OPENCV_FISHEYE"
    elif (row[4:] != 0).any():
        model = "FULL_OPENCV"
    else:
        model = "OPENCV" if row.any() else "PINHOLE"
    width, height = rig.sizes[view] or (0, 0)
    focal_centre = K[[0, 1, 0, 1], [0, 1, 2, 2]] + [0, 0, PIXEL_CENTRE, PIXEL_CENTRE]
    params = [*focal_centre.tolist(), *row[: len(MODELS[model][1])].tolist()]
    return f"{model} {width} {height} {' '.join(map(repr, params))}"


# --- Lines ----------------------------------------------------------------------------------------


def _camera_lines(lines: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = CAMERA_LINE.fullmatch(line)
        if found is None:
            raise InputError(f"line {number} is no camera (ID MODEL WIDTH HEIGHT PARAMS): cut off?")
        if found[1] in seen:
            raise InputError(f"line {number}: camera {found[1]} is given twice: remove one")
        seen.add(found[1])
        size = (int(found[3]), int(found[4]))
        yield found[1], {"model": found[2], "size": size, "params": found[5].split()}


def _image_lines(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    may_be_points = False
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        image = _image(line)
        if image is not None:
            yield image
        elif line.strip() and not may_be_points:
            raise InputError(
                f"line {number} is no image (ID QW QX QY QZ TX TY TZ CAMERA_ID NAME): cut off?"
            )
        may_be_points = image is not None


def _image(line: str) -> dict[str, Any] | None:
    """An image's line, None for one of points (of an image, or of points3D.txt)."""
    found = IMAGE_LINE.fullmatch(line)
    if found is None:
        return None
    values = np.array(found[2].split(), dtype=np.float64)
    names = found[4].split()
    is_list_of_numbers = len(names) > 1 and all(re.fullmatch(NUMBER, part) for part in names)
    if abs(np.linalg.norm(values[:4]) - 1) > 1e-2 or is_list_of_numbers:
        return None
    return {"pose": values, "camera": found[3], "name": found[4]}


def _check_count(lines: Sequence[str], what: str, count: int) -> None:
    """The head of a file tells how many there are."""
    for line in lines:
        told = re.match(rf"#\s*Number of {what}:\s*(\d+)", line)
        if told and int(told[1]) != count:
            raise InputError(f"tells of {told[1]} {what} and has {count}: is it cut off?")


# --- Cameras --------------------------------------------------------------------------------------


def _names(images: Sequence[str]) -> list[str]:
    paths = [PurePosixPath(image.replace("\\", "/")) for image in images]
    folders = [str(path.parent) for path in paths]
    if len(paths) > 1 and "." not in folders and len(set(folders)) == len(paths):
        return folders
    return [path.stem if path.suffix.lower() in PICTURES else path.name for path in paths]


def _read_camera(entry: tuple[Mapping[str, Any], Mapping[str, Any]]) -> CameraNumbers:
    from scipy.spatial.transform import Rotation

    image, cameras = entry
    camera = cameras.get(image["camera"])
    if camera is None:
        raise InputError(f"cameras.txt has no camera {image['camera']}, which its image names")
    if camera["model"] not in MODELS:
        raise InputError(
            f"its model {camera['model']} is not supported: convert it in COLMAP to one of "
            f"{', '.join(MODELS)}, or leave it out with cameras= (--cameras)"
        )
    focal_lengths, names, lens = MODELS[camera["model"]]
    keys = [*dict.fromkeys(FOCAL_CENTRE[focal_lengths]), *names]
    if len(camera["params"]) != len(keys):
        raise InputError(
            f"{camera['model']} has the {len(keys)} parameters {' '.join(keys)}, and its line has "
            f"{len(camera['params'])}: is it cut off?"
        )
    values = dict(zip(keys, as_numbers("PARAMS", camera["params"], (-1,)), strict=True))
    fx, fy, cx, cy = (values[key] for key in FOCAL_CENTRE[focal_lengths])
    x_y_z_w, translation = image["pose"][[1, 2, 3, 0]], image["pose"][4:]
    coefficients = np.array([values[name] for name in names])
    return CameraNumbers(
        K=np.array([[fx, 0, cx - PIXEL_CENTRE], [0, fy, cy - PIXEL_CENTRE], [0, 0, 1]]),
        distortion=coefficients,
        rotation=Rotation.from_quat(x_y_z_w).as_matrix(),
        translation=translation,
        size=camera["size"],
        lens="fisheye" if lens == "fisheye" else None,
    )
