from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import LENS_MODELS, Lens
from triangulate.geometry.rigid import Rigid

# The door to its stopping rule has another name before OpenCV 5.
OPENCV_UNDISTORT = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
BATCHES = [(), (1,), (3, 1, 2)]


def simple_camera(dtype=torch.float64) -> Camera:
    """f = 100 and 200 px, centre (32, 24), 2 m before the origin, looking along z."""
    K = torch.tensor([[100.0, 0, 32], [0, 200, 24], [0, 0, 1]], dtype=dtype)
    still = Rigid(torch.eye(3, dtype=dtype), torch.tensor([0.0, 0, 2], dtype=dtype))
    return Camera(K, Lens.of("radtan", torch.zeros(5, dtype=dtype)), still)


def batched(camera: Camera, *batch: int) -> Camera:
    """Cameras of a rig, laid out in any leading dims."""
    count = len(camera.K)
    return camera[torch.arange(torch.Size(batch).numel()).reshape(batch) % count]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_project_by_hand(dtype) -> None:
    # x right and y down: (0.5, 0.25, 0) at depth 2 lies at 100 * 0.25 + 32, 200 * 0.125 + 24
    points_world = torch.tensor([[0.5, 0.25, 0.0], [0, 0, 0], [0, 0, -3]], dtype=dtype)
    points_px, in_front = simple_camera(dtype).project(points_world)
    assert points_px.dtype == dtype
    torch.testing.assert_close(points_px[:2], torch.tensor([[57.0, 49.0], [32, 24]], dtype=dtype))
    assert in_front.tolist() == [True, True, False]
    assert torch.isfinite(points_px).all()


def test_centre_and_projection_by_hand() -> None:
    camera = simple_camera()
    assert camera.centre_world.tolist() == [0, 0, -2]
    expected = [[100.0, 0, 32, 64], [0, 200, 24, 48], [0, 0, 1, 2]]
    torch.testing.assert_close(camera.projection(), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("batch", BATCHES)
def test_projection_agrees_with_undistorted_pixels(batch, ring, points_in_view) -> None:
    camera, points_world = batched(ring(3, lens="mixed"), *batch), points_in_view(*batch, 6)
    points_px, in_front = camera.project(points_world)
    undistorted_px, valid = camera.undistort(points_px)
    assert in_front.all()
    assert valid.all()
    homogeneous = torch.nn.functional.pad(points_world, (0, 1), value=1.0)
    image = homogeneous @ camera.projection().mT
    torch.testing.assert_close(undistorted_px, image[..., :2] / image[..., 2:], atol=1e-8, rtol=0)


@pytest.mark.parametrize("batch", BATCHES)
def test_rays_go_through_the_points(batch, ring, points_in_view) -> None:
    camera, points_world = batched(ring(3, lens="mixed"), *batch), points_in_view(*batch, 6)
    origins, directions, valid = camera.rays(camera.project(points_world)[0])
    assert valid.all()
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(*batch, 6).double())
    to_point = points_world - origins[..., None, :]
    along = (to_point * directions).sum(-1, keepdim=True)
    assert (along > 0).all()
    torch.testing.assert_close(along * directions, to_point, atol=1e-10, rtol=0)


@pytest.mark.parametrize("batch", BATCHES)
def test_pixels_do_not_depend_on_the_world_frame(
    batch, ring, points_in_view, rigid_motion, seen_from
) -> None:
    camera, points_world = batched(ring(3), *batch), points_in_view(*batch, 6)
    motion = rigid_motion(*batch)
    moved_px, _ = seen_from(camera, motion).project(motion.apply(points_world))
    torch.testing.assert_close(moved_px, camera.project(points_world)[0], atol=1e-9, rtol=0)


def test_shared_points_are_seen_by_all(ring, points_in_view) -> None:
    camera, points_world = ring(4), points_in_view(5)
    points_px, _ = camera.project(points_world)
    assert points_px.shape == (4, 5, 2)
    torch.testing.assert_close(points_px[2], camera[2].project(points_world)[0])


