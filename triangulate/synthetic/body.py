"""A body around the joints of Human3.6M: some thirty solids, with clothes as materials.

All lengths are in body heights, after the usual proportions of adults, times random girths. Joints
lie inside: on the axis of limbs, in the middle of the trunk. Where a joint has no direction of its
own (feet, hands), the limb's bend decides.
"""

from __future__ import annotations

import torch
from torch import Tensor

from triangulate.synthetic.build import Build, joints_by_name
from triangulate.synthetic.shapes import ELLIPSOID, FRUSTUM, Shapes, frames_along, unit

SKIN, HAIR, SHIRT, TROUSERS, SHOES = range(5)
BODY_MATERIALS = 5

_LIMBS = {  # ends, radii at them, and how many limbs lie above it
    "upper_arm": ("shoulder", "elbow", 0.031, 0.025, 0),
    "forearm": ("elbow", "wrist", 0.025, 0.016, 1),
    "thigh": ("hip", "knee", 0.049, 0.033, 0),
    "shank": ("knee", "ankle", 0.034, 0.022, 1),
}
_BALLS = {"shoulder": 0.0315, "elbow": 0.0255, "hip": 0.048, "knee": 0.034, "ankle": 0.024}
_ARM, _LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")


def body(positions_m: Tensor, build: Build) -> Shapes:
    """The solids around poses, (B, J, 3) -> (B, P), in the world."""
    solids = _Solids(joints_by_name(positions_m), build)
    solids.trunk()
    solids.head()
    for side in ("left", "right"):
        solids.limb(side, _ARM)
        solids.limb(side, _LEG)
        solids.hand(side)
        solids.foot(side)
    return solids.stacked()


