from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import calib
from calib.observations import Observations
from calib.solution import Solution
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.boards import board_grid, board_scene
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.rigs import corridor_rig, corridor_volume, islands_rig

NEAR = {"volume": ((0.0, 0.0, 1.0), (0.6, 0.6, 0.4)), "max_tilt_deg": 75.0}
NAMES = ("b10", "b2", "a", "Z", "c 1", "ä", "7", "k", "l", "m", "n")


def codes(solution: Solution) -> list[str]:
    return [finding.code for finding in solution.findings]


# --- What goes in, in whatever form ---------------------------------------------------------------


def test_a_small_rig_is_found_with_its_outliers(filmed, errors) -> None:
    made = filmed(0, 6)
    solution = calib.solve(made.observations, made.scene.target_m)
    centre_m, turned_deg = errors(solution.rig, made.rig)
    assert centre_m < 0.005
    assert turned_deg < 0.5
    assert (solution.outliers & made.scene.outlier).sum() == made.scene.outlier.sum() > 50
    assert (solution.outliers & ~made.scene.outlier).sum() <= 2
    assert np.abs(solution.sigma_px - 0.3).max() < 0.02
    assert codes(solution) == []


def test_without_noise_the_truth_comes_back(filmed, errors) -> None:
    made = filmed(1, 5, 30, noise_px=0.0, outliers=0.0)
    solution = calib.solve(made.observations, made.scene.target_m)
    assert errors(solution.rig, made.rig)[0] < 1e-6
    assert np.nanmax(np.abs(solution.residuals_px)) < 1e-4
    placed = np.isfinite(solution.world_from_target_translation_m).all(-1)
    assert placed.all()


def test_millimetres_give_the_same_rig_in_millimetres(filmed) -> None:
    made = filmed(2, 5, 30)
    metres = calib.solve(made.observations, made.scene.target_m).rig.to_arrays()
    millimetres = calib.solve(made.observations, 1e3 * made.scene.target_m).rig.to_arrays()
    np.testing.assert_allclose(millimetres["translation_m"], 1e3 * metres["translation_m"])
    np.testing.assert_allclose(millimetres["K"], metres["K"])


def test_the_target_may_lie_anywhere_in_its_own_frame(filmed, errors) -> None:
    made = filmed(2, 5, 30)
    turned = made.scene.target_m[:, [2, 0, 1]] + np.array([0.3, -2.0, 1.0])
    solution = calib.solve(made.observations, turned)
    plain = calib.solve(made.observations, made.scene.target_m)
    np.testing.assert_allclose(
        solution.rig.to_arrays()["translation_m"], plain.rig.to_arrays()["translation_m"], atol=1e-7
    )
    np.testing.assert_allclose(solution.target_m, turned, atol=1e-12)
    np.testing.assert_allclose(
        solution.target_points_world, plain.target_points_world, atol=1e-6, equal_nan=True
    )


def test_the_order_of_the_cameras_and_the_reference_do_not_matter(filmed) -> None:
    made = filmed(3, 5, 30)
    plain = calib.solve(made.observations, made.scene.target_m)
    order = [3, 0, 4, 2, 1]
    names = [made.rig.names[v] for v in order]
    mixed = calib.solve(made.observations.select(names), made.scene.target_m, reference="cam4")
    assert mixed.rig.names == tuple(names)
    assert mixed.reference == "cam4"
    a, b = (s.rig.select(made.rig.names).to_arrays() for s in (plain, mixed))
    np.testing.assert_allclose(a["K"], b["K"], rtol=1e-5)
    back = made.rig.names.index("cam4")
    np.testing.assert_allclose(b["rotation"][back], np.eye(3), atol=1e-12)
    apart = [
        np.linalg.norm(s.rig.select(made.rig.names).cameras.centre_world[0].numpy()
                       - s.rig.select(made.rig.names).cameras.centre_world[2].numpy())
        for s in (plain, mixed)
    ]  # fmt: skip
    assert apart[0] == pytest.approx(apart[1], abs=2e-6)


def test_another_seed_finds_the_same_minimum(filmed) -> None:
    made = filmed(3, 5, 30)
    first, second = (
        calib.solve(made.observations, made.scene.target_m, seed=seed).values for seed in (0, 7)
    )
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