@pytest.mark.parametrize("model", LENS_MODELS)
def test_projects_as_opencv_does(model: str, ring, points_in_view) -> None:
    camera, points_world = ring(3, lens=model), points_in_view(20)
    points_px, _ = camera.project(points_world)
    for v in range(3):
        pose = camera.cam_from_world[v]
        vector, K = cv2.Rodrigues(pose.rotation.numpy())[0], camera.K[v].numpy()
        k, world = camera.lens.coefficients[v].numpy(), points_world.numpy()[:, None]
        if model == "fisheye":
            theirs, _ = cv2.fisheye.projectPoints(world, vector, pose.translation.numpy(), K, k[:4])
        else:
            theirs, _ = cv2.projectPoints(world, vector, pose.translation.numpy(), K, k)
        np.testing.assert_allclose(points_px[v], theirs.reshape(-1, 2), atol=1e-8)


def test_undistorts_as_opencv_does(ring, points_in_view) -> None:
    camera = ring(3)
    points_px, _ = camera.project(points_in_view(20))
    undistorted_px, _ = camera.undistort(points_px)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-14)
    for v in range(3):
        K, k = camera.K[v].numpy(), camera.lens.coefficients[v, :5].numpy()
        pixels = points_px[v].numpy()[:, None]
        theirs = OPENCV_UNDISTORT(pixels, K, k, R=np.eye(3), P=K, criteria=criteria)
        np.testing.assert_allclose(undistorted_px[v], theirs[:, 0], atol=1e-6)


@pytest.mark.parametrize("model", [*LENS_MODELS, "mixed"])
def test_closed_form_jacobian_is_the_derivative(model: str, ring, points_in_view) -> None:
    camera, points_world = ring(3, lens=model), points_in_view(4)
    points_px, jacobian, in_front = camera.project_with_jacobian(points_world)
    assert in_front.all()
    torch.testing.assert_close(points_px, camera.project(points_world)[0])
    by_autograd = torch.autograd.functional.jacobian(
        lambda moving: camera.project(moving)[0].sum(1), points_world
    )  # (V, 2, N, 3)
    torch.testing.assert_close(jacobian, by_autograd.movedim(1, 2), atol=1e-8, rtol=1e-10)


def test_behind_the_camera_is_masked_and_finite() -> None:
    points_world = torch.tensor(
        [[0.0, 0, -2], [1, 1, -2], [0.3, 0.1, -5]], dtype=torch.float64, requires_grad=True
    )
    points_px, jacobian, in_front = simple_camera().project_with_jacobian(points_world)
    assert not in_front.any()
    (points_px.sum() + jacobian.sum()).backward()
    for tensor in (points_px, jacobian, points_world.grad):
        assert torch.isfinite(tensor).all()


def test_crop_by_hand() -> None:
    # What was pixel (10, 4) becomes pixel (0, 0); a negative corner pads.
    points_world = torch.tensor([[0.5, 0.25, 0.0]], dtype=torch.float64)
    cropped = simple_camera().cropped(torch.tensor([10, 4]))
    assert cropped.project(points_world)[0].tolist() == [[47.0, 45.0]]
    padded = simple_camera().cropped(torch.tensor([-3, -1]))
    assert padded.project(points_world)[0].tolist() == [[60.0, 50.0]]


def test_resize_by_hand_keeps_edges_on_edges() -> None:
    # Twice as large: the middle (57.5, 49.5) from the left edge becomes 115, 99; minus the half.
    points_world = torch.tensor([[0.5, 0.25, 0.0]], dtype=torch.float64)
    assert simple_camera().resized(2.0).project(points_world)[0].tolist() == [[114.5, 98.5]]
    uneven = simple_camera().resized(torch.tensor([2.0, 0.5]))
    assert uneven.project(points_world)[0].tolist() == [[114.5, 24.25]]


