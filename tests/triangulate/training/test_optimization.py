"""Parameter groups, schedules and the running mean of weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from triangulate.config.training import GroupConfig, OptimizerConfig, ScheduleConfig
from triangulate.errors import InputError
from triangulate.training.optimization import (
    RunningMean,
    build_optimizer,
    exchanged,
    hold_statistics,
    rate_at,
    set_rates,
)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))


def rates(config: OptimizerConfig) -> dict[str, tuple[float, float]]:
    """Learning rate and decay by parameter name."""
    model = network()
    optimizer = build_optimizer(model, config)
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {
        names[parameter]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def test_the_longest_prefix_decides() -> None:
    groups = [
        GroupConfig(prefix="0.", lr=0.1),
        GroupConfig(prefix="0.bias", frozen=True),
        GroupConfig(prefix="1", lr=0.2),
    ]
    found = rates(OptimizerConfig(lr=0.5, weight_decay=0.01, groups=groups))
    assert found == {
        "0.weight": (0.1, 0.01),
        "1.weight": (0.2, 0.0),
        "1.bias": (0.2, 0.0),
        "2.weight": (0.5, 0.01),
        "2.bias": (0.5, 0.0),
    }


def test_adam_has_no_decay() -> None:
    assert {decay for _, decay in rates(OptimizerConfig(kind="adam")).values()} == {0.0}


@pytest.mark.parametrize(
    ("prefix", "said"),
    [("0.weigt", "did you mean '0.weight'?"), ("backbone.", "names start with 0, 1, 2")],
)
def test_a_prefix_that_no_parameter_has(prefix: str, said: str) -> None:
    config = OptimizerConfig(groups=[GroupConfig(prefix=prefix)])
    with pytest.raises(InputError, match="no parameter starts with") as caught:
        build_optimizer(network(), config)
    assert said in str(caught.value)


def test_all_frozen() -> None:
    with pytest.raises(InputError, match="leave something to train"):
        build_optimizer(network(), OptimizerConfig(groups=[GroupConfig(prefix="", frozen=True)]))


def test_frozen_statistics_stay() -> None:
    model = network().train()
    hold_statistics(model, [GroupConfig(prefix="1.", frozen=True)], everywhere=False)
    assert [module.training for module in model] == [True, False, True]
    model.train()
    hold_statistics(model, [], everywhere=True)
    assert [module.training for module in model] == [True, False, True]
    model.train()
    hold_statistics(model, [GroupConfig(prefix="0.", frozen=True)], everywhere=False)
    assert all(module.training for module in model)


def test_schedules_by_hand() -> None:
    cosine = ScheduleConfig(kind="cosine", warmup_steps=4, final_share=0.1)
    found = [rate_at(step, 15, cosine) for step in range(15)]
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[4] == 1.0
    assert found[9] == pytest.approx(0.1 + 0.9 * 0.5)
    assert found[14] == pytest.approx(0.1)
    assert found[4:] == sorted(found[4:], reverse=True)
    steps = ScheduleConfig(kind="step", milestones=[5, 2], gamma=0.5)
    assert [rate_at(step, 9, steps) for step in (0, 1, 2, 4, 5, 8)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert rate_at(7, 9, ScheduleConfig()) == 1


def test_rates_are_set_on_the_groups_own() -> None:
    groups = [GroupConfig(prefix="0.", lr=0.1)]
    optimizer = build_optimizer(network(), OptimizerConfig(lr=0.5, groups=groups))
    set_rates(optimizer, 0.5)
    set_rates(optimizer, 0.2)
    assert {round(group["lr"], 9) for group in optimizer.param_groups} == {0.02, 0.1}


def test_the_running_mean_by_hand() -> None:
    model = nn.BatchNorm1d(1)
    mean = RunningMean(model, decay=0.5)
    for step, value in enumerate([10.0, 20.0, 30.0, 40.0]):
        nn.init.constant_(model.weight, value)
        model.num_batches_tracked.fill_(step + 1)
        mean.update(model, step)
    expected = 1.0
    for value, keep in zip([10.0, 20, 30, 40], [1 / 10, 2 / 11, 3 / 12, 4 / 13], strict=True):
        expected = keep * expected + (1 - keep) * value
    assert float(mean.values["weight"]) == pytest.approx(expected)
    assert int(mean.values["num_batches_tracked"]) == 4
    for step in range(100, 200):
        mean.update(model, step)
    assert float(mean.values["weight"]) == pytest.approx(40.0)


def test_exchanged_values_come_back() -> None:
    model = nn.Linear(2, 1)
    own = {name: value.clone() for name, value in model.state_dict().items()}
    other = {name: torch.full_like(value, math.pi) for name, value in own.items()}
    with pytest.raises(RuntimeError, match="stop"), exchanged(model, other):
        assert bool((model.weight == math.pi).all())
        raise RuntimeError("stop")
    assert torch.equal(model.weight, own["weight"])
    with exchanged(model, None):
        assert torch.equal(model.weight, own["weight"])
