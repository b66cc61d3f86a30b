"""Whole frames of a printed board in motion, as the cameras of a rig record them.

The board is a flat sheet: the homography of each camera maps the rays of its pixels, undistorted,
on to the print, several to a pixel. A board's frame is that of `triangulate.synthetic.boards`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.rigid import Rigid
from triangulate.geometry.threads import one_thread
from triangulate.synthetic.films import Room, put_in
from triangulate.synthetic.rendering import Light, plane_rays, with_shadow
from triangulate.synthetic.sensor import expose

_PARTS = (-1 / 3, 0.0, 1 / 3)  # of a pixel, along each side, where samples are taken
_MARGIN_PX = 3
_PAPER, _INK, _BACK = 0.82, 0.05, 0.5  # how much of the light comes back
_SHADOW_M = 0.7  # around a board's middle, on the floor
_CASTS_M = 1.2  # a board's middle higher than this leaves no shadow that one could see


@dataclass(frozen=True, eq=False)
class PrintedSheet:
    """A board as it came out of the printer.

    Attributes:
        grey: (h, w) uint8, the whole sheet as one reads it.
        pixels_per_m: its resolution.
        origin_m: (2,) where the board's frame has its origin, from the sheet's upper left corner.
    """

    grey: np.ndarray
    pixels_per_m: float
    origin_m: np.ndarray

    @property
    def corners_m(self) -> np.ndarray:
        """(4, 3) the sheet's corners in the board's frame."""
        height, width = np.array(self.grey.shape) / self.pixels_per_m
        x, y = self.origin_m
        flat = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - [x, y]
        return np.pad(flat, ((0, 0), (0, 1)))


def render_board(
    room: Room, sheet: PrintedSheet, rotation: np.ndarray, translation_m: np.ndarray
) -> Iterator[np.ndarray]:
    """The frames of a recording of a board, one moment after the other.

    Args:
        room: with V cameras (`triangulate.synthetic.films.empty_room`).
        sheet: the board.
        rotation: (F, 3, 3) world-from-board.
        translation_m: (F, 3).

    Returns:
        An iterator of F arrays (V, H, W, 3) uint8 RGB.
    """
    with one_thread():
        rays = plane_rays(room.cameras, room.size)
    print_ = _reflectance(sheet)
    for turned, moved in zip(rotation, translation_m, strict=True):
        world_from_board = Rigid(torch.from_numpy(turned), torch.from_numpy(moved))
        with one_thread():
            frame = room.empty.numpy().copy()
            for v in range(len(frame)):
                _draw(frame[v], room[v : v + 1], rays[v : v + 1], sheet, print_, world_from_board)
        yield frame


def _reflectance(sheet: PrintedSheet) -> Tensor:
    """(1, 2, h, w): how much of the light comes back, and 1, which falls to 0 off the sheet."""
    grey = torch.from_numpy(sheet.grey.astype(np.float32) / 255)
    return torch.stack([_INK + (_PAPER - _INK) * grey, torch.ones_like(grey)])[None]


def _draw(
    frame: np.ndarray,
    room: Room,
    rays: Tensor,
    sheet: PrintedSheet,
    print_: Tensor,
    world_from_board: Rigid,
) -> None:
    """Draw the board and its shadow into one camera's frame (H, W, 3)."""
    corners = world_from_board.apply(torch.from_numpy(sheet.corners_m))
    middle = corners.mean(0)
    box = _box(room, torch.cat([corners, _shadow_edge(middle)]))
    left, top, right, bottom = box
    if right - left < 3 or bottom - top < 3:
        return
    behind = room.backdrop.map(lambda tensor: tensor[..., top:bottom, left:right])
    light = with_shadow(behind, middle[None, None].float(), room.light.shadow.float())
    cam_from_board = room.cameras.cam_from_world @ world_from_board.map(lambda t: t[None])
    seen = _seen(cam_from_board, rays[..., top:bottom, left:right], sheet, print_)
    colour = seen[:, :1] * _energy(room.light, cam_from_board, middle)[..., None, None]
    light = light * (1 - seen[:, 1:]) + colour
    corner = torch.tensor([left, top], dtype=torch.float64)
    sensor = replace(room.sensor, grain=room.sensor.grain + corner).to(torch.float32)
    put_in(frame, expose(light, sensor)[0].permute(1, 2, 0).numpy(), box)