def test_more_than_ten_names_keep_their_order() -> None:
    generator = seeded(4)
    rig = ring_rig(generator, 11, radius_m=2.5, height_m=1.8)
    scene = board_scene(
        generator, rig, board_grid(7, 5, 0.1), 60, volume=((0, 0, 1), (0.5, 0.5, 0.3))
    )
    observations = Observations.from_arrays(scene.points_px, NAMES, rig.sizes)
    solution = calib.solve(observations, scene.target_m)
    assert solution.rig.names == NAMES
    focal = rig.cameras.K[:, 0, 0].numpy()
    assert np.abs(solution.rig.cameras.K[:, 0, 0].numpy() / focal - 1).max() < 0.02


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_boards_of_which_most_is_hidden(filmed, errors, part) -> None:
    made = filmed(3, 5, 90)
    random = np.random.default_rng(5)
    kept = random.random(made.scene.points_px.shape[:3]) >= part
    points = np.where(kept[..., None], made.scene.points_px, np.nan)
    observations = Observations.from_arrays(points, made.rig.names, made.rig.sizes)
    solution = calib.solve(observations, made.scene.target_m)
    assert errors(solution.rig, made.rig)[0] < 0.03
    assert (solution.outliers & ~made.scene.outlier).sum() < 0.005 * kept.sum()


def test_boards_covered_from_one_side(filmed, errors) -> None:
    made = filmed(6, 6, 60, hidden=0.45)
    solution = calib.solve(made.observations, made.scene.target_m)
    assert errors(solution.rig, made.rig)[0] < 0.01
    assert (solution.outliers & ~made.scene.outlier).sum() <= 5


def test_two_cameras(errors) -> None:
    generator = seeded(1)
    rig = corridor_rig(generator, 2)
    scene = board_scene(generator, rig, board_grid(), 60, volume=corridor_volume(2))
    solution = calib.solve(
        Observations.from_arrays(scene.points_px, sizes=(1280, 720)), scene.target_m
    )
    true, found = (
        float((r.cameras.centre_world[0] - r.cameras.centre_world[1]).norm())
        for r in (rig, solution.rig)
    )
    at = [i for i, (_, name) in enumerate(solution.parameters) if name.startswith("t")]
    assert abs(true - found) < 4 * np.linalg.norm(solution.sigmas[at])


# --- Lenses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lenses", [["rational"] * 6, ["fisheye"] * 6, ["fisheye", "fisheye", "radtan"] * 2]
)
def test_lenses_of_all_kinds_in_one_rig(filmed, errors, lenses) -> None:
    made = filmed(7, 6, 40, lens=lenses)
    chosen = dict(zip(made.rig.names, lenses, strict=True))
    solution = calib.solve(made.observations, made.scene.target_m, lens=chosen)
    assert solution.rig.lens_names == lenses
    assert errors(solution.rig, made.rig)[0] < 0.006
    assert (solution.outliers & made.scene.outlier).sum() == made.scene.outlier.sum()


def test_a_principal_point_far_from_the_middle_is_not_pulled_back(filmed) -> None:
    made = filmed(8, 6, 60)
    shift = np.array([45.0, -30.0])  # as if the images had been cut
    points = made.scene.points_px + shift
    sizes = [(width + 90, height) for width, height in made.rig.sizes]
    solution = calib.solve(Observations.from_arrays(points, sizes=sizes), made.scene.target_m)
    found = solution.rig.cameras.K[:, :2, 2].numpy()
    true = made.rig.cameras.K[:, :2, 2].numpy() + shift
    place = [i for i, (_, name) in enumerate(solution.parameters) if name in ("cx", "cy")]
    off = (found - true).ravel() / solution.sigmas[place]
    assert np.sqrt(np.mean(np.square(off))) < 1.5
    assert np.abs(found - true).mean() < 4


def test_known_lenses_stay_and_help(filmed, errors) -> None:
    made = filmed(9, 6, 30)
    open_lens = calib.solve(made.observations, made.scene.target_m)
    known = calib.solve(made.observations, made.scene.target_m, intrinsics=made.rig)
    np.testing.assert_allclose(known.rig.cameras.K, made.rig.cameras.K, rtol=1e-14)
    assert errors(known.rig, made.rig)[0] < errors(open_lens.rig, made.rig)[0]
    own = [i for i, (_, name) in enumerate(known.parameters) if name[0] in "fck"]
    assert (known.sigmas[own] == 0).all()


