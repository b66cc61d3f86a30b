"""The one decoder: videos and folders of images as RGB frames with their times.

>>> info = probe("cam1.mp4")
>>> info.size, info.num_frames, info.fps
((1920, 1080), 600, 60.0)
>>> for frame in read_frames(info, range(100, 200)):
...     show(frame.index, frame.time_s, frame.image_rgb)

* A frame's number counts the frames in the order in which they are shown; its time is the
  presentation timestamp that the file gives it, counted from the first frame. Number divided by
  rate is used only where a file has no timestamps (raw streams, AVI with reordered frames).
* Pictures come as (H, W, 3) uint8 RGB, turned as the metadata ask (display matrix, EXIF), with the
  colour matrix and range that the stream names. Rows may be padded in memory.
* Pixels are given as stored, also where the file says that they are not square: calibrations see
  them so, too.
* One frame is held at a time; nothing grows with the length of a file.
"""

from __future__ import annotations

from triangulate.video.container import probe_video
from triangulate.video.decoder import read_video
from triangulate.video.images import (
    IMAGE_SUFFIXES,
    list_images,
    probe_images,
    read_image,
    read_images,
)
from triangulate.video.info import VIDEO_SUFFIXES, Frame, VideoInfo
from triangulate.video.reading import probe, read_frames

__all__ = [
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Frame",
    "VideoInfo",
    "list_images",
    "probe",
    "probe_images",
    "probe_video",
    "read_frames",
    "read_image",
    "read_images",
    "read_video",
]
