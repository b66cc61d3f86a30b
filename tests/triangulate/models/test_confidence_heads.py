from __future__ import annotations

import torch

from triangulate.models.confidence_heads import ChannelConfidence, ConfidenceHead, JointConfidence
from triangulate.models.map_statistics import NUM_STATISTICS


def test_the_published_head_by_hand() -> None:
    torch.manual_seed(0)
    head = ConfidenceHead(8, 5).eval()
    bottom = torch.randn(2, 8, 5, 7)
    conv1, norm1, _, _, conv2, norm2, _, _ = head.features
    with torch.no_grad():
        once = torch.relu(torch.max_pool2d(norm1(conv1(bottom)), 2))
        twice = torch.relu(torch.max_pool2d(norm2(conv2(once)), 2)).mean((-2, -1))
        first, _, second, _, third, _ = head.head
        expected = torch.sigmoid(third(torch.relu(second(torch.relu(first(twice))))))
        torch.testing.assert_close(head(bottom), expected)


def inputs(fine: int = 6, deep: int = 10) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    bottom = torch.randn(2, deep, 4, 6, generator=source)
    features = torch.randn(2, fine, 16, 24, generator=source)
    mass = torch.zeros(2, 3, 16, 24)
    mass[:, 0, 2, 3] = mass[:, 1, 13, 20] = mass[:, 2, 8, 12] = 1
    return [bottom, features, mass, torch.zeros(2, 3, NUM_STATISTICS)]


def test_a_joint_is_judged_by_what_the_image_shows_there() -> None:
    torch.manual_seed(0)
    head = JointConfidence(3, 6, 10).eval()
    bottom, features, mass, statistics = inputs()
    covered = features.clone()
    covered[:, :, 12:15, 19:22] = 5.0  # around the second joint
    with torch.no_grad():
        change = head(bottom, covered, mass, statistics) - head(bottom, features, mass, statistics)
    assert bool((change[:, 1].abs() > 1e-4).all())
    assert bool((change[:, [0, 2]] == 0).all())


def test_joints_differ_and_statistics_count() -> None:
    torch.manual_seed(0)
    head = JointConfidence(3, 6, 10).eval()
    bottom, features, mass, statistics = inputs()
    with torch.no_grad():
        before = head(bottom, features, mass, statistics)
        statistics[:, 2] = 1.0
        change = head(bottom, features, mass, statistics) - before
        assert bool((change[:, 2] != 0).all()) and bool((change[:, :2] == 0).all())
        mass[:] = mass[:, :1]
        statistics[:] = 0
        torch.nn.init.normal_(head.joints)
        same_place = head(bottom, features, mass, statistics)
    assert float((same_place[:, 0] - same_place[:, 1]).abs().min()) > 1e-4


def test_confidences_of_channels() -> None:
    torch.manual_seed(0)
    head = ChannelConfidence(3, 10, 8).eval()
    found = head(*inputs())
    assert found.shape == (2, 8) and bool(((found > 0) & (found < 1)).all())
