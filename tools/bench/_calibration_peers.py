"""Other programs on the calibration benchmark, each in a process of its own.

    PYTHON tools/bench/_calibration_peers.py NAME PROBLEM.npz RESULT.npz [--true-intrinsics]

NAME is opencv, multical, aniposelib or caliscope. It needs NumPy and that program alone, so PYTHON
may be of another environment. Each is driven through its own public way for detections that are
there already, with its own defaults. Exit code 3: the program is not installed there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]

NOT_INSTALLED = 3


def opencv(problem: Arrays, is_lens_known: bool) -> Arrays:
    """`cv2.calibrateMultiview`, from OpenCV 5 on."""
    cv2 = import_module("cv2")
    if not hasattr(cv2, "calibrateMultiview"):
        raise ImportError("OpenCV 5 is needed")
    points, seen = problem["pts"].astype(np.float32), whole_views(problem)
    cameras, frames, count = points.shape[:3]
    target = np.tile(problem["obj"].astype(np.float32), (frames, 1, 1))
    size = tuple(int(length) for length in problem["size"])
    flags = 0
    lenses: dict[str, Any] = {}
    if is_lens_known:
        flags = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_FOCAL_LENGTH
        flags |= cv2.CALIB_FIX_PRINCIPAL_POINT | cv2.CALIB_FIX_TANGENT_DIST
        flags |= cv2.CALIB_FIX_K1 | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3
        lenses = {"Ks": list(problem["K"]), "distortions": [d[:, None] for d in problem["dist"]]}
    options = {"flags": cv2.CALIB_USE_INTRINSIC_GUESS} if is_lens_known else {}
    start = time.process_time()
    _, K, dist, R, t = cv2.calibrateMultiview(
        target,
        list(np.where(np.isnan(points), -1, points).reshape(cameras, frames, count, 2)),
        np.array([size] * cameras, dtype=np.int32),
        seen.astype(np.uint8),
        np.zeros(cameras, dtype=np.uint8),
        lenses.get("Ks"),
        lenses.get("distortions"),
        None,
        None,
        flagsForIntrinsics=np.full(cameras, flags, dtype=np.int32),
        **options,
    )
    cpu_s = time.process_time() - start
    rotations = [cv2.Rodrigues(np.asarray(r))[0] if np.size(r) == 3 else r for r in R]
    return result(K, dist, rotations, t, cpu_s)


def aniposelib(problem: Arrays, is_lens_known: bool) -> Arrays:
    """`CameraGroup.calibrate_rows`; its lens has one focal length and k1."""
    boards, module = import_module("aniposelib.boards"), import_module("aniposelib.cameras")
    columns, rows = (int(n) for n in problem["board"])
    board = boards.Checkerboard(columns, rows, square_length=float(problem["square"]))
    seen = whole_views(problem)
    ids = np.arange(columns * rows)
    found = [
        [
            {"framenum": f, "corners": points[f][:, None], "ids": ids[:, None]}
            for f in np.nonzero(there)[0].tolist()
        ]
        for points, there in zip(problem["pts"], seen, strict=True)
    ]
    group = module.CameraGroup.from_names([f"cam{v + 1}" for v in range(len(seen))])
    for v, camera in enumerate(group.cameras):
        camera.set_size(tuple(int(length) for length in problem["size"]))
        if is_lens_known:
            camera.set_camera_matrix(problem["K"][v])
            camera.set_distortions(problem["dist"][v])
    options = {"init_intrinsics": False, "only_extrinsics": True} if is_lens_known else {}
    start = time.process_time()
    for camera_rows in found:
        board.fill_points_rows(camera_rows)
    group.calibrate_rows(found, board, verbose=False, **options)
    cpu_s = time.process_time() - start
    R = [import_module("cv2").Rodrigues(camera.get_rotation())[0] for camera in group.cameras]
    return result(
        [camera.get_camera_matrix() for camera in group.cameras],
        [camera.get_distortions() for camera in group.cameras],
        R,
        group.get_translations(),
        cpu_s,
    )


def multical(problem: Arrays, is_lens_known: bool) -> Arrays:
    """The steps of `multical calibrate` after detection, with its defaults."""
    workspace = import_module("multical.workspace")
    tables, camera_module = import_module("multical.tables"), import_module("multical.camera")
    charuco = import_module("multical.board.charuco")
    struct = import_module("structs.struct").struct
    columns, rows = (int(n) for n in problem["board"])
    square = float(problem["square"])
    board = charuco.CharucoBoard((columns + 1, rows + 1), square, 0.7 * square)
    seen, ids = whole_views(problem), np.arange(columns * rows)
    nothing = struct(corners=np.zeros((0, 2)), ids=np.zeros(0, dtype=int))
    names = [f"cam{v + 1:02d}" for v in range(len(seen))]
    space = workspace.Workspace("/tmp")
    space.names = space.names._extend(
        camera=names, image=[f"{f:04d}" for f in range(seen.shape[1])], board=["board"]
    )
    space.boards = [board]
    space.image_size = [tuple(int(length) for length in problem["size"])] * len(seen)
    # It fails where all views have equally many corners: every other one goes without its last.
    kept = [ids, ids[:-1]]
    space.detected_points = [
        [
            [struct(corners=points[f][kept[f % 2]], ids=kept[f % 2]) if there[f] else nothing]
            for f in range(len(there))
        ]
        for points, there in zip(problem["pts"], seen, strict=True)
    ]
    space.point_table = tables.make_point_table(space.detected_points, space.boards)
    start = time.process_time()
    if is_lens_known:
        size = space.image_size[0]
        space.cameras = [
            camera_module.Camera(size, K, d, model="standard")
            for K, d in zip(problem["K"], problem["dist"], strict=True)
        ]
    else:
        space.calibrate_single("standard", 0.5, max_images=50)
    space.initialise_poses()
    space.calibrate(cameras=not is_lens_known)
    cpu_s = time.process_time() - start
    found = space.latest_calibration.with_master(names[0])
    poses = found.camera_poses.poses
    return result(
        [camera.intrinsic for camera in found.cameras],
        [camera.dist for camera in found.cameras],
        poses[:, :3, :3],
        poses[:, :3, 3],
        cpu_s,
    )


def caliscope(problem: Arrays, is_lens_known: bool) -> Arrays:
    """Its scripting interface: each camera's intrinsics, then all poses and lenses together."""
    api, pandas = import_module("caliscope.api"), import_module("pandas")
    seen = whole_views(problem)
    view, frame, corner = np.nonzero(np.broadcast_to(seen[..., None], problem["pts"].shape[:3]))
    pixels, places = problem["pts"][view, frame, corner], problem["obj"][corner]
    table = pandas.DataFrame(
        {
            "sync_index": frame,
            "cam_id": view,
            "frame_index": frame,
            "frame_time": frame.astype(float),
            "object_id": 0,
            "keypoint_id": corner,
            **{f"img_loc_{axis}": pixels[:, i] for i, axis in enumerate("xy")},
            **{f"obj_loc_{axis}": places[:, i] for i, axis in enumerate("xyz")},
        }
    )
    size = tuple(int(length) for length in problem["size"])
    cameras = {v: api.CameraData(cam_id=v, size=size) for v in range(len(seen))}
    columns, rows = (int(n) for n in problem["board"])
    board = api.Chessboard(rows, columns, square_size_cm=100 * float(problem["square"]))
    start = time.process_time()
    for v, camera in cameras.items():
        if is_lens_known:
            camera.matrix, camera.distortions = problem["K"][v], problem["dist"][v]
        else:
            own = api.ImagePoints(table[table.cam_id == v])
            cameras[v] = api.calibrate_intrinsics(own, camera).camera
    run = api.calibrate_extrinsics(
        api.ImagePoints(table),
        api.CameraArray(cameras),
        api.ConstraintSet.from_chessboard(board),
        refine_intrinsics=not is_lens_known,
    )
    cpu_s = time.process_time() - start
    solved = run.capture_volume.camera_array.cameras
    done = [solved[v] for v in range(len(seen))]
    return result(
        [camera.matrix for camera in done],
        [camera.distortions for camera in done],
        [camera.rotation for camera in done],
        [camera.translation for camera in done],
        cpu_s,
    )


