from __future__ import annotations

from dataclasses import replace

import torch

from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.sensor import Sensor, expose, random_sensor


def perfect(images: int = 1) -> Sensor:
    """One that changes nothing."""
    one, zero = torch.ones(images), torch.zeros(images)
    return Sensor(torch.ones(images, 3), zero, one, one, zero, zero, torch.zeros(images, 2))


def test_a_perfect_sensor_keeps_the_light() -> None:
    light = torch.rand(1, 3, 6, 9)
    image = expose(light, perfect())
    assert image.dtype == torch.uint8
    assert torch.equal(image, (255 * light + 0.5).to(torch.uint8))


def test_blur_by_hand_and_keeps_even_light() -> None:
    light = torch.zeros(1, 3, 5, 7)
    light[0, :, 2, 3] = 1.0
    image = expose(light, replace(perfect(), blur=torch.tensor([0.25])))
    assert image[0, 0, 2].tolist() == [0, 0, 32, 64, 32, 0, 0]  # 255 / 2 of 1/4, 1/2, 1/4
    assert image[0, 0, 1].tolist() == [0, 0, 16, 32, 16, 0, 0]
    even = torch.full((1, 3, 5, 7), 0.5)
    assert (expose(even, replace(perfect(), blur=torch.tensor([0.25]))) == 128).all()


def test_gain_saturation_gamma_and_offset_by_hand() -> None:
    light = torch.tensor([0.6, 0.3, 0.0])[:, None, None].expand(1, 3, 4, 4)
    grey = expose(light, replace(perfect(), saturation=torch.zeros(1)))
    assert ((grey == 76) | (grey == 77)).all()  # 0.3 of 255, which is 76.5
    doubled = expose(light, replace(perfect(), gain=torch.tensor([[0.5, 2.0, 1.0]])))
    assert doubled[0, :, 0, 0].tolist() == [77, 153, 0]
    darker = expose(light, replace(perfect(), gamma=torch.tensor([2.0])))
    assert darker[0, 0, 0, 0] == round(0.36 * 255)
    lifted = expose(light, replace(perfect(), offset=torch.tensor([0.1])))
    assert lifted[0, 2, 0, 0] == round(0.1 * 255)


def test_noise_has_its_size_and_differs_by_place() -> None:
    light = torch.full((2, 3, 64, 48), 0.5)
    noisy = replace(
        perfect(2), noise=torch.tensor([0.04, 0.04]), grain=torch.tensor([[0.0, 0], [100, 40]])
    )
    image = expose(light, noisy).float()
    assert 9.5 < float(image.std()) < 11
    assert not torch.equal(image[0], image[1])


def test_random_sensors_never_leave_the_range() -> None:
    sensors = random_sensor(Dice([seeded(k) for k in range(20)]), 2)
    assert sensors.blur.max() < 1 / 3
    assert sensors.gain.min() > 0.3
    assert sensors.noise.min() >= 0
