"""What all tests share: the folder of real recordings, and one thread a test process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported, so that workers do not multiply with its threads.
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Shared:
    """Real recordings and reference results, kept outside the repository.

    `shared / "pose2sim_balancing"` is a path below the data folder.
    """

    data: Path

    def __truediv__(self, name: str) -> Path:
        return existing(self.data / name)

    @property
    def bench(self) -> Path:
        return existing(self.data.parent / "bench")

    @property
    def parity(self) -> Path:
        return existing(self.data.parent / "parity")


def existing(path: Path) -> Path:
    """`path`, or the end of the test where there is none: skipped here, failed in CI."""
    if path.exists():
        return path
    message = f"no {path}: set TRIANGULATE_DATA to the data folder (see CONTRIBUTING.md)"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def shared() -> Shared:
    """The data folder: $TRIANGULATE_DATA, or ../shared/data beside the checkout."""
    default = ROOT.parent / "shared" / "data"
    return Shared(existing(Path(os.environ.get("TRIANGULATE_DATA", default)).absolute()))