def test_resize_follows_the_images_of_opencv() -> None:
    """A bright square's centre of mass goes where `resized` says."""
    image = np.zeros((48, 64), np.float32)
    image[20:24, 40:44] = 1  # centre (41.5, 21.5)
    small = cv2.resize(image, (32, 12), interpolation=cv2.INTER_AREA)
    rows, columns = np.indices(small.shape)
    mass_px = np.array([(small * columns).sum(), (small * rows).sum()]) / small.sum()
    ray_to_square = torch.tensor([[9.5 / 100, -2.5 / 200, 1.0]], dtype=torch.float64)
    points_world = 2 * ray_to_square - torch.tensor([0, 0, 2.0], dtype=torch.float64)
    camera = simple_camera()
    torch.testing.assert_close(
        camera.project(points_world)[0], torch.tensor([[41.5, 21.5]], dtype=torch.float64)
    )
    resized_px, _ = camera.resized(torch.tensor([0.5, 0.25])).project(points_world)
    np.testing.assert_allclose(resized_px[0], mass_px, atol=1e-6)


@pytest.mark.parametrize("batch", BATCHES)
def test_editing_is_a_map_of_pixels(batch, ring, points_in_view) -> None:
    camera, points_world = batched(ring(3, lens="mixed"), *batch), points_in_view(*batch, 6)
    corner, scale = torch.tensor([100.0, 30.0]), torch.tensor([0.3, 0.4])
    edited_px, _ = camera.cropped(corner).resized(scale).project(points_world)
    points_px, _ = camera.project(points_world)
    torch.testing.assert_close(edited_px, scale * (points_px - corner + 0.5) - 0.5)
    back = camera.resized(scale).resized(1 / scale)
    torch.testing.assert_close(back.K, camera.K)
    # One corner and one scale for each camera.
    shift = torch.rand(*batch, 2, dtype=torch.float64)
    own_px, _ = camera.cropped(shift).project(points_world)
    torch.testing.assert_close(own_px, points_px - shift[..., None, :])
    grown_px, _ = camera.resized(1 + shift).project(points_world)
    torch.testing.assert_close(grown_px, (1 + shift[..., None, :]) * (points_px + 0.5) - 0.5)


def test_warped_takes_any_affine_and_undoes_it(ring, points_in_view) -> None:
    camera, points_world = ring(3, lens="mixed"), points_in_view(6)
    turn = torch.tensor([[0.6, -0.8, 5], [0.8, 0.6, -9], [0, 0, 1]], dtype=torch.float64)
    points_px, _ = camera.project(points_world)
    warped = camera.warped(turn)
    expected_px = points_px @ turn[:2, :2].mT + turn[:2, 2]
    torch.testing.assert_close(warped.project(points_world)[0], expected_px)
    # `undistort` and `rays` go back through the full affine, skew included.
    torch.testing.assert_close(warped.rays(expected_px)[1], camera.rays(points_px)[1])


def test_gradients(ring, points_in_view) -> None:
    camera = ring(3, lens="mixed")

    def pixels(K: Tensor, coefficients: Tensor, translation: Tensor, points: Tensor):
        moved = Rigid(camera.cam_from_world.rotation, translation)
        return Camera(K, Lens(camera.lens.model, coefficients), moved).project(points)[0]

    parameters = (camera.K, camera.lens.coefficients, camera.cam_from_world.translation)
    inputs = tuple(part.clone().requires_grad_() for part in (*parameters, points_in_view(2)))
    assert torch.autograd.gradcheck(pixels, inputs)
    points_px, _ = camera.project(points_in_view(2))
    assert torch.autograd.gradcheck(
        lambda moving: camera.rays(moving)[1], (points_px.requires_grad_(),)
    )


def test_single_precision_follows(ring, points_in_view) -> None:
    camera = ring(3, lens="mixed").to(torch.float32)
    points_world = points_in_view(5).float()
    points_px, jacobian, _ = camera.project_with_jacobian(points_world)
    results = [points_px, jacobian, camera.undistort(points_px)[0], *camera.rays(points_px)[:2]]
    assert {tensor.dtype for tensor in results} == {torch.float32}
    exact_px, _ = ring(3, lens="mixed").project(points_in_view(5))
    torch.testing.assert_close(points_px.double(), exact_px, atol=2e-3, rtol=0)
