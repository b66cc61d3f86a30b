"""`triangulate check`: what a recording holds, and what is assumed."""

from __future__ import annotations

from triangulate.arguments import open_checked, read_rig, read_settings, rig_path
from triangulate.console import print_json
from triangulate.options import (
    BindOption,
    CamerasOption,
    EveryOption,
    FpsOption,
    FramesOption,
    JsonOption,
    MatchOption,
    MismatchOption,
    RecordingArgument,
    RigOption,
    SizeOption,
    SubjectOption,
    SyncOption,
    UnitOption,
    parse_bindings,
    parse_names,
    parse_sizes,
)
from triangulate.tables import print_recording


def check(
    recording: RecordingArgument,
    rig: RigOption = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    every: EveryOption = None,
    on_size_mismatch: MismatchOption = None,
    match: MatchOption = None,
    fps: FpsOption = None,
    sync: SyncOption = None,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a recording, check it against its calibration, and say what was found."""
    settings = read_settings(
        {
            "cameras": parse_names(cameras),
            "frames": frames,
            "every": every,
            "on_size_mismatch": on_size_mismatch,
            "match": match,
            "fps": fps,
            "sync": sync,
        }
    )
    path = rig_path(recording, rig)
    loaded = read_rig(path, settings, unit, parse_sizes(size), subject)
    opened = open_checked(recording, loaded, settings, parse_bindings(camera))
    if as_json:
        print_json({"rig": path, **opened.as_dict(), "self_test_px": loaded.self_test_px()})
    else:
        print_recording(opened, path, loaded.self_test_px())
