from __future__ import annotations

import pytest

from triangulate.viewer.timeline import SPEEDS, Timeline


def test_time_passes_at_the_rate_and_the_speed() -> None:
    timeline = Timeline(100, fps=50.0)
    assert not timeline.advance(1.0) and timeline.index == 0  # it does not play yet
    timeline.toggle()
    assert timeline.advance(0.5) and timeline.index == 25
    timeline.change_speed(-1)
    assert timeline.speed == 0.5
    assert timeline.advance(0.5) and timeline.place == pytest.approx(37.5)
    assert not timeline.advance(0.001) and timeline.index == 37  # the same frame still
    timeline.toggle()
    assert not timeline.is_playing and not timeline.advance(1.0)


def test_speeds_end_at_the_slowest_and_the_fastest() -> None:
    timeline = Timeline(10)
    for _ in range(10):
        timeline.change_speed(1)
    assert timeline.speed == SPEEDS[-1] == 4.0
    timeline.change_speed(-100)
    assert timeline.speed == SPEEDS[0] == 0.1


def test_it_loops_over_the_last_frame_in_full() -> None:
    timeline = Timeline(10, fps=10.0, place=9.0, is_playing=True)
    assert not timeline.advance(0.05) and timeline.index == 9
    assert timeline.advance(0.1) and timeline.index == 0
    assert timeline.place == pytest.approx(0.5)
    timeline.advance(2.3)  # more than once around
    assert timeline.place == pytest.approx(3.5) and timeline.is_playing


def test_without_a_loop_it_stops_at_the_end_and_begins_again() -> None:
    timeline = Timeline(10, fps=10.0, is_playing=True, loops=False)
    assert timeline.advance(5.0)
    assert (timeline.index, timeline.is_playing) == (9, False)
    assert not timeline.advance(1.0)
    timeline.toggle()
    assert (timeline.index, timeline.is_playing) == (0, True)


def test_the_last_frame_is_shown_as_long_as_the_others() -> None:
    timeline = Timeline(10, fps=10.0, place=8.9, is_playing=True, loops=False)
    assert timeline.advance(0.1) and timeline.is_playing and timeline.index == 9
    assert timeline.advance(0.1) and not timeline.is_playing


def test_a_stop_is_told_once_though_the_frame_is_the_same() -> None:
    timeline = Timeline(10, fps=10.0, place=9.0, is_playing=True, loops=False)
    assert timeline.advance(0.2) and not timeline.is_playing


def test_steps_stop_it_and_stay_inside() -> None:
    timeline = Timeline(10, place=4.7, is_playing=True)
    timeline.step(1)
    assert (timeline.place, timeline.is_playing) == (5.0, False)
    timeline.step(-20)
    assert timeline.index == 0
    timeline.go_to(99)
    assert timeline.index == 9
    timeline.go_to(-1)
    assert timeline.index == 0


def test_a_single_frame_does_not_play() -> None:
    timeline = Timeline(1)
    timeline.toggle()
    assert not timeline.is_playing and not timeline.advance(1.0)
