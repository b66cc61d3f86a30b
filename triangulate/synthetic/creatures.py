"""Bodies nobody has: random trees of bones, and known poses with their joints bent at random.

What is trained on them knows no body, so it serves people, mice and robots alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from triangulate.geometry.rigid import rotation_from_vector
from triangulate.skeleton import Skeleton


def random_creatures(
    batch: int, generator: torch.Generator, num_joints: int = 17
) -> tuple[Tensor, Skeleton]:
    """Poses of one random skeleton: a trunk, pairs of limbs, and single joints.

    Args:
        batch: B.
        generator: source of all that varies.
        num_joints: J.

    Returns:
        (B, J, 3) metres, every scene with bones of its own, and the skeleton.
    """
    parents, names = _random_tree(num_joints, generator)
    bones = torch.randn(batch, num_joints, 3, generator=generator, dtype=torch.float64)
    length = 0.1 + 0.35 * torch.rand(batch, num_joints, 1, generator=generator, dtype=torch.float64)
    bones = length * torch.nn.functional.normalize(bones, dim=-1)
    edges = [(parent, joint) for joint, parent in enumerate(parents) if parent >= 0]
    return _along(bones, parents), Skeleton.from_edges(names, edges)


def bend(
    points_world: Tensor, skeleton: Skeleton, angle_rad: Tensor, generator: torch.Generator
) -> Tensor:
    """Turn every bone, and what hangs on it, by a random rotation; bones keep their lengths.

    Args:
        points_world: (B, J, 3).
        skeleton: a tree of bones; joints without one stay where they are.
        angle_rad: (B,) standard deviation of the turn about each axis.
        generator: source of the turns.
    """
    parents = _parents(skeleton)
    vectors = torch.randn(points_world.shape, generator=generator, dtype=torch.float64)
    own = rotation_from_vector(angle_rad.double()[:, None, None] * vectors)  # (B, J, 3, 3)
    known = torch.tensor([max(parent, 0) for parent in parents])
    is_root = torch.tensor([parent < 0 for parent in parents])
    points = points_world.double()
    bones = torch.where(is_root[:, None], points, points - points[:, known])
    turns: dict[int, Tensor] = {}
    for joint in _outwards(parents):
        above = turns.get(parents[joint])
        identity = torch.eye(3, dtype=torch.float64).expand(len(points), 3, 3)
        turns[joint] = identity if above is None else above @ own[:, joint]
    turned = torch.stack([turns[joint] for joint in range(len(parents))], dim=1)
    return _along((turned @ bones[..., None])[..., 0], parents)


def _random_tree(num_joints: int, generator: torch.Generator) -> tuple[list[int], list[str]]:
    """Parents, -1 for the root, and names that tell the sides."""

    def draw(stop: int) -> int:
        return int(torch.randint(stop, (), generator=generator))

    parents, names = [-1], ["trunk_0"]
    trunk = [0]
    while len(parents) < num_joints:
        left = num_joints - len(parents)
        if left < 2 or draw(3) == 0:
            parents.append(trunk[draw(len(trunk))])
            trunk.append(len(names))
            names.append(f"trunk_{len(names)}")
            continue
        length = 1 + draw(min(4, left // 2))
        start, number = trunk[draw(len(trunk))], len(names)
        for side in ("left", "right"):
            above = start
            for k in range(length):
                parents.append(above)
                above = len(names)
                names.append(f"{side}_limb_{number}_{k}")
    return parents, names


def _parents(skeleton: Skeleton) -> list[int]:
    """(J,) from the first joint outwards, whichever way the bones are written; -1: none."""
    neighbours: list[set[int]] = [set() for _ in skeleton.joint_names]
    for a, b in skeleton.edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    parents, seen = [-1] * len(neighbours), set()
    hub = max(range(len(neighbours)), key=lambda joint: len(neighbours[joint]))
    for start in (hub, *range(len(neighbours))):
        waiting = [] if start in seen else [start]
        seen.add(start)
        while waiting:
            joint = waiting.pop()
            for other in neighbours[joint] - seen:
                parents[other] = joint
                seen.add(other)
                waiting.append(other)
    return parents


def _outwards(parents: list[int]) -> list[int]:
    """Joints, every one after its parent."""

    def depth(joint: int) -> int:
        return 0 if parents[joint] < 0 else 1 + depth(parents[joint])

    return sorted(range(len(parents)), key=depth)


def _along(bones: Tensor, parents: list[int]) -> Tensor:
    """Sums of the bones from the root to each joint, (B, J, 3)."""
    places: dict[int, Tensor] = {}
    for joint in _outwards(parents):
        above = places.get(parents[joint])
        places[joint] = bones[:, joint] if above is None else above + bones[:, joint]
    return torch.stack([places[joint] for joint in range(len(parents))], dim=1)
