"""What is in a video's file, as a key for what was made of it."""

from __future__ import annotations

import hashlib

import numpy as np

from triangulate.video import VideoInfo

HASHED_BYTES = 1 << 18  # at each of a file's beginning, middle and end
HASHED_IMAGES = 16


def content_key(video: VideoInfo) -> str:
    """A fingerprint of a file, or of a folder's images; see `Recording.content_key`."""
    digest = hashlib.blake2b(digest_size=16)
    if video.files:
        digest.update(repr([file.stat().st_size for file in video.files]).encode())
        some = np.linspace(0, len(video.files) - 1, HASHED_IMAGES).astype(int)
        files = [video.files[index] for index in np.unique(some)]
    else:
        files = [video.path]
    for path in files:
        size = path.stat().st_size
        digest.update(size.to_bytes(8, "little"))
        with path.open("rb") as file:
            for start in (0, (size - HASHED_BYTES) // 2, size - HASHED_BYTES):
                file.seek(max(start, 0))
                digest.update(file.read(HASHED_BYTES))
    return digest.hexdigest()
