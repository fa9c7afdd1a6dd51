"""Clock: many timers on the core's one, from any thread."""

import gc
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Vm
from pyx86emu import clock as clock_module
from pyx86emu.clock import LAST, Clock
from tests.harness import Running, vcpu


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


# -- what is no deadline ------------------------------------------------------------------------


class Liar(int):
    """Says that it is smaller than everything."""

    def __lt__(self, other):
        return True

    __le__ = __lt__

    def __gt__(self, other):
        return False

    __ge__ = __gt__

    def __index__(self):
        return 10**6


@pytest.mark.parametrize("method", ["call_at", "call_after"])
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ("x", TypeError),
        (None, TypeError),
        (1.0, TypeError),
        (1e30, TypeError),
        (float("nan"), TypeError),
        (float("inf"), TypeError),
        (b"1", TypeError),
        (1 << 63, ValueError),
        (1 << 70, ValueError),
        (-(1 << 70), ValueError),
    ],
)
def test_a_bad_deadline_is_refused_and_the_other_timers_stay(vm, clock, method, bad, error):
    seen = []
    clock.call_at(2000, lambda: seen.append("before"))

    with pytest.raises(error, match="timer"):
        getattr(clock, method)(bad, lambda: seen.append("bad"))

    clock.call_at(1000, lambda: seen.append("after"))
    vm.run_to(3000)
    assert seen == ["after", "before"]
    assert vm.deadline is None


@pytest.mark.parametrize("bad", [None, 5, "print"])
def test_what_cannot_be_called_is_refused(vm, clock, bad):
    with pytest.raises(TypeError, match="a timer calls a function, not"):
        clock.call_at(1000, bad)

    assert vm.deadline is None


@pytest.mark.parametrize("method", ["call_at", "call_after"])
@pytest.mark.parametrize("ns", [-1, -LAST, 0])
@pytest.mark.parametrize("now", [0, 5, LAST])
def test_nothing_or_less_means_at_once(vm, clock, method, ns, now):
    vm.time = now
    seen = []
    getattr(clock, method)(ns, lambda: seen.append(clock.now()))

    vm.run_to(now)

    assert seen == [now]


def test_a_deadline_is_kept_as_an_exact_integer(vm, clock):
    seen = []
    clock.call_at(1000, lambda: seen.append(1))
    clock.call_at(Liar(5), lambda: seen.append(2))

    vm.run_to(10**7)

    assert sorted(seen) == [1, 2]
    assert all(type(n) is int for pair in clock._heap for n in pair)


def test_the_latest_deadline_is_kept_and_a_sum_beyond_it_is_it(vm, clock):
    assert clock.call_at(LAST, lambda: None).deadline == LAST
    vm.time = 1000
    assert clock.call_after(LAST, lambda: None).deadline == LAST
    assert vm.deadline == LAST


def test_cancel_says_whether_it_came_in_time(vm, clock):
    first = clock.call_at(100, lambda: None)
    second = clock.call_at(200, lambda: None)
    vm.run_to(100)

    assert [first.cancel(), second.cancel(), second.cancel()] == [False, True, False]


def test_a_failure_to_tell_the_core_is_made_good_by_the_next_one(vm, clock, monkeypatch):
    def fail(deadline, fn):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(vm, "set_timer", fail)
        with pytest.raises(KeyboardInterrupt):
            clock.call_at(100, lambda: None)
    clock.call_at(200, lambda: None)

    assert vm.deadline == 100


# -- threads and finalizers ---------------------------------------------------------------------


class Scene:
    """A clock with timers, and a book of what became of each."""

    def __init__(self):
        self.vm = FakeVm()
        self.clock = Clock(self.vm)
        self.calls = []
        self.timers = []
        self.cancelled = set()
        for ns in (100, 100, 200, 300):
            self.add(ns)
        for _ in range(62):
            self.clock.call_at(10**6, lambda: None).cancel()

    def add(self, ns):
        name = len(self.calls)
        self.calls.append(0)
        self.timers.append(None)

        def call():
            self.calls[name] += 1

        self.timers[name] = self.clock.call_at(ns, call)

    def cancel(self, name):
        if self.timers[name].cancel():
            assert name not in self.cancelled
            self.cancelled.add(name)

    def fire(self):
        """As the core does: its timer is spent, then the function is called."""
        self.vm.time = 100
        self.vm.deadline = None
        self.vm.fn()

    def rebuild(self):
        heap = self.clock._heap
        while self.clock._heap is heap:
            self.clock.call_at(10**6, lambda: None).cancel()

    def check(self):
        waiting = [timer.deadline for timer in self.timers if timer.pending]
        assert self.vm.deadline == min(waiting, default=None)
        self.vm.run_to(10**7)
        assert self.vm.deadline is None
        expected = [0 if name in self.cancelled else 1 for name in range(len(self.calls))]
        assert self.calls == expected


