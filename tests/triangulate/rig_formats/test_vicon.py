from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError
from triangulate.rig_formats import load_rig

NONE = (0.0, 0.0, 0.0)


def camera_text(truth, v, radial, aspect="1", lens=None):
    K = truth.K[v]
    orientation = Rotation.from_matrix(truth.rotation[v]).as_quat()  # x y z w
    lens = lens or f'VICON_RADIAL2="Vicon3Parameter {K[0, 2]} {K[1, 2]} {spaced(radial)}"'
    return f"""
  <Camera ACTIVE_THRESHOLD="1" DEVICEID="{truth.names[v]}" DISPLAY_TYPE="Vue" ISDV="2" NAME=""
      PIXEL_ASPECT_RATIO="{aspect}" SENSOR_SIZE="{spaced(truth.sizes[v])}" SKEW="0" TYPE="Vue_VIDEO"
      USERID="{v + 1}">
    <ControlFrames/>
    <KeyFrames>
      <KeyFrame FOCAL_LENGTH="{K[0, 0]}" FRAME="0" IMAGE_ERROR="0.2" {lens}
          ORIENTATION="{spaced(orientation)}" POSITION="{spaced(1000 * truth.centre[v])}"
          PRINCIPAL_POINT="{K[0, 2]} {K[1, 2]}" WORLD_ERROR="0.4"/>
    </KeyFrames>
  </Camera>"""


def spaced(values):
    return " ".join(repr(value) for value in np.asarray(values).tolist())


@pytest.fixture
def truth(truth):
    """Square pixels, as a focal length alone has them, and no distortion."""
    K = truth.K.copy()
    K[:, 1, 1] = K[:, 0, 0]
    return replace(truth, K=K).named("710001", "710002", "710003").with_lens([0, 0, 0, 0, 0])


@pytest.fixture
def write(truth, tmp_path):
    def to_file(radial=NONE, **options):
        cameras = [camera_text(truth, v, radial, **options) for v in range(3)]
        path = tmp_path / "trial.xcp"
        head = '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>'
        text = f'{head}\n<Cameras SOURCE="Nexus" VERSION="1.1">{"".join(cameras)}\n</Cameras>\n'
        path.write_text(text)
        return path

    return to_file


def test_reads_the_truth_in_millimetres(truth, write):
    rig = load_rig(write())
    truth.check(rig)
    assert rig.sizes == ((640, 480), (1080, 1920), (640, 480))
    assert (rig.up_axis, rig.notes) == ("z", ())
    truth.check(load_rig(write().parent))


def test_a_pixel_aspect_ratio_is_noted(truth, write):
    rig = load_rig(write(aspect="1.25"))
    np.testing.assert_allclose(rig.cameras.K[:, 1, 1], truth.K[:, 0, 0] / 1.25)
    assert "camera '710002': its PIXEL_ASPECT_RATIO 1.25 is taken as fx / fy" in rig.notes


# --- The lens -------------------------------------------------------------------------------------


def test_refuses_coefficients_until_told_what_they_are(write):
    path = write((4e-8, 0, 0))
    with pytest.raises(InputError) as refused:
        load_rig(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: camera '710001': the file does not tell what its radial")
    assert (
        "say radial= (--radial of calib convert and show): pixels (they correct the co" in message
    )
    # The farthest corner from (322.1, 238.7) is at (-0.5, 479.5), 403 px off: 4e-8 r^3 = 2.61.
    assert "by up to 2.61 px), opencv (by about 7.01e-06 px), or none" in message
    assert "\n" not in message


def test_pixels_are_corrected_by_the_polynomial(truth, write):
    coefficients = (4e-8, -1e-14, 0)
    rig = load_rig(write(coefficients), radial="pixels")
    seen, valid = rig.cameras.project(rig.cameras.K.new_tensor(truth.points))
    assert bool(valid.all())
    centre = truth.K[:, None, :2, 2]
    offset = seen.numpy() - centre
    r2 = (offset**2).sum(-1, keepdims=True)
    corrected = centre + offset * (1 + coefficients[0] * r2 + coefficients[1] * r2**2)
    np.testing.assert_allclose(corrected, truth.pixels(), rtol=0, atol=0.02)
    assert np.abs(offset - (corrected - centre)).max() > 0.4  # a lens that shows
    assert rig.notes[0].startswith("radial coefficients taken as a correction of pixels, as told")


@pytest.mark.parametrize("lens", [None, 'VICON_RADIAL="-0.2 0.05"'])
def test_coefficients_of_opencv(truth, write, lens):
    k3 = 0.01 if lens is None else 0.0
    rig = load_rig(write((-0.2, 0.05, k3), lens=lens), radial="opencv")
    equal = replace(truth, dist=np.tile([-0.2, 0.05, 0, 0, k3], (3, 1)))
    equal.check(rig)
    assert rig.notes == ("radial coefficients taken as OpenCV's k1 k2 k3, as told",)


def test_no_lens_for_videos_without_distortion(truth, write):
    rig = load_rig(write((4e-8, 0, 0)), radial="none")
    truth.check(rig)
    assert rig.notes == ("radial coefficients left out, as told",)


def test_radial_is_for_this_format_alone(write, anipose_file):
    with pytest.raises(InputError, match=r"is no Vicon file: leave radial= \(--radial\) out"):
        load_rig(anipose_file, unit="mm", radial="none")
    with pytest.raises(InputError, match=r"radial must be pixels, opencv, none \(--radial\), not"):
        load_rig(write(), radial="mm")


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("<KeyFrame ", "<Frame "), "it has no KeyFrame, so it was not calibrated: leave it out"),
        (("<KeyFrames>", "<KeyFrames><KeyFrame/>"), "it has 2 key frames, so it moved"),
        (('SKEW="0"', 'SKEW="0.1"'), "its SKEW is not 0"),
        (("SENSOR_SIZE", "SIZE"), "SENSOR_SIZE is missing: leave it out with cameras="),
        (("POSITION", "PLACE"), "POSITION is missing"),
        (('ORIENTATION="', 'ORIENTATION="1 '), "'ORIENTATION' must hold 4 numbers"),
        (('ORIENTATION="', 'ORIENTATION="9 9 9 9" OLD="'), "no quaternion of length 1"),
        (('FOCAL_LENGTH="', 'FOCAL_LENGTH="nan" OLD="'), "'FOCAL_LENGTH' holds NaN or infinity"),
        (('PIXEL_ASPECT_RATIO="1"', 'PIXEL_ASPECT_RATIO="0"'), "RATIO is not positive"),
        (("Vicon3Parameter", "ViconFisheye"), "its lens model 'ViconFisheye' is not known"),
        (("Vicon3Parameter", "Vicon3Parameter 1"), "'VICON_RADIAL2' must hold 5 numbers"),
    ],
)
def test_broken_cameras(write, change, said):
    path = write()
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1).replace("</Frame ", "</KeyFrame "))
    with pytest.raises(InputError) as refused:
        load_rig(path)
    assert str(refused.value).startswith(f"{path}: camera '710001': ")
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert len(load_rig(path, cameras="710002,710003")) == 2


def test_a_file_that_is_cut_off_and_cameras_of_one_name(write):
    path = write()
    text = path.read_text()
    path.write_text(text[:-60])
    with pytest.raises(InputError, match=r"is no valid XML: .*; is it cut off\?"):
        load_rig(path)
    path.write_text(text.replace("710002", "710001"))
    with pytest.raises(InputError, match="camera name '710001' is given twice"):
        load_rig(path)
