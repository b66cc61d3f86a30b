"""Options that several commands take, and how their texts are read."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Size = tuple[int, int]

# --- Calibrations: what a file leaves open --------------------------------------------------------


class Unit(StrEnum):
    """Units of a foreign file's translations."""

    mm = "mm"
    cm = "cm"
    m = "m"


class Radial(StrEnum):
    """What the radial coefficients of a Vicon file are."""

    pixels = "pixels"
    opencv = "opencv"
    none = "none"


UnitOption = Annotated[
    Unit | None,
    typer.Option("--unit", help="Unit of the calibration's translations, if it does not tell."),
]
SizeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--size",
        metavar="WxH|NAME=WxH",
        help="Image size where the calibration has none; once for all cameras, or once for each.",
    ),
]
SubjectOption = Annotated[
    str | None,
    typer.Option(
        "--subject", metavar="NAME", help="Whose cameras (Human3.6M labels: S1, S5, ...)."
    ),
]
RadialOption = Annotated[
    Radial | None,
    typer.Option(
        "--radial",
        help="What a Vicon file's radial coefficients are: a correction of pixels, OpenCV's k1 k2 "
        "k3, or none, for videos that are undistorted.",
    ),
]
CamerasOption = Annotated[
    str | None,
    typer.Option("--cameras", metavar="A,B,...", help="Take these cameras only, in this order."),
]

# --- Recordings -----------------------------------------------------------------------------------


class OnSizeMismatch(StrEnum):
    """What to do with a video that is not of the calibrated size."""

    crop = "crop"
    scale = "scale"
    error = "error"


class Match(StrEnum):
    """Which frames of the cameras belong together."""

    auto = "auto"
    number = "number"
    time = "time"


RecordingArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RECORDING", help="A folder of videos or of image folders; or the videos."
    ),
]
RigOption = Annotated[
    Path | None,
    typer.Option(
        "--rig",
        metavar="FILE",
        help="The calibration, in any known format; by default rig.yaml in or above RECORDING.",
    ),
]
BindOption = Annotated[
    list[str] | None,
    typer.Option(
        "--camera", metavar="FILE=NAME", help="Which camera a file is, where its name differs."
    ),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME|FILE",
        help="blazepose (default), or weights of an image network: a shipped name or a file.",
    ),
]
FramesOption = Annotated[
    str | None,
    typer.Option(
        "--frames", metavar="START:STOP", help="Take these frames only, STOP not included."
    ),
]
EverybodyOption = Annotated[
    Path | None,
    typer.Option(
        "--keypoints",
        metavar="PATH",
        help="2D keypoints of everybody in view, for --blur-faces; by default RECORDING/pose2d, if "
        "it is there.",
    ),
]
EveryOption = Annotated[
    int | None, typer.Option("--every", metavar="N", min=1, help="Take every Nth frame.")
]
MismatchOption = Annotated[
    OnSizeMismatch | None,
    typer.Option(
        "--on-size-mismatch",
        help="What a video of another size than the calibrated one is: cut or padded at an edge, "
        "by 2 % at most (crop, the default), resized (scale), or an error.",
    ),
]
MatchOption = Annotated[
    Match | None,
    typer.Option(
        "--match",
        help="Which frames belong together: frame i of each camera (number), those of one time "
        "(time), or what the frame rates suggest (auto, the default).",
    ),
]
FpsOption = Annotated[
    float | None,
    typer.Option(
        "--fps", metavar="RATE", help="Frames a second, where images or keypoints do not tell."
    ),
]
CacheOption = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Use and keep detections of the same videos.")
]
SyncOption = Annotated[
    str | None,
    typer.Option(
        "--sync",
        metavar="FILE|none",
        help="Time offsets between the cameras; by default sync.yaml in RECORDING, if it is there.",
    ),
]

# --- The scene in space ---------------------------------------------------------------------------


class ColourBy(StrEnum):
    """What the colours of skeletons say."""

    side = "side"
    person = "person"
    error = "error"
    deviation = "deviation"


class UpAxis(StrEnum):
    """The world's direction that points up."""

    x = "x"
    minus_x = "-x"
    y = "y"
    minus_y = "-y"
    z = "z"
    minus_z = "-z"


