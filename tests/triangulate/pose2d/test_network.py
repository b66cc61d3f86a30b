from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from triangulate.config.models import AlgebraicConfig, UNetConfig
from triangulate.models.build import build_model
from triangulate.models.weights import save
from triangulate.pose2d import network as module
from triangulate.pose2d.network import MARGIN, NetworkDetector, first_squares, region_around
from triangulate.pose2d.regions import Region
from triangulate.skeleton import Skeleton

WIDTH, HEIGHT = 640, 360
NUM_JOINTS = 6
COLOURS = np.array([[250, 0, 0], [0, 250, 0], [0, 0, 250], [250, 250, 0], [250, 0, 250]])
COLOURS = np.concatenate([COLOURS, [[0, 250, 250]]]).astype(np.uint8)
FIGURE = np.array([[0, -60], [-20, -20], [25, -25], [-10, 20], [15, 60], [-25, 58]])


def write(path: Path, seed: int = 0, skeleton: Skeleton | None = None) -> Path:
    torch.manual_seed(seed)
    backbone = UNetConfig(channels=[8, 8, 8, 12])
    config = AlgebraicConfig(joints=NUM_JOINTS, backbone=backbone, learned_confidences=False)
    save(build_model(config), path, skeleton=skeleton)
    return path


def picture(centre: tuple[float, float] | None, size: tuple[int, int] = (WIDTH, HEIGHT)):
    """Dots at FIGURE around a centre, and where they are."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    points = np.full((NUM_JOINTS, 2), np.nan)
    if centre is not None:
        points = FIGURE + np.round(centre)
        rows, columns = np.mgrid[: size[1], : size[0]]
        for (x, y), colour in zip(points, COLOURS, strict=True):
            image[(columns - x) ** 2 + (rows - y) ** 2 < 6**2] = colour
    return image, points


class DotReader:
    """Reads dots instead of joints; sure of them where they are large in the crop."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.batches.append(len(crops))
        bright = (crops[:, None] > 120) == (COLOURS[None, :, None, None] > 120)
        weight = bright.all(-1).astype(float)  # (N, J, h, w)
        total = weight.sum((-2, -1))
        side = crops.shape[1]
        centres = [(weight.sum(axis) * np.arange(side)).sum(-1) for axis in (-2, -1)]
        points = np.stack(centres, -1) / np.maximum(total, 1)[..., None]
        points[total == 0] = (side - 1) / 2
        mass = np.where(total > 0, np.clip(0.5 + total / 200, 0, 1), 0.05)
        return points, mass, mass


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NetworkDetector:
    detector = NetworkDetector(write(tmp_path / "net.safetensors"))
    monkeypatch.setattr(detector, "_reader", DotReader())
    return detector


@pytest.fixture
def batches(detector: NetworkDetector) -> Callable[[], list[int]]:
    """The sizes of the batches since the last call."""

    def taken() -> list[int]:
        reader: DotReader = detector._reader  # type: ignore[assignment]
        seen, reader.batches = reader.batches, []
        return seen

    return taken


# --- Squares --------------------------------------------------------------------------------------


def test_the_square_around_joints() -> None:
    region = region_around(np.array([[10.0, 20], [30, 100], [np.nan, 5]]))
    assert region == Region((20.0, 60.0), MARGIN * 80)
    assert region_around(np.full((3, 2), np.nan)) is None
    assert region_around(np.array([[5.0, 5.0]])) is None


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (200, 200)])
def test_a_search_starts_from_squares_that_cover_the_image(size: tuple[int, int]) -> None:
    whole, *within = first_squares(size)
    assert whole == Region(((size[0] - 1) / 2, (size[1] - 1) / 2), max(size))
    assert all(square.size_px == min(size) for square in within)
    corners = np.concatenate([square.corners_px() for square in within])
    np.testing.assert_allclose(corners.min(0), -0.5)
    np.testing.assert_allclose(corners.max(0), np.array(size) - 0.5)


# --- Finding and following ------------------------------------------------------------------------


def test_a_person_is_found_anywhere_and_then_followed(detector, batches) -> None:
    starts = [(100, 90), (560, 250), None]
    for step in range(4):
        centres = [start and (start[0] + 12 * step, start[1] + 5 * step) for start in starts]
        images, points = zip(*(picture(centre) for centre in centres), strict=True)
        found = detector(list(images))
        assert found.points_px.shape == (3, 1, NUM_JOINTS, 2)
        np.testing.assert_allclose(found.points_px[:2, 0], points[:2], atol=0.6)
        assert (found.confidence[:2] > 0.5).all()
        assert np.isnan(found.points_px[2]).all()
        assert (found.confidence[2] == 0).all()
        if step:
            assert batches() == [2]  # one batch for both views; the third is not due
        else:
            assert sum(batches()) > 10


