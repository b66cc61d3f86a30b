"""`triangulate train configs/adapt.yaml --recording R`: learning on a recording without labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from triangulate.arguments import (
    default_out,
    offer_networks,
    open_checked,
    read_rig,
    read_settings,
    rig_path,
)
from triangulate.console import print_json, print_pairs, progress_bar, uninterrupted, waiting

if TYPE_CHECKING:
    from triangulate.adaptation.adapting import Adapted


def adapt(
    config: Path, recording: Path, rig: Path | None, out: Path | None, *, as_json: bool = False
) -> None:
    """Learn on a recording, and write adapted.safetensors and poses.npz where it helped.

    Args:
        config: settings as YAML, an `AdaptConfig`.
        recording: a folder of videos.
        rig: the calibration; None: rig.yaml in or above the recording.
        out: folder to write to; None: `adapted` in the recording.
        as_json: print JSON instead of a table.
    """
    with uninterrupted(), waiting("loading"):
        from triangulate.adaptation.adapting import adapt_recording
        from triangulate.adaptation.material import check_suffices
        from triangulate.config.adaptation import AdaptConfig
        from triangulate.config.parsing import load_config
        from triangulate.output import check_writable

    settings = load_config(config, AdaptConfig)
    opening = read_settings({})
    loaded = read_rig(rig_path([recording], rig), opening, None, None, None)
    opened = open_checked([recording], loaded, opening, {})
    check_suffices(opened, settings)
    folder = out or default_out([recording], "adapted")
    check_writable(folder)
    offer_networks()
    with _bars() as report:
        adapted = adapt_recording(opened, folder, settings, report=report)
    if as_json:
        print_json({"out": folder, **adapted.as_dict()})
    else:
        print_pairs("Learned on the recording", [*_rows(adapted), ("written to", str(folder))])


def _rows(adapted: Adapted) -> list[tuple[str, str]]:
    kept = adapted.as_dict()
    rows = [("joints learned from", f"{kept['labels_kept']:.0%}")]
    if adapted.verdict is None or adapted.over_linear is None:
        return rows
    before, after = adapted.verdict.held_out_px
    loose, tight = adapted.verdict.bone_spread
    linear, _ = adapted.over_linear.held_out_px
    return [
        *rows,
        ("left-out camera, linear", f"{linear} px"),
        ("left-out camera, before", f"{before} px"),
        ("left-out camera, after", f"{after} px"),
        ("bone spread, before", f"{loose.as_percent()}"),
        ("bone spread, after", f"{tight.as_percent()}"),
    ]


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each stage of the work, one after the other."""
    stage: str | None = None
    show: Callable[[int, int], None] | None = None
    with ExitStack() as open_bar:

        def report(what: str, done: int, total: int) -> None:
            nonlocal stage, show
            if what != stage:
                open_bar.close()
                stage = what
                unit = "steps" if what == "learning" else "frames"
                show = open_bar.enter_context(progress_bar(what, unit))
            if show is not None:
                show(done, total)

        yield report
