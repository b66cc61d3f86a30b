"""Pictures of solids: the nearest one a pixel, shaded, before a background.

A grid four times coarser, of rays against solids grown by a cell, tells which pixels can meet
anything; the others are background. All images of a batch are done at once, on any device.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.tensors import TensorFields
from triangulate.synthetic.cloth import Cloth, paint, rows_of
from triangulate.synthetic.raycast import FAR_M, Caster
from triangulate.synthetic.scenery import Scenery, background
from triangulate.synthetic.sensor import Sensor, expose
from triangulate.synthetic.shapes import BOX, Shapes

CELL_PX = 4
_GROWN_PX = 3.5  # a cell's half diagonal, and what a grown ellipsoid lacks
_SHADOW_M = 0.5


@dataclass(frozen=True)
class Light(TensorFields):
    """The light on each of N images.

    Attributes:
        towards: (N, 3) unit, in the camera's frame, from the scene to the light.
        up: (N, 3) the world's z in the camera's frame.
        ambient: (N,) of what is not lit.
        strength: (N,) of what faces the light.
        colour: (N, 3).
        shadow: (N,) how dark the floor is under the person.
    """

    towards: Tensor
    up: Tensor
    ambient: Tensor
    strength: Tensor
    colour: Tensor
    shadow: Tensor


@dataclass(frozen=True)
class Scene(TensorFields):
    """N images to be taken.

    Attributes:
        cameras: (N,).
        shapes: (N, P) solids in the cameras' frames; the person's come first.
        cloth: (N, G) the materials.
        light: (N,).
        scenery: (N,).
        sensor: (N,).
        feet_world: (N, 3, 3) what stands nearest to the floor, for shadows.
    """

    cameras: Camera
    shapes: Shapes
    cloth: Cloth
    light: Light
    scenery: Scenery
    sensor: Sensor
    feet_world: Tensor


@dataclass(frozen=True)
class Backdrop(TensorFields):
    """The scene without people.

    Attributes:
        picture: (N, 3, H, W) light in [0, 1].
        floor_m: (N, 2, H, W) where each pixel sees the floor.
    """

    picture: Tensor
    floor_m: Tensor


def plane_rays(cameras: Camera, size: tuple[int, int]) -> Tensor:
    """Points of the z = 1 plane that the pixels see, (N, 2, H', W') float32.

    H' and W' are rounded up to whole cells. The lens is undone at every fourth pixel and
    interpolated between: over so few pixels lenses are straight.
    """
    width, height = (-(-side // CELL_PX) * CELL_PX for side in size)
    steps = [torch.arange(0, side + CELL_PX, CELL_PX) for side in (width, height)]
    x, y = (step.to(cameras.K) for step in steps)
    nodes = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    flat, _ = cameras.undistort(nodes.reshape(-1, 2).expand(len(cameras.K), -1, -1))
    inverse = torch.linalg.inv(cameras.K)[:, None]
    points = (inverse[..., :2, :2] @ flat[..., None])[..., 0] + inverse[..., :2, 2]
    grid = points.float().mT.unflatten(-1, nodes.shape[:2])
    full = torch.nn.functional.interpolate(
        grid, (height + 1, width + 1), mode="bilinear", align_corners=True
    )
    return full[..., :height, :width]


def empty_scene(
    cameras: Camera, scenery: Scenery, size: tuple[int, int], rays: Tensor | None = None
) -> Backdrop:
    """What cameras (N,) see before anybody comes."""
    rays = plane_rays(cameras, size) if rays is None else rays
    width, height = size
    x, y = rays[:, :, None, :height, :width].unbind(1)
    turn = cameras.cam_from_world.rotation.float()[..., None, None]
    # d_world = R' (x, y, 1), written out: small matrix products are slower.
    world = turn[:, 0] * x + turn[:, 1] * y + turn[:, 2]
    centre = cameras.centre_world.float()
    return Backdrop(*background(scenery.to(torch.float32), size, world, centre))


def render(
    scene: Scene,
    size: tuple[int, int],
    people: int,
    backdrop: Backdrop | None = None,
) -> tuple[Tensor, Tensor]:
    """Take the pictures.

    Args:
        scene: (N,).
        size: (width, height).
        people: how many of the solids, the first ones, are the person's.
        backdrop: the scene without people, where it is known already.

    Returns:
        (N, 3, H, W) uint8 RGB, and (N, H, W) bool, True where the person is in front.
    """
    width, height = size
    rays = plane_rays(scene.cameras, size)
    if backdrop is None:
        backdrop = empty_scene(scene.cameras, scene.scenery, size, rays)
    light = scene.light.to(torch.float32)
    picture = with_shadow(backdrop, scene.feet_world.float(), light.shadow)

    cells = _in_cells(rays)  # (N, 2, C, 16)
    chosen = _busy_cells(scene, cells)[:, None, :, None]  # (N, 1, M, 1)
    where = chosen.expand(-1, -1, -1, CELL_PX**2)
    near = torch.gather(cells, 2, where.expand(-1, 2, -1, -1)).flatten(2)
    depth, which = Caster.of(scene.shapes).first(near.mT)
    colour = _shaded(scene, light, near, depth, which)
    hit = depth < FAR_M
    is_person = hit & (which < people)
    found = torch.cat([colour, hit[:, None].float(), is_person[:, None].float()], dim=1)
    canvas = found.new_zeros(len(found), 5, *cells.shape[2:])
    canvas = canvas.scatter(2, where.expand(-1, 5, -1, -1), found.unflatten(2, where.shape[2:]))
    canvas = _from_cells(canvas, rays.shape[2:])[..., :height, :width]
    picture = torch.where(canvas[:, 3:4] > 0.5, canvas[:, :3], picture)
    return expose(picture, scene.sensor.to(torch.float32)), canvas[:, 4] > 0.5


def visible_joints(
    scene: Scene, points_world: Tensor, thickness_m: Tensor, size: tuple[int, int]
) -> Tensor:
    """(N, J) whether each joint (N, J, 3) is in the image with nothing but itself before it.

    Args:
        scene: (N,).
        points_world: (N, J, 3).
        thickness_m: (N, J) so much of the person's own body may lie before a joint.
        size: (width, height).
    """
    points_px, in_front = scene.cameras.project(points_world)
    last = torch.tensor(size, dtype=points_px.dtype, device=points_px.device) - 0.5
    inside = ((points_px >= -0.5) & (points_px <= last)).all(-1)
    points_cam = scene.cameras.cam_from_world.apply(points_world)
    z = points_cam[..., 2].clamp_min(1e-6)
    caster = Caster.of(scene.shapes, torch.float64)
    depth = caster.depths(points_cam[..., :2] / z[..., None]).amin(1)
    return in_front & inside & (depth > z - thickness_m)


def _in_cells(pixels: Tensor) -> Tensor:
    """(N, D, H, W) -> (N, D, cells, 16)."""
    down, across = (side // CELL_PX for side in pixels.shape[2:])
    blocks = pixels.unflatten(3, (across, CELL_PX)).unflatten(2, (down, CELL_PX))
    return blocks.transpose(3, 4).reshape(*pixels.shape[:2], -1, CELL_PX**2)


def _from_cells(cells: Tensor, size: tuple[int, ...]) -> Tensor:
    """(N, D, cells, 16) -> (N, D, H, W)."""
    down, across = (side // CELL_PX for side in size)
    blocks = cells.unflatten(3, (CELL_PX, CELL_PX)).unflatten(2, (down, across))
    return blocks.transpose(3, 4).reshape(*cells.shape[:2], *size)


def _busy_cells(scene: Scene, cells: Tensor) -> Tensor:
    """(N, M) indices of cells; those of each image that may meet a solid are among its M."""
    pixel = 1 / scene.cameras.K[:, [0, 1], [0, 1]].amin(-1)
    reach = scene.shapes.centre[..., 2].clamp_min(0.1) + scene.shapes.half.amax(-1)
    grown = scene.shapes.grown(_GROWN_PX * pixel[:, None] * reach)
    busy = Caster.of(grown).depths(cells.mean(3).mT).amin(1) < FAR_M
    most = max(1, int(busy.sum(-1).amax()))
    return busy.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)[:, :most]


def _shaded(scene: Scene, light: Light, rays: Tensor, depth: Tensor, which: Tensor) -> Tensor:
    """(N, 3, R) the colours of what the rays (N, 2, R) meet at `depth` (N, R)."""
    shapes = scene.shapes
    diagonal, slope, _ = shapes.local_form()
    is_box = (shapes.kind == BOX).to(slope)
    table = torch.cat(
        [
            shapes.axes.flatten(-2), shapes.centre, diagonal, slope[..., None],
            1 / shapes.half.clamp_min(1e-6), is_box[..., None], shapes.cut[..., None],
            shapes.material.to(slope),
        ],
        dim=-1,
    ).float()  # fmt: skip
    rows = rows_of(table, which).mT.contiguous()
    axes, centre, diagonal, slope, over_half, box, cut, material = rows.split(
        [9, 3, 3, 1, 3, 1, 1, 2], dim=1
    )
    axes = axes.unflatten(1, (3, 3))
    from_centre = torch.cat([rays * depth[:, None], depth[:, None]], dim=1) - centre
    local = (axes * from_centre[:, None]).sum(2)
    steep = diagonal * local
    steep[:, 2:] += slope
    share = local * over_half
    face = torch.where(share.abs() == share.abs().amax(1, keepdim=True), share, 0.0)
    steep = torch.where(box > 0.5, face, steep)
    normal = (axes * steep[:, :, None]).sum(1)
    length = normal.square().sum(1).sqrt_().clamp_min_(1e-9)
    above = local[:, 2] >= cut[:, 0]
    index = torch.where(above, material[:, 0], material[:, 1]).to(torch.int64)
    colour = paint(scene.cloth, index, local)
    lit = (normal * light.towards[..., None]).sum(1) / length
    lit = ((lit + 0.15) / 1.15).clamp_min(0)
    sky = 0.8 + 0.2 * (normal * light.up[..., None]).sum(1) / length
    energy = light.ambient[:, None] * sky + light.strength[:, None] * lit
    return colour * energy[:, None] * light.colour[..., None]


def with_shadow(backdrop: Backdrop, feet_world: Tensor, darkness: Tensor) -> Tensor:
    """The empty scene with the floor dark where something (N, F, 3) stands on it."""
    x, y = backdrop.floor_m.unbind(1)
    shade = torch.zeros_like(x)
    for foot in feet_world[..., None, None].unbind(1):
        away = (x - foot[:, 0]).square_().add_((y - foot[:, 1]).square_())
        low = 0.5 * darkness[:, None, None] * torch.exp(-foot[:, 2].clamp_min(0) / 0.4)
        shade += away.mul_(-1 / _SHADOW_M**2).add_(1).clamp_min_(0).square_().mul_(low)
    return backdrop.picture * shade.clamp_max_(0.8).neg_().add_(1)[:, None]