def test_a_start_keeps_its_world(filmed) -> None:
    made = filmed(9, 6, 30)
    solution = calib.solve(made.observations, made.scene.target_m, start=made.rig)
    assert solution.rig.up_axis == made.rig.up_axis == "z"
    pose = solution.rig.cameras.cam_from_world
    true = made.rig.cameras.cam_from_world
    np.testing.assert_allclose(pose.rotation[0], true.rotation[0], atol=1e-12)
    np.testing.assert_allclose(pose.translation[0], true.translation[0], atol=1e-12)
    apart = solution.rig.cameras.centre_world - made.rig.cameras.centre_world
    assert float(apart.norm(dim=-1).max()) < 0.05
    plain = calib.solve(made.observations, made.scene.target_m)
    assert (np.abs(plain.values - solution.values) <= 0.02 * solution.sigmas).all()


def test_parameters_are_fixed_and_shared_on_request(filmed) -> None:
    made = filmed(10, 4, 30)
    seen, target = made.observations, made.scene.target_m
    fixed = calib.solve(seen, target, fix={"cam2": ["k3", "aspect"], "cam3": "distortion"})
    arrays = fixed.rig.to_arrays()
    assert arrays["dist"][1, 4] == 0 != arrays["dist"][0, 4]
    assert arrays["K"][1, 0, 0] == arrays["K"][1, 1, 1]
    assert (arrays["dist"][2] == 0).all()
    shared = calib.solve(seen, target, share=[["cam1", "cam4"]]).rig.to_arrays()
    np.testing.assert_array_equal(shared["K"][0], shared["K"][3])
    assert shared["K"][0, 0, 0] != shared["K"][1, 0, 0]


def test_shared_lenses_are_one_even_where_they_start_apart(filmed, errors) -> None:
    made = filmed(0, 4, 40, noise_px=0.1)
    same = made.rig.to_arrays()
    same["K"][:], same["dist"][:] = same["K"][0], same["dist"][0]
    rig = Rig.from_arrays(**same)
    generator = seeded(0)
    scene = board_scene(generator, rig, made.scene.target_m, 40, **NEAR)
    seen = Observations.from_arrays(scene.points_px, rig.names, rig.sizes)
    solution = calib.solve(seen, scene.target_m, share="all")
    for values in (solution.rig.cameras.K, solution.rig.cameras.lens.coefficients):
        assert bool((values == values[0]).all())
    alone = calib.solve(seen, scene.target_m)
    assert errors(solution.rig, rig)[0] < errors(alone.rig, rig)[0]


# --- Boards and clocks that are not as they should be ---------------------------------------------


def test_a_bent_board_is_named_and_solved(filmed, errors) -> None:
    made = filmed(11, 6, 60, bow_m=0.002)
    seen, target = made.observations, made.scene.target_m
    flat = calib.solve(seen, target)
    (finding,) = (f for f in flat.findings if f.code == "bow")
    height_mm = float(finding.text.split("bent by ")[1].split(" ")[0])
    assert height_mm == pytest.approx(2.0, abs=0.3)
    bent = calib.solve(seen, target, bow=True)
    assert "bow" not in codes(bent)
    assert errors(bent.rig, made.rig)[0] < 0.7 * errors(flat.rig, made.rig)[0]
    height = bent.target_m[:, 2] - np.median(bent.target_m[:, 2])
    true = made.scene.bowed_target_m[:, 2] - np.median(made.scene.bowed_target_m[:, 2])
    assert np.corrcoef(height, true)[0, 1] > 0.98


