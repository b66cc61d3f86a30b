"""Imports between the rooms of `triangulate` and `calib` go one way.

A room is a module or folder directly in `triangulate/`. The tables below say which room may import
which; `violations` reads every file with `ast` and returns what breaks them. Imports inside
functions and under `if TYPE_CHECKING` count like any other.
"""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# --- The tables -----------------------------------------------------------------------------------

# From the ground up. A room imports rooms of lower floors, and of its own floor only what
# SAME_FLOOR says. `errors` and `files` are for everybody but `geometry`, which needs torch alone.
FLOORS: list[set[str]] = [
    {"geometry"},
    {"errors", "options"},
    {"pages"},
    {"files", "yaml_text", "console"},
    {"npz"},
    {"rig", "skeleton", "video", "recording", "keypoints", "poses", "config"},
    {
        "pose2d",
        "people",
        "sync",
        "models",
        "data",
        "smoothing",
        "synthetic",
        "losses",
        "metrics",
        "drawing",
        "triangulation",
        "summary",
    },
    {"detection", "export", "inputs"},
    {"output"},
    {"pipeline", "training", "adaptation", "evaluation", "viewer", "reporting", "cloud"},
    {"demo", "tables", "arguments"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
SAME_FLOOR: dict[str, set[str]] = {
    "config": {"keypoints"},
    "keypoints": {"skeleton"},
    "poses": {"keypoints", "rig", "skeleton"},
    "recording": {"rig", "video", "keypoints"},
    "sync": {"people"},
    "data": {"synthetic"},
    "pose2d": {"models"},
    "synthetic": {"drawing"},
    "evaluation": {"pipeline"},
    "training": {"evaluation"},
    "triangulation": {"models", "people"},
}
# Folders and files that are the other half of a room.
SAME_ROOM = {"rig_formats": "rig", "rig_checks": "rig", "keypoint_formats": "keypoints"}

CALIB_MAY_IMPORT = {
    "geometry",
    "rig",
    "skeleton",
    "video",
    "recording",
    "keypoints",
    "sync",
    "people",
    "synthetic",
    "errors",
    "files",
    "options",
    "console",
    "yaml_text",
    "npz",
    "pages",
}

# The only modules of `triangulate` that may import `calib`.
KNOW_CALIB = {"triangulate.commands.demo"}

# Module (by prefix) and where it may be imported: files or folders.
IMAGE_LIBRARIES = {"cv2", "av"}
IMAGE_PLACES = {
    "triangulate.video",
    "triangulate.rig_formats",
    "triangulate.keypoint_formats",
    "triangulate.pose2d",
    "triangulate.drawing",
    "triangulate.data",
    "calib.detectors",
    "calib.diagnosis",
    "calib.scanning",
}
OPEN3D_PLACES = {"triangulate.viewer", "triangulate.cloud"}

NAMELESS = {"utils", "util", "misc", "common", "helpers", "helper"}


# --- Reading imports ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One imported module or name, in absolute form."""

    module: str  # `triangulate.rig` for both `import triangulate.rig` and `from . import rig`
    line: int
    is_lazy: bool  # inside a function, or for the type checker only

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, root: Path) -> Iterator[Import]:
    module = module_name(path, root)
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    yield from walk(tree, package, is_lazy=False)


def walk(node: ast.AST, package: str, *, is_lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for name in imported_names(child, package):
            yield Import(name, child.lineno, is_lazy)  # type: ignore[attr-defined]
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for statement in child.body:
                yield from walk(ast.Module([statement], []), package, is_lazy=True)
            yield from walk(ast.Module(child.orelse, []), package, is_lazy=is_lazy)
        else:
            yield from walk(child, package, is_lazy=is_lazy or is_function)


def imported_names(node: ast.AST, package: str) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            source = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join([*above, *filter(None, [source])])
            if source in {"triangulate", "calib"}:  # the names are rooms
                return [f"{source}.{alias.name}" for alias in node.names]
            return [source]
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
            called = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
            return [name] if called in {"import_module", "__import__"} else []
    return []


# --- The rules ------------------------------------------------------------------------------------


def room_of(module: str) -> str:
    """`rig` for `triangulate.rig_formats.anipose`; empty for the package itself."""
    room = module.split(".")[1] if "." in module else ""
    return SAME_ROOM.get(room, room)


def floor_of(room: str) -> int | None:
    return next((level for level, rooms in enumerate(FLOORS) if room in rooms), None)


def is_in(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def violations(root: Path) -> list[str]:
    found: list[str] = []
    for package in ("triangulate", "calib", "tools"):
        for path in sorted((root / package).rglob("*.py")):
            module = module_name(path, root)
            broken = [(1, text) for text in bad_names(module)]
            if package != "tools":
                for item in imports_of(path, root):
                    broken += [(item.line, text) for text in bad_imports(module, item)]
            found += [f"{path.relative_to(root)}:{line}: {text}" for line, text in broken]
    return found


def bad_names(module: str) -> Iterator[str]:
    for part in module.split("."):
        if part in NAMELESS:
            yield f"'{part}' says nothing: name the thing"
    room = room_of(module)
    if module.startswith("triangulate.") and floor_of(room) is None:
        yield f"room '{room}' is unknown: add it to FLOORS in tests/test_layers.py"


def bad_imports(module: str, item: Import) -> Iterator[str]:
    if module in {"triangulate", "calib"}:
        if item.top not in {"__future__", "importlib", "typing"} and not item.is_lazy:
            yield f"imports {item.module}: an __init__ loads names on first use"
        return
    if item.top == "open3d":
        if not is_in(module, OPEN3D_PLACES):
            yield "imports open3d: only viewer/ and cloud.py do"
        elif not item.is_lazy:
            yield "imports open3d for everybody: do it inside the function that needs it"
    if item.top in IMAGE_LIBRARIES and not is_in(module, IMAGE_PLACES):
        yield f"imports {item.top}: only decoding, readers, detectors and drawing do"
    if module.startswith("calib."):
        yield from bad_imports_in_calib(module, item)
    else:
        yield from bad_imports_in_triangulate(module, item)


def bad_imports_in_calib(module: str, item: Import) -> Iterator[str]:
    if item.top == "triangulate":
        if room_of(item.module) not in CALIB_MAY_IMPORT:
            yield f"imports {item.module}: calib may import {', '.join(sorted(CALIB_MAY_IMPORT))}"
    elif is_in(item.module, {"calib.cli"}) and module != "calib.__main__":
        yield "imports calib.cli: nothing stands on the roof"


def bad_imports_in_triangulate(module: str, item: Import) -> Iterator[str]:
    room, other = room_of(module), room_of(item.module)
    if item.top == "calib" and module not in KNOW_CALIB:
        yield f"imports {item.module}: in triangulate, only the demo's command knows calib"
    if room == "geometry" and item.top != "triangulate":
        if item.top != "torch" and item.top not in sys.stdlib_module_names:
            yield f"imports {item.top}: geometry needs torch alone"
    if item.top != "triangulate" or other == room:
        return
    level, other_level = floor_of(room), floor_of(other)
    if other_level is None:
        yield f"imports {item.module}: name a room (FLOORS in tests/test_layers.py)"
    elif level is not None and other_level > level:
        yield f"imports {item.module}: '{room}' stands below '{other}'"
    elif other_level == level and other not in SAME_FLOOR.get(room, set()):
        yield f"imports {item.module}: '{room}' stands beside '{other}' (see SAME_FLOOR)"


# --- The tests ------------------------------------------------------------------------------------


def test_the_tree_keeps_the_rules() -> None:
    assert violations(ROOT) == []


def test_the_tables_make_sense() -> None:
    rooms = [room for floor in FLOORS for room in floor]
    assert len(rooms) == len(set(rooms))
    for room, others in SAME_FLOOR.items():
        assert {floor_of(other) for other in others} == {floor_of(room)}
    graphlib.TopologicalSorter(SAME_FLOOR).prepare()  # raises where there is a circle
    assert all(floor_of(room) is not None for room in CALIB_MAY_IMPORT)


PLANTED = [
    # (file, source, what is said of it)
    ("triangulate/geometry/dlt.py", "import numpy", "geometry needs torch alone"),
    ("triangulate/geometry/dlt.py", "from triangulate.rig import Rig", "stands below 'rig'"),
    ("triangulate/geometry/dlt.py", "from triangulate.errors import InputError", "stands below"),
    ("triangulate/errors.py", "from triangulate.files import write_text", "stands below"),
    ("triangulate/rig.py", "from triangulate import pipeline", "stands below 'pipeline'"),
    ("triangulate/rig.py", "from triangulate.pipeline import run", "stands below 'pipeline'"),
    ("triangulate/rig.py", "from . import pipeline", "stands below 'pipeline'"),
    ("triangulate/rig.py", "def f():\n    import triangulate.cli", "stands below 'cli'"),
    ("triangulate/rig_formats/toml.py", "from ..recording import R", "stands beside 'recording'"),
    ("triangulate/rig_formats/__init__.py", "from ..people import R", "stands below 'people'"),
    ("triangulate/people/links.py", "from triangulate.models import b", "stands beside 'models'"),
    (
        "triangulate/video.py",
        "import importlib\nimportlib.import_module('triangulate.data')",
        "data",
    ),
    (
        "triangulate/skeleton.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from triangulate.cli import main",
        "stands below 'cli'",
    ),
    ("triangulate/pipeline.py", "from triangulate import load_rig", "name a room"),
    ("triangulate/pipeline.py", "import calib.bundle", "only the demo's command"),
    ("triangulate/demo/walking.py", "def f():\n    import calib", "only the demo's command"),
    ("triangulate/commands/sync.py", "import calib.bundle", "only the demo's command"),
    ("triangulate/novelty.py", "", "room 'novelty' is unknown: add it to FLOORS"),
    ("triangulate/novelty/part.py", "", "room 'novelty' is unknown: add it to FLOORS"),
    ("triangulate/__init__.py", "from triangulate.rig import Rig", "loads names on first use"),
    ("calib/__init__.py", "import torch", "loads names on first use"),
    ("calib/bundle.py", "from triangulate.pipeline import reconstruct", "calib may import"),
    ("calib/bundle.py", "from triangulate import load_rig", "calib may import"),
    ("calib/bundle.py", "from calib.cli import main", "nothing stands on the roof"),
    ("calib/bundle.py", "import cv2", "only decoding, readers, detectors and drawing"),
    ("triangulate/pipeline.py", "def f():\n    import cv2", "only decoding, readers"),
    ("triangulate/recording.py", "from av.container import Container", "only decoding, readers"),
    ("triangulate/reporting/page.py", "def f():\n    import open3d", "only viewer/ and cloud.py"),
    ("triangulate/viewer/scene.py", "import open3d.visualization", "inside the function"),
    ("triangulate/cloud.py", "class Hull:\n    import open3d", "inside the function"),
    ("triangulate/models/utils.py", "", "'utils' says nothing"),
    ("calib/helpers/board.py", "", "'helpers' says nothing"),
    ("tools/bench/common.py", "", "'common' says nothing"),
]


@pytest.mark.parametrize(("file", "source", "said"), PLANTED)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, source: str, said: str) -> None:
    plant(tmp_path, file, source)
    found = violations(tmp_path)
    assert len(found) == 1
    assert file in found[0]
    assert said in found[0]


ALLOWED = [
    ("triangulate/geometry/dlt.py", "import math\nimport torch\nfrom .rigid import Rigid"),
    ("triangulate/rig.py", "from triangulate.rig_formats import anipose"),
    ("triangulate/rig_formats/anipose.py", "import cv2\nfrom triangulate.rig import Rig"),
    ("triangulate/recording.py", "from triangulate import errors, files, rig, video"),
    ("triangulate/cli.py", "def view():\n    import triangulate.viewer"),
    ("triangulate/commands/demo.py", "def demo():\n    import calib.bundle"),
    ("triangulate/viewer/scene.py", "def show():\n    import open3d\n    import numpy"),
    (
        "triangulate/cloud.py",
        "import typing as t\nif t.TYPE_CHECKING:\n    import open3d\nelse:\n    open3d = None",
    ),
    (
        "triangulate/__init__.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from triangulate.rig import Rig",
    ),
    ("calib/detectors/markers.py", "import cv2\nfrom triangulate.rig_formats.opencv import read"),
    ("calib/__main__.py", "from calib.cli import main"),
    ("calib/cli.py", "from calib import bundle\nfrom triangulate.geometry.camera import Camera"),
    ("tools/bench/dlt.py", "import cv2\nfrom triangulate import load_rig"),
]


@pytest.mark.parametrize(("file", "source"), ALLOWED)
def test_what_is_allowed_passes(tmp_path: Path, file: str, source: str) -> None:
    plant(tmp_path, file, source)
    assert violations(tmp_path) == []


def plant(root: Path, file: str, source: str) -> None:
    path = root / file
    path.parent.mkdir(parents=True)
    path.write_text(source + "\n", encoding="utf-8")
