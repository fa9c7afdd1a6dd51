"""Clock: many timers on the core's one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.clock import Clock


class FakeVm:
    """The core's side: one timer, called when time has reached it."""

    def __init__(self):
        self.time = 0
        self.deadline = None
        self.settings = 0

    def set_timer(self, deadline_ns, fn):
        self.deadline, self.fn = deadline_ns, fn
        self.settings += 1

    def run_to(self, ns):
        while self.deadline is not None and self.deadline <= ns:
            self.time = max(self.time, self.deadline)
            self.deadline = None
            self.fn()
        self.time = ns


@pytest.fixture
def vm():
    return FakeVm()


@pytest.fixture
def clock(vm):
    return Clock(vm)


def test_now_is_the_time_of_the_machine(vm, clock):
    vm.time = 1234

    assert clock.now() == 1234


def test_timers_are_called_in_order_of_deadline(vm, clock):
    seen = []
    for ns in (300, 100, 200):
        clock.call_at(ns, lambda ns=ns: seen.append((ns, clock.now())))

    vm.run_to(250)

    assert seen == [(100, 100), (200, 200)]
    assert vm.deadline == 300


def test_equal_deadlines_keep_the_order_in_which_they_were_made(vm, clock):
    seen = []
    for name in "abcde":
        clock.call_at(100, lambda name=name: seen.append(name))

    vm.run_to(100)

    assert "".join(seen) == "abcde"


def test_call_after_counts_from_now(vm, clock):
    vm.time = 1000
    timer = clock.call_after(500, lambda: None)

    assert timer.deadline == vm.deadline == 1500
    assert timer.pending


def test_a_deadline_in_the_past_is_due_at_once(vm, clock):
    vm.time = 1000
    seen = []
    clock.call_at(10, lambda: seen.append(clock.now()))

    vm.run_to(1000)

    assert seen == [1000]


def test_cancelled_timer_is_not_called_and_the_next_one_is_armed(vm, clock):
    seen = []
    first = clock.call_at(100, lambda: seen.append("first"))
    clock.call_at(200, lambda: seen.append("second"))

    first.cancel()
    first.cancel()

    assert vm.deadline == 200
    assert not first.pending
    vm.run_to(300)
    assert seen == ["second"]
    assert vm.deadline is None


def test_cancelling_the_last_timer_disarms_the_core(vm, clock):
    clock.call_at(100, lambda: None).cancel()

    assert vm.deadline is None


def test_timer_may_cancel_another_one_that_is_due_at_the_same_time(vm, clock):
    seen = []
    clock.call_at(100, lambda: second.cancel())
    second = clock.call_at(100, lambda: seen.append("second"))

    vm.run_to(100)

    assert seen == []


def test_cancelling_a_timer_after_its_call_is_harmless(vm, clock):
    timer = clock.call_at(100, lambda: timer.cancel())
    clock.call_at(200, lambda: None)

    vm.run_to(150)

    assert not timer.pending
    assert vm.deadline == 200


def test_called_function_may_schedule_again(vm, clock):
    seen = []

    def tick():
        seen.append(clock.now())
        clock.call_after(100, tick)

    clock.call_at(100, tick)

    vm.run_to(350)

    assert seen == [100, 200, 300]
    assert vm.deadline == 400


def test_function_that_asks_for_now_again_and_again_does_not_hang_the_core(vm, clock):
    calls = []

    def again():
        calls.append(clock.now())
        clock.call_after(0, again)

    clock.call_at(100, again)
    vm.time = 100

    vm.fn()

    assert calls == [100]
    assert vm.deadline == 100


def test_late_firing_calls_all_that_is_due(vm, clock):
    seen = []
    for ns in (100, 200, 300):
        clock.call_at(ns, lambda ns=ns: seen.append(ns))
    vm.time = 250

    vm.fn()

    assert seen == [100, 200]
    assert vm.deadline == 300


def test_exception_comes_out_and_the_other_timers_stay(vm, clock):
    seen = []

    def fail():
        raise ZeroDivisionError

    clock.call_at(100, fail)
    clock.call_at(100, lambda: seen.append("other"))

    with pytest.raises(ZeroDivisionError):
        vm.run_to(100)

    assert vm.deadline == 100
    vm.run_to(100)
    assert seen == ["other"]


def test_the_core_is_told_only_about_a_new_earliest_deadline(vm, clock):
    clock.call_at(100, lambda: None)
    before = vm.settings

    for ns in range(200, 300):
        clock.call_at(ns, lambda: None)

    assert vm.settings == before


def test_cancelled_timers_do_not_pile_up(vm, clock):
    clock.call_at(10**9, lambda: None)
    for _ in range(10_000):
        clock.call_after(10**6, lambda: None).cancel()

    assert len(clock._heap) < 200


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.booleans(), st.integers(0, 20)), min_size=1, max_size=40
    )
)
def test_any_timers_are_called_once_each_in_order_unless_cancelled(plan):
    vm = FakeVm()
    clock = Clock(vm)
    seen = []
    timers = [
        clock.call_at(ns, lambda i=i, ns=ns: seen.append((ns, i)))
        for i, (ns, _, _) in enumerate(plan)
    ]
    for timer, (_, cancel, _) in zip(timers, plan, strict=True):
        if cancel:
            timer.cancel()

    for _, _, step in plan:
        vm.run_to(vm.time + step)
    vm.run_to(10_000)

    assert seen == sorted((ns, i) for i, (ns, cancel, _) in enumerate(plan) if not cancel)
