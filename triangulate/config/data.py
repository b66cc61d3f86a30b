"""Settings of data sets: which one, and what of it.

Paths are taken from the folder given with --data; else $TRIANGULATE_DATA; else the current folder.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from triangulate.config.parsing import Config


def _rising(pair: list[Any]) -> list[Any]:
    if pair[0] > pair[1]:
        raise ValueError(f"must be the least and the greatest, in this order, got {pair}")
    return pair


def _some_views(views: int | list[int]) -> int | list[int]:
    pair = [views, views] if isinstance(views, int) else views
    if len(pair) != 2 or not 2 <= pair[0] <= pair[1]:
        raise ValueError(f"must be 2 or more, or the least and the most, got {views}")
    return views


Range = Annotated[
    list[Annotated[float, Field(gt=0.0)]],
    Field(min_length=2, max_length=2),
    AfterValidator(_rising),
]
Views = Annotated[int | list[int], AfterValidator(_some_views)]
PixelSize = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class PoseMix(Config):
    """Shares of where poses come from."""

    mocap: float = Field(default=0.5, ge=0.0)
    """The motion capture that `motions` names."""

    angles: float = Field(default=0.35, ge=0.0)
    """Random joint angles."""

    walk: float = Field(default=0.15, ge=0.0)
    """A made-up walk."""

    @model_validator(mode="after")
    def _has_any(self) -> Self:
        if not self.mocap + self.angles + self.walk > 0:
            raise ValueError("must give mocap, angles or walk a share")
        return self


class SyntheticConfig(Config):
    """Made-up people, rendered on the fly."""

    kind: Literal["synthetic"]
    """This data set."""

    seed: int = Field(default=0, ge=0)
    """Another one, other moments."""

    length: int = Field(default=1_000_000, ge=1)
    """How many moments there are."""

    motions: list[str] | None = None
    """Files of motion capture, or folders of them; None: none, and their share is walks."""

    views: Views = 4
    """How many cameras, or the least and the most."""

    size: PixelSize = Field(default=[128, 128])
    """Width and height of the crops."""

    occlusion: Literal["none", "light", "heavy"] = "light"
    """`light`: small things in a third of the views; `heavy`: one or two of four views covered."""

    mix: PoseMix = PoseMix()
    """Where poses come from."""

    tumbled: float = Field(default=0.05, ge=0.0, le=1.0)
    """Part of the captured poses that is turned any way in space."""

    lying: float = Field(default=0.15, ge=0.0, le=1.0)
    """The same of the random angles."""

    reshape: float = Field(default=0.06, ge=0.0)
    """Standard deviation of the factor of each bone; 0 leaves captured bodies alone."""

    distance_m: Range = Field(default=[2.5, 6.0])
    """Least and greatest distance of the cameras from the person."""

    height_m: Range = Field(default=[0.5, 3.0])
    """Least and greatest height of the cameras above the floor."""

    device: Literal["cpu", "network"] = "cpu"
    """Where pictures are rendered; `network`: where the network is, without loading.workers.

    Graphics cards round otherwise: the same seed then gives slightly other pictures.
    """


class DetectionsConfig(Config):
    """Made-up 2D detections, for view weights."""

    kind: Literal["detections"]
    """This data set."""

    seed: int = Field(default=0, ge=0)
    """Another one, other scenes."""

    motions: list[str] = Field(default=[])
    """Files of motion capture, or folders of them, beside people who walk about."""

    views: Annotated[
        list[Annotated[int, Field(ge=2)]],
        Field(min_length=2, max_length=2),
        AfterValidator(_rising),
    ] = Field(default=[3, 6])
    """Least and most cameras."""


class Human36MConfig(Config):
    """Human3.6M, prepared by tools/datasets/human36m.py."""

    kind: Literal["human36m"]
    """This data set."""

    root: str
    """The folder with S1, S5, ... in it."""

    labels: str
    """The file of labels."""

    subjects: list[str] = Field(default=["S1", "S5", "S6", "S7", "S8"], min_length=1)
    """Whose moments."""

    cameras: list[str] | None = None
    """Names of the cameras to use; None: all."""

    undistorted: bool = True
    """Take the images without distortion."""

    drop_damaged: bool = False
    """Leave out the scenes whose labels are displaced, for absolute errors."""

    every: int = Field(default=1, ge=1)
    """Take every nth row of the labels."""

    skeleton: Literal["h36m17", "h36m17_mmpose"] = "h36m17"
    """The order of the joints: that of the published networks, or MMPose's."""

    size: PixelSize = Field(default=[384, 384])
    """Width and height of the crops."""

    margin: float = Field(default=1.0, gt=0.0)
    """How much larger than the labelled box a crop is."""

    missing: Literal["error", "mask"] = "error"
    """What an image is whose file is not there: an error, or a missing view."""


class PanopticConfig(Config):
    """CMU Panoptic Studio, as downloaded."""

    kind: Literal["panoptic"]
    """This data set."""

    root: str
    """The folder with the sequences in it."""

    sequences: list[str] | None = None
    """Their names; None: all that have poses."""

    cameras: list[str] | None = None
    """Names such as 00_03; None: all with images or a video."""

    size: PixelSize = Field(default=[384, 384])
    """Width and height of the crops."""

    every: int = Field(default=1, ge=1)
    """Take every nth file of poses."""

    margin: float = Field(default=1.3, gt=0.0)
    """How much larger than the box around the joints a crop is."""

    min_confidence: float = Field(default=0.1, ge=0.0)
    """A joint below it is not known."""

    min_joints: int = Field(default=10, ge=1)
    """Leave out people of whom fewer joints are known."""

    min_shown: float = Field(default=0.5, ge=0.0, le=1.0)
    """A view is missing where it shows less than this share of them."""

    missing: Literal["error", "mask"] = "error"
    """What an image is whose file is not there: an error, or a missing view."""


class RecordingsConfig(Config):
    """One's own recordings, with the poses that `triangulate reconstruct` wrote."""

    kind: Literal["recordings"]
    """This data set."""

    root: str
    """A project, or the folder of one recording."""

    recordings: list[str] | None = None
    """Names in a project; None: all that have poses."""

    poses: str = "out/poses.npz"
    """The file of poses in a recording's folder, such as adapted/poses.npz."""

    rig: str | None = None
    """The calibration; None: rig.yaml of the recording, else of the project."""

    cameras: list[str] | None = None
    """Names of the cameras to use; None: all with a video."""

    skeleton: str | None = None
    """The joints to give, such as coco17; None: the poses' own."""

    size: PixelSize = Field(default=[128, 128])
    """Width and height of the crops."""

    every: int = Field(default=1, ge=1)
    """Take every nth frame that has poses."""

    margin: float = Field(default=1.25, gt=0.0)
    """How much larger than the box around the joints a crop is."""

    max_sigma_m: float | None = Field(default=None, gt=0.0)
    """Leave out joints with a larger standard deviation."""

    min_joints: int = Field(default=4, ge=1)
    """Leave out people of whom fewer joints are left."""

    min_shown: float = Field(default=0.5, ge=0.0, le=1.0)
    """A view is missing where it shows less than this share of them."""


DataConfig = Annotated[
    SyntheticConfig | Human36MConfig | PanopticConfig | RecordingsConfig,
    Field(discriminator="kind"),
]

TrainingDataConfig = Annotated[
    SyntheticConfig | Human36MConfig | PanopticConfig | RecordingsConfig | DetectionsConfig,
    Field(discriminator="kind"),
]
