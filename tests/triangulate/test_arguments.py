"""What the arguments stand for; that the commands use it is in commands/."""

from __future__ import annotations

from pathlib import Path

import pytest

from triangulate.arguments import default_out, detecting, read_settings, rig_path
from triangulate.detection import STRETCH_FRAMES
from triangulate.errors import InputError, Stopped


def test_options_go_before_the_settings_file(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("every: 3\nmethod: dlt\ncameras: [a, b]\n")
    settings = read_settings({"every": 2, "method": None, "cameras": ["c", "d"]}, config)
    assert (settings.every, settings.method, settings.cameras) == (2, "dlt", ["c", "d"])
    with pytest.raises(InputError, match=r"--min-confidence should be less than or equal to 1"):
        read_settings({"min_confidence": 1.5})


def test_the_rig_is_looked_for_above_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = tmp_path / "project" / "recordings" / "walk" / "videos"
    videos.mkdir(parents=True)
    (videos / "cam1.mp4").touch()
    with pytest.raises(InputError, match=r"no rig\.yaml in it or in the folders above"):
        rig_path([videos], None)
    (tmp_path / "project" / "rig.yaml").touch()
    monkeypatch.chdir(tmp_path)
    found = Path("project") / "rig.yaml"
    for recording in (videos, videos.parent, videos / "cam1.mp4", Path("project")):
        assert rig_path([recording], None) == found
    (videos.parent / "rig.yaml").touch()  # the nearest counts
    assert rig_path([videos], None) == Path("project/recordings/walk/rig.yaml")
    (tmp_path / "link").symlink_to(videos.parent)  # what the user sees, not where it leads
    assert rig_path([Path("link")], None) == Path("link/rig.yaml")
    assert rig_path([Path("nowhere")], Path("other.toml")) == Path("other.toml")
    with pytest.raises(InputError, match="nowhere: does not exist"):
        rig_path([Path("nowhere")], None)


def test_results_go_beside_the_videos(tmp_path: Path) -> None:
    files = [tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "far" / "c.mp4"]
    (tmp_path / "far").mkdir()
    for file in files:
        file.touch()
    assert default_out([tmp_path], "out") == tmp_path / "out"
    assert default_out(files[:2], "out") == tmp_path / "out"
    with pytest.raises(InputError, match="say where to write with --out"):
        default_out(files, "out")
    with pytest.raises(InputError, match="gone: does not exist"):
        default_out([tmp_path / "gone"], "out")


@pytest.mark.parametrize(
    ("reached", "cache", "said"),
    [
        (None, True, "stopped; finished detections are kept: run the same command again"),
        ((7, 900), True, "stopped after frame 7 of 900; nothing is kept yet"),
        (
            (2 * STRETCH_FRAMES + 3, 900),
            True,
            f"of 900; the first {2 * STRETCH_FRAMES} are kept: run the same command again",
        ),
        ((900, 900), True, "stopped after frame 900 of 900; the first 900 are kept"),
        ((7, 900), False, "stopped; with --no-cache nothing is kept"),
    ],
)
def test_ctrl_c_tells_what_is_kept(reached: tuple[int, int] | None, cache: bool, said: str) -> None:
    with pytest.raises(Stopped) as stop, detecting(cache=cache) as report:
        if reached is not None:
            report(*reached)
        raise KeyboardInterrupt
    assert said in str(stop.value)
