"""The tool on a small download, written here in the original's layout; its result is read back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
import torch

from tools.datasets.human36m import LABELS, main, read_metadata, read_poses
from triangulate.data.human36m import Human36M
from triangulate.errors import InputError
from triangulate.rig_formats import load_rig
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.motion import walk
from triangulate.synthetic.rigs import ring_rig

ROOT = Path(__file__).resolve().parents[3]
CAMERAS, SIZE, FRAMES = ("54138969", "55011271"), (320, 240), 11
H36M17 = (3, 2, 1, 6, 7, 8, 0, 12, 13, 15, 27, 26, 25, 17, 18, 19, 14)


@pytest.fixture
def cdf(monkeypatch):
    """Writes pose files: with cdflib where it is installed, else a stand-in reads them."""
    try:
        import cdflib
        from cdflib import cdfwrite
    except ImportError:
        stand_in = ModuleType("cdflib")

        class CDF:
            def __init__(self, path: str) -> None:
                self.content = np.load(path)

            def varget(self, name: str) -> np.ndarray:
                assert name == "Pose"
                return self.content

        stand_in.CDF = CDF  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "cdflib", stand_in)

        def write(file: Path, poses: np.ndarray) -> None:
            with file.open("wb") as stream:
                np.save(stream, poses)

        return write

    def write_cdf(file: Path, poses: np.ndarray) -> None:
        writer = cdfwrite.CDF(str(file), delete=True)
        variable = {"Variable": "Pose", "Data_Type": writer.CDF_REAL4, "Num_Elements": 1}
        variable |= {"Rec_Vary": True, "Dim_Sizes": list(poses.shape[1:])}
        writer.write_var(variable, var_data=poses.astype(np.float32))
        writer.close()
        assert cdflib.CDF(str(file)).varget("Pose").shape == poses.shape

    return write_cdf


def euler(rotation: np.ndarray) -> list[float]:
    """Angles a, b, c with rotation = Rx(a) Ry(b) Rz(c)."""
    return [
        np.arctan2(-rotation[1, 2], rotation[2, 2]),
        np.arcsin(rotation[0, 2]),
        np.arctan2(-rotation[0, 1], rotation[0, 0]),
    ]


def metadata_text(rig) -> str:
    arrays = rig.to_arrays()
    placed = []
    for rotation, centre in zip(
        arrays["rotation"], 1000 * rig.cameras.centre_world.numpy(), strict=True
    ):
        placed += [0.0] * 6  # of S1
        placed += [*euler(rotation), *centre]  # of S9
    for K, dist in zip(arrays["K"], arrays["dist"], strict=True):
        k1, k2, p1, p2, k3 = dist
        placed += [K[0, 0], K[1, 1], K[0, 2], K[1, 2], k1, k2, k3, p1, p2]
    rows = [
        ["Action", "Take", "S1", "S9"],
        ["1", "1", "_ALL 1", "_ALL"],
        ["2", "1", "Photo 1", "Photo"],
        ["2", "2", "Photo", "Photo 1"],
    ]
    mapping = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<metadata><mapping>{mapping}</mapping>"
        "<actionnames><item>_ALL</item><item>Photo</item></actionnames>"
        f"<dbcameras><index2id>{''.join(f'<item>{name}</item>' for name in CAMERAS)}</index2id>"
        f"</dbcameras><w0>[{' '.join(f'{value:.12g}' for value in placed)}]</w0></metadata>"
    )


def write_masks(file: Path, boxes: np.ndarray) -> None:
    """One mask a frame, as MATLAB writes a cell of them in its version 7.3."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as content:
        references = content.create_dataset("Masks", (len(boxes), 1), dtype=h5py.ref_dtype)
        for frame, (top, left, bottom, right) in enumerate(boxes):
            mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
            mask[top:bottom, left:right] = 1
            stored = content.create_dataset(f"#refs#/{frame}", data=mask.T)
            references[frame, 0] = stored.ref


@pytest.fixture(scope="module")
def rig():
    return ring_rig(seeded(0), 2, size=SIZE)


@pytest.fixture(scope="module")
def poses():
    return walk(seeded(1), FRAMES, half_length_m=0.5).positions_m


