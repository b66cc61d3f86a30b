"""How the views of several cameras become one `Keypoints2D`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.joint_sets import choose_skeleton
from triangulate.keypoint_formats.view import View
from triangulate.keypoints import Keypoints2D
from triangulate.skeleton import Skeleton

Size = tuple[int, int]
Sizes = Mapping[str, Size] | Sequence[Size | None]

# Beyond this many frames in the axis for each one in the files, the gaps are left out.
_MOST_FRAMES_PER_FILE = 10


def merge_views(
    views: Mapping[str, View],
    format_name: str,
    where: str,
    skeleton: Skeleton | None = None,
    fps: float | None = None,
    sizes: Sizes | None = None,
    notes: Sequence[str] = (),
) -> Keypoints2D:
    """The keypoints of all cameras on one frame axis.

    Every frame number from the first to the last of any camera is in it, so a frame without a file
    is an empty frame. Where that would make more than ten times the frames there are (a few
    labelled stills of a long video), only the numbers that occur are in it.

    Args:
        views: what was read, by camera name.
        format_name: the format, for `Keypoints2D.source`.
        where: the file or folder, for messages.
        skeleton: the joints; by default what the files say (`choose_skeleton`).
        fps: frames a second.
        sizes: image sizes (width, height), by camera name or in the order of `views`; by default
            what the files say.
        notes: more to tell in `Keypoints2D.source`.

    Raises:
        InputError: nobody is seen anywhere, cameras differ in their joints, a camera shares no
            frame with the others, or the points are no pixels.
    """
    seen = {name: view for name, view in views.items() if view.has_points}
    if not seen:
        count = sum(len(view.frames) for view in views.values())
        raise InputError(
            f"{where}: nobody is detected in any of {count} frames; check what the detector was "
            "given, or point at another folder"
        )
    seen, skeleton = _with_common_joints(seen, skeleton, where)
    _check_overlap(seen, where)
    _check_pixels(seen, where)
    frames = _frame_axis(seen)
    people = max(view.points_px.shape[1] for view in seen.values())
    shape = (len(frames), len(views), people, len(skeleton.joint_names))  # T, V, P, J
    points_px = np.full((*shape, 2), np.nan, np.float32)
    confidence = np.zeros(shape, np.float32)
    for v, name in enumerate(views):
        if name in seen:
            rows = np.searchsorted(frames, seen[name].frames)
            slots = seen[name].points_px.shape[1]
            points_px[rows, v, :slots] = seen[name].points_px
            confidence[rows, v, :slots] = seen[name].confidence
    return Keypoints2D(
        points_px,
        confidence,
        tuple(views),
        skeleton,
        fps,
        _sizes(views, sizes),
        frames,
        "; ".join([format_name, *notes, *_remarks(views, seen)]),
    )


def sizes_in_order(
    sizes: Sizes | None, names: Sequence[str]
) -> tuple[tuple[int, int] | None, ...] | None:
    """V image sizes in the order of `names`, None for cameras that a mapping leaves out."""
    if sizes is None:
        return None
    if isinstance(sizes, Mapping):
        sizes = [sizes.get(name) for name in names]
    if len(sizes) != len(names):
        raise ValueError(f"sizes must hold {len(names)} entries, one a camera, got {len(sizes)}")
    return tuple(None if size is None else (int(size[0]), int(size[1])) for size in sizes)


def _sizes(views: Mapping[str, View], sizes: Sizes | None) -> tuple[Size | None, ...] | None:
    """V image sizes: those told, else those of the files; None where none is known."""
    told = sizes_in_order(sizes, tuple(views)) or (None,) * len(views)
    known = tuple(size or view.size for size, view in zip(told, views.values(), strict=True))
    return known if sizes is not None or any(known) else None


def _with_common_joints(
    seen: dict[str, View], skeleton: Skeleton | None, where: str
) -> tuple[dict[str, View], Skeleton]:
    """The views with the same joints in the same order."""
    first_name, first = next(iter(seen.items()))
    if first.skeleton is None:
        counts = {name: view.points_px.shape[2] for name, view in seen.items()}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise InputError(
                f"{where}: the cameras hold different numbers of joints ({told}); run one detector "
                "on all of them"
            )
        return seen, choose_skeleton(seen, skeleton, where)
    wanted = skeleton or first.skeleton
    ordered = {}
    for name, view in seen.items():
        own = view.skeleton or first.skeleton
        order = wanted.indices_in(own)
        missing = [joint for joint, j in zip(wanted.joint_names, order, strict=True) if j < 0]
        extra = np.array(own.joint_names)[own.indices_in(wanted) < 0].tolist()
        if missing or (extra and skeleton is None):
            asked = "the skeleton asked for" if skeleton else f"camera {first_name!r}"
            differing = ", ".join(missing or sorted(extra))
            raise InputError(
                f"{where}: camera {name!r} and {asked} differ in the joints {differing}; its file "
                f"has {', '.join(own.joint_names)}"
            )
        ordered[name] = view.in_order(order, wanted)
    return ordered, wanted


def _check_overlap(seen: Mapping[str, View], where: str) -> None:
    for name, view in seen.items():
        others = [other.frames for key, other in seen.items() if key != name]
        if others and not np.isin(view.frames, np.concatenate(others)).any():
            ranges = ", ".join(
                f"{key} {other.frames[0]}-{other.frames[-1]}" for key, other in seen.items()
            )
            raise InputError(
                f"{where}: camera {name!r} shares no frame number with the others ({ranges}); "
                "number the frames of all cameras alike"
            )


def _check_pixels(seen: Mapping[str, View], where: str) -> None:
    """Refuse coordinates that were divided by the image size."""
    largest = max(
        float(np.abs(view.points_px[view.confidence > 0]).max(initial=0.0))
        for view in seen.values()
    )
    if largest <= 1:
        raise InputError(
            f"{where}: no coordinate is above 1, so they are no pixels but parts of the image "
            "size; export pixels (OpenPose: --keypoint_scale 0)"
        )


def _frame_axis(seen: Mapping[str, View]) -> np.ndarray:
    numbers = np.unique(np.concatenate([view.frames for view in seen.values()]))
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first + 1 > _MOST_FRAMES_PER_FILE * len(numbers):
        return numbers
    return np.arange(first, last + 1)


def _remarks(views: Mapping[str, View], seen: Mapping[str, View]) -> list[str]:
    remarks = list(dict.fromkeys(note for view in seen.values() for note in view.notes))
    largest = max(float(view.confidence.max(initial=0.0)) for view in seen.values())
    if largest > 1:
        remarks.append(f"confidences above 1 (up to {largest:.2f}) clipped to 1")
    blind = [name for name in views if name not in seen]
    return [*remarks, f"nobody detected by {', '.join(blind)}"] if blind else remarks
