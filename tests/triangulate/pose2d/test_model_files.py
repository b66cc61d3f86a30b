from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from triangulate.errors import InputError
from triangulate.files import cache_folder
from triangulate.pose2d import model_files
from triangulate.pose2d.model_files import (
    FETCH_COMMAND,
    BlazePoseFiles,
    blazepose_files,
    fetch_blazepose,
)

WHEEL = "mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl"
INFO = "mediapipe-0.10.21.dist-info"
DETECTION = "mediapipe/modules/pose_detection/pose_detection.tflite"
LANDMARK = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models" / "blazepose"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip finds packages: an empty folder."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put_wheel(shelf: Path, detection: bytes, landmark: bytes) -> None:
    with zipfile.ZipFile(shelf / WHEEL, "w") as wheel:
        wheel.writestr(DETECTION, detection)
        wheel.writestr(LANDMARK, landmark)
        wheel.writestr(f"{INFO}/LICENSE", "Apache License")
        wheel.writestr(
            f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n"
        )
        wheel.writestr(
            f"{INFO}/WHEEL", "Wheel-Version: 1.0\nTag: cp312-cp312-manylinux_2_28_x86_64\n"
        )
        wheel.writestr(f"{INFO}/RECORD", "")


def put_into_cache(files: BlazePoseFiles, cache: Path) -> None:
    cache.mkdir(parents=True)
    shutil.copy(files.detection, cache)
    shutil.copy(files.landmark, cache)


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("TRIANGULATE_CACHE", "/own")
    assert cache_folder() == Path("/own")
    monkeypatch.delenv("TRIANGULATE_CACHE")
    assert cache_folder() == Path("/xdg/triangulate")


@pytest.mark.parametrize(
    ("platform", "parts"),
    [
        ("linux", (".cache", "triangulate")),
        ("darwin", ("Library", "Caches", "triangulate")),
        ("win32", ("AppData", "Local", "triangulate", "Cache")),
    ],
)
def test_else_the_cache_is_where_the_system_has_it(
    monkeypatch: pytest.MonkeyPatch, platform: str, parts: tuple[str, ...]
) -> None:
    for name in ("TRIANGULATE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(model_files.sys, "platform", platform)
    assert cache_folder() == Path.home().joinpath(*parts)


def test_missing_networks_name_the_command(cache: Path) -> None:
    with pytest.raises(InputError, match=FETCH_COMMAND):
        blazepose_files()


def test_whole_networks_are_found(cache: Path, files: BlazePoseFiles) -> None:
    put_into_cache(files, cache)
    assert blazepose_files().detection == cache / "pose_detection.tflite"


def test_a_changed_byte_is_noticed(cache: Path, files: BlazePoseFiles) -> None:
    put_into_cache(files, cache)
    path = cache / files.landmark.name
    content = bytearray(path.read_bytes())
    content[3_000_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path}: is damaged .*SHA-256.*{FETCH_COMMAND}"):
        blazepose_files()


def test_a_cut_file_is_noticed(cache: Path, files: BlazePoseFiles) -> None:
    put_into_cache(files, cache)
    (cache / files.detection.name).write_bytes(files.detection.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"damaged \(1,000 bytes instead of 2,959,046\)"):
        blazepose_files()


def test_fetching_fills_and_mends_the_cache(
    cache: Path, shelf: Path, files: BlazePoseFiles
) -> None:
    put_wheel(shelf, files.detection.read_bytes(), files.landmark.read_bytes())
    assert fetch_blazepose() == cache
    names = ["LICENSE.mediapipe", files.detection.name, files.landmark.name]
    assert sorted(path.name for path in cache.iterdir()) == names
    assert (cache / names[0]).read_text() == "Apache License"
    assert [path.name for path in cache.parent.iterdir()] == ["blazepose"]  # no leftovers

    (cache / files.landmark.name).write_bytes(b"broken")
    fetch_blazepose()
    blazepose_files()

    (shelf / WHEEL).unlink()
    assert fetch_blazepose() == cache  # nothing to do, so no need of pip


def test_a_wheel_of_other_content_is_refused(cache: Path, shelf: Path) -> None:
    put_wheel(shelf, b"not", b"these")
    with pytest.raises(InputError, match=r"pose_detection\.tflite is damaged"):
        fetch_blazepose()
    assert list(cache.iterdir()) == []
    assert [path.name for path in cache.parent.iterdir()] == ["blazepose"]


def test_without_a_network_there_is_one_clear_line(cache: Path, shelf: Path) -> None:
    with pytest.raises(InputError, match=r"could not be downloaded: pip says: .*mediapipe") as info:
        fetch_blazepose()
    assert "\n" not in str(info.value)


def test_without_pip_the_message_says_so(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.run

    def without_pip(command: list[str], **options: object) -> object:
        return run([sys.executable, "-S", *command[1:]], **options)  # -S: no site-packages

    monkeypatch.setattr(model_files.subprocess, "run", without_pip)
    with pytest.raises(InputError, match="has no pip"):
        fetch_blazepose()


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot be written .*TRIANGULATE_CACHE"):
        fetch_blazepose()