def test_an_empty_view_is_searched_once_in_a_while(detector, batches) -> None:
    empty, _ = picture(None)
    searched = []
    for _ in range(11):
        detector([empty])
        searched.append(bool(batches()))
    assert searched == [number % 5 == 0 for number in range(11)]
    image, points = picture((300, 200))
    for _ in range(5):
        found = detector([image])
    np.testing.assert_allclose(found.points_px[0, 0], points, atol=0.6)


def test_a_person_who_jumps_is_searched_at_once(detector) -> None:
    detector([picture((100, 100))[0]])
    image, points = picture((540, 250))
    np.testing.assert_allclose(detector([image]).points_px[0, 0], points, atol=0.6)


def test_a_hint_says_where_to_look(detector, batches) -> None:
    empty, _ = picture(None)
    image, points = picture((300, 200))
    detector([empty, empty])
    batches()
    hint = detector.region_around(points + 10)
    found = detector([image, image], [hint, None])
    np.testing.assert_allclose(found.points_px[0, 0], points, atol=0.6)
    assert np.isnan(found.points_px[1]).all()
    assert batches() == [1, 1]  # a look, and a closer one


def test_a_view_without_a_frame_remembers_what_it_did(detector, batches) -> None:
    image, points = picture((300, 200))
    detector([image, image])
    batches()
    found = detector([image, None])
    assert np.isnan(found.points_px[1]).all()
    assert batches() == [1]
    np.testing.assert_allclose(detector([image, image]).points_px[1, 0], points, atol=0.6)
    assert batches() == [2]


def test_its_state_is_all_that_it_remembers(detector, tmp_path: Path, monkeypatch) -> None:
    images = [picture((100 + 9 * step, 120))[0] for step in range(3)]
    for image in images[:2]:
        detector([image])
    state, expected = detector.state, detector([images[2]])
    other = NetworkDetector(tmp_path / "net.safetensors")
    monkeypatch.setattr(other, "_reader", DotReader())
    other.state = state
    again = other([images[2]])
    np.testing.assert_array_equal(again.points_px, expected.points_px)
    other.reset()
    assert other.state == ()


def test_joints_outside_the_image_are_not_seen(detector) -> None:
    image, points = picture((300, 200))
    detector([image])
    cut = image[:, :299].copy()  # columns 0 ... 298: the joint at 300 and those right of it are out

    class Sure(DotReader):
        def __call__(self, crops):
            _, mass, _ = super().__call__(crops)
            square = detector.state[0].regions[0]
            crop_from_image = np.linalg.inv(square.image_from_crop(detector.crop_px))
            true = points @ crop_from_image[:2, :2].T + crop_from_image[:2, 2]
            return true[None], np.ones_like(mass), np.ones_like(mass)

    detector._reader = Sure()
    found = detector([cut])
    inside = points[:, 0] < 299
    assert 0 < inside.sum() < NUM_JOINTS
    assert ((found.confidence[0, 0] > 0) == inside).all()
    assert (np.isfinite(found.points_px[0, 0]).all(-1) == inside).all()


def test_what_is_no_image_is_refused(detector) -> None:
    detector([picture(None)[0]])
    with pytest.raises(ValueError, match="expected 1 views as before, got 2 images"):
        detector([None, None])
    detector.reset()
    with pytest.raises(ValueError, match="expected a uint8 image"):
        detector([np.zeros((HEIGHT, WIDTH, 3))])


# --- Weights --------------------------------------------------------------------------------------


def test_the_weights_say_which_joints(tmp_path: Path) -> None:
    nameless = NetworkDetector(write(tmp_path / "a.safetensors"))
    assert nameless.num_joints == NUM_JOINTS
    assert nameless.skeleton == Skeleton.anonymous(NUM_JOINTS)
    names = [f"p{number}" for number in range(NUM_JOINTS)]
    skeleton = Skeleton.from_edges(names, [("p0", "p1")])
    named = NetworkDetector(write(tmp_path / "b.safetensors", skeleton=skeleton))
    assert named.skeleton == skeleton


def test_the_cache_key_is_that_of_the_content(tmp_path: Path) -> None:
    first = NetworkDetector(write(tmp_path / "a.safetensors"))
    same = NetworkDetector(shutil.copy(tmp_path / "a.safetensors", tmp_path / "b.safetensors"))
    other = NetworkDetector(write(tmp_path / "c.safetensors", seed=1))
    larger = NetworkDetector(tmp_path / "a.safetensors", crop_px=256)
    assert first.cache_key == same.cache_key
    assert len({first.cache_key, other.cache_key, larger.cache_key}) == 3


def test_a_real_network_goes_through_real_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MIN_SURENESS", 0.0)
    monkeypatch.setattr(module, "_SURE_JOINT", 0.0)
    detector = NetworkDetector(write(tmp_path / "net.safetensors"))
    image, _ = picture((300, 200))
    found = detector([image, image])
    assert np.isfinite(found.points_px).any()
    np.testing.assert_allclose(found.points_px[0], found.points_px[1], atol=1e-2)