def _seen(cam_from_board: Rigid, rays: Tensor, sheet: PrintedSheet, print_: Tensor) -> Tensor:
    """(1, 2, h, w): what comes back from the board in each pixel, and which part it covers.

    A ray (x, y, 1) of the camera meets the board at (u, v, 1) ~ M^-1 (x, y, 1), where M holds the
    board's axes and origin as the camera has them.
    """
    M = torch.cat([cam_from_board.rotation[..., :2], cam_from_board.translation[..., None]], -1)
    (inverse,) = torch.linalg.inv(M).float()
    x, y = rays[0]
    on_board = torch.stack([row[0] * x + (row[1] * y + row[2]) for row in inverse])  # (3, h, w)
    down, across = torch.gradient(on_board, dim=(1, 2))
    # The sheet from -1 to 1, as `grid_sample` has it, is 2 (u + origin) / side - 1.
    side_m = torch.tensor(sheet.grey.shape[::-1]).float() / sheet.pixels_per_m
    scale = (2 / side_m)[:, None, None]
    shift = (2 * torch.from_numpy(sheet.origin_m).float() / side_m - 1)[:, None, None]
    found = rays.new_zeros(1, 2, *x.shape)
    for part_y in _PARTS:
        for part_x in _PARTS:
            u_v, w = (on_board + (part_x * across + part_y * down)).split([2, 1])
            grid = torch.where(w > 1e-6, u_v / w * scale + shift, 2.0).permute(1, 2, 0)
            found += torch.nn.functional.grid_sample(print_, grid[None], align_corners=False)
    found /= len(_PARTS) ** 2
    normal_cam, middle_cam = cam_from_board.rotation[0, :, 2], cam_from_board.translation[0]
    if float(normal_cam @ middle_cam) < 0:  # the print is on the other side
        found[:, 0] = _BACK * found[:, 1]
    return found


def _energy(light: Light, cam_from_board: Rigid, middle_world: Tensor) -> Tensor:
    """(1, 3) the light on the side of the board that the camera sees."""
    normal, to_board = cam_from_board.rotation[..., 2], cam_from_board.translation
    facing = torch.where((normal * to_board).sum(-1, keepdim=True) > 0, -normal, normal)
    lit = (((facing * light.towards).sum(-1) + 0.15) / 1.15).clamp_min(0)
    sky = 0.8 + 0.2 * (facing * light.up).sum(-1)
    return ((light.ambient * sky + light.strength * lit)[:, None] * light.colour).float()


def _shadow_edge(middle: Tensor) -> Tensor:
    """(K, 3) points around the shadow on the floor; none where there is no shadow."""
    if float(middle[2]) > _CASTS_M:
        return middle[None]
    around = torch.tensor([[x, y, 0.0] for x in (-1, 1) for y in (-1, 1)]).to(middle)
    return torch.cat([middle[:2], middle.new_zeros(1)]) + _SHADOW_M * around


def _box(room: Room, points_world: Tensor) -> tuple[int, ...]:
    """left, top, right, bottom of the part of the camera's image that holds points (N, 3)."""
    points_px, in_front = room.cameras.project(points_world[None])
    if not bool(in_front.all()):
        return 0, 0, *room.size
    last = torch.tensor(room.size).to(points_px)
    low = (points_px.amin((0, 1)).floor() - _MARGIN_PX).clamp_min(0).minimum(last)
    high = (points_px.amax((0, 1)).ceil() + 1 + _MARGIN_PX).clamp_min(0).minimum(last)
    return tuple(int(side) for side in torch.cat([low, high]))