def test_a_late_camera_is_named_and_solved(filmed, errors) -> None:
    made = filmed(1, 4, 240, motion="smooth", late_s=[0, 0, 0.010, 0], fps=10)
    seen = Observations.from_arrays(
        made.scene.points_px, made.rig.names, made.rig.sizes, times_s=made.scene.times_s
    )
    still = calib.solve(seen, made.scene.target_m)
    (finding,) = (f for f in still.findings if f.code == "clock")
    assert finding.camera == "cam3"
    assert " ms late against 'cam1'" in finding.text
    solution = calib.solve(seen, made.scene.target_m, clocks=True)
    np.testing.assert_allclose(solution.late_s, [0, 0, 0.010, 0], atol=1e-3)
    assert "clock" not in codes(solution)
    assert errors(solution.rig, made.rig)[0] < errors(still.rig, made.rig)[0]


def test_a_chessboard_that_looks_the_same_upside_down(filmed, errors) -> None:
    made = filmed(2, 6)
    points, outlier = made.scene.points_px.copy(), made.scene.outlier.copy()
    upside_down = np.random.default_rng(0).random(points.shape[:2]) < 0.5
    points[upside_down] = points[upside_down][:, ::-1]
    spread = np.broadcast_to(np.linspace(1, 2, 54), points.shape[:3]).copy()
    spread[upside_down] = spread[upside_down][:, ::-1]
    outlier[upside_down] = outlier[upside_down][:, ::-1]

    class Symmetric:
        points_m = made.scene.target_m
        symmetries = np.stack([np.arange(54), np.arange(54)[::-1]])

    seen = Observations.from_arrays(points, made.rig.names, made.rig.sizes, spread=spread)
    solution = calib.solve(seen, Symmetric)
    assert errors(solution.rig, made.rig)[0] < 0.005
    assert 0 <= solution.outliers.sum() - outlier.sum() <= 6
    # A frame as a whole may be either way up, its cameras may not.
    seen_spread = np.where(solution.observations.seen, solution.observations.spread, np.nan)
    rising = np.nanmedian(np.diff(seen_spread, axis=-1), axis=-1)  # (V, F)
    filmed_at_all = ~np.isnan(rising).all(0)
    extremes = [f(rising[:, filmed_at_all], axis=0) for f in (np.nanmax, np.nanmin)]
    assert (extremes[0] * extremes[1] > 0).all()
    # In the solution every view of a frame counts its points alike.
    twice = calib.solve(solution.observations, made.scene.target_m)
    np.testing.assert_allclose(twice.values, solution.values, rtol=1e-4, atol=1e-5)


# --- Who sees whom --------------------------------------------------------------------------------


def test_a_chain_without_global_overlap(errors) -> None:
    generator = seeded(12)
    rig = corridor_rig(generator, 6)
    scene = board_scene(generator, rig, board_grid(), 120, volume=corridor_volume(6))
    seen = Observations.from_arrays(scene.points_px, rig.names, rig.sizes)
    shared = seen.seen.any(-1).astype(int) @ seen.seen.any(-1).T.astype(int)
    assert shared[0, 5] == 0
    solution = calib.solve(seen, scene.target_m)
    assert errors(solution.rig, rig)[0] < 0.05
    assert (solution.outliers & ~scene.outlier).sum() <= 2


def test_a_rig_that_falls_apart_names_its_islands() -> None:
    generator = seeded(13)
    rig = islands_rig(generator, 6, radius_m=2.5)
    volume = ([(0, 0, 1.1), (0, 0, 7.1)], (0.6, 0.6, 0.4))
    scene = board_scene(generator, rig, board_grid(9, 6, 0.08), 160, volume=volume, max_tilt_deg=75)
    seen = Observations.from_arrays(scene.points_px, rig.names, rig.sizes)
    with pytest.raises(InputError) as caught:
        calib.solve(seen, scene.target_m)
    assert "2 islands" in str(caught.value)
    assert "cam1, cam2, cam3; cam4, cam5, cam6" in str(caught.value)
    assert "Film the target where" in str(caught.value)


# --- The benchmark --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def benchmark(shared, tmp_path_factory) -> Callable[..., dict]:
    """Problems of the benchmark, and its scorer."""
    import subprocess
    import sys

    folder = shared.bench / "calibration"
    place = tmp_path_factory.mktemp("bench")

    def make(*options: str) -> dict:
        file = place / f"{'_'.join(options) or 'plain'}.npz"
        if not file.exists():
            script = [sys.executable, str(folder / "make_problem.py"), "--out", str(file)]
            subprocess.run([*script, *options], check=True, capture_output=True)
        return dict(np.load(file))

    return make


