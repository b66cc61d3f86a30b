"""The overlays of all cameras in one picture, moment by moment.

>>> chosen, rows = with_poses(recording, poses)
>>> for picture in overlay_pictures(chosen, poses, rows, lay_out_sheet(chosen.sizes)): ...
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from triangulate.drawing.canvas import (
    BACKGROUND,
    DIM,
    DROPPED,
    LEFT,
    RIGHT,
    TEXT,
    Box,
    Canvas,
    text_width,
)
from triangulate.drawing.overlay import (
    Colours,
    Images,
    draw_scale,
    draw_views_of,
    hide_faces,
    resized_views,
)
from triangulate.drawing.scales import ColourScale, reprojection_scale
from triangulate.drawing.views import GAP_PX, cells
from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.rig import Rig, Size

WIDTH, HEIGHT = 1920, 1080
LARGEST_ZOOM = 2.0
_STRIP_PX = 34  # of a sheet of _STRIP_WIDTH_PX
_STRIP_WIDTH_PX = 1280


@dataclass(frozen=True)
class Sheet:
    """Where the views of all cameras go.

    Attributes:
        size: (width, height), both even.
        boxes: V parts of the sheet, each with the aspect of its camera's images.
        strip: the part below, for the moment and the legend.
        unit_px: what letters in the strip grow with.
    """

    size: Size
    boxes: tuple[Box, ...]
    strip: Box
    unit_px: float


def lay_out_sheet(sizes: Sequence[Size], size: Size | None = None) -> Sheet:
    """A sheet on which all views are whole and as large as there is room.

    Args:
        sizes: V sizes (width, height) of the images.
        size: of the sheet; None: at most 1920 x 1080, and no larger than the views need.
    """
    width, height = size or (WIDTH, HEIGHT)
    if min(width, height) < 64 or width % 2 or height % 2:
        raise InputError(
            f"--size {width}x{height}: both sides must be even and at least 64, such as 1280x720"
        )
    unit_px = float(np.clip(width / _STRIP_WIDTH_PX, 0.3, 4.0))
    strip_px = round(_STRIP_PX * unit_px)
    views = np.array(sizes)
    widest = views.max(axis=0)
    cell, corners = cells(len(views), Box(0, 0, width, height - strip_px), widest[0] / widest[1])
    if (cell < 8).any():
        raise InputError(f"--size {width}x{height}: has no room for {len(views)} cameras")
    zoom = min(float((cell / widest).min()), LARGEST_ZOOM if size is None else np.inf)
    shown = np.maximum(np.rint(zoom * views), 1).astype(int)
    needed = shown.max(axis=0)
    corners = corners // (cell + GAP_PX) * (needed + GAP_PX)
    block = corners.max(axis=0) + needed
    if size is None:  # what is left over beside the views is taken off
        width, height = block.tolist()
        unit_px = float(np.clip(width / _STRIP_WIDTH_PX, 0.3, 4.0))
        strip_px = round(_STRIP_PX * unit_px)
        width, height = width + width % 2, height + strip_px + (height + strip_px) % 2
    corners = corners + (np.array([width, height - strip_px]) - block) // 2
    places = corners + (needed - shown) // 2
    boxes = [
        Box(*place, *extent) for place, extent in zip(places.tolist(), shown.tolist(), strict=True)
    ]
    strip = Box(0, height - strip_px, width, strip_px)
    return Sheet((width, height), tuple(boxes), strip, unit_px)


def with_poses(
    recording: Recording, poses: Poses3D, every: int = 1, source: str = "the poses"
) -> tuple[Recording, np.ndarray]:
    """The frames of a recording of which there are poses.

    Args:
        recording: all frames that are wanted.
        poses: of this recording; their frame numbers count.
        every: of these frames, only every nth.
        source: what the poses are called in messages.

    Returns:
        The recording with these frames alone, and (T,) where each stands in the poses.

    Raises:
        InputError: there is none, or the poses belong to another recording.
    """
    known, wanted = np.asarray(poses.frames), recording.frame_numbers
    if not set(recording.names) & set(poses.names):
        raise InputError(
            f"{source}: poses of other cameras ({', '.join(poses.names)}) than the recording's "
            f"({', '.join(recording.names)}); name the poses of this recording with --poses"
        )
    last = recording.num_frames - 1
    if len(known) and known.max() > last:
        raise InputError(
            f"{source}: poses up to frame {known.max()}, and the recording ends with frame {last}; "
            "name the poses of this recording with --poses"
        )
    chosen = np.flatnonzero(np.isin(wanted, known))[::every]
    if not len(chosen):
        held = f"frames {known.min()} to {known.max()}" if len(known) else "no frames"
        raise InputError(f"{source}: holds {held}, and none of those wanted (--frames)")
    row_of = {int(number): row for row, number in enumerate(known)}
    rows = np.array([row_of[int(number)] for number in wanted[chosen]])
    return recording.select_frames(chosen), rows


def rate_of(recording: Recording, poses: Poses3D) -> float | None:
    """Pictures a second that show the chosen frames as fast as they were; None: not known."""
    fps = recording.fps or poses.fps
    if fps is not None:
        steps = np.diff(recording.frame_numbers)
        return fps / float(np.median(steps)) if len(steps) else fps
    steps_s = np.diff(recording.times_s)
    steps_s = steps_s[np.isfinite(steps_s) & (steps_s > 0)]
    return 1 / float(np.median(steps_s)) if len(steps_s) else None


def overlay_pictures(
    recording: Recording,
    poses: Poses3D,
    rows: np.ndarray,
    sheet: Sheet,
    *,
    colours: Colours = "side",
    blur_faces: bool = False,
    keypoints: Keypoints2D | None = None,
) -> Generator[np.ndarray]:
    """A picture a frame, one after the other; one is held at a time.

    Args:
        recording: T frames.
        poses: of these frames, or more.
        rows: (T,) where each frame stands in the poses; see `with_poses`.
        sheet: where the views go.
        colours: see `draw_overlay`.
        blur_faces: see `draw_overlay`.
        keypoints: of any frames of the recording; people in them have their faces blurred, too.

    Yields:
        (H, W, 3) uint8 RGB.
    """
    scale = reprojection_scale(poses.reprojection_px) if colours == "error" else None
    known = None if keypoints is None else keypoints_at(keypoints, recording, poses)
    with closing(recording.frames()) as frame_sets:
        for moment, row in zip(frame_sets, rows.tolist(), strict=True):
            images: Images = moment.images
            if blur_faces:
                images = hide_faces(images, poses, recording.rig, row, known)
            yield draw_sheet(images, poses, recording.rig, row, sheet, scale, moment.time_s)


def keypoints_at(keypoints: Keypoints2D, recording: Recording, poses: Poses3D) -> Keypoints2D:
    """The keypoints of the recording's cameras with the frames of the poses, NaN where missing."""
    keypoints = keypoints.select_cameras(recording.names)
    row_of = {int(number): row for row, number in enumerate(np.asarray(keypoints.frames))}
    rows = np.array([row_of.get(int(number), -1) for number in np.asarray(poses.frames)])
    points_px = keypoints.points_px[rows]
    points_px[rows < 0] = np.nan
    return replace(
        keypoints,
        points_px=points_px,
        confidence=np.where((rows >= 0)[:, None, None, None], keypoints.confidence[rows], 0),
        frames=np.asarray(poses.frames),
        late_s=None,
    )


