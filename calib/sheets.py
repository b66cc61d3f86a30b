"""Boards to print: PDF and PNG to scale, with their `board.yaml` beside them.

The PDF is a page of vector shapes with two rulers and a line of text that says what it is; the PNG
is the board alone with a bright margin, its resolution written into it.
"""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calib.artwork import Artwork, artwork_of, draw
from calib.board_file import board_text, read_board
from calib.targets import Target
from triangulate.errors import InputError
from triangulate.files import atomic_path

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

PAGES_MM = {
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
    "A2": (420.0, 594.0),
    "A1": (594.0, 841.0),
    "A0": (841.0, 1189.0),
    "letter": (215.9, 279.4),
    "tabloid": (279.4, 431.8),
}
"""Paper, upright. The first five are tried in turn where none is asked for."""

DPI = 300.0
MARGIN_MM = 7.0  # that most printers leave white
RULER_MM, TEXT_MM = 9.0, 6.0  # strips beside and below the board
_POINTS = 72 / 25.4  # in a millimetre
_LARGEST_PX = 30_000  # a side of a PNG
_NON_ZERO = 1  # reportlab's name for filling what lies in any of the shapes


@dataclass(frozen=True)
class Page:
    """A sheet of paper.

    Attributes:
        name: such as "A4".
        width_mm: as it is printed on, upright or lying.
        height_mm: likewise.
    """

    name: str
    width_mm: float
    height_mm: float