class _Solids:
    """The solids found so far of B people."""

    def __init__(self, at: dict[str, Tensor], build: Build) -> None:
        self.at, self.build, self.h = at, build, build.height_m
        self.rows: list[tuple[int, Tensor, Tensor, Tensor, Tensor, Tensor, tuple[int, int]]] = []
        across, up = at["left_hip"] - at["right_hip"], at["spine"] - at["pelvis"]
        self.forward = unit(torch.linalg.cross(across, up))
        self.pelvis = frames_along(up, self.forward)
        across = at["left_shoulder"] - at["right_shoulder"]
        up = at["thorax"] - at["spine"]
        self.chest = frames_along(up, torch.linalg.cross(across, up))

    def ellipsoid(
        self,
        centre: Tensor,
        axes: Tensor,
        half: list[Tensor],
        material: int,
        below: int | None = None,
    ) -> None:
        """One with its materials above and below its middle."""
        zero = torch.zeros_like(self.h)
        pair = (material, material if below is None else below)
        sizes = torch.stack(half, dim=-1)
        self.rows.append((ELLIPSOID, centre, axes, sizes, zero, zero, pair))

    def frustum(
        self, a: Tensor, b: Tensor, radius_a: Tensor, radius_b: Tensor, hint: Tensor,
        cut: Tensor, materials: tuple[int, int],
    ) -> None:  # fmt: skip
        """From a to b, z towards a; `cut` is the share from a to b where the material changes."""
        axis = a - b
        length = axis.norm(dim=-1)
        middle = (radius_a + radius_b) / 2
        taper = (radius_a - radius_b) / (length * middle).clamp_min(1e-9)
        half = torch.stack([middle, middle, length / 2], dim=-1)
        at_z = length * (0.5 - cut)
        axes = frames_along(axis, hint)
        self.rows.append((FRUSTUM, (a + b) / 2, axes, half, taper, at_z, materials))

    def trunk(self) -> None:
        """Pelvis, belly, chest and shoulders."""
        at, h = self.at, self.h
        wide, belly = h * self.build.girth[:, 0], h * self.build.girth[:, 1]
        hips = (at["left_hip"] - at["right_hip"]).norm(dim=-1) / 2
        shoulders = (at["left_shoulder"] - at["right_shoulder"]).norm(dim=-1) / 2
        middle = (at["left_shoulder"] + at["right_shoulder"]) / 2
        pelvis_z, chest_z = self.pelvis[:, 2], self.chest[:, 2]
        low = (at["pelvis"] - at["spine"]).norm(dim=-1)
        high = (middle - at["spine"]).norm(dim=-1)
        self.ellipsoid(
            at["pelvis"] + 0.012 * h[:, None] * pelvis_z, self.pelvis,
            [0.068 * wide, hips + 0.046 * wide, 0.085 * h], TROUSERS,
        )  # fmt: skip
        self.ellipsoid(
            at["spine"] - (0.15 * low)[:, None] * pelvis_z, self.pelvis,
            [0.063 * belly, 0.4 * hips + 0.062 * belly, 0.55 * low + 0.06 * h], SHIRT,
        )  # fmt: skip
        self.ellipsoid(
            at["spine"] + 0.5 * (middle - at["spine"]), self.chest,
            [0.067 * wide, 0.55 * shoulders + 0.036 * wide, 0.5 * high + 0.05 * h], SHIRT,
        )  # fmt: skip
        arms = h * self.build.girth[:, 2] * self.build.loose[:, 0]
        cut = torch.full_like(h, 2.0)
        for side in ("left", "right"):
            shoulder = at[f"{side}_shoulder"]
            root = middle - 0.25 * (shoulder - middle) - 0.008 * h[:, None] * chest_z
            self.frustum(
                root, shoulder, 0.046 * wide, 0.0315 * arms, self.chest[:, 0], cut, (SHIRT, SHIRT)
            )

    def head(self) -> None:
        """Neck, head, hair and nose; the face looks along the head's x."""
        at, h = self.at, self.h
        frame = head_frame(at)
        forward, _, up = frame.unbind(-2)
        unit_m = (at["head"] - at["neck_base"]).norm(dim=-1) / 0.1031
        s = unit_m[:, None]
        centre = at["neck_base"] + s * (0.037 * up - 0.017 * forward)
        below = centre - s * (0.02 * forward + 0.02 * up)
        radius = 0.036 * h * self.build.girth[:, 2]
        cut = torch.full_like(h, 0.5)
        base = at["thorax"] - 0.02 * h[:, None] * self.chest[:, 2]
        self.frustum(below, base, radius, 1.15 * radius, self.chest[:, 0], cut, (SKIN, SKIN))
        self.ellipsoid(centre, frame, [0.056 * unit_m, 0.045 * unit_m, 0.067 * unit_m], SKIN)
        hair = self.build.hair * unit_m[:, None]
        self.ellipsoid(
            centre + s * (0.013 * up - 0.012 * forward), frame,
            [0.054 * hair[:, 0], 0.049 * hair[:, 1], 0.063 * hair[:, 2]], HAIR,
        )  # fmt: skip
        nose = centre + s * (0.054 * forward - 0.004 * up)
        self.ellipsoid(nose, frame, [0.013 * unit_m, 0.009 * unit_m, 0.014 * unit_m], SKIN)

    def limb(self, side: str, joints: tuple[str, ...]) -> None:
        """Balls at the joints and frusta between them."""
        is_arm = joints[0] == "shoulder"
        cloth, reach = (SHIRT, self.build.sleeve) if is_arm else (TROUSERS, self.build.trouser)
        size = self.h * self.build.girth[:, 2 if is_arm else 3]
        loose = self.build.loose[:, 0 if is_arm else 1]
        hint = self.chest[:, 0] if is_arm else self.forward
        names = ("upper_arm", "forearm") if is_arm else ("thigh", "shank")
        for name in names:
            start, end, wide, narrow, above = _LIMBS[name]
            covered = torch.where(reach > above + 0.5, loose, 1.0)
            a, b = self.at[f"{side}_{start}"], self.at[f"{side}_{end}"]
            cut = reach - above
            self.frustum(
                a, b, wide * size * covered, narrow * size * covered, hint, cut, (cloth, SKIN)
            )
        for number, joint in enumerate(joints):
            if joint not in _BALLS:
                continue
            covered = torch.where(reach > number, loose, 1.0)
            radius = _BALLS[joint] * size * covered
            self._ball(side, joint, radius, number, reach, cloth)

    def _ball(
        self, side: str, joint: str, radius: Tensor, number: int, reach: Tensor, cloth: int
    ) -> None:
        """A joint is covered where the cloth reaches beyond it: its cut lies above or below it."""
        axes = self.pelvis
        at_z = torch.where(reach > number, -2 * radius, 2 * radius)
        half = torch.stack([radius, radius, radius], dim=-1)
        zero = torch.zeros_like(radius)
        below = SHOES if joint == "ankle" else SKIN
        row = (ELLIPSOID, self.at[f"{side}_{joint}"], axes, half, zero, at_z, (cloth, below))
        self.rows.append(row)

    def hand(self, side: str) -> None:
        """A flat ellipsoid beyond the wrist."""
        wrist, elbow = self.at[f"{side}_wrist"], self.at[f"{side}_elbow"]
        along = unit(wrist - elbow)
        bent = frames_along(along, self.chest[:, 0])
        turn = self.build.hand_turn[:, 0 if side == "left" else 1, None]
        hint = torch.cos(turn) * bent[:, 0] + torch.sin(turn) * bent[:, 1]
        size = self.h
        axes = frames_along(along, hint)
        centre = wrist + 0.043 * size[:, None] * along
        self.ellipsoid(centre, axes, [0.013 * size, 0.025 * size, 0.058 * size], SKIN)

    def foot(self, side: str) -> None:
        """A long ellipsoid, pointing where the knee bends to, flat where it is on the floor."""
        h = self.h[:, None]
        hip, knee, ankle = (self.at[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        shank, thigh = unit(ankle - knee), unit(knee - hip)
        ahead = thigh + 0.4 * self.forward
        ahead = unit(ahead - (ahead * shank).sum(-1, keepdim=True) * shank)
        on_floor = ((0.085 - ankle[:, 2:] / h) / 0.03).clamp(0, 1)
        on_floor = on_floor * (shank[:, 2:] < -0.5)
        level = torch.tensor([1.0, 1.0, 0.0], dtype=h.dtype)
        ahead = unit(ahead * (1 - on_floor * (1 - level)))
        sole = torch.where(on_floor > 0.5, torch.tensor([0.0, 0.0, -1.0], dtype=h.dtype), shank)
        axes = frames_along(ahead, -sole)
        centre = ankle + h * (0.036 * ahead - 0.014 * axes[:, 0])
        s = self.h
        self.ellipsoid(centre, axes, [0.024 * s, 0.029 * s, 0.077 * s], SHOES)

    def stacked(self) -> Shapes:
        """All of them, (B, P)."""
        kinds, centres, axes, halves, tapers, cuts, materials = zip(*self.rows, strict=True)
        batch = len(self.h)
        return Shapes(
            torch.tensor(kinds).expand(batch, -1),
            torch.stack(centres, dim=1),
            torch.stack(axes, dim=1),
            torch.stack(halves, dim=1),
            torch.stack(tapers, dim=1),
            torch.tensor(materials).expand(batch, -1, -1),
            torch.stack(cuts, dim=1),
        )


def head_frame(at: dict[str, Tensor]) -> Tensor:
    """Frames (B, 3, 3) of heads, rows forward, left, up, out of thorax, neck base and head."""
    down, top = at["neck_base"] - at["thorax"], at["head"] - at["thorax"]
    across = at["left_shoulder"] - at["right_shoulder"]
    left = unit(torch.linalg.cross(top, down) + 1e-3 * across)
    tilted = at["head"] - at["neck_base"]
    tilted = unit(tilted - (tilted * left).sum(-1, keepdim=True) * left)
    # From the neck base to the top it is 0.025 back and 0.1 up (`motion.HEAD_POINTS`).
    level = torch.linalg.cross(left, tilted)
    up = 0.97014 * tilted + 0.24254 * level
    forward = 0.97014 * level - 0.24254 * tilted
    return torch.stack([forward, left, up], dim=-2)
