"""Seconds of stages: each once, also where one runs within another."""

import time

import pytest

from itbench.util.progress import StageTimer


def test_a_stage_within_another_stops_the_outer_one():
    clock = StageTimer()
    start = time.perf_counter()
    with clock("outer"):
        time.sleep(0.05)
        with clock("inner"):
            time.sleep(0.2)
        time.sleep(0.05)
    whole = time.perf_counter() - start
    assert sum(clock.seconds.values()) == pytest.approx(whole, abs=0.01)
    assert 0.1 <= clock.seconds["outer"] < 0.18 < clock.seconds["inner"]


def test_seconds_of_a_stage_add_up_and_what_is_between_is_nobodys():
    clock = StageTimer()
    for _ in range(2):
        with clock("work"):
            time.sleep(0.05)
        time.sleep(0.1)
    assert 0.1 <= clock.seconds["work"] < 0.18


def test_items_are_timed_as_they_come():
    def slowly():
        for number in range(3):
            time.sleep(0.03)
            yield number

    clock = StageTimer()
    with clock("use"):
        assert list(clock.each("come", slowly())) == [0, 1, 2]
    assert clock.seconds["come"] >= 0.09 > clock.seconds["use"]


def test_a_stage_that_fails_is_timed_and_left():
    clock = StageTimer()
    with pytest.raises(KeyError), clock("bad"):
        raise KeyError
    with clock("good"):
        pass
    assert set(clock.seconds) == {"bad", "good"}