def print_board(
    target: Target,
    folder: str | Path,
    page: str | None = None,
    dpi: float = DPI,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write `board.pdf`, `board.png` and `board.yaml`, all of them or none.

    Args:
        target: what to print.
        folder: where; made where missing.
        page: "A4", "A3", ... or "WIDTHxHEIGHT" in millimetres; by default the smallest A page that
            the board fits on, upright or lying.
        dpi: resolution of the PNG.
        overwrite: replace a `board.yaml` that describes another board, or sides that somebody has
            corrected.

    Raises:
        InputError: the board does not fit, a folder cannot be written, or reportlab is missing.
    """
    folder = Path(folder)
    description = folder / "board.yaml"
    if not overwrite and description.is_file() and read_board(description) != target:
        raise InputError(
            f"{description}: describes another board, or sides corrected after measuring: choose "
            "another folder with --out, or replace it with --force"
        )
    artwork = artwork_of(target)
    sheet = fit_page(artwork.size_m, page)
    contents = {
        folder / "board.pdf": _pdf_bytes(artwork, target, sheet),
        folder / "board.png": _png_bytes(artwork, dpi),
        description: board_text(target).encode(),
    }
    _write_together(contents)
    return list(contents)


def fit_page(size_m: tuple[float, float], page: str | None = None) -> Page:
    """The page for a board (width, height), turned so that it fits.

    Raises:
        InputError: it does not fit, or the page is not known.
    """
    width_mm, height_mm = (1000 * side for side in size_m)
    needed = (
        width_mm + 2 * MARGIN_MM + RULER_MM,
        height_mm + 2 * MARGIN_MM + RULER_MM + TEXT_MM,
    )
    spelt = {name.lower(): name for name in PAGES_MM}
    names = [spelt.get(page.lower(), page)] if page else list(PAGES_MM)[:5]
    for name in names:
        sides = _page_sides(name)
        for width, height in (sides, sides[::-1]):
            if needed[0] <= width + 1e-6 and needed[1] <= height + 1e-6:
                return Page(name, width, height)
    room_x, room_y = MARGIN_MM * 2 + RULER_MM, MARGIN_MM * 2 + RULER_MM + TEXT_MM
    short, long = _page_sides(names[-1])
    raise InputError(
        f"the board is {width_mm:.0f} x {height_mm:.0f} mm, and {names[-1]} holds "
        f"{short - room_x:.0f} x {long - room_y:.0f} or {long - room_x:.0f} x "
        f"{short - room_y:.0f} mm: take smaller or fewer squares, or a larger --page"
    )


def _page_sides(name: str) -> tuple[float, float]:
    """A page's sides in millimetres, as named."""
    if name in PAGES_MM:
        return PAGES_MM[name]
    try:
        width, height = (float(part) for part in name.lower().split("x"))
    except ValueError:
        width = height = 0.0
    if not (20 <= width <= 10_000 and 20 <= height <= 10_000):
        raise InputError(
            f"--page {name}: is one of {', '.join(PAGES_MM)}, or its sides in millimetres, such as "
            "600x900"
        )
    return width, height


# --- PDF ------------------------------------------------------------------------------------------


def _pdf_bytes(artwork: Artwork, target: Target, page: Page) -> bytes:
    try:
        from reportlab.pdfgen.canvas import Canvas
    except ImportError:
        raise InputError(
            'a board as PDF needs reportlab: pip install "triangulate[board]"'
        ) from None
    content = io.BytesIO()
    canvas = Canvas(
        content,
        pagesize=(page.width_mm * _POINTS, page.height_mm * _POINTS),
        invariant=True,  # the same board gives the same file
    )
    canvas.setTitle(str(target))
    canvas.setCreator("calib board")
    canvas.setViewerPreference("PrintScaling", "None")
    canvas.scale(_POINTS, _POINTS)  # millimetres from here on
    width_mm, height_mm = (1000 * side for side in artwork.size_m)
    # The board in the middle of what the strips leave.
    left = MARGIN_MM + RULER_MM + (page.width_mm - 2 * MARGIN_MM - RULER_MM - width_mm) / 2
    low = MARGIN_MM + RULER_MM + TEXT_MM
    bottom = low + (page.height_mm - MARGIN_MM - low - height_mm) / 2
    _draw_board(canvas, artwork, left, bottom)
    _draw_text(canvas, f"{target}. Print at 100 % and measure.", page.width_mm - 2 * MARGIN_MM)
    _draw_rulers(canvas, page)
    canvas.save()
    return content.getvalue()


def _draw_board(canvas: Canvas, artwork: Artwork, left: float, bottom: float) -> None:
    """All shapes as one path: side by side they would show hairlines between them."""
    height = 1000 * artwork.size_m[1]
    path = canvas.beginPath()
    for x0, y0, x1, y1 in (1000 * artwork.boxes_m).tolist():
        path.rect(left + x0, bottom + height - y1, x1 - x0, y1 - y0)
    for x, y, radius in (1000 * artwork.discs_m).tolist():
        path.circle(left + x, bottom + height - y, radius)
    canvas.drawPath(path, stroke=0, fill=1, fillMode=_NON_ZERO)


def _draw_text(canvas: Canvas, text: str, width_mm: float) -> None:
    size = 3.0
    while size > 1.2 and canvas.stringWidth(text, "Helvetica", size) > width_mm:
        size -= 0.1
    canvas.setFont("Helvetica", size)
    canvas.drawString(MARGIN_MM, MARGIN_MM + 1, text)


def _draw_rulers(canvas: Canvas, page: Page) -> None:
    """One along the bottom and one up the side: printers may stretch either way."""
    corner = (MARGIN_MM, MARGIN_MM + TEXT_MM)
    canvas.setLineWidth(0.1)
    canvas.setFont("Helvetica", 2.2)
    for is_up, room in (
        (False, page.width_mm - corner[0] - MARGIN_MM - RULER_MM),
        (True, page.height_mm - corner[1] - MARGIN_MM - RULER_MM),
    ):
        length = min(100, int(room // 10) * 10)
        canvas.saveState()
        canvas.translate(corner[0] + RULER_MM * (not is_up), corner[1] + RULER_MM * is_up)
        if is_up:
            canvas.translate(RULER_MM, 0)
            canvas.rotate(90)
        canvas.line(0, 1, length, 1)
        for mm in range(length + 1):
            canvas.line(mm, 1, mm, 2.2 + 0.8 * (mm % 5 == 0) + 0.8 * (mm % 10 == 0))
        for mm in range(0, length + 1, 10):
            canvas.drawCentredString(mm, 4.3, f"{mm}" if mm < length else f"{mm} mm")
        canvas.restoreState()


# --- PNG ------------------------------------------------------------------------------------------


def _png_bytes(artwork: Artwork, dpi: float) -> bytes:
    """The board with a bright margin, as a grey PNG that knows its resolution."""
    pixels_per_m = dpi / 0.0254
    margin_m = 0.05 * max(artwork.size_m)
    if max(artwork.size_m) * 1.1 * pixels_per_m > _LARGEST_PX:
        most = int(_LARGEST_PX / (max(artwork.size_m) * 1.1) * 0.0254)
        raise InputError(
            f"--dpi {dpi:g} makes a picture of more than {_LARGEST_PX} pixels a side: take {most}"
        )
    grey = draw(artwork, pixels_per_m, margin_m)
    height, width = grey.shape
    rows = np.pad(grey, ((0, 0), (1, 0)))  # each row begins with its filter: none
    density = round(pixels_per_m)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)),
            _chunk(b"pHYs", struct.pack(">2IB", density, density, 1)),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _write_together(contents: dict[Path, bytes]) -> None:
    """Write files so that they appear together, or not at all."""
    for path in contents:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; move it away, or choose another with --out")
    with ExitStack() as stack:
        for path, content in contents.items():
            stack.enter_context(atomic_path(path)).write_bytes(content)
