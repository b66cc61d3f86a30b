"""OpenSim: a marker set to scale a model with, and the markers' motion.

The markers stand on the bodies of the Rajagopal full-body model (Rajagopal et al. 2016), whose
names gait2392 and its kin share (they have no arms: take those markers out). Body axes: x forward,
y up, z right, metres, of the unscaled model. Markers of joints stand on the model's joint centres
and are fixed: hips in the pelvis, knees in the thigh, ankles in the shank, shoulders in the torso,
elbows in the upper arm, wrists in the forearm. Others (head, feet, trunk) stand about where they
belong and are free to move when the model is scaled.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from triangulate.errors import InputError
from triangulate.export.gaps import listed
from triangulate.export.landmarks import NECKS
from triangulate.export.options import USUAL, ExportOptions, LengthUnit, Up
from triangulate.export.trc import write_trc
from triangulate.files import atomic_path
from triangulate.poses import Poses3D
from triangulate.skeleton import canonical_name


class Place(NamedTuple):
    """Where a marker stands: a body (SIDE is r or l), metres in it, and whether for sure."""

    body: str
    location_m: tuple[float, float, float]
    is_fixed: bool


_OF_SIDE = {
    "hip": Place("pelvis", (-0.056276, -0.07849, 0.07726), True),
    "knee": Place("femur_SIDE", (-0.00809, -0.40796, -0.00275), True),
    "ankle": Place("tibia_SIDE", (-0.01, -0.4, 0.0), True),
    "shoulder": Place("torso", (0.003155, 0.3715, 0.17), True),
    "elbow": Place("humerus_SIDE", (0.013144, -0.286273, -0.009595), True),
    "wrist": Place("radius_SIDE", (-0.008797, -0.235841, 0.01361), True),
    "heel": Place("calcn_SIDE", (0.0, 0.02, 0.0), False),
    "big_toe": Place("toes_SIDE", (0.06, 0.0, -0.015), False),
    "small_toe": Place("toes_SIDE", (0.025, 0.0, 0.035), False),
    "foot_index": Place("toes_SIDE", (0.06, 0.0, 0.0), False),
    "ear": Place("torso", (0.02, 0.57, 0.075), False),
    "eye": Place("torso", (0.09, 0.6, 0.033), False),
}
_OF_MIDDLE = {
    "mid_hip": Place("pelvis", (-0.056276, -0.07849, 0.0), True),
    "spine": Place("torso", (-0.02, 0.1, 0.0), False),
    "neck": Place("torso", (0.003155, 0.3715, 0.0), False),
    "nose": Place("torso", (0.11, 0.56, 0.0), False),
    "head": Place("torso", (0.02, 0.72, 0.0), False),
}


def write_opensim(
    poses: Poses3D, path: str | Path, options: ExportOptions = USUAL
) -> tuple[str, ...]:
    """Write one person's marker set to `path` (.xml), and the motion beside it as .trc.

    The markers are called as the joints are; the motion is in metres with y up, as OpenSim's own.
    A joint that has no place in the model is in the motion alone, and said.

    Returns:
        What had to be assumed, for people.
    """
    names = poses.skeleton.joint_names
    places = {name: place for name in names if (place := place_of(name)) is not None}
    if not places:
        raise InputError(
            f"opensim: none of the joints ({listed(names)}) has a place in the model; choose trc"
        )
    root = ElementTree.Element("OpenSimDocument", Version="40000")
    root.append(ElementTree.Comment(" " + " ".join((__doc__ or "").split()) + " "))
    markers = ElementTree.SubElement(
        ElementTree.SubElement(root, "MarkerSet", name="markerset"), "objects"
    )
    for name, place in places.items():
        marker = ElementTree.SubElement(markers, "Marker", name=name)
        _text(marker, "socket_parent_frame", f"/bodyset/{place.body}")
        _text(marker, "location", " ".join(f"{value:g}" for value in place.location_m))
        _text(marker, "fixed", str(place.is_fixed).lower())
    ElementTree.indent(root)
    usual = ExportOptions(LengthUnit.m, Up.y, options.person)
    notes = write_trc(poses, Path(path).with_suffix(".trc"), usual)
    with atomic_path(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="UTF-8", xml_declaration=True)
    return (*_notes(names, places), *(re.sub("^trc:", "opensim:", note) for note in notes))


def place_of(joint: str) -> Place | None:
    """Where the marker of a joint stands in the model; None where it has no place."""
    name = canonical_name(joint)
    side, _, rest = name.partition("_")
    if side not in ("left", "right"):
        return _OF_MIDDLE.get("neck" if name in NECKS else name)
    place = _OF_SIDE.get(rest)
    if place is None:
        return None
    x, y, z = place.location_m
    # The model's right side has positive z; its left side is the mirror image.
    z = z if side == "right" else -z
    return Place(place.body.replace("SIDE", side[0]), (x, y, z), place.is_fixed)


def _notes(names: tuple[str, ...], places: dict[str, Place]) -> list[str]:
    notes = [
        "opensim: markers are for the bodies of the Rajagopal model; gait2392 has no arms: take "
        "those out for it"
    ]
    if free := [name for name, place in places.items() if not place.is_fixed]:
        notes.append(f"opensim: free to move in scaling, as their places are rough: {listed(free)}")
    if absent := [name for name in names if name not in places]:
        notes.append(f"opensim: no place in the model for {listed(absent)}")
    return notes


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
