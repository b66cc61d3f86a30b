from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.models.build import settings_of
from triangulate.models.prediction import Prediction
from triangulate.models.published import KINDS, load_published, take_published
from triangulate.skeleton import Skeleton


@pytest.fixture
def no_random_weights(monkeypatch) -> None:
    """Large networks are built without drawing weights that are overwritten at once."""
    for name in ("kaiming_normal_", "xavier_normal_", "normal_", "kaiming_uniform_", "uniform_"):
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)


def empty(parity, name: str) -> dict[str, Tensor]:
    return {key: torch.zeros(()).expand(shape) for key, shape in parity.shapes(name).items()}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("alg_r18", "algebraic"),
        ("alg_no_conf_r18", "algebraic-no-confidences"),
        ("alg_no_conf_r18", "ransac"),
        ("vol_r18", "volumetric-softmax"),
        ("vol_r18", "volumetric-sum"),
        ("vol_r18", "volumetric-max"),
        ("vol_conf_r18", "volumetric-conf"),
        ("vol_conf_r18", "volumetric-conf-norm"),
        pytest.param("alg", "algebraic", marks=pytest.mark.slow),
        pytest.param("alg_no_conf", "algebraic-no-confidences", marks=pytest.mark.slow),
        pytest.param("ransac", "ransac", marks=pytest.mark.slow),
        pytest.param("vol", "volumetric-softmax", marks=pytest.mark.slow),
        pytest.param("vol_conf", "volumetric-conf", marks=pytest.mark.slow),
    ],
)
def test_every_published_state_dict_is_taken(parity, no_random_weights, name: str, kind) -> None:
    state = {f"module.{key}": value for key, value in empty(parity, name).items()}
    taken = take_published(state, kind)
    assert taken.unused == () and taken.cut == () and taken.joints == 17
    found = {key: list(value.shape) for key, value in taken.network.state_dict().items()}
    assert found == parity.shapes(name)
    settings = settings_of(taken.network)
    assert settings.backbone.depth == (18 if name.endswith("r18") else 152)
    assert settings.sampling == "published"
    assert not taken.network.training and taken.network.channel_order == "bgr"


def test_all_kinds_are_those_of_the_document() -> None:
    aggregations = ("sum", "max", "softmax", "conf", "conf-norm")
    volumetric = [f"volumetric-{each}" for each in aggregations]
    assert [*KINDS] == ["algebraic", "algebraic-no-confidences", "ransac", *volumetric]


def test_weights_are_where_they_belong(parity, tmp_path: Path) -> None:
    state = parity.weights("alg_r18")
    torch.save(state, tmp_path / "weights.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network = load_published(tmp_path / "weights.pth", "algebraic")
    images = torch.from_numpy(parity.inputs.images(2, 3, (128, 128)))
    found = network.predict(images, parity.cameras(3, (128, 128)), centre_world=None)
    off_mm = 1000 * found.points_world.numpy() - parity.arrays("alg_r18")["kp3d"]
    assert np.percentile(np.linalg.norm(off_mm, axis=-1), 99) < 0.1


def test_weights_of_the_volumetric_network_are_where_they_belong(parity) -> None:
    given = parity.weights("vol_conf_r18")
    network = load_published(given, "volumetric-conf-norm", volume_size=32)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, given[name]), name
    assert (network.aggregation, network.centre_joints) == ("conf_norm", [6])
    torch.manual_seed(0)
    images = torch.randn(1, 2, 3, 128, 160)
    centre_world = torch.tensor([[0.0, 0.0, 0.9]])
    found = network.predict(images, parity.cameras(2, (128, 160)), centre_world=centre_world)
    assert found.points_world.shape == (1, 17, 3)
    assert bool(((found.points_world - centre_world).abs() < 1.25).all())
    with pytest.raises(InputError, match="needs centre_world, or centre_from="):
        network.predict(images, parity.cameras(2, (128, 160)))


@pytest.mark.parametrize(
    ("name", "centre"),
    [
        (None, [6]),
        ("h36m17", [6]),
        ("h36m17_mmpose", [0]),
        ("coco17", [11, 12]),
    ],
)
def test_the_skeleton_says_where_the_cube_stands(parity, no_random_weights, name, centre) -> None:
    skeleton = None if name is None else Skeleton.named(name)
    taken = take_published(empty(parity, "vol_r18"), "volumetric-sum", 32, skeleton=skeleton)
    assert taken.network.centre_joints == centre
    assert taken.skeleton == Skeleton.named(name or "h36m17")
    nameless = take_published(
        empty(parity, "vol_r18"), "volumetric-sum", 32, skeleton=Skeleton.anonymous(17)
    )
    assert nameless.network.centre_joints is None


