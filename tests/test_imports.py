"""Heavy libraries wait until they are needed: importing torch alone takes a second."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "open3d", "cv2", "av", "scipy", "pandas", "h5py"}


def loaded_by(code: str) -> set[str]:
    """The heavy libraries in `sys.modules` after `code` ran in a new interpreter."""
    report = f"import atexit, sys\natexit.register(lambda: print('LOADED', *sys.modules))\n{code}"
    run = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return HEAVY & set(run.stdout.rpartition("LOADED")[2].split())


def test_a_heavy_import_would_be_seen() -> None:
    assert "h5py" in loaded_by("import h5py")


@pytest.mark.parametrize("package", ["triangulate", "calib"])
def test_importing_a_package_is_light(package: str) -> None:
    assert loaded_by(f"import {package}; dir({package})") == set()


@pytest.mark.parametrize("command", ["triangulate", "calib"])
def test_help_is_light(command: str) -> None:
    code = f"import sys; from {command}.cli import main; sys.argv = ['{command}', '--help']; main()"
    assert loaded_by(code) == set()


def test_every_public_name_loads() -> None:
    import triangulate

    assert {"load_rig", "reconstruct", "reconstruct_recording"} <= set(triangulate.__all__)
    for name in triangulate.__all__:
        assert getattr(triangulate, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'surplus'"):
        triangulate.surplus  # noqa: B018
