"""The published implementation's soft-argmax on volumes is compared in `test_heatmap.py`."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from kornia.geometry.subpix import conv_soft_argmax3d
from torch import Tensor
from torch.nn import functional

from triangulate.geometry import volume as volume_module
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.volume import cuboid_grid, look_up, soft_argmax_3d, unproject

BATCHES = [(), (1,), (3, 1, 2)]
NORMALISE = ["softmax", "relu"]


def random_volumes(*shape: int) -> Tensor:
    source = torch.Generator().manual_seed(0)
    return 3 * torch.randn(*shape, generator=source, dtype=torch.float64)


def grid(x: int, y: int, z: int) -> Tensor:
    """The indices of the voxels, (X, Y, Z, 3)."""
    axes = [torch.arange(n, dtype=torch.float64) for n in (x, y, z)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_by_hand(dtype) -> None:
    volume = torch.zeros(2, 3, 4, dtype=dtype)
    volume[0, 0, 0], volume[1, 2, 3], volume[0, 1, 1] = 1.0, 3.0, -7.0
    point, mass = soft_argmax_3d(volume, normalise="relu")
    assert point.dtype == mass.dtype == dtype
    torch.testing.assert_close(point, torch.tensor([0.75, 1.5, 2.25], dtype=dtype))
    metres = 0.1 * grid(2, 3, 4).to(dtype) - 1
    point, _ = soft_argmax_3d(volume, metres, "relu")
    torch.testing.assert_close(point, torch.tensor([-0.925, -0.85, -0.775], dtype=dtype))


@pytest.mark.parametrize("normalise", NORMALISE)
@pytest.mark.parametrize("batch", BATCHES)
def test_indices_are_the_default_coordinates(batch, normalise) -> None:
    volumes = random_volumes(*batch, 3, 4, 5)
    points, mass = soft_argmax_3d(volumes, None, normalise)
    assert points.shape == (*batch, 3)
    torch.testing.assert_close(mass.sum((-3, -2, -1)), torch.ones(batch).double())
    torch.testing.assert_close(points, soft_argmax_3d(volumes, grid(3, 4, 5), normalise)[0])


@pytest.mark.parametrize("batch", BATCHES)
def test_moved_coordinates_move_the_point(batch, rigid_motion) -> None:
    volumes, motion = random_volumes(*batch, 3, 4, 5), rigid_motion()
    coordinates = grid(3, 4, 5)
    moved = motion.apply(coordinates.reshape(-1, 3)).reshape(3, 4, 5, 3)
    points, _ = soft_argmax_3d(volumes, coordinates)
    torch.testing.assert_close(
        soft_argmax_3d(volumes, moved)[0].reshape(-1, 3), motion.apply(points.reshape(-1, 3))
    )


def test_every_sample_may_have_its_own_grid() -> None:
    volumes = random_volumes(2, 6, 3, 4, 5)  # B J X Y Z
    grids = torch.stack([grid(3, 4, 5), grid(3, 4, 5) + 10])[:, None]  # (B, 1, X, Y, Z, 3)
    points, _ = soft_argmax_3d(volumes, grids)
    torch.testing.assert_close(points[1], soft_argmax_3d(volumes[1])[0] + 10)


def test_no_mass_is_told_by_the_volume() -> None:
    volumes = (-random_volumes(2, 3, 4, 5).abs()).requires_grad_()
    points, mass = soft_argmax_3d(volumes, grid(3, 4, 5), "relu")
    assert not mass.any()
    assert not points.any()
    points.sum().backward()
    assert torch.isfinite(volumes.grad).all()


@pytest.mark.parametrize("with_grid", [False, True])
@pytest.mark.parametrize("normalise", NORMALISE)
def test_gradients(normalise, with_grid) -> None:
    volumes = random_volumes(2, 2, 3, 4).requires_grad_()
    if with_grid:
        coordinates = grid(2, 3, 4).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda *inputs: soft_argmax_3d(*inputs, normalise)[0], (volumes, coordinates)
        )
    else:
        assert torch.autograd.gradcheck(
            lambda inputs: soft_argmax_3d(inputs, None, normalise)[0], volumes
        )


def test_as_kornia_does() -> None:
    volumes = random_volumes(2, 1, 3, 5, 7)
    theirs = conv_soft_argmax3d(volumes, (3, 5, 7), padding=(0, 0, 0), output_value=False)
    # Its volumes are (depth, height, width), its points (depth, x, y).
    depth, row, column = soft_argmax_3d(volumes[:, 0])[0].unbind(-1)
    torch.testing.assert_close(torch.stack([depth, column, row], dim=-1), theirs.reshape(2, 3))


# --- Grids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", BATCHES)
def test_grid_by_hand(batch) -> None:
    centre = torch.tensor([1.0, 2.0, 3.0]).double().expand(*batch, 3)
    voxels = cuboid_grid(centre, 3.0, 4)
    assert voxels.shape == (*batch, 4, 4, 4, 3)
    assert voxels[..., 0, 1, 3, :].reshape(-1, 3)[0].tolist() == [-0.5, 1.5, 4.5]
    turned = cuboid_grid(centre, 3.0, 4, torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    # A quarter turn about z brings the x axis to y, and the y axis to -x.
    assert turned[..., 0, 1, 3, :].reshape(-1, 3)[0].tolist() == [1.5, 0.5, 4.5]


def test_grid_turns_about_its_centre(rigid_motion) -> None:
    centre, rotation = torch.rand(2, 3).double(), rigid_motion(2).rotation
    upright, turned = cuboid_grid(centre, 2.0, 3), cuboid_grid(centre, 2.0, 3, rotation)
    offset = (upright - centre[:, None, None, None]).flatten(1, 3)
    torch.testing.assert_close(
        turned.flatten(1, 3), offset @ rotation.mT + centre[:, None], atol=1e-12, rtol=0
    )


@pytest.mark.parametrize(("side_m", "size"), [(2.0, 1), (0.0, 4), (-1.0, 4)])
def test_grid_without_extent_is_refused(side_m, size) -> None:
    with pytest.raises(ValueError, match="size >= 2 and side_m > 0"):
        cuboid_grid(torch.zeros(3), side_m, size)


# --- Unprojection ---------------------------------------------------------------------------------


def looked_up_in_a_loop(maps: Tensor, cameras: Camera, points: Tensor) -> Tensor:
    """The slow readable twin: (B, V, C, h, w), cameras (B, V), (B, N, 3) -> (B, V, C, N)."""
    height, width = maps.shape[-2:]
    samples = []
    for b in range(len(maps)):
        for v in range(maps.shape[1]):
            points_px, seen = cameras[b, v].project(points[b])
            # A lens model that folds over has another point there.
            straight = functional.pad(points[b], (0, 1), value=1) @ cameras[b, v].projection().mT
            returned, _ = cameras[b, v].undistort(points_px)
            off = (returned - straight[:, :2] / straight[:, 2:]).norm(dim=-1)
            seen = seen & (off < 1e-6)
            corners = (2 * points_px + 1) / points_px.new_tensor([width, height]) - 1
            found = functional.grid_sample(
                maps[b, v][None], corners[None, None].to(maps), align_corners=False
            )[0, :, 0]
            samples.append(torch.where(seen, found, 0.0))
    return torch.stack(samples).unflatten(0, maps.shape[:2])


def joined_one_by_one(values: Tensor, aggregation: str, confidence: Tensor, floor: float) -> Tensor:
    """(B, V, C, N) -> (B, C, N), all views there."""
    weight = confidence[..., None]
    match aggregation:
        case "sum":
            return values.sum(1)
        case "max":
            return values.amax(1)
        case "softmax":
            return (values.exp() / values.exp().sum(1, keepdim=True) * values).sum(1)
        case "conf":
            return (values * weight).sum(1)
        case "conf_norm":
            return (values * weight).sum(1) / weight.sum(1)
        case "logsum":
            return (values + floor).log().sum(1)
    raise ValueError(aggregation)


@pytest.fixture
def scene(ring, points_in_view):
    """Maps of 18 x 12 cells, not square, in three views of two moments; some points unseen."""

    def make(lens: str = "radtan", channels: int = 3):
        of_images = ring(3, lens)
        cameras = of_images.resized(torch.tensor([18 / 1280, 12 / 720]))
        cameras = torch.stack([cameras.K, 1.1 * cameras.K]), cameras
        both = cameras[1].map(lambda field: torch.stack([field, field]))
        points = torch.cat([points_in_view(2, 20), 6 * points_in_view(2, 20, seed=3)], dim=1)
        return random_volumes(2, 3, channels, 12, 18).abs(), both, points

    return make


ALL = ("sum", "mean", "max", "softmax", "conf", "conf_norm", "logsum")


@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye", "mixed"])
@pytest.mark.parametrize("aggregation", [name for name in ALL if name != "mean"])
def test_unproject_is_a_loop_over_views(scene, aggregation, lens) -> None:
    maps, cameras, points = scene(lens)
    confidence = random_volumes(2, 3, 3).abs()
    found = unproject(
        maps, cameras, points, aggregation=aggregation, confidence=confidence, floor=0.5
    )
    values = looked_up_in_a_loop(maps, cameras, points)
    assert (values == 0).any()
    assert (values != 0).any()
    expected = joined_one_by_one(values, aggregation, confidence, 0.5 / (12 * 18))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(look_up(maps, cameras, points), values.mT)


def test_mean_is_over_the_views_that_see(scene) -> None:
    maps, cameras, points = scene()
    seeing = looked_up_in_a_loop(torch.ones_like(maps[:, :, :1]), cameras, points)
    total = looked_up_in_a_loop(maps, cameras, points).sum(1)
    found = unproject(maps, cameras, points, aggregation="mean")
    count = seeing.sum(1)
    torch.testing.assert_close(found, total / torch.where(count > 0, count, 1.0))
    flat = unproject(torch.ones_like(maps), cameras, points, aggregation="mean")
    assert set(flat.round(decimals=6).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("aggregation", ALL)
def test_chunks_change_nothing(scene, aggregation, monkeypatch) -> None:
    maps, cameras, points = scene()
    confidence = random_volumes(2, 3, 3).abs()

    def run() -> tuple[Tensor, ...]:
        leaves = [maps.clone().requires_grad_(), points.clone().requires_grad_()]
        leaves.append(confidence.clone().requires_grad_())
        volume = unproject(
            leaves[0],
            cameras,
            leaves[1].unflatten(1, (2, 4, 5)),
            aggregation=aggregation,
            confidence=leaves[2],
        )
        grads = torch.autograd.grad(volume.square().sum(), leaves, allow_unused=True)
        with torch.no_grad():
            alone = unproject(maps, cameras, points, aggregation=aggregation, confidence=confidence)
        return volume, alone, *(grad for grad in grads if grad is not None)

    whole = run()
    monkeypatch.setattr("triangulate.geometry.volume._LEAST_POINTS", 1)
    monkeypatch.setitem(volume_module._CHUNK, "cpu", 7 * 2 * 3 * 3)
    for one, other in zip(run(), whole, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("aggregation", ALL)
def test_views_in_any_order(scene, aggregation) -> None:
    maps, cameras, points = scene()
    confidence, order = random_volumes(2, 3, 3).abs(), [2, 0, 1]
    views = torch.tensor([[True, True, False], [True, True, True]])
    whole = unproject(maps, cameras, points, views, aggregation=aggregation, confidence=confidence)
    turned = unproject(
        maps[:, order],
        cameras[:, order],
        points,
        views[:, order],
        aggregation=aggregation,
        confidence=confidence[:, order],
    )
    torch.testing.assert_close(turned, whole)


@pytest.mark.parametrize("aggregation", ALL)
def test_a_missing_view_says_nothing(scene, aggregation) -> None:
    maps, cameras, points = scene()
    confidence = random_volumes(2, 3, 3).abs()
    views = torch.tensor([True, False, True]).expand(2, 3)

    def run(maps: Tensor, cameras: Camera, confidence: Tensor, views: Tensor | None) -> Tensor:
        return unproject(
            maps, cameras, points, views, aggregation=aggregation, confidence=confidence
        )

    there = [0, 2]
    expected = run(maps[:, there], cameras[:, there], confidence[:, there], None)
    rubbish, wrong = maps.clone(), confidence.clone()
    for nonsense in (1e6, torch.nan, torch.inf):
        rubbish[:, 1], wrong[:, 1] = nonsense, nonsense
        spoilt = cameras.map(lambda f: f.index_fill(1, torch.tensor([1]), 7))  # no such lens
        if nonsense != 1e6:
            spoilt = Camera(cameras.K.clone(), cameras.lens, cameras.cam_from_world)
            spoilt.K[:, 1] = nonsense
        leaf = rubbish.clone().requires_grad_()
        found = run(leaf, spoilt, wrong, views)
        torch.testing.assert_close(found, expected)
        found.sum().backward()
        assert torch.isfinite(leaf.grad).all()
        assert not leaf.grad[:, 1].any()


@pytest.mark.parametrize("aggregation", ALL)
def test_without_any_view_all_is_zero(scene, aggregation) -> None:
    maps, cameras, points = scene()
    views = torch.zeros(2, 3, dtype=torch.bool)
    confidence = torch.ones(2, 3, 3).double()
    found = unproject(maps, cameras, points, views, aggregation=aggregation, confidence=confidence)
    assert not found.any()


def test_shapes(scene) -> None:
    maps, cameras, _ = scene()
    voxels = cuboid_grid(torch.tensor([0.0, 0, 1]), 2.0, 3)
    whole = unproject(maps, cameras, voxels)  # one grid for all samples
    assert whole.shape == (2, 3, 3, 3, 3)
    assert whole.is_contiguous(memory_format=torch.channels_last_3d)
    one = unproject(maps[1], cameras[1], voxels)
    torch.testing.assert_close(one, whole[1])
    torch.testing.assert_close(unproject(maps, cameras[0], voxels)[0], whole[0])
    points = voxels.reshape(1, -1, 3)
    torch.testing.assert_close(unproject(maps, cameras, points).flatten(2), whole.flatten(2))
    half = unproject(maps.bfloat16(), cameras, voxels)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.double(), whole, atol=0.1, rtol=0.02)
    single = unproject(maps.float(), cameras, voxels)
    torch.testing.assert_close(single.double(), whole, atol=1e-5, rtol=1e-5)


def test_far_from_the_origin_of_the_world(scene, rigid_motion, seen_from) -> None:
    maps, cameras, points = scene()
    motion = rigid_motion()
    motion = Rigid(motion.rotation, motion.translation + 1e6)
    moved = unproject(maps.float(), seen_from(cameras, motion), motion.apply(points))
    torch.testing.assert_close(moved, unproject(maps.float(), cameras, points), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": torch.zeros(3, 4)}, "features must have shape"),
        ({"points_world": torch.zeros(2, 5, 2)}, "points_world must have shape"),
        ({"points_world": torch.zeros(3, 5, 3)}, "points_world must be of 2 samples, got 3"),
        ({"views": torch.ones(2, 4).bool()}, "views must have shape"),
        ({"aggregation": "average"}, "aggregation must be one of"),
        ({"aggregation": "conf"}, "conf needs a confidence of shape"),
    ],
)
def test_wrong_arguments_are_refused(scene, change, said) -> None:
    maps, cameras, points = scene()
    given = {"features": maps, "cameras": cameras, "points_world": points} | change
    with pytest.raises(ValueError, match=said):
        unproject(**given)


def test_cameras_of_another_rig_are_refused(scene, ring) -> None:
    maps, _, points = scene()
    with pytest.raises(ValueError, match="cameras must have leading dims"):
        unproject(maps, ring(4), points)


@pytest.mark.parametrize("aggregation", ALL)
def test_gradients_of_unprojection(ring, aggregation) -> None:
    cameras = ring(3).resized(torch.tensor([4 / 1280, 3 / 720]))
    maps = (random_volumes(1, 3, 1, 3, 4).abs() + 0.1).requires_grad_()
    points = torch.tensor([[[0.1, 0.2, 1.0], [-0.3, 0.1, 0.7]]]).double().requires_grad_()
    confidence = (random_volumes(1, 3, 1).abs() + 0.1).requires_grad_()
    shift = torch.zeros(3, 3).double().requires_grad_()

    def run(maps: Tensor, points: Tensor, confidence: Tensor, shift: Tensor) -> Tensor:
        motion = cameras.cam_from_world
        moved = Rigid(motion.rotation, motion.translation + shift)
        return unproject(
            maps,
            Camera(cameras.K, cameras.lens, moved),
            points,
            aggregation=aggregation,
            confidence=confidence,
        )

    assert torch.autograd.gradcheck(run, (maps, points, confidence, shift))
    fixed = points.detach()  # then the maps' gradient takes the other way
    assert torch.autograd.gradcheck(
        lambda maps: run(maps, fixed, confidence.detach(), shift.detach()), maps
    )


def degenerate_cameras(count: int) -> Camera:
    """(B, 3) cameras that may stand in one place, look away, or bend strongly; small maps."""
    source = torch.Generator().manual_seed(4)
    draw = torch.randn(count, 3, 12, generator=source, dtype=torch.float64)
    draw[::5, 1] = draw[::5, 0]
    rotation = torch.linalg.qr(draw[..., :9].unflatten(-1, (3, 3))).Q
    rotation = rotation * torch.linalg.det(rotation)[..., None, None]
    K = torch.tensor([[3.0, 0, 1.5], [0, 3, 1], [0, 0, 1]]).double().expand(count, 3, 3, 3)
    model = torch.randint(3, (count, 3), generator=source)
    lens = Lens(model, torch.nn.functional.pad(0.3 * draw[..., 9:11], (0, 6)))
    return Camera(K, lens, Rigid(rotation, draw[..., 9:]))


@pytest.mark.parametrize("aggregation", ALL)
def test_thousands_of_degenerate_moments(aggregation) -> None:
    count, source = 1_500, torch.Generator().manual_seed(5)
    cameras = degenerate_cameras(count)  # (B, 3)
    maps = torch.rand(count, 3, 2, 3, 4, generator=source)
    maps = maps * (torch.rand(count, 3, 2, 1, 1, generator=source) < 0.7)
    confidence = torch.rand(count, 3, 2, generator=source)
    confidence = confidence * (torch.rand(count, 3, 1, generator=source) < 0.5)
    views = torch.rand(count, 3, generator=source) < 0.7
    points = 5 * torch.randn(count, 2, 3, generator=source, dtype=torch.float64)
    points[::7] = cameras.centre_world[::7, :2]
    leaves = [leaf.requires_grad_() for leaf in (maps, points, confidence)]
    volume = unproject(maps, cameras, points, views, aggregation=aggregation, confidence=confidence)
    assert torch.isfinite(volume).all()
    grads = torch.autograd.grad(volume.sum(), leaves, allow_unused=True)
    assert all(torch.isfinite(grad).all() for grad in grads if grad is not None)


@pytest.mark.parametrize("aggregation", ["sum", "softmax"])
def test_as_published(shared, aggregation) -> None:
    spec = importlib.util.spec_from_file_location("parity_inputs", shared.parity / "inputs.py")
    parity_inputs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parity_inputs)
    maps, _ = parity_inputs.feature_inputs(1, 4, 8, (96, 96))
    K, rotation, translation_mm = (torch.from_numpy(a) for a in parity_inputs.make_cameras(4))
    shrink = torch.diag(torch.tensor([0.25, 0.25, 1.0])).double()
    lens = Lens.of("radtan", torch.ones(4, 5).double())  # which published sampling leaves out
    cameras = Camera(shrink @ K, lens, Rigid(rotation, translation_mm[..., 0] / 1000))
    voxels = cuboid_grid(torch.tensor([[0, 0, 0.9]]).double(), 2.5, 24)
    found = unproject(
        torch.from_numpy(maps), cameras, voxels, aggregation=aggregation, sampling="published"
    )
    expected = np.load(shared.parity / "unproject_sq.npz")[aggregation]
    np.testing.assert_allclose(found[:, :2], expected, atol=2e-4)
