from __future__ import annotations

import builtins
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats.deeplabcut import read_deeplabcut

SCORER = "DLC_resnet50_reachOct9shuffle1_100000"
PARTS = ("Snout", "LeftEar", "tail base")


def tracked(frames: int = 4, coords: tuple[str, ...] = ("x", "y", "likelihood")) -> pd.DataFrame:
    """One animal, as analyze_videos makes it: value = 100 part + 10 coordinate + frame."""
    columns = pd.MultiIndex.from_product(
        [[SCORER], PARTS, coords], names=["scorer", "bodyparts", "coords"]
    )
    values = [
        [
            100 * p + 10 * c + t if c < 2 else 0.1 * p + 0.2
            for p in range(3)
            for c in range(len(coords))
        ]
        for t in range(frames)
    ]
    return pd.DataFrame(np.array(values, dtype=float), columns=columns, index=range(frames))


def several(frames: int = 3) -> pd.DataFrame:
    """Two animals and a unique body part, as the multi-animal version makes it."""
    columns = [
        (SCORER, animal, part, coord)
        for animal, parts in (("mus1", PARTS), ("mus2", PARTS), ("single", ("corner",)))
        for part in parts
        for coord in ("x", "y", "likelihood")
    ]
    index = pd.MultiIndex.from_tuples(
        columns, names=["scorer", "individuals", "bodyparts", "coords"]
    )
    values = np.arange(frames * len(columns), dtype=float).reshape(frames, -1)
    values[:, 2::3] = 0.5
    return pd.DataFrame(values, columns=index)


def save(frame: pd.DataFrame, path: Path) -> Path:
    """With the calls that DeepLabCut uses."""
    if path.suffix == ".csv":
        frame.to_csv(path)
    else:
        pytest.importorskip("tables")
        kind: Any = "table" if frame.index.dtype == int else "fixed"  # labelled images: fixed
        frame.to_hdf(path, key="df_with_missing", format=kind, mode="w")
    return path


@pytest.fixture(params=[".h5", ".csv"])
def suffix(request) -> str:
    return request.param


def test_one_animal(tmp_path, suffix):
    frame = tracked()
    frame.iloc[1, 0:3] = np.nan
    frame.iloc[2, 5] = 0.0
    view = read_deeplabcut(save(frame, tmp_path / f"cam1{SCORER}{suffix}"))
    assert view.frames.tolist() == [0, 1, 2, 3]
    assert view.skeleton.joint_names == ("snout", "left_ear", "tail_base")
    assert view.points_px.shape == (4, 1, 3, 2)
    assert view.points_px[3, 0].tolist() == [[3, 13], [103, 113], [203, 213]]
    np.testing.assert_allclose(view.confidence[3, 0], [0.2, 0.3, 0.4])
    assert view.confidence[1, 0, 0] == 0
    assert view.confidence[2, 0, 1] == 0
    assert view.notes == ()


def test_several_animals(tmp_path, suffix):
    frame = several()
    frame.loc[1, (SCORER, "mus2")] = np.nan
    view = read_deeplabcut(save(frame, tmp_path / f"cam1{suffix}"))
    assert view.points_px.shape == (3, 2, 3, 2)
    assert view.points_px[0, 1, 0].tolist() == [9, 10]
    assert view.points_px[2, 0, 2].tolist() == [2 * 21 + 6, 2 * 21 + 7]
    assert (view.confidence > 0).all(-1).tolist() == [[True, True], [True, False], [True, True]]
    assert view.notes == ("left out for their other body parts: single",)


@pytest.mark.parametrize("levels", [1, 3])
def test_labelled_images(tmp_path, suffix, levels):
    """Labelled data have image names as rows, in one column or three, and no likelihood."""
    names = [("labeled-data", "cam1", f"img{number:04d}.png") for number in (812, 7)]
    frame = tracked(2, ("x", "y"))
    frame.iloc[0, 2:4] = np.nan
    frame.index = (
        pd.Index(["\\".join(name) for name in names])
        if levels == 1
        else pd.MultiIndex.from_tuples(names)
    )
    view = read_deeplabcut(save(frame, tmp_path / f"CollectedData_me{suffix}"))
    assert view.frames.tolist() == [7, 812]
    assert view.points_px[0, 0, 2].tolist() == [201, 211]
    assert view.confidence[:, 0].tolist() == [[1, 1, 1], [1, 0, 1]]
    assert view.notes == ("labels without likelihood have confidence 1",)