def picture(rig, poses: np.ndarray, view: int, frame: int) -> np.ndarray:
    """Dots at the joints, on grey."""
    pixels = rig.cameras[view].project(torch.from_numpy(poses[frame]))[0].numpy()
    x, y = np.arange(SIZE[0]), np.arange(SIZE[1])[:, None]
    far2 = (x - pixels[:, 0, None, None]) ** 2 + (y - pixels[:, 1, None, None]) ** 2
    light = np.exp(-far2 / 8).max(0)
    return np.repeat((40 + 200 * light).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.fixture
def download(tmp_path, rig, poses, cdf, write_video):
    """S9's scene `Photo 1` (the second take), with cameras of its own."""
    folder = tmp_path / "download"
    (folder / "S9" / "MyPoseFeatures" / "D3_Positions").mkdir(parents=True)
    (folder / "metadata.xml").write_text(metadata_text(rig))
    joints = np.zeros((1, FRAMES, 96), np.float32)
    joints.reshape(FRAMES, 32, 3)[:, list(H36M17)] = 1000 * poses
    cdf(folder / "S9" / "MyPoseFeatures" / "D3_Positions" / "Photo 1.cdf", joints)
    for view, camera in enumerate(CAMERAS):
        write_video(
            folder / "S9" / "Videos" / f"Photo 1.{camera}.mp4",
            FRAMES - view,  # the second one is a frame short
            picture=lambda number, *_, view=view: picture(rig, poses, view, number),
            size=SIZE,
            options={"crf": "5"},
        )
        pixels, _ = rig.cameras[view].project(torch.from_numpy(poses))
        low, high = pixels.numpy().min(1) - 6, pixels.numpy().max(1) + 6
        boxes = np.stack([low[:, 1], low[:, 0], high[:, 1], high[:, 0]], -1).astype(int)
        boxes = boxes.clip(0, [SIZE[1], SIZE[0], SIZE[1], SIZE[0]])
        name = f"Photo 1.{camera}.mat"
        write_masks(folder / "S9" / "MySegmentsMat" / "ground_truth_bb" / name, boxes)
    return folder


def brightness(sample) -> np.ndarray:
    """How bright the crops are at the projected joints, and how bright at most: (V, J)."""
    pixels, _ = sample.cameras.project(sample.points_world)
    x, y = pixels.round().long().unbind(-1)
    images = sample.images.float().mean(1)
    values = [image[b, a] for image, a, b in zip(images, x, y, strict=True)]
    return torch.stack(values).numpy()


@pytest.mark.parametrize("distorted", [False, True])
def test_what_it_writes_is_read(download, tmp_path, rig, poses, capsys, distorted):
    out = tmp_path / "processed"
    arguments = ["--download", str(download), "--out", str(out), "--every", "5"]
    main([*arguments, *(["--distorted"] if distorted else [])])
    printed = capsys.readouterr().out
    assert "S9 TakingPhoto-2: 3 moments" in printed
    assert "Photo.cdf: is missing: S9 TakingPhoto-1 is left out" in printed
    assert "1 of 3 frames have no image" in printed
    data = Human36M(
        out, out / LABELS, subjects=["S9"], undistorted=not distorted, size=(240, 240), margin=1.2
    )
    assert len(data) == 3
    assert data.groups == ("TakingPhoto",)
    for number in range(3):
        truth = torch.from_numpy(poses[5 * number])
        assert torch.allclose(data[number].points_world, truth, atol=1e-6)
    sample = data[1]
    assert sample.views.all()
    assert data[2].views.tolist() == [True, False]
    assert bool(sample.visible.all())
    assert np.quantile(brightness(sample), 0.1) > 150  # the dots are where the joints are
    first = (
        out
        / "S9"
        / "TakingPhoto-2"
        / ("imageSequence" if distorted else "imageSequence-undistorted")
    )
    assert sorted(file.name for file in (first / CAMERAS[1]).iterdir()) == [
        "img_000001.jpg",
        "img_000006.jpg",
    ]


def test_cameras_are_those_of_the_metadata(download, tmp_path, rig):
    metadata = read_metadata(download / "metadata.xml")
    assert metadata.scenes["S9"] == {"TakingPhoto-1": "Photo", "TakingPhoto-2": "Photo 1"}
    main(["--download", str(download), "--out", str(tmp_path / "out")])
    read = load_rig(tmp_path / "out" / LABELS, subject="S9")
    points = torch.from_numpy(
        np.random.default_rng(0).uniform([-0.5, -0.5, 0.5], [0.5, 0.5, 1.5], (20, 3))
    )
    expected, _ = rig.cameras.project(points)
    found, _ = read.cameras.project(points)
    assert torch.allclose(expected, found, atol=2e-3)


def test_folders_that_are_there_are_kept(download, tmp_path, capsys):
    arguments = ["--download", str(download), "--out", str(tmp_path / "out")]
    main(arguments)
    folder = tmp_path / "out" / "S9" / "TakingPhoto-2" / "imageSequence-undistorted" / CAMERAS[0]
    (folder / "img_000001.jpg").write_bytes(b"mine")
    (download / "S9" / "Videos" / f"Photo 1.{CAMERAS[1]}.mp4").unlink()
    capsys.readouterr()
    main(arguments)
    assert (folder / "img_000001.jpg").read_bytes() == b"mine"
    assert "is missing: no views of it" in capsys.readouterr().out
    data = Human36M(tmp_path / "out", tmp_path / "out" / LABELS, subjects=["S9"])
    assert len(data) == 3


def test_broken_downloads(download, tmp_path, monkeypatch):
    arguments = ["--download", str(download), "--out", str(tmp_path / "out")]
    masks = download / "S9" / "MySegmentsMat" / "ground_truth_bb" / f"Photo 1.{CAMERAS[0]}.mat"
    masks.write_bytes(b"no masks")
    with pytest.raises(InputError, match=r"54138969.mat: cannot be read .*unpack it again"):
        main(arguments)
    poses = download / "S9" / "MyPoseFeatures" / "D3_Positions" / "Photo 1.cdf"
    poses.write_bytes(b"no poses")
    with pytest.raises(InputError, match=r"Photo 1.cdf: cannot be read"):
        read_poses(poses)
    monkeypatch.setitem(sys.modules, "cdflib", None)
    with pytest.raises(InputError, match="pip install cdflib"):
        read_poses(poses)
    (download / "S9").rename(download / "other")
    with pytest.raises(InputError, match=r"there are no subjects"):
        main(arguments)
    (download / "metadata.xml").write_text("<metadata/>")
    with pytest.raises(InputError, match=r"metadata.xml: cannot be read as the metadata"):
        main(arguments)
    assert not (tmp_path / "out" / LABELS).exists()


def test_as_a_script(tmp_path):
    script = ROOT / "tools" / "datasets" / "human36m.py"
    command = [sys.executable, str(script), "--download", str(tmp_path), "--out", "out"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "metadata.xml" in done.stderr
