"""Poses with known numbers, and Chromium to open pages with."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import unescape

import numpy as np
import pytest

from triangulate.pipeline import reconstruct_keypoints
from triangulate.poses import Poses3D, Reason
from triangulate.reporting.findings import Found
from triangulate.rig import Rig
from triangulate.synthetic import Motion, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

FRAMES = 60
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--enable-logging=stderr --window-size=1200,2000 --virtual-time-budget=6000"
).split()


@dataclass(frozen=True)
class Walk:
    """A walk seen by four cameras, and its reconstruction."""

    rig: Rig
    motion: Motion
    poses: Poses3D


@pytest.fixture(scope="session")
def walked() -> Walk:
    generator = seeded(4)
    rig = ring_rig(generator)
    motion = walk(generator, FRAMES, 50.0)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, fps=motion.fps)
    run = {"command": "triangulate reconstruct <b>", "settings": {"every": 1}, "versions": {}}
    return Walk(rig, motion, replace(reconstruct_keypoints(seen, rig), run=run))


@pytest.fixture(scope="session")
def found(walked: Walk) -> Found:
    return Found.of(walked.poses)


@pytest.fixture
def perfect(walked: Walk) -> Poses3D:
    """The truth as poses: every number known, every array its own."""
    positions = walked.motion.positions_m[:, None].copy()
    frames, _, joints, _ = positions.shape
    views = len(walked.rig)
    return replace(
        walked.poses,
        positions_m=positions,
        covariance_m2=np.broadcast_to(4e-6 * np.eye(3), (frames, 1, joints, 3, 3)).copy(),
        reprojection_px=np.ones((frames, 1, views, joints)),
        views_used=np.ones((frames, 1, views, joints), bool),
        reason=np.zeros((frames, 1, joints), np.uint8),
        sides_swapped=np.zeros((frames, 1, views), bool),
    )


@pytest.fixture(scope="session")
def without() -> Callable[..., Poses3D]:
    """A function that takes points out of poses, as if they had not been found."""

    def take_out(poses: Poses3D, at: tuple, reason: Reason) -> Poses3D:
        reasons = poses.reason.copy()
        reasons[at] = reason
        gone = reasons != Reason.ok
        seen = gone[:, :, None]  # by every view
        return replace(
            poses,
            reason=reasons,
            positions_m=np.where(gone[..., None], np.nan, poses.positions_m),
            covariance_m2=np.where(gone[..., None, None], np.nan, poses.covariance_m2),
            reprojection_px=np.where(seen, np.nan, poses.reprojection_px),
            views_used=poses.views_used & ~seen,
        )

    return take_out


@dataclass(frozen=True)
class Opened:
    """What came of a page in the browser.

    Attributes:
        result: what the script returned.
        complaints: what the page wrote to the console.
        fetched: addresses that it asked for.
    """

    result: object
    complaints: list[str]
    fetched: list[str]


@pytest.fixture(scope="session")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Opened]:
    """A function that opens a page in Chromium and runs a script in it, once it has loaded."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        message = "needs Chromium: apt-get install chromium"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)

    def open_page(html: str, script: str) -> Opened:
        folder = tmp_path_factory.mktemp("browser")
        told = (
            "<script>addEventListener('load', async () => {"
            f"const said = await (async () => {{ {script} }})();"
            "const place = document.createElement('pre'); place.id = 'told';"
            "const fetched = performance.getEntriesByType('resource').map((entry) => entry.name);"
            "place.textContent = JSON.stringify([said, fetched]);"
            "document.body.append(place); })</script></body>"
        )
        page = folder / "page.html"
        page.write_text(html.replace("</body>", told), encoding="utf-8")
        words = [browser, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", str(page)]
        run = subprocess.run(words, capture_output=True, text=True, timeout=180, check=False)
        said = re.search(r'<pre id="told">(.*?)</pre>', run.stdout, flags=re.DOTALL)
        complaints = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
        assert said, (complaints, run.stderr[-2000:])
        result, fetched = json.loads(unescape(said[1]))
        return Opened(result, complaints, fetched)

    return open_page
