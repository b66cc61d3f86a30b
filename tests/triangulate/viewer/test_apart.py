from __future__ import annotations

import operator
import os
from pathlib import Path

import pytest

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.viewer.apart import each_apart, run_apart

pytest.importorskip("open3d")


def test_what_is_yielded_arrives_in_order() -> None:
    assert list(each_apart(iter, [3, 1, 2], remedy="none")) == [3, 1, 2]


def test_what_the_user_can_mend_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rig\.yaml: cannot be read"):
        run_apart(Rig.load, tmp_path / "rig.yaml", remedy="none")


def test_a_fault_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(each_apart(operator.truediv, 1, 0, remedy="none"))


def test_a_crash_is_one_line_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"^Open3D failed \(signal 6\): do this$"):
        run_apart(os.abort, remedy="do this")
