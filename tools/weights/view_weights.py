"""Packs the view weights that ship: settles their covariance, measures them, writes their card.

    triangulate train configs/view_weights.yaml --out runs/view_weights --data DATA
    python tools/weights/view_weights.py runs/view_weights --motions DATA/deepmimic_motions

writes triangulate/weights/view_weights.safetensors and view_weights.md beside it. Everything is
measured on made-up scenes that training did not see; `tools/bench/view_weights.py` measures the
result on other people's noise and on real detections.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor

from triangulate.data.detections import DetectionScenes
from triangulate.geometry.threads import one_thread
from triangulate.models.view_weights import ViewWeights
from triangulate.models.weights import Card, read_header, save
from triangulate.synthetic.mocap import motions_in
from triangulate.triangulation import load_view_weights

OUT = Path(__file__).resolve().parents[2] / "triangulate" / "weights" / "view_weights.safetensors"
CALIBRATION_SEED, VALIDATION_SEED, BATCHES = 986, 985, 24
CHI2_95, CHI2_MEDIAN = 7.8147, 2.3660  # of three degrees of freedom


@torch.no_grad()
@one_thread()
def measured(network: ViewWeights, scenes: DetectionScenes) -> tuple[Tensor, Tensor]:
    """Distances in mm and squared errors over the covariance, of all joints of all scenes."""
    distances, squared = [], []
    for batch in (scenes[number] for number in range(len(scenes))):
        found = network(batch.points_px, batch.score, batch.cameras, batch.observed)
        offset = (found.points_world - batch.points_world)[found.valid]
        white = torch.linalg.solve(found.covariance[found.valid], offset[..., None])[..., 0]
        distances.append(1000 * offset.norm(dim=-1))
        squared.append((offset * white).sum(-1))
    return torch.cat(distances), torch.cat(squared)


def settle_covariance(network: ViewWeights, scenes: DetectionScenes) -> None:
    """Make the covariance right for half of the points: the median of its squared errors."""
    _, nees = measured(network, scenes)
    with torch.no_grad():
        network.doubt.out.bias.add_(math.log(float(nees.median()) / CHI2_MEDIAN))


def how_trained(run: Path) -> str:
    """The settings that a run may have of its own, and those of the run it started from."""
    settings = read_header(run / "last.safetensors").card.metrics.get("settings")
    if settings is None:
        return "not said how"
    views = "-".join(map(str, settings["data"]["views"]))
    said = f"steps {settings['steps']}, views {views}, lr {settings['optimizer']['lr']:g}"
    start = settings["start"]
    return said if start is None else f"{how_trained(Path(start).parent)}; from there {said}"


def main(arguments: list[str] | None = None) -> None:
    """Settle, measure, and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder that training wrote")
    parser.add_argument("--motions", type=Path, help="the folder of motions it was trained on")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    network = load_view_weights(options.run / "last.safetensors")
    paths = motions_in(options.motions) if options.motions else []

    def scenes(seed: int) -> DetectionScenes:
        return DetectionScenes.from_motions(paths, num_batches=BATCHES, seed=seed, views=(3, 8))

    settle_covariance(network, scenes(CALIBRATION_SEED))
    distance_mm, nees = measured(network, scenes(VALIDATION_SEED))
    metrics = {
        "mean_mm_capped_at_2_m": round(float(distance_mm.clamp_max(2000).mean()), 1),
        "median_mm": round(float(distance_mm.median()), 1),
        "inside_the_95_percent_ellipsoid": round(float((nees < CHI2_95).double().mean()), 3),
        "inside_the_50_percent_ellipsoid": round(float((nees < CHI2_MEDIAN).double().mean()), 3),
    }
    card = Card(
        summary="how far each view of a joint is to be believed, for the keypoints of any detector",
        data=f"made-up detections of {len(paths)} recorded motions, of walking people and of "
        "random skeletons; no images and no real detections",
        command=f"triangulate train configs/view_weights.yaml ({how_trained(options.run)}), then "
        "tools/weights/view_weights.py",
        metrics=metrics,
        limits="one person at a time, matched across views; a joint needs two views",
    )
    save(network, options.out, card)
    header = read_header(options.out)
    options.out.with_suffix(".md").write_text(text_of(card, header.num_parameters), "utf-8")
    print(f"{options.out}: " + ", ".join(f"{name} {value}" for name, value in metrics.items()))


def text_of(card: Card, num_parameters: int) -> str:
    """The card for people."""
    metrics = "\n".join(
        f"| {name.replace('_', ' ')} | {card.metrics[name]} |" for name in card.metrics
    )
    return f"""# view_weights

{card.summary[0].upper()}{card.summary[1:]}: `triangulate reconstruct --weights learned`.

**What it is.** {num_parameters:,} parameters (`triangulate.models.view_weights`). From keypoints,
scores and cameras it weighs the views of every joint and gives the point with its covariance; what
the views leave open is drawn towards the middle of the body (`triangulate.models.body_prior`). It
treats views alike and joints alike, whatever their number; neither the world's frame nor a unit nor
the resolution matters. Scores need no calibration.

**Data.** {card.data[0].upper()}{card.data[1:]}. Noise, wrong joints, limbs and views, swapped
sides, other people, missing detections, camera errors and what scores know of all that are drawn
anew for every scene (`triangulate.synthetic.detections`), and so are the rigs.

**Command.**

    triangulate train configs/view_weights.yaml --out runs/view_weights --data DATA
    python tools/weights/view_weights.py runs/view_weights --motions DATA/deepmimic_motions

These weights: {card.command}.

**Measured** on made-up scenes of 3 to 8 views that training did not see:

| | |
|---|---|
{metrics}

The mean is over detectors from precise to useless, so it compares networks and says nothing about a
recording. `python tools/bench/view_weights.py` compares with estimators that learned nothing.

**Limits.** {card.limits[0].upper()}{card.limits[1:]}. It sees single moments: an offset that a
camera has in every frame is found by `--method robust`, which learns from the whole recording. The
covariance is right for the better half of the points of the scenes it was settled on, and too small
for those whose views are wrong in agreement. With fewer than five joints, residuals do not tell a
detector's precision: weights and covariance are then guesses, and there is no body to draw towards.
With detectors that are off by centimetres, limbs come out a little short for the same reason that
they come out nearer to the truth. It was trained on 2 to 6 views and tried on 2 to 16.
"""


if __name__ == "__main__":
    main()
