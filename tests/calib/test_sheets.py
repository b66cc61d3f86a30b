from __future__ import annotations

import struct
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from calib.detectors.looks import Look, see
from calib.sheets import fit_page, print_board
from calib.targets import (
    AprilGrid,
    Charuco,
    Chessboard,
    CircleGrid,
    Target,
    load_target,
    save_target,
)
from triangulate.errors import InputError

TARGETS = [
    Charuco(5, 7, 0.03, 0.022, "DICT_5X5_50"),
    Charuco(4, 6, 0.035, 0.026, "DICT_4X4_50", legacy=True, inverted=True),
    Chessboard(9, 6, 0.025),
    AprilGrid(4, 5, 0.03, 0.3),
    CircleGrid(4, 11, 0.02),
]
DPI = 200


def rendered_pdf(path) -> np.ndarray:
    """The first page as a viewer shows it, grey."""
    pdfium = pytest.importorskip("pypdfium2")
    page = pdfium.PdfDocument(path)[0]
    return page.render(scale=DPI / 72, grayscale=True).to_numpy().squeeze().copy()


def lengths_off_mm(target: Target, points_px: np.ndarray, dpi: float) -> float:
    """How far the longest distances are from what they should be."""
    true_mm, found_mm = 1000 * target.points_m[:, :2], 25.4 / dpi * points_px
    lengths = [np.linalg.norm(p[:, None] - p, axis=-1) for p in (true_mm, found_mm)]
    return float(np.nanmax(np.abs(lengths[0] - lengths[1])))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.type}-{target.rows}")
def test_the_printed_board_is_found_in_its_page_to_scale(target, tmp_path):
    print_board(target, tmp_path)
    grey = rendered_pdf(tmp_path / "board.pdf")
    sighting = see(grey, target, Look())
    assert sighting.count == len(target.points_m)
    assert lengths_off_mm(target, sighting.points_px, DPI) < 0.1
    assert load_target(tmp_path / "board.yaml") == target
    height, width = grey.shape
    page = fit_page(target.extent_m)
    assert (width, height) == (
        pytest.approx(page.width_mm * DPI / 25.4, abs=1.5),
        pytest.approx(page.height_mm * DPI / 25.4, abs=1.5),
    )


@pytest.mark.parametrize("target", TARGETS[:3], ids=lambda target: f"{target.type}-{target.rows}")
def test_the_picture_knows_its_resolution(target, tmp_path):
    print_board(target, tmp_path, dpi=150)
    content = (tmp_path / "board.png").read_bytes()
    at = content.index(b"pHYs") + 4
    per_m = struct.unpack(">2IB", content[at : at + 9])
    assert per_m == (5906, 5906, 1)
    grey = cv2.imread(str(tmp_path / "board.png"), cv2.IMREAD_GRAYSCALE)
    sighting = see(grey, target, Look())
    assert sighting.count == len(target.points_m)
    assert lengths_off_mm(target, sighting.points_px, 150) < 0.05


def test_rulers_are_ten_centimetres_long(tmp_path):
    print_board(TARGETS[2], tmp_path)
    grey = rendered_pdf(tmp_path / "board.pdf")
    mm = DPI / 25.4
    strip = grey[-int(23 * mm) :, : int(130 * mm)]  # below the board
    line = max(strip, key=lambda row: (row < 160).sum())  # the ruler's own line
    dark = np.flatnonzero(line < 160)
    assert (dark[-1] - dark[0] + 1) / mm == pytest.approx(100, abs=0.4)
    upright = max(grey[: -int(14 * mm), : int(18 * mm)].T, key=lambda column: (column < 160).sum())
    dark = np.flatnonzero(upright < 160)
    assert (dark[-1] - dark[0] + 1) / mm == pytest.approx(100, abs=0.4)


def test_the_page_says_what_it_is(tmp_path):
    pdfium = pytest.importorskip("pypdfium2")
    print_board(TARGETS[0], tmp_path)
    text = pdfium.PdfDocument(tmp_path / "board.pdf")[0].get_textpage().get_text_bounded()
    assert "ChArUco 5 x 7 squares of 30 mm, markers 22 mm, DICT_5X5_50" in text
    assert "Print at 100 %" in text


def test_the_same_board_gives_the_same_files(tmp_path):
    print_board(TARGETS[0], tmp_path / "a")
    print_board(TARGETS[0], tmp_path / "b")
    for name in ("board.pdf", "board.png", "board.yaml"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("size_mm", "page", "fits"),
    [
        ((180, 260), None, ("A4", 210, 297)),
        ((260, 174), None, ("A4", 297, 210)),
        ((260, 185), None, ("A3", 297, 420)),
        ((400, 300), None, ("A2", 594, 420)),
        ((400, 300), "a2", ("A2", 594, 420)),
        ((100, 500), "200x600", ("200x600", 200, 600)),
    ],
)
def test_the_smallest_page_that_fits(size_mm, page, fits):
    found = fit_page((size_mm[0] / 1000, size_mm[1] / 1000), page)
    assert (found.name, found.width_mm, found.height_mm) == fits


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("A4", "A4 holds 187 x 268 or 274 x 181 mm: take smaller or fewer squares, or a larger"),
        ("A9", "--page A9: is one of A4, A3"),
        ("0x5", "--page 0x5"),
    ],
)
def test_a_page_that_does_not_do(page, said, tmp_path):
    with pytest.raises(InputError, match=said):
        print_board(Chessboard(9, 6, 0.05), tmp_path / "out", page)
    assert not (tmp_path / "out").exists()


def test_corrected_sides_are_not_overwritten(tmp_path):
    target = TARGETS[0]
    print_board(target, tmp_path)
    measured = replace(target, square_size_m=0.0302)
    save_target(measured, tmp_path / "board.yaml")
    before = (tmp_path / "board.pdf").read_bytes()
    with pytest.raises(InputError, match=r"describes another board.*--force"):
        print_board(target, tmp_path)
    assert load_target(tmp_path / "board.yaml") == measured
    assert (tmp_path / "board.pdf").read_bytes() == before
    print_board(target, tmp_path, overwrite=True)
    assert load_target(tmp_path / "board.yaml") == target


def test_all_files_or_none(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="more than 30000 pixels a side: take 692"):
        print_board(Chessboard(9, 6, 0.1), tmp_path / "huge", dpi=2400)
    assert not (tmp_path / "huge").exists()
    (tmp_path / "board.png").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        print_board(TARGETS[0], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["board.png"]
    monkeypatch.setitem(sys.modules, "reportlab.pdfgen.canvas", None)
    with pytest.raises(InputError, match=r'pip install "triangulate\[board\]"'):
        print_board(TARGETS[0], tmp_path / "out")