PEERS = {
    "opencv": opencv,
    "multical": multical,
    "aniposelib": aniposelib,
    "caliscope": caliscope,
}


def whole_views(problem: Arrays) -> np.ndarray:
    """(V, F) whether a camera sees the board: here boards are seen whole or not at all."""
    return np.asarray(~np.isnan(problem["pts"]).any((2, 3)))


def result(K: Any, dist: Any, R: Any, t: Any, cpu_s: float) -> Arrays:
    """What is scored; distortion as k1 k2 p1 p2 k3."""
    coefficients = [np.pad(np.ravel(d)[:5], (0, max(0, 5 - np.size(d)))) for d in dist]
    return {
        "K": np.array(K, dtype=np.float64),
        "dist": np.array(coefficients, dtype=np.float64),
        "R": np.array(R, dtype=np.float64),
        "t": np.array(t, dtype=np.float64).reshape(-1, 3),
        "cpu_s": np.array(cpu_s),
    }


def main() -> int:
    """Solve one problem with one program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("problem", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--true-intrinsics", action="store_true")
    options = parser.parse_args()
    with np.load(options.problem) as archive:
        problem = dict(archive)
    try:
        with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
            found = PEERS[options.name](problem, options.true_intrinsics)
    except ImportError as error:
        print(error, file=sys.stderr)
        return NOT_INSTALLED
    np.savez(options.result, **found)  # type: ignore[arg-type]
    return 0


if __name__ == "__main__":
    sys.exit(main())
