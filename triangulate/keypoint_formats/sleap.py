"""SLEAP analysis `.h5`: a file a camera.

`tracks` is stored as (tracks, 2, nodes, frames); files of sleap-io say the order in the attribute
`dims`, and old files written without transposition are (frames, nodes, 2, tracks). Pixels, NaN
where missing. `point_scores` are confidences (they reach 1.1, and are clipped); points that a
person placed or corrected have the score NaN or 0 and get confidence 1, as do all points of files
without scores. `node_names` name the joints, `edge_inds` the bones. The first frame is 0, unless
the file was made with an option of early versions that dropped the unlabelled frames before the
first; the last is the last labelled one, so cameras may differ in length.

A track keeps one place among the people, and tracks that never meet share a place.

Half pixels: SLEAP's confidence maps are sampled at integer coordinates, as if pixel centres were
integers; where its labelling window puts a pixel's centre is not known. Taken as it stands.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.input_files import one_line
from triangulate.keypoint_formats.view import View
from triangulate.skeleton import Skeleton, snake_case

if TYPE_CHECKING:
    import h5py

_REMEDY = "export the analysis HDF5 from SLEAP again"
_STORED = ("track", "xy", "node", "frame")
_NOT_TRANSPOSED = ("frame", "node", "xy", "track")


def read_sleap(path: Path) -> View:
    """Read one camera's file."""
    import h5py  # takes a while to load, and few need it

    try:
        with h5py.File(path, "r") as file:
            nodes = [_text(name) for name in file["node_names"][()]]
            dims = _dims(file, len(nodes), path)
            points_px = _in_order(file["tracks"][()], dims, ("frame", "track", "node", "xy"))
            scores = _scores(file, dims, points_px.shape[:-1], path)
            skeleton = _skeleton(file, nodes, path)
    except InputError:
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: is no SLEAP analysis file ({one_line(error)}); {_REMEDY}"
        ) from None
    seen = np.isfinite(points_px).all(-1)  # (T, tracks, J)
    by_hand = seen & ~(scores > 0)
    confidence = np.where(seen, np.where(by_hand, 1, scores), 0)
    notes = ("points without a score have confidence 1",) if by_hand.any() else ()
    frames = np.arange(len(points_px))
    if not seen.any():
        return View.empty(frames)
    places = _places(seen.any(-1))
    shape = (len(frames), places.max() + 1, len(nodes))  # T, P, J
    packed = np.full((*shape, 2), np.nan, np.float32)
    packed_confidence = np.zeros(shape, np.float32)
    for track, p in enumerate(places):
        rows = seen[:, track].any(-1)
        packed[rows, p] = points_px[rows, track]
        packed_confidence[rows, p] = confidence[rows, track]
    return View(frames, packed, packed_confidence, skeleton, notes)


def _dims(file: h5py.File, num_nodes: int, path: Path) -> tuple[str, ...]:
    """What the axes of `tracks` are."""
    tracks = file["tracks"]
    stored = tracks.attrs.get("dims", file["dims"][()] if "dims" in file else None)
    if stored is not None:
        words = json.loads(_text(stored)) if isinstance(stored, str | bytes) else stored
        dims = tuple(_text(word).rstrip("s") for word in words)
    else:
        fits = {
            dims
            for dims in (_STORED, _NOT_TRANSPOSED)
            if tracks.ndim == 4
            and tracks.shape[dims.index("xy")] == 2
            and tracks.shape[dims.index("node")] == num_nodes
        }
        transposed = bool(file.attrs.get("transpose", True))
        preferred = _STORED if transposed else _NOT_TRANSPOSED
        dims = preferred if preferred in fits or not fits else fits.pop()
    sizes = dict(zip(dims, tracks.shape, strict=False))
    if sorted(dims) != sorted(_STORED) or sizes["xy"] != 2 or sizes["node"] != num_nodes:
        raise InputError(
            f"{path}: 'tracks' has shape {tracks.shape} and axes {', '.join(dims)}, which does not "
            f"fit 2 coordinates of {num_nodes} nodes; {_REMEDY}"
        )
    return dims


def _in_order(array: np.ndarray, dims: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    return np.asarray(array, dtype=np.float64).transpose([dims.index(name) for name in wanted])


def _scores(
    file: h5py.File, dims: tuple[str, ...], shape: tuple[int, ...], path: Path
) -> np.ndarray:
    """(T, tracks, J) scores, NaN where the file has none."""
    if "point_scores" not in file:
        return np.full(shape, np.nan)
    order = tuple(name for name in dims if name != "xy")
    scores = _in_order(file["point_scores"][()], order, ("frame", "track", "node"))
    if scores.shape != shape:
        raise InputError(
            f"{path}: 'point_scores' has shape {scores.shape}, 'tracks' {shape} points; {_REMEDY}"
        )
    return scores


def _skeleton(file: h5py.File, nodes: list[str], path: Path) -> Skeleton:
    edges = np.asarray(file["edge_inds"][()] if "edge_inds" in file else [], dtype=np.int64)
    if edges.ndim == 2 and edges.shape[1] != 2 and edges.shape[0] == 2:
        edges = edges.T
    names = [snake_case(node) for node in nodes]
    try:
        skeleton = Skeleton.from_edges(names, edges.reshape(-1, 2).tolist())
        symmetries = file.attrs.get("skeleton_symmetries")
        if skeleton.flip_pairs or symmetries is None:
            return skeleton
        pairs = [[snake_case(a), snake_case(b)] for a, b in json.loads(_text(symmetries))]
        return Skeleton.from_edges(names, skeleton.edges, pairs)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _places(present: np.ndarray) -> np.ndarray:
    """(tracks,) a place among the people for each of the tracks, present (T, tracks).

    Each takes the first place that is free in all its frames.
    """
    taken: list[np.ndarray] = []  # by place, (T,)
    places = np.zeros(present.shape[1], dtype=np.int64)
    for track, frames in enumerate(present.T):
        free = (p for p, others in enumerate(taken) if not (others & frames).any())
        place = next(free, len(taken))
        if place == len(taken):
            taken.append(np.zeros(len(present), dtype=bool))
        taken[place] |= frames
        places[track] = place
    return places


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
