"""`triangulate view`: a window on poses, cameras, videos and clouds."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from triangulate.arguments import check_existing
from triangulate.commands.viewing import Wanted, load_all
from triangulate.errors import InputError
from triangulate.options import (
    BindOption,
    CamerasOption,
    CloudsOption,
    ColoursOption,
    EverybodyOption,
    FpsOption,
    ImagesOption,
    MatchOption,
    MismatchOption,
    OnePersonOption,
    PosesOption,
    RigOption,
    ShowOption,
    SourcesArgument,
    SubjectOption,
    SyncOption,
    UnitOption,
    UpOption,
    parse_bindings,
    parse_names,
)

_WITHOUT = "`triangulate render` draws the same scene into a file, without a display"


def view(
    sources: SourcesArgument = [Path(".")],  # noqa: B006
    poses: PosesOption = None,
    rig: RigOption = None,
    clouds: CloudsOption = None,
    colours: ColoursOption = None,
    show: ShowOption = "",
    person: OnePersonOption = None,
    images: ImagesOption = True,
    blur_faces: Annotated[
        bool, typer.Option("--blur-faces", help="Make faces in the images unrecognisable.")
    ] = False,
    keypoints: EverybodyOption = None,
    up: UpOption = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    on_size_mismatch: MismatchOption = None,
    match: MatchOption = None,
    fps: FpsOption = None,
    sync: SyncOption = None,
    unit: UnitOption = None,
    subject: SubjectOption = None,
) -> None:
    """Look at poses, cameras, videos and clouds in space, and at any moment.

    Keys and mouse are explained in the window.
    """
    check_display()
    check_existing(sources)
    options = {
        "cameras": parse_names(cameras),
        "on_size_mismatch": on_size_mismatch,
        "match": match,
        "fps": fps,
        "sync": sync,
    }
    wanted = Wanted(
        tuple(sources),
        poses,
        rig,
        clouds,
        up,
        images,
        blur_faces,
        keypoints,
        colours,
        show,
        person,
        parse_bindings(camera),
        options,
        unit,
        subject,
    )
    from triangulate.viewer.apart import run_apart

    remedy = (
        "no window could be opened; check the display and its Vulkan driver (without a GPU, on "
        f"Debian and Ubuntu: apt-get install mesa-vulkan-drivers libvulkan1). {_WITHOUT}"
    )
    run_apart(open_window, wanted, remedy=remedy)


def check_display() -> None:
    """Refuse at once where there can be no window.

    Raises:
        InputError: on Linux, DISPLAY names no X server that answers (Open3D needs one, on Wayland
            XWayland).
    """
    if not sys.platform.startswith("linux"):
        return
    name = os.environ.get("DISPLAY")
    if not name:
        raise InputError(
            f"there is no display to open a window on (DISPLAY is not set): {_WITHOUT}"
        )
    library = ctypes.util.find_library("X11")
    if library is None:
        raise InputError(f"there is no libX11, which a window needs: {_WITHOUT}")
    x11 = ctypes.CDLL(library)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if not display:
        raise InputError(f"the display {name} (DISPLAY) cannot be opened: {_WITHOUT}")
    x11.XCloseDisplay(ctypes.c_void_p(display))


def open_window(wanted: Wanted) -> None:
    """Show what was asked for until the window is closed; in a process of its own."""
    from triangulate.viewer.window import show

    show(partial(load_all, wanted))
