"""Which folder or file belongs to which camera of the rig: by name, never by order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from triangulate.errors import InputError

# What tools append to a camera's name, at its end and perhaps several times.
_ENDINGS = re.compile(
    r"[._ -](json|keypoints|keypoints2d|pose|pose2d|poses|openpose|alphapose|coco|results"
    r"|analysis|predictions|proofread|filtered|el|labels|mp4|avi|mov|mkv)$",
    re.IGNORECASE,
)
# DeepLabCut writes `<video>DLC_<network>_<project>shuffle1_<iteration>`.
_DEEPLABCUT_SCORER = re.compile(r"DLC_.*$")


def camera_label(name: str) -> str:
    """The camera's part of a folder's or file's name: `cam02_json` and `cam02.analysis` as cam02.

    Args:
        name: without the file's extension.
    """
    label = _DEEPLABCUT_SCORER.sub("", name)
    while (shorter := _ENDINGS.sub("", label)) != label:
        label = shorter
    return label.rstrip("._ -") or name


def bind_cameras(
    sources: Sequence[str],
    cameras: Sequence[str] | None = None,
    bind: Mapping[str, str] | None = None,
    where: str = "keypoints",
) -> dict[str, str]:
    """The source of every camera.

    A source belongs to the camera that `bind` says; else to the one whose name it has, whole or
    but for an ending such as `_json`; else to the one camera whose name is part of its name.

    Args:
        sources: names of folders or files, without extension.
        cameras: the rig's names; None: every source is a camera, called `camera_label`.
        bind: source -> camera, as `--camera SOURCE=CAMERA` gives it.
        where: the folder, for messages.

    Returns:
        camera -> source, in the order of `cameras`. Sources without a camera are not in it, which
        is only allowed where every camera has another.
    """
    bind = _checked_bind(bind or {}, sources, cameras, where)
    if cameras is None:
        candidates = {source: [bind.get(source, camera_label(source))] for source in sources}
    else:
        free = [camera for camera in cameras if camera not in bind.values()]
        candidates = {
            source: [bind[source]] if source in bind else _matching(source, free)
            for source in sources
        }
    bound: dict[str, str] = {}
    for source, names in candidates.items():
        if len(names) != 1:
            continue
        if names[0] in bound:
            raise InputError(
                f"{where}: {bound[names[0]]!r} and {source!r} both belong to camera {names[0]!r}; "
                f"take one away, or say which is which with --camera {source}=NAME"
            )
        bound[names[0]] = source
    if cameras is None:
        return bound
    missing = [camera for camera in cameras if camera not in bound]
    if missing:
        raise InputError(_missing_text(missing, sources, bound, where))
    return {camera: bound[camera] for camera in cameras}


def _checked_bind(
    bind: Mapping[str, str], sources: Sequence[str], cameras: Sequence[str] | None, where: str
) -> dict[str, str]:
    """`bind` with its keys as the sources are called, so that `cam.h5` may be said for `cam`."""
    checked = {}
    for key, camera in bind.items():
        source = key if key in sources else key.rpartition(".")[0]
        if source not in sources:
            raise InputError(
                f"{where}: --camera {key}={camera} names nothing here; there are "
                f"{', '.join(sources)}"
            )
        if cameras is not None and camera not in cameras:
            raise InputError(
                f"{where}: --camera {key}={camera} names no camera of the rig; it has "
                f"{', '.join(cameras)}"
            )
        checked[source] = camera
    return checked


def _matching(source: str, cameras: Sequence[str]) -> list[str]:
    label = camera_label(source)
    for name in (source, label):
        if name in cameras:
            return [name]
    inside = [camera for camera in cameras if _contains(label, camera)]
    return [
        camera
        for camera in inside
        if not any(camera != longer and _contains(longer, camera) for longer in inside)
    ]


def _contains(text: str, name: str) -> bool:
    """Whether `name` is part of `text` and does not end within a number (cam1 in cam10)."""
    before = r"(?<!\d)" if name[:1].isdigit() else ""
    after = r"(?!\d)" if name[-1:].isdigit() else ""
    return re.search(before + re.escape(name) + after, text) is not None


def _missing_text(
    missing: Sequence[str], sources: Sequence[str], bound: Mapping[str, str], where: str
) -> str:
    unbound = [source for source in sources if source not in bound.values()]
    cameras = f"camera{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    if unbound:
        return (
            f"{where}: nothing is named after {cameras}, and {', '.join(unbound)} after no camera; "
            f"say which is which with --camera {unbound[0]}={missing[0]}"
        )
    return (
        f"{where}: there are no keypoints for {cameras}, only {', '.join(sources)}; leave out with "
        "--cameras what was not recorded"
    )