def draw_sheet(
    images: Images,
    poses: Poses3D,
    rig: Rig,
    frame: int,
    sheet: Sheet,
    scale: ColourScale | None = None,
    time_s: float = np.nan,
) -> np.ndarray:
    """The poses of one frame on the images of all cameras, side by side.

    Args:
        images: V images, None where a camera has none.
        poses: people and their errors.
        rig: V cameras, as the images show them.
        frame: an index into the poses.
        sheet: where the views go.
        scale: colours by reprojection error; None: by side.
        time_s: of the moment, NaN where unknown.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    small, small_rig = resized_views(images, rig, [(box.width, box.height) for box in sheet.boxes])
    picture = np.empty((sheet.size[1], sheet.size[0], 3), np.uint8)
    picture[:] = BACKGROUND
    canvases = draw_views_of(small, poses, small_rig, frame, scale)
    for box, canvas in zip(sheet.boxes, canvases, strict=True):
        _paste(picture, box, canvas)
    strip = Canvas.blank(sheet.strip.width, sheet.strip.height, BACKGROUND)
    moment = f"frame {np.asarray(poses.frames)[frame]}"
    if np.isfinite(time_s):
        moment += f"   {time_s:.2f} s"
    _draw_strip(strip, moment, scale, sheet.unit_px)
    _paste(picture, sheet.strip, strip)
    return picture


def _paste(picture: np.ndarray, box: Box, canvas: Canvas) -> None:
    picture[box.y : box.y + box.height, box.x : box.x + box.width] = canvas.finished()


def _draw_strip(strip: Canvas, moment: str, scale: ColourScale | None, unit_px: float) -> None:
    """The moment, and what colours and marks mean."""
    size_px, y = 14 * unit_px, 22 * unit_px
    line_y = y - 4.5 * unit_px
    strip.text(moment, (10 * unit_px, y), TEXT, size_px)
    # The longest moment, so that the legend stays where it is.
    x = 10 * unit_px + text_width("frame 000000   0000.00 s", size_px) + 30 * unit_px
    if scale is not None:
        x = draw_scale(strip, scale, x, y, unit_px) + 22 * unit_px
    else:
        for colour, says in ((LEFT, "left side"), (RIGHT, "right side")):
            strip.line(np.array([[x, line_y], [x + 24 * unit_px, line_y]]), colour, 3.2 * unit_px)
            strip.text(says, (x + 32 * unit_px, y), DIM, size_px)
            x += 32 * unit_px + text_width(says, size_px) + 22 * unit_px
    strip.cross(np.array([[x + 6 * unit_px, line_y]]), DROPPED, 5.6 * unit_px, 1.9 * unit_px)
    strip.text("seen, not used", (x + 18 * unit_px, y), DIM, size_px)
