"""Files parsed by what is in them, whatever they are called."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from triangulate.errors import InputError
from triangulate.rig import RIG_FORMAT
from triangulate.rig_formats import colmap, kalibr, label3d, opencv_storage
from triangulate.rig_formats.array_pickle import load_npy
from triangulate.yaml_text import parse_yaml

Syntax = Literal["toml", "json", "yaml", "xml", "opencv", "colmap", "npy", "mat"]
NOT_KNOWN = (
    "no calibration this program knows; it reads rig.yaml, anipose / Pose2Sim / FreeMoCap / "
    "caliscope TOML, OpenCV YAML, EasyMocap intri.yml + extri.yml, Kalibr camchain.yaml, multical "
    "json, COLMAP cameras.txt + images.txt, Qualisys .qca.txt, Vicon .xcp, CMU Panoptic json, "
    "Human3.6M labels npy, VoxelPose json, Label3D / DANNCE .mat"
)


@dataclass(frozen=True)
class Document:
    """The content of a file, parsed, and the syntax it is written in."""

    syntax: Syntax
    content: Any


def read_document(path: Path) -> Document:
    """Parse a file. The messages of its errors do not name it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from None
    if not data.strip(b"\0 \t\r\n"):
        raise InputError("is empty: copy it again, or calibrate again")
    if data.startswith(b"\x93NUMPY"):
        return Document("npy", load_npy(data))
    if data.startswith((b"MATLAB", b"\x89HDF")):
        return Document("mat", label3d.parse(data))
    return _read_text(_decoded(data), path.suffix.lower())


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1") if data.lstrip().startswith(b"<?xml") else "\0"
    if "\0" in text:
        raise InputError(f"is no text, and {NOT_KNOWN}")
    return text


def _read_text(text: str, suffix: str) -> Document:
    start = text.lstrip()
    if start.startswith("%YAML") or "!!opencv-" in text:
        return Document("opencv", opencv_storage.parse_yaml(text))
    if start.startswith("<"):
        root = _read_xml(text)
        if root.tag == "opencv_storage":
            return Document("opencv", opencv_storage.from_xml(root))
        return Document("xml", root)
    if start.startswith("{") or suffix == ".json":
        content = _read_json(text)
        if '"opencv-' in text:
            return Document("opencv", opencv_storage.from_json(content))
        return Document("json", content)
    if (model := colmap.parse(text)) is not None:
        return Document("colmap", model)
    try:
        return Document("toml", tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        remedy = "rename or remove one" if _is_doubled(error) else "is it cut off?"
        broken_toml = f"is no valid TOML: {error}; {remedy}"
    try:
        content = parse_yaml(text)
    except InputError:
        if suffix in (".yaml", ".yml"):
            raise
        content = None
    if isinstance(content, dict) and (
        content.get("format") == RIG_FORMAT or kalibr.matches(content)
    ):
        return Document("yaml", content)
    raise InputError(broken_toml if suffix == ".toml" else f"is {NOT_KNOWN}")


def _is_doubled(error: Exception) -> bool:
    """Whether TOML was refused for a name that comes twice."""
    return any(word in str(error) for word in (" twice", "overwrite"))


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        where = f"{error.msg} (line {error.lineno}, column {error.colno})"
        raise InputError(f"is no valid JSON: {where}; is it cut off?") from None
    except RecursionError:
        raise InputError("is no valid JSON: nested too deep") from None


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a doubled key, of which the parser would silently take the last."""
    keys = [key for key, _ in pairs]
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    if doubled:
        raise InputError(f"{', '.join(map(repr, doubled))} is given twice: rename one")
    return dict(pairs)


def _read_xml(text: str) -> ElementTree.Element:
    """Parse XML without a document type: no entity is ever expanded."""
    if "<!DOCTYPE" in text:
        raise InputError("is XML with a document type, which no calibration needs: remove it")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"is no valid XML: {error}; is it cut off?") from None