def test_the_centre_of_coco_joints_is_the_middle_of_the_hips(parity) -> None:
    network = load_published(
        parity.weights("vol_r18"), "volumetric-sum", 32, skeleton=Skeleton.named("coco17")
    )
    joints = torch.rand(1, 17, 3, dtype=torch.float64)

    class Source:
        def predict(self, images: Tensor, cameras: Camera, *, views: Tensor | None = None):
            there = torch.ones(1, 17, dtype=torch.bool)
            empty = torch.zeros(0)
            return Prediction(joints, there, empty, empty, empty)

    images, cameras = torch.zeros(1, 2, 3, 128, 160), parity.cameras(2, (128, 160))
    found = network.predict(images, cameras, centre_from=Source(), keep_maps=True)
    middle = found.grid_world.mean((1, 2, 3))
    torch.testing.assert_close(middle, (joints[:, 11] + joints[:, 12]) / 2)


def test_the_size_of_volumes_reaches_the_network(parity, no_random_weights) -> None:
    network = load_published(empty(parity, "vol_r18"), "volumetric-max", 32, 2.0, 7.0)
    assert (network.size, network.side_m, network.volume_multiplier) == (32, 2.0, 7.0)
    with pytest.raises(ValueError, match=r"size must be a multiple of 32 .*, got 48"):
        load_published(empty(parity, "vol_r18"), "volumetric-max", 48)


def test_what_is_not_used_is_said(parity, no_random_weights) -> None:
    state = empty(parity, "alg_r18")
    taken = take_published(state, "ransac")
    assert len(taken.unused) == 20
    assert all(name.startswith("backbone.alg_confidences.") for name in taken.unused)
    with pytest.warns(UserWarning, match=r"not used: backbone\.alg_confidences\.features\.0"):
        load_published(state, "algebraic-no-confidences")


def test_training_checkpoints_are_unwrapped(parity, no_random_weights) -> None:
    state = empty(parity, "alg_no_conf_r18")
    wrapped = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}
    assert take_published(wrapped, "ransac").unused == ()


def test_heatmaps_of_other_joints_than_the_volume(parity) -> None:
    state = parity.weights("vol_r18")
    more = {key: torch.cat([value, value])[:19] for key, value in state.items() if "final_l" in key}
    taken = take_published({**state, **more}, "volumetric-sum", 32)
    final = taken.network.backbone.final_layer
    assert torch.equal(final.weight, state["backbone.final_layer.weight"])
    assert taken.cut[0] == "of backbone.final_layer.weight, 17 of 19 filters fit 17 joints"


# --- Refusals -------------------------------------------------------------------------------------


def refusal(content, kind="algebraic") -> str:
    with pytest.raises(InputError) as caught:
        load_published(content, kind)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_weights_of_another_kind(parity) -> None:
    said = refusal(empty(parity, "alg_no_conf_r18"))
    assert said == (
        "the state dict: not the weights of algebraic; it fits algebraic-no-confidences, ransac"
    )
    assert "it fits volumetric-sum, volumetric-max, volumetric-softmax" in refusal(
        empty(parity, "vol_r18"), "volumetric-conf"
    )
    assert "it fits algebraic, " in refusal(empty(parity, "alg_r18"), "volumetric-sum")


def test_a_skeleton_of_other_joints(parity) -> None:
    with pytest.raises(InputError, match="the skeleton body25 has 25 joints, the network 17"):
        load_published(empty(parity, "alg_r18"), "ransac", skeleton=Skeleton.named("body25"))


def test_weights_of_another_network(parity, no_random_weights) -> None:
    state = empty(parity, "alg_r18")
    lacking = {key: value for key, value in state.items() if "layer4.1.conv2" not in key}
    assert "not the weights of a published network" in refusal({"weight": torch.zeros(2)})
    assert "lacks backbone.layer4.1.conv2.weight" in refusal(lacking)
    small = {**state, "backbone.conv1.weight": torch.zeros(64, 3, 5, 5)}
    assert "conv1.weight is (64, 3, 5, 5), expected (64, 3, 7, 7)" in refusal(small)
    assert "not the weights of a published network" in refusal(
        {key: value for key, value in state.items() if ".layer3." not in key}
    )


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.pth")
    assert "is a folder" in refusal(tmp_path)
    for name, content in (("empty", b""), ("text", b"hello, I am no checkpoint")):
        (tmp_path / name).write_bytes(content)
        assert "no PyTorch checkpoint, or one that is cut short" in refusal(tmp_path / name)
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(content[: len(content) // 2])
    assert "cut short" in refusal(tmp_path / "cut.pth")
    torch.save({"weight": torch.zeros(9000)}, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:6000])
    assert "cut short" in refusal(tmp_path / "cut.pth")
    old = {"_use_new_zipfile_serialization": False}
    torch.save({"weight": torch.zeros(9)}, tmp_path / "whole.pth", **old)
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:3])
    assert "cut short" in refusal(tmp_path / "cut.pth")
    torch.save({"path": tmp_path}, tmp_path / "objects.pth")
    assert "holds more than weights, which is not safe to read" in refusal(tmp_path / "objects.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    assert "holds no weights by name" in refusal(tmp_path / "list.pth")


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kind must be one of algebraic, .* got 'volumetric'"):
        load_published({}, "volumetric")  # type: ignore[arg-type]
