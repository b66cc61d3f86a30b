"""Motion capture from files, as joints of Human3.6M in metres, z up, the floor at z = 0."""

from __future__ import annotations

from pathlib import Path

from triangulate.errors import InputError
from triangulate.synthetic.acclaim import read_acclaim
from triangulate.synthetic.bvh import read_bvh
from triangulate.synthetic.captured import as_motion
from triangulate.synthetic.deepmimic import CHARACTER_FILE, read_deepmimic
from triangulate.synthetic.motion import Motion


def load_motion(path: str | Path) -> Motion:
    """Read a motion.

    Args:
        path: a DeepMimic motion (.txt or .json, with `character_humanoid3d.txt` beside it), a .amc
            (with its .asf beside it) or a .bvh.

    Returns:
        The joints of `Skeleton.named("h36m17")`, with constant bone lengths. Head and neck are put
        where people have them; the lowest joint is put on the floor, by its height over the sole.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder of motions (see --data)")
    match path.suffix.lower():
        case ".txt" | ".json":
            return as_motion(read_deepmimic(path))
        case ".amc":
            return as_motion(read_acclaim(path))
        case ".bvh":
            return as_motion(read_bvh(path))
    raise InputError(f"{path}: motions are read from .bvh, .amc (with .asf) and DeepMimic's .txt")


def motions_in(folder: str | Path) -> list[Path]:
    """The motion files directly in a folder, sorted.

    A .bvh beside a .amc of the same name is the same motion again, and left out.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    captured = sorted(folder.glob("*.amc"))
    stems = {path.stem for path in captured}
    captured += [path for path in sorted(folder.glob("*.bvh")) if path.stem not in stems]
    if (folder / CHARACTER_FILE).is_file():
        captured += sorted(folder.glob("humanoid3d_*.txt"))
    return sorted(captured)