class Layer(StrEnum):
    """Parts of the scene in space that can be shown or left out."""

    skeletons = "skeletons"
    ellipsoids = "ellipsoids"
    trails = "trails"
    cameras = "cameras"
    images = "images"
    floor = "floor"
    axes = "axes"
    clouds = "clouds"


SourcesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE|FOLDER",
        help="A recording, poses.npz, a calibration, clouds (PLY, PCD, XYZ), meshes, TRC, C3D; "
        "by default the folder one is in.",
    ),
]
PosesOption = Annotated[
    Path | None,
    typer.Option("--poses", metavar="FILE", help="By default RECORDING/out/poses.npz."),
]
CloudsOption = Annotated[
    Path | None,
    typer.Option(
        "--clouds",
        metavar="FOLDER",
        help="A cloud a frame, such as frame_000123.ply; by default RECORDING/out/clouds.",
    ),
]
ColoursOption = Annotated[
    ColourBy | None,
    typer.Option(
        "--colours",
        help="Colour by left and right, by person, by reprojection error, or by the deviation in "
        "millimetres.",
    ),
]
ShowOption = Annotated[
    str,
    typer.Option(
        "--show",
        metavar="LAYERS",
        help="Of skeletons, ellipsoids, trails, cameras, images, floor, axes, clouds, those to "
        "show; or +ellipsoids,-images: with, and without.",
    ),
]
OnePersonOption = Annotated[
    int | None,
    typer.Option("--person", metavar="N", min=1, help="Show one person only, counted from 1."),
]
ImagesOption = Annotated[
    bool, typer.Option("--images/--no-images", help="Read the videos, for the cameras' images.")
]
UpOption = Annotated[
    UpAxis | None,
    typer.Option("--up", help="Which axis points up, whatever the files tell."),
]

# --- Clouds ---------------------------------------------------------------------------------------


class CloudOf(StrEnum):
    """What is drawn as a cloud."""

    hull = "hull"
    heatmaps = "heatmaps"


# --- Output ---------------------------------------------------------------------------------------

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs instead of tables.")
]


def _print_version(context: typer.Context, asked: bool) -> None:
    if asked:
        program = (context.info_name or "triangulate").rpartition(" ")[2]
        typer.echo(f"{program} {importlib.metadata.version('triangulate')}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version", is_eager=True, callback=_print_version, help="Show the version and exit."
    ),
]

# --- Texts ----------------------------------------------------------------------------------------


def parse_sizes(texts: Sequence[str] | None) -> Size | dict[str, Size] | None:
    """`1280x720` or `cam1=1280x720 ...` as `load_rig` takes them."""
    if not texts:
        return None
    for_all: list[Size] = []
    by_name: dict[str, Size] = {}
    for text in texts:
        found = re.fullmatch(r"(?:(.+)=)?(\d+)x(\d+)", text)
        if found is None:
            raise typer.BadParameter(
                f"{text!r} is neither WxH nor NAME=WxH, such as 1280x720", param_hint="--size"
            )
        name, size = found[1], (int(found[2]), int(found[3]))
        if name in by_name:
            raise typer.BadParameter(f"{text!r}: given twice", param_hint="--size")
        if name is None:
            for_all.append(size)
        else:
            by_name[name] = size
    if len(for_all) > 1 or (for_all and by_name):
        raise typer.BadParameter("either one size for all or NAME=WxH", param_hint="--size")
    return for_all[0] if for_all else by_name


def parse_picture_size(text: str | None) -> Size | None:
    """`1920x1080`, the size of a picture to write."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not WxH, such as 1920x1080", param_hint="--size")
    return int(found[1]), int(found[2])


def parse_names(text: str | None) -> list[str] | None:
    """`cam1,cam2` as a list."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise typer.BadParameter(
            f"{text!r} is no list of names, such as cam1,cam2", param_hint="--cameras"
        )
    return names


def parse_bindings(texts: Sequence[str] | None) -> dict[str, str]:
    """`GX010023.MP4=cam1 ...` as {file: camera}."""
    bound: dict[str, str] = {}
    for text in texts or ():
        file, separator, name = text.rpartition("=")
        if not separator or not file or not name:
            raise typer.BadParameter(
                f"{text!r} is not FILE=NAME, such as GX010023.MP4=cam1", param_hint="--camera"
            )
        if file in bound:
            raise typer.BadParameter(f"{text!r}: the file is given twice", param_hint="--camera")
        bound[file] = name
    return bound
