from __future__ import annotations

import h5py
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig, save_rig


def test_reads_the_truth(truth, anipose_file):
    rig = load_rig(anipose_file, unit="mm")
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert rig.up_axis is None


def test_the_unit_scales_the_rig(anipose_file):
    in_mm, in_m = (load_rig(anipose_file, unit=unit) for unit in ("mm", "m"))
    centres = [rig.cameras.centre_world.numpy() for rig in (in_mm, in_m)]
    np.testing.assert_allclose(1000 * centres[0], centres[1], rtol=1e-12)


def test_refuses_an_open_unit_and_helps_to_name_it(truth, anipose_file):
    with pytest.raises(InputError, match=r'unit="mm".*\(--unit\)') as refused:
        load_rig(anipose_file)
    assert str(refused.value).startswith(str(anipose_file))
    apart = np.linalg.norm(truth.centre[:, None] - truth.centre[None], axis=-1).max()
    assert f"{1000 * apart:.4g} of that unit apart" in str(refused.value)


def test_reads_fisheye_lenses_beside_others(truth, toml_table, tmp_path):
    fisheye = truth.with_lens([0.08, -0.03, 0.01, -0.002], is_fisheye=True)
    tables = []
    for v, name in enumerate(truth.names):
        source = truth if v == 1 else fisheye
        entry = {"matrix": source.K[v], "distortions": source.dist[v], "rotation": source.rvec[v]}
        entry |= {"translation": source.t[v], "size": source.sizes[v]}
        tables.append(
            toml_table(f"cam_{v}", name=name, **entry, **({} if v == 1 else {"fisheye": True}))
        )
    path = tmp_path / "calibration.toml"
    path.write_text("".join(tables))
    rig = load_rig(path, unit="m")
    assert rig.lens_names == ["fisheye", "radtan", "fisheye"]
    found = rig.cameras.project(rig.cameras.K.new_tensor(truth.points))[0].numpy()
    expected = np.stack([fisheye.pixels()[0], truth.pixels()[1], fisheye.pixels()[2]])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_rational_lens_and_zeros_beyond_it(truth, toml_table, tmp_path):
    rational = truth.with_lens([-0.2, 0.05, 1e-3, -2e-3, 0.01, 0.02, -0.01, 0.004])
    tables = [
        toml_table(
            f"cam_{v}",
            name=name,
            size=truth.sizes[v],
            matrix=truth.K[v],
            distortions=[*rational.dist[v].tolist(), 0.0, 0.0, 0.0, 0.0],
            rotation=truth.rvec[v],
            translation=truth.t[v],
        )
        for v, name in enumerate(truth.names)
    ]
    path = tmp_path / "calibration.toml"
    path.write_text("".join(tables))
    rig = load_rig(path, unit="m")
    assert rig.lens_names == ["rational"] * 3
    rational.check(rig)


def test_refuses_thin_prism_terms_naming_the_camera(anipose_file):
    text = anipose_file.read_text()
    first = text.index("distortions = ")
    wide = "distortions = [ -0.2, 0.05, 0, 0, 0.01, 0, 0, 0, 0.003, 0, 0, 0,]"
    anipose_file.write_text(text[:first] + wide + text[text.index("\n", first) :])
    with pytest.raises(InputError, match=r"camera 'left': .*thin-prism"):
        load_rig(anipose_file, unit="mm")


@pytest.mark.parametrize("lens", ["radtan", "fisheye"])
def test_writes_what_it_reads(truth, anipose_file, tmp_path, lens):
    rig = load_rig(anipose_file, unit="mm")
    if lens == "fisheye":
        truth = truth.with_lens([0.08, -0.03, 0.01, -0.002], is_fisheye=True)
        rig = type(rig).from_arrays(**rig.to_arrays() | {"dist": truth.dist, "lens": lens})
    save_rig(rig, tmp_path / "again.toml", format="anipose")
    again = load_rig(tmp_path / "again.toml")  # which tells its unit
    truth.check(again)
    assert again.sizes == rig.sizes
    assert again.lens_names == rig.lens_names


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sizes": None}, "no image size: pass sizes= (--size)"),
        ({"lens": "rational", "dist": np.full((3, 8), 0.01)}, "rational lens"),
    ],
)
def test_does_not_write_what_it_would_lose(anipose_file, tmp_path, change, said):
    rig = load_rig(anipose_file, unit="mm")
    rig = type(rig).from_arrays(**rig.to_arrays() | change)
    with pytest.raises(InputError) as refused:
        save_rig(rig, tmp_path / "lost.toml", format="anipose")
    assert said in str(refused.value)
    assert not (tmp_path / "lost.toml").exists()


def test_does_not_write_skew(anipose_file, tmp_path):
    rig = load_rig(anipose_file, unit="mm")
    K = rig.to_arrays()["K"]
    K[1, 0, 1] = -5.8
    rig = type(rig).from_arrays(**rig.to_arrays() | {"K": K})
    with pytest.raises(InputError, match="camera 'top cam' has skew"):
        save_rig(rig, tmp_path / "lost.toml", format="anipose")


def test_real_corners_agree_with_the_correct_calibration(shared, reprojection_px):
    folder = shared / "sleap_anipose_mouse"
    rig = load_rig(folder / "calibration_fd57457_CORRECT.toml", unit="mm")
    assert rig.names == ("back", "mid", "side", "top")
    with h5py.File(folder / "minimal_session" / "calibration.metadata.h5") as file:
        corners = file["detected_corners"][:]  # (V, frames, corners, 2)
    seen = np.moveaxis(corners, 0, 2).reshape(-1, 4, 2)
    errors = reprojection_px(rig, seen)
    assert np.median(errors) < 0.26
    assert np.mean(errors) < 0.8


def test_the_real_file_with_a_copied_camera_is_refused(shared):
    path = shared / "sleap_anipose_mouse" / "minimal_session" / "calibration.toml"
    with pytest.raises(InputError, match="'side' and 'top' stand at the same place: a copied"):
        load_rig(path, unit="mm")
    rig = load_rig(path, unit="mm", cameras="back,mid,top")
    assert rig.names == ("back", "mid", "top")
