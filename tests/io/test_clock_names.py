"""Timers have names: a deadline and a name are what can be saved of one."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Clock, Vm

DEVICES = Path(__file__).resolve().parents[2] / "pyx86emu" / "pc" / "devices"


@pytest.fixture
def clock(vm: Callable[..., Vm]) -> Clock:
    return vm().clock


def test_a_timer_is_its_name_and_its_deadline(clock: Clock) -> None:
    timer = clock.call_at(5000, print, "rtc")

    assert timer.name == "rtc"
    assert timer.state() == ("rtc", 5000)
    assert repr(timer) == "<Timer 'rtc' at 5000 ns>"


def test_a_timer_that_is_over_has_no_state(clock: Clock) -> None:
    timer = clock.call_at(5000, print, "rtc")

    timer.cancel()

    assert timer.state() is None


def test_a_timer_without_a_name_cannot_be_saved(clock: Clock) -> None:
    timer = clock.call_after(5000, print)

    with pytest.raises(ValueError, match=r"<Timer at 5000 ns> has no name .* give call_at\(\) a"):
        timer.state()


def test_a_clock_lists_its_timers_in_the_order_of_their_calls(clock: Clock) -> None:
    clock.call_at(2000, print, "b")
    clock.call_at(1000, print, "a")
    clock.call_at(2000, print, "c")
    clock.call_after(3000, print).cancel()
    clock.call_after(4000, print)

    assert clock.timers == [("a", 1000), ("b", 2000), ("c", 2000), ("", 4000)]


@pytest.mark.parametrize("name", [5, None, b"rtc"], ids=repr)
def test_a_name_is_text(clock: Clock, name: Any) -> None:
    with pytest.raises(TypeError, match="a timer's name is text"):
        clock.call_at(0, print, name)
    assert clock.timers == []


def test_every_timer_of_a_device_has_a_name() -> None:
    calls = [
        f"{path.name}:{node.lineno}"
        for path in DEVICES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("call_at", "call_after")
        and len(node.args) < 3
    ]

    assert not calls, f"these could not be saved: {calls}"


def test_timers_made_again_are_called_in_the_order_that_they_had(clock: Clock) -> None:
    called: list[str] = []
    order = [("late", 10), ("early", 10), ("late", 10), ("alone", 5)]
    with clock.in_order(order):
        clock.call_at(10, lambda: called.append("early"), "early")
        clock.call_at(10, lambda: called.append("new"), "new")
        clock.call_at(10, lambda: called.append("late 1"), "late")
        clock.call_at(10, lambda: called.append("late 2"), "late")
        clock.call_at(5, lambda: called.append("alone"), "alone")

    clock.call_at(10, lambda: called.append("last"), "early")

    names = [name for name, _ in clock.timers]
    assert names == ["alone", "late", "early", "late", "new", "early"]
