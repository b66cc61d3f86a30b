"""A recording: what several cameras saw together, bound to a rig by camera name.

>>> recording = Recording.open("recordings/walk", rig, frames="100:200")
>>> for note in recording.notes: print(note)
>>> for frame_set in recording.frames():
...     frame_set.index, frame_set.time_s, frame_set.images    # V pictures (H, W, 3), RGB

A source is a folder (with `videos/<camera>.mp4`, `images/<camera>/*`, or either of these directly),
a list of paths, or a mapping from camera name to path. A file belongs to the camera whose name its
own name is, or holds as a whole word (`walk_cam1.mp4`); never to one by its place in a list.

Which frames belong together:

* Where every camera runs at a constant rate, and the rates are the same to 1 %, by number: frame i
  of each. That is what a hardware trigger makes true, whatever the files say about time.
* Where a rate varies, by presentation timestamp, counted from each file's first frame: the slowest
  steady camera gives the clock (holes in it are filled), and each frame goes to the nearest tick
  within half a period. Where a camera has no frame for a tick, its picture is None.
* Constant rates that differ by more than 1 % are refused, unless `match="time"` says that the
  timestamps are right. `match` settles the other cases too.

All files are taken to start at the same moment, unless `sync.yaml` beside them says how late each
camera is (`triangulate.recording.offsets`; `triangulate sync` writes it). Frames are then paired by
the corrected time, as near as whole frames allow, and `Recording.late_s` holds the rest. Where
frames go by number, frame i is then frame i of the reference camera.
"""

from __future__ import annotations

from triangulate.recording.choice import select_frames
from triangulate.recording.content import content_key
from triangulate.recording.offsets import SYNC_FILE, TimeOffsets, load_offsets
from triangulate.recording.pairing import MATCHES, Pairing, pair_by_time, pair_frames
from triangulate.recording.prefetch import read_ahead
from triangulate.recording.recording import FrameSet, Recording
from triangulate.recording.sizes import ON_SIZE_MISMATCH, fit_rig
from triangulate.recording.sources import bind_videos, list_videos

__all__ = [
    "MATCHES",
    "ON_SIZE_MISMATCH",
    "SYNC_FILE",
    "FrameSet",
    "Pairing",
    "Recording",
    "TimeOffsets",
    "bind_videos",
    "content_key",
    "fit_rig",
    "list_videos",
    "load_offsets",
    "pair_by_time",
    "pair_frames",
    "read_ahead",
    "select_frames",
]
