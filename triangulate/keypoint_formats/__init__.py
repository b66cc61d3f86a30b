"""2D keypoints that other programs found, one module a format.

Every reader turns one camera's files into a `View`; `merge_views` puts the cameras on one frame
axis, and joints, missing points and confidences are then as `Keypoints2D` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from triangulate.errors import InputError
from triangulate.keypoint_formats.alphapose import read_alphapose
from triangulate.keypoint_formats.binding import bind_cameras
from triangulate.keypoint_formats.coco import read_coco
from triangulate.keypoint_formats.coco_annotations import read_coco_annotations
from triangulate.keypoint_formats.deeplabcut import read_deeplabcut
from triangulate.keypoint_formats.mediapipe import read_mediapipe
from triangulate.keypoint_formats.merge import Size, Sizes, merge_views, sizes_in_order
from triangulate.keypoint_formats.mmpose import read_mmpose
from triangulate.keypoint_formats.openpose import read_openpose
from triangulate.keypoint_formats.sleap import read_sleap
from triangulate.keypoint_formats.sources import Source, find_sources
from triangulate.keypoint_formats.view import View
from triangulate.keypoints import Keypoints2D, load_keypoints
from triangulate.skeleton import Skeleton

_TITLES = {
    "openpose": "OpenPose JSON",
    "coco": "COCO results",
    "coco_annotations": "COCO annotations",
    "alphapose": "AlphaPose",
    "mmpose": "MMPose",
    "mediapipe": "MediaPipe landmarks",
    "deeplabcut": "DeepLabCut",
    "sleap": "SLEAP analysis",
}

AnyPath = str | PathLike[str]


def load_keypoints_from(
    path_or_paths: AnyPath | Sequence[AnyPath] | Mapping[str, AnyPath],
    cameras: Sequence[str] | None = None,
    skeleton: Skeleton | str | None = None,
    fps: float | None = None,
    bind: Mapping[str, str] | None = None,
    sizes: Sizes | None = None,
    rig_sizes: Sizes | None = None,
) -> Keypoints2D:
    """2D keypoints in any known format, recognised by content.

    Formats: the program's own `.npz`, OpenPose JSON folders, COCO results and annotations JSON,
    AlphaPose JSON, MMPose JSON, MediaPipe landmarks JSON, DeepLabCut `.h5` and `.csv`, Lightning
    Pose `.csv`, SLEAP analysis `.h5`. Each format's module says how its frame numbers, confidences
    and pixels are understood. Confidences above 1 are clipped.

    Args:
        path_or_paths: a folder with a folder a camera, a folder with a file a camera, one such
            file or folder for one camera, a `.npz`; several of these; or camera -> path.
        cameras: the rig's camera names: the cameras of the result, in this order. A folder or file
            belongs to the camera it is named after (`cam02_json` to cam02). By default every
            folder or file is a camera, called by its name without such endings.
        skeleton: the joints: a shipped set's name, a `.yaml` file or a `Skeleton`. Files with joint
            names are put in its order. By default what the file says, else what the number of
            joints tells.
        fps: frames a second.
        bind: folder or file name -> camera name, where names alone do not tell.
        sizes: image sizes (width, height), by camera name or one a camera in the result's order; by
            default what the files say.
        rig_sizes: the calibration's image sizes likewise, for files whose coordinates are parts of
            an image size that they do not tell (MediaPipe's).

    Raises:
        InputError: what is there cannot be read or understood; the message says what to do.
    """
    if isinstance(skeleton, str):
        skeleton = Skeleton.given(skeleton)
    if isinstance(path_or_paths, str | PathLike):
        where, sources = str(path_or_paths), find_sources(Path(path_or_paths))
    elif isinstance(path_or_paths, Mapping):
        where, sources = _told(path_or_paths)
        cameras = list(path_or_paths) if cameras is None else cameras
    else:
        found = [source for path in path_or_paths for source in find_sources(Path(path))]
        where, sources = ", ".join(map(str, path_or_paths)), found
    if any(source.format == "npz" for source in sources):
        return _own_file(sources, cameras, skeleton, fps, bind, sizes)
    by_name = {source.name: source for source in sources}
    if len(by_name) < len(sources):
        raise InputError(f"{where}: two cameras have the same name; give a mapping camera -> path")
    formats = {source.format: source for source in sources}
    if len(formats) > 1:
        told = ", ".join(f"{s.path.name} is {_TITLES[name]}" for name, s in formats.items())
        raise InputError(f"{where}: holds several formats ({told}); leave one of them there")
    bound = bind_cameras(list(by_name), cameras, bind, where)
    unused = [name for name in by_name if name not in bound.values()]
    notes = [f"left out, being no camera of the rig: {', '.join(unused)}"] if unused else []
    told_sizes, calibrated = (sizes_in_order(given, tuple(bound)) for given in (sizes, rig_sizes))
    nothing = (None,) * len(bound)
    views = {
        camera: _read(by_name[name], size, rig_size)
        for (camera, name), size, rig_size in zip(
            bound.items(), told_sizes or nothing, calibrated or nothing, strict=True
        )
    }
    title = _TITLES[sources[0].format]
    return merge_views(views, title, where, skeleton, fps, sizes, notes)


def _read(source: Source, size: Size | None, rig_size: Size | None) -> View:
    match source.format:
        case "openpose":
            return read_openpose(source.path)
        case "coco":
            return read_coco(source.path)
        case "coco_annotations":
            return read_coco_annotations(source.path)
        case "alphapose":
            return read_alphapose(source.path)
        case "mmpose":
            return read_mmpose(source.path)
        case "mediapipe":
            return read_mediapipe(source.path, size, rig_size)
        case "deeplabcut":
            return read_deeplabcut(source.path)
        case "sleap":
            return read_sleap(source.path)
    raise ValueError(f"format must be one of {', '.join(_TITLES)}, got {source.format!r}")


def _told(paths: Mapping[str, AnyPath]) -> tuple[str, list[Source]]:
    """The sources of a mapping camera -> path, called by camera."""
    sources = []
    for camera, path in paths.items():
        found = find_sources(Path(path))
        if len(found) != 1:
            raise InputError(
                f"{path}: holds keypoints of {len(found)} cameras, but is given for camera "
                f"{camera!r} alone; give that camera's own folder or file"
            )
        sources.append(Source(camera, found[0].path, found[0].format))
    return ", ".join(map(str, paths.values())), sources


def _own_file(
    sources: Sequence[Source],
    cameras: Sequence[str] | None,
    skeleton: Skeleton | None,
    fps: float | None,
    bind: Mapping[str, str] | None,
    sizes: Sizes | None,
) -> Keypoints2D:
    """The program's own file, which holds all cameras."""
    if len(sources) > 1:
        raise InputError(
            f"{sources[0].path.parent}: holds {len(sources)} files of keypoints; point at one "
            ".npz, which holds all cameras"
        )
    path = sources[0].path
    keypoints = load_keypoints(path)
    if cameras is not None or bind:
        bound = bind_cameras(keypoints.names, cameras, bind, str(path))
        keypoints = replace(keypoints.select_cameras(list(bound.values())), names=tuple(bound))
    if skeleton is not None:
        order = skeleton.indices_in(keypoints.skeleton)
        if (order < 0).any():
            raise InputError(
                f"{path}: lacks joints of the skeleton asked for; it has "
                f"{', '.join(keypoints.skeleton.joint_names)}"
            )
        keypoints = replace(
            keypoints,
            points_px=keypoints.points_px[..., order, :],
            confidence=keypoints.confidence[..., order],
            skeleton=skeleton,
        )
    known = keypoints.sizes if sizes is None else sizes_in_order(sizes, keypoints.names)
    return replace(keypoints, fps=keypoints.fps if fps is None else fps, sizes=known)