def test_a_point_without_likelihood_was_placed_by_hand(tmp_path, suffix):
    frame = tracked()
    frame.iloc[0, 2] = np.nan
    view = read_deeplabcut(save(frame, tmp_path / f"cam1{suffix}"))
    assert view.confidence[0, 0, 0] == 1
    assert view.notes == ("labels without likelihood have confidence 1",)


def test_unnamed_column_levels(tmp_path):
    frame = tracked()
    frame.columns.names = [None, None, None]
    view = read_deeplabcut(save(frame, tmp_path / "cam1.h5"))
    assert view.points_px[3, 0, 1].tolist() == [103, 113]


def test_h5_needs_pytables(tmp_path, monkeypatch):
    path = save(tracked(), tmp_path / "cam1.h5")
    real_import = builtins.__import__

    def no_tables(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "tables":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_tables)
    with pytest.raises(InputError, match=r'cam1.h5: .*pip install "triangulate\[detect\]"'):
        read_deeplabcut(path)


@pytest.mark.parametrize("cropping", [True, False])
def test_a_cropped_analysis_is_refused(tmp_path, cropping):
    path = save(tracked(), tmp_path / f"cam1{SCORER}_filtered.csv")
    metadata = {"data": {"fps": 30.0, "cropping": cropping, "cropping_parameters": [9, 99, 0, 80]}}
    (tmp_path / f"cam1{SCORER}_meta.pickle").write_bytes(pickle.dumps(metadata))
    other = {"data": {"cropping": True}}
    (tmp_path / f"cam2{SCORER}_meta.pickle").write_bytes(pickle.dumps(other))
    (tmp_path / "cam1_meta.pickle").write_bytes(b"no pickle")
    if cropping:
        with pytest.raises(InputError, match=r"filtered\.csv: was analysed with cropping"):
            read_deeplabcut(path)
    else:
        assert read_deeplabcut(path).has_points


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "is no DeepLabCut file"),
        ("scorer,s,s\nbodyparts,a,a\n", "is no DeepLabCut file"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,y\n", "has no frames"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,y\n0,1,two\n", "cannot be read as numbers"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,y\n0,1,2\n1,1,2,3,4\n", "cannot be read as numbers"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,y\n0,1\n", "differ in their columns"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,x\n0,1,2\n", "same column twice"),
        ("scorer,s,s,s\nbodyparts,a,a,b\ncoords,x,y,x\n0,1,2,3\n", "only some body parts"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,u,v\n0,1,2\n", "no columns 'x' and 'y'"),
        ("scorer,s,t\nbodyparts,a,a\ncoords,x,y\n0,1,2\n", "one scorer, not of 2"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,y\n0,1,2\n0,1,2\n", "frame 0 twice"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,y\n0.5,1,2\n", "no frame number and no image"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,y\n,1,2\n", "no frame number and no image"),
        ("scorer,s,s\nbodyparts,a,a\ncoords,x,y\nimg.png,1,2\n", "no frame number"),
        (
            "scorer,s,s,s,s\nbodyparts,Ear,Ear,ear,ear\ncoords,x,y,x,y\n0,1,2,3,4\n",
            "given twice: ear",
        ),
    ],
)
def test_bad_csv(tmp_path, text, words):
    path = tmp_path / "cam1.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=f"cam1.csv: .*{words}") as caught:
        read_deeplabcut(path)
    assert "\n" not in str(caught.value)


def test_bad_h5(tmp_path):
    good = save(tracked(), tmp_path / "good.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(good[: len(good) // 2])
    save(pd.DataFrame({"a": [1.0]}), tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    for name in ("cut", "other", "text"):
        with pytest.raises(InputError, match=f"{name}.h5: ") as caught:
            read_deeplabcut(tmp_path / f"{name}.h5")
        assert "\n" not in str(caught.value)


def lightning_pose(frames: int = 3) -> pd.DataFrame:
    """As Lightning Pose predicts a video."""
    columns = pd.MultiIndex.from_product(
        [["heatmap_tracker"], ["paw1LH_top", "nose"], ["x", "y", "likelihood"]],
        names=["scorer", "bodyparts", "coords"],
    )
    values = [[10 + t, 20 + t, 0.5, 30 + t, 40 + t, 0.25] for t in range(frames)]
    return pd.DataFrame(np.array(values, dtype=float), columns=columns)


def test_lightning_pose(tmp_path):
    path = tmp_path / "top.csv"
    lightning_pose().to_csv(path)
    assert path.read_text().startswith("scorer,heatmap_tracker,heatmap_tracker,")
    view = read_deeplabcut(path)
    assert view.frames.tolist() == [0, 1, 2]
    assert view.skeleton.joint_names == ("paw1_lh_top", "nose")
    assert view.points_px[2, 0].tolist() == [[12, 22], [32, 42]]
    assert view.confidence[2, 0].tolist() == [0.5, 0.25]


def test_lightning_pose_on_labelled_images(tmp_path):
    """Named after images, and a last column says what each was used for."""
    frame = lightning_pose()
    frame["set", "", ""] = np.array(["train", "unused", "test"])
    frame.index = pd.Index([f"labeled-data/mouse/img0000{t}7.png" for t in (2, 0, 1)])
    frame.to_csv(tmp_path / "top.csv")
    view = read_deeplabcut(tmp_path / "top.csv")
    assert view.frames.tolist() == [7, 17, 27]
    assert view.points_px[:, 0, 1].tolist() == [[31, 41], [32, 42], [30, 40]]
    assert view.confidence[:, 0, 1].tolist() == [0.25] * 3


def test_the_smoother_of_lightning_pose(tmp_path):
    """EKS writes more columns for every body part."""
    coords = ["x", "y", "likelihood", "x_ens_median", "y_ens_median", "x_ens_var", "y_ens_var"]
    columns = pd.MultiIndex.from_product(
        [["ensemble-kalman_tracker"], ["paw"], coords], names=["scorer", "bodyparts", "coords"]
    )
    pd.DataFrame([[1.0, 2, 0.5, 3, 4, 5, 6]], columns=columns).to_csv(tmp_path / "a.csv")
    view = read_deeplabcut(tmp_path / "a.csv")
    assert view.points_px.tolist() == [[[[1, 2]]]]
    assert view.confidence.tolist() == [[[0.5]]]


@pytest.mark.parametrize("make", [lightning_pose, several])
def test_headers_without_names(tmp_path, make):
    frame = make()
    frame.to_csv(tmp_path / "named.csv")
    frame.columns.names = [None] * frame.columns.nlevels
    frame.to_csv(tmp_path / "bare.csv")
    assert (tmp_path / "bare.csv").read_text().startswith(",")
    named, bare = (read_deeplabcut(tmp_path / f"{name}.csv") for name in ("named", "bare"))
    assert bare.skeleton == named.skeleton
    np.testing.assert_array_equal(bare.points_px, named.points_px)
    np.testing.assert_array_equal(bare.confidence, named.confidence)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",s,s\n,a,a\n,x,y\n", "has no frames"),
        (",s,s\n,a,a\n,x,z\n0,1,2\n", "is no DeepLabCut file"),
        ("scorer,s,s,set\nbodyparts,a,a,\ncoords,x,y,\n0,1,2\n", "rows and header differ"),
        ("scorer,s,s,set\nbodyparts,a,a,\ncoords,x,y,\n0,1,b,test\n", "read as numbers"),
    ],
)
def test_broken_tables(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=rf"a\.csv: .*{words}") as caught:
        read_deeplabcut(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)