def interrupted(scene, act, intruder, step):
    """Run `act`; before bytecode number `step` within the clock run `intruder`. True if it ran."""
    left = step

    def trace(frame, event, arg):
        nonlocal left
        if frame.f_code.co_filename != clock_module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if left == 0:
                intruder(scene)
            left -= 1
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        act(scene)
    finally:
        sys.settrace(old)
    return left < 0


ACTS = {
    "add earlier": lambda scene: scene.add(50),
    "add later": lambda scene: scene.add(400),
    "cancel the first": lambda scene: scene.cancel(0),
    "cancel the second": lambda scene: scene.cancel(1),
    "rebuild": Scene.rebuild,
}


@pytest.mark.parametrize("act", [*ACTS, "fire"])
@pytest.mark.parametrize("intruder", ACTS)
def test_between_any_two_bytecodes_somebody_else_may_set_and_cancel(act, intruder):
    """What a finalizer does in the same thread, or another thread that gets the GIL there."""
    step = 0
    while True:
        scene = Scene()
        ran = interrupted(scene, ACTS.get(act, Scene.fire), ACTS[intruder], step)
        scene.check()
        if not ran:
            break
        step += 1
    assert step > 50  # it did interrupt something


@pytest.fixture
def vm_of_core():
    """The Vm of the core, where `vm` is the test's."""
    made = []

    def make(**options):
        made.append(Vm(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def guest_that_loops(make):
    made = make(irqchip=True, shift=7)
    return made, vcpu(made, "ebfe")


class Book:
    """How often each timer was called, and which were cancelled in time."""

    def __init__(self, clock):
        self.clock = clock
        self.calls = []
        self.cancelled = []

    def arm(self, ns):
        cell = [0]
        self.calls.append(cell)

        def call():
            cell[0] += 1

        return cell, self.clock.call_after(ns, call)

    def arm_and_cancel(self, ns):
        cell, timer = self.arm(ns)
        if timer.cancel():
            self.cancelled.append(cell)

    def check(self, vcpu):
        vcpu.run(100_000)  # 12 ms of guest time
        late = {id(cell) for cell in self.cancelled}
        assert [cell[0] for cell in self.calls] == [
            0 if id(cell) in late else 1 for cell in self.calls
        ]
        assert not self.clock._waiting


def test_timers_of_many_threads_are_each_called_once_while_the_guest_runs(
    vm_of_core, quick_switches
):
    made, guest = guest_that_loops(vm_of_core)
    book = Book(made.clock)

    def armer():
        for i in range(1500):
            book.arm(50_000 + i % 7)
            book.arm_and_cancel(10_000)
            book.arm_and_cancel(10**12)

    armers = [Running(armer) for _ in range(3)]
    while any(each.going for each in armers):
        guest.run(20_000)
    for each in armers:
        each.result()

    book.check(guest)
    assert len(book.calls) == 3 * 1500 * 3
    assert len(book.cancelled) >= 3 * 1500  # all of the far ones


def test_finalizers_may_set_and_cancel_timers_at_any_moment(vm_of_core):
    made, guest = guest_that_loops(vm_of_core)
    book, errors = Book(made.clock), []

    class Finalized:
        def __init__(self):
            self.me = self  # the garbage collector's, not the reference count's

        def __del__(self):
            try:
                book.arm(1000)
                book.arm_and_cancel(10**12)
            except BaseException as error:
                errors.append(error)

    old = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for i in range(1000):
            Finalized()
            book.arm(500 + i % 3)
            book.arm_and_cancel(10**12)
            if i % 10 == 0:
                guest.run(10)
    finally:
        gc.set_threshold(*old)
    gc.collect()

    assert errors == []
    book.check(guest)
    assert len(book.calls) == 4 * 1000


def test_cancelling_very_many_timers_is_not_quadratic(vm, clock):
    """The clock looks at each timer a few times, whatever the order."""
    timers = [clock.call_at(10**6 - i, lambda: None) for i in range(3000)]
    turns = 0

    def trace(frame, event, arg):
        nonlocal turns
        turns += event == "line"
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        for timer in timers:
            timer.cancel()
    finally:
        sys.settrace(old)

    assert turns < 100 * 3000
    assert len(clock._heap) < 100