def score(shared_bench: Path, problem: dict, solution: Solution) -> dict[str, float]:
    file = shared_bench / "calibration" / "score.py"
    spec = importlib.util.spec_from_file_location("score", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    a = solution.rig.to_arrays()
    return module.score(
        problem, a["K"], a["dist"], a["rotation"], a["translation_m"], verbose=False
    )


def observed(problem: dict, keep: np.ndarray | None = None) -> Observations:
    points = problem["pts"] if keep is None else np.where(keep[..., None], problem["pts"], np.nan)
    return Observations.from_arrays(points, sizes=problem["size"])


def truth(problem: dict) -> Rig:
    names = [f"cam{v + 1}" for v in range(len(problem["K"]))]
    sizes = [tuple(problem["size"])] * len(names)
    return Rig.from_arrays(problem["K"], problem["dist"], problem["R"], problem["t"], names, sizes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_benchmark(benchmark, shared, seed) -> None:
    problem = benchmark("--seed", seed)
    solution = calib.solve(observed(problem), problem["obj"])
    found = score(shared.bench, problem, solution)
    best = calib.solve(observed(problem, ~problem["outlier"]), problem["obj"], start=truth(problem))
    floor_mm = score(shared.bench, problem, best)["centre_mm_rms"]
    assert found["centre_mm_rms"] <= 1.05 * floor_mm
    assert found["rot_deg_rms"] <= 0.08
    assert found["heldout3d_mm_rms"] <= 0.25
    good = ~np.isnan(problem["pts"][..., 0]) & ~problem["outlier"]
    assert (solution.outliers | ~problem["outlier"]).all()
    assert (solution.outliers & good).sum() <= 0.005 * good.sum()
    assert codes(solution) == []


@pytest.mark.slow
def test_the_benchmark_with_known_lenses_and_without_noise(benchmark, shared) -> None:
    problem = benchmark("--seed", "0")
    known = calib.solve(observed(problem), problem["obj"], intrinsics=truth(problem))
    assert score(shared.bench, problem, known)["centre_mm_rms"] <= 0.24
    clean = benchmark("--seed", "0", "--noise", "0", "--outliers", "0")
    exact = calib.solve(observed(clean), clean["obj"])
    assert score(shared.bench, clean, exact)["centre_mm_rms"] <= 1e-3


@pytest.mark.slow
def test_the_benchmark_with_a_fifth_of_outliers(benchmark, shared) -> None:
    problem = benchmark("--seed", "0", "--outliers", "0.2")
    solution = calib.solve(observed(problem), problem["obj"])
    assert (solution.outliers | ~problem["outlier"]).all()
    assert score(shared.bench, problem, solution)["centre_mm_rms"] < 1.5
    assert codes(solution) == ["rejected"]


# --- Not a rig ------------------------------------------------------------------------------------


def test_what_cannot_make_a_rig_is_refused_in_one_line(filmed) -> None:
    made = filmed(14, 4, 30)
    seen, target = made.observations, made.scene.target_m

    def refused(observations: Observations, board: object = target, **options: object) -> str:
        with pytest.raises(InputError) as caught:
            calib.solve(observations, board, **options)
        message = str(caught.value)
        assert "\n" not in message
        return message

    blind = replace(seen, points_px=seen.points_px.copy())
    blind.points_px[2] = np.nan
    assert "camera 'cam3' never sees the target" in refused(blind)
    single = replace(seen, points_px=seen.points_px.copy())
    single.points_px[:, 1:] = np.nan
    single.points_px[:, 0] = seen.points_px[0][seen.seen[0].all(-1)][0]
    assert "one frame only" in refused(single)
    assert "has 20 points and the observations 54" in refused(seen, target[:20])
    assert "lie on a line" in refused(seen, target * [1, 1e-9, 0])
    assert "do not lie in a plane" in refused(
        seen, target + np.arange(54)[:, None] ** 2 * [0, 0, 1e-3]
    )
    shuffled = target[np.random.default_rng(0).permutation(54)]
    assert "fits no camera" in refused(seen, shuffled)
    assert "no camera 'cam9'" in refused(seen, reference="cam9")
    assert "no lens model 'wide'" in refused(seen, lens="wide")
    assert "no camera 'left'" in refused(seen, lens={"left": "fisheye"})
    assert "no parameter 'k9'" in refused(seen, fix="k9")
    assert "share must be" in refused(seen, share="some")
    other = replace(made.rig, names=("a", "b", "c", "d"))
    assert "the given rig has no camera 'cam1'" in refused(seen, intrinsics=other)
    small = replace(made.rig, sizes=((640, 360),) * 4)
    assert "the given rig is for images of 640 x 360" in refused(seen, intrinsics=small)
    assert "the frames have no times" in refused(seen, clocks=True)


def test_two_ways_to_say_one_thing_are_refused(filmed) -> None:
    made = filmed(14, 4, 30)
    seen, target = made.observations, made.scene.target_m
    wide = replace(seen, sizes=((1280, 720), (1280, 720), (1400, 720), (1280, 720)))
    for said, observations, options in [
        ("give one", seen, {"start": made.rig, "intrinsics": made.rig}),
        ("has a radtan lens, not fisheye", seen, {"intrinsics": made.rig, "lens": "fisheye"}),
        ("no parameter 'extrinsics'", seen, {"fix": "extrinsics"}),
        ("focal length cannot be held", seen, {"fix": "focal"}),
        ("images differ in size", wide, {"share": "all"}),
        ("seed must lie", seen, {"seed": -1}),
    ]:
        with pytest.raises(InputError, match=said):
            calib.solve(observations, target, **options)
    with pytest.raises(InputError, match="it takes 6 at least"):
        calib.solve(
            Observations.from_arrays(seen.points_px[:, :, :3], sizes=(1280, 720)), target[:3]
        )
    twice = target.copy()
    twice[5] = twice[4]
    with pytest.raises(InputError, match="at the same place"):
        calib.solve(seen, twice)
    assert calib.solve(seen, target, seed=np.int64(3)).settings["seed"] == 3


def test_one_bad_camera_is_named(filmed) -> None:
    made = filmed(15, 5, 60)
    target = made.scene.target_m

    def refused(points: np.ndarray, **options: object) -> str:
        with pytest.raises(InputError) as caught:
            seen = Observations.from_arrays(points, made.rig.names, made.rig.sizes)
            calib.solve(seen, target, **options)
        return str(caught.value)

    late = made.scene.points_px.copy()
    late[1] = np.roll(late[1], 1, axis=0)
    assert "'cam2'" in refused(late)
    mirrored = made.scene.points_px.copy()
    mirrored[2] = mirrored[2].reshape(-1, 6, 9, 2)[:, :, ::-1].reshape(-1, 54, 2)
    assert "'cam3'" in refused(mirrored)
    arrays = made.rig.to_arrays()
    arrays["K"][3, :2, :2] *= 20
    assert "'cam4'" in refused(made.scene.points_px, intrinsics=Rig.from_arrays(**arrays))


def test_videos_out_of_step_are_named(filmed) -> None:
    made = filmed(15, 4, 60)
    points = made.scene.points_px.copy()
    for v in range(4):
        points[v] = np.roll(points[v], 7 * v, axis=0)
    seen = Observations.from_arrays(points, made.rig.names, made.rig.sizes)
    with pytest.raises(InputError, match=r"synchronized|islands"):
        calib.solve(seen, made.scene.target_m)


def test_a_board_that_is_never_tilted_leaves_the_focal_length_open() -> None:
    rig = corridor_rig(seeded(16), 2)
    target = board_grid()
    random = np.random.default_rng(1)
    points = np.full((2, 20, 54, 2), np.nan)
    for f, shift in enumerate(random.uniform(-0.4, 0.4, (20, 2))):
        # Parallel to the image, at one distance: any focal length explains it.
        at = target[:, :2] - target[:, :2].mean(0) + shift
        points[:, f] = 800 * at / 2.0 + np.array([640.0, 360.0])
    points += random.normal(0, 0.3, points.shape)
    seen = Observations.from_arrays(points, rig.names, rig.sizes)
    with pytest.raises(InputError, match="focal length cannot be told"):
        calib.solve(seen, target)
