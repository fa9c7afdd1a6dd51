"""on_drain: when run() calls it, with what, and what happens when it raises."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyx86emu import COALESCED, CoalescedZone, ExitReason, PioDevice
from tests.harness import Guest, Running, another, program, wait_until

#: again: out 0x80,al; inc ax; jmp again
COUNTING = program("e680 40 ebfb")
Writes = list[tuple[str, int, int, int]]


def outs(n: int, port: int = 0x80, first: int = 0) -> bytes:
    """mov al,i; out port,al for n counts from `first`."""
    return b"".join(bytes([0xB0, i & 255, 0xE6, port]) for i in range(first, first + n))


class Keeper:
    """An on_drain that keeps what it gets, call by call, and may do something else."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.calls: list[list[int]] = []
        self.threads: set[int] = set()
        self.then = then

    def __call__(self, writes: Writes) -> None:
        self.calls.append([value for _, _, _, value in writes])
        self.threads.add(threading.get_ident())
        self.then()

    @property
    def values(self) -> list[int]:
        return [value for call in self.calls for value in call]


def zone(guest: Guest, on_drain: Callable[[Writes], object], port: int = 0x80) -> CoalescedZone:
    return guest.vm.coalesce(port, 1, bus="pio", on_drain=on_drain)


# -- when, and with what --------------------------------------------------------------------------


def test_it_is_called_before_each_exit_with_what_came_before() -> None:
    keeper = Keeper()
    with Guest(outs(2) + program("e699 e499") + outs(1, first=2)) as guest:
        zone(guest, keeper)

        seen = [(guest.run().reason.name, [*keeper.calls]) for _ in range(3)]

        assert seen == [
            ("IO", [[0, 1]]),
            ("IO", [[0, 1]]),  # nothing new: no call
            ("HLT", [[0, 1], [2]]),
        ]
        assert guest.vm.coalesced.drain() == []
        assert guest.vm.coalesced.count == 3


@pytest.mark.parametrize("capacity", [1, 4, 169])
def test_a_full_ring_is_emptied_in_the_middle_of_the_run(capacity: int) -> None:
    """Among other instructions, and among the elements of a REP."""
    keeper = Keeper()
    code = outs(200) + program("be0040 ba8000 b9c800 f36e  ; rep outsb of 200 bytes")
    with Guest(code) as guest:
        guest.ram[0x4000:0x40C8] = bytes(range(200))
        guest.vm.coalesced.capacity = capacity
        zone(guest, keeper)

        assert guest.exits() == ["HLT"]

        assert keeper.values == [*range(200), *range(200)]
        assert {len(call) for call in keeper.calls[:-1]} == {capacity}
        assert keeper.threads == {threading.get_ident()}


def test_it_sees_the_vcpu_as_the_write_began_that_found_the_ring_full() -> None:
    with Guest(outs(3)) as guest:
        vcpu, seen = guest.vcpu, []
        guest.vm.coalesced.capacity = 2
        zone(guest, Keeper(lambda: seen.append((vcpu.regs.ip, vcpu.instructions, vcpu.regs.al))))

        guest.exits()

        assert seen == [(0x1000 + 4 * 2 + 2, 5, 2), (0x1000 + 4 * 3 + 1, 7, 2)]


def test_each_zone_gets_its_own_writes_and_the_ring_has_the_others() -> None:
    first, second = Keeper(), Keeper()
    code = outs(1) + outs(1, 0x81, 5) + outs(1, 0x82, 6) + outs(1, 0x80, 7) + outs(1, 0x81, 8)
    with Guest(code) as guest:
        zone(guest, first)
        zone(guest, second, 0x81)
        guest.vm.coalesce(0x82, 1, bus="pio")

        assert guest.exits() == ["HLT"]

        assert (first.calls, second.calls) == ([[0, 7]], [[5, 8]])
        assert guest.vm.coalesced.drain() == [("pio", 0x82, 1, 6)]


def test_with_array_it_gets_an_array_of_its_own() -> None:
    got: list[Any] = []
    with Guest(outs(5) + program("66e780")) as guest:
        guest.vm.coalesced.capacity = 4
        guest.vm.coalesce(0x80, 4, bus="pio", on_drain=got.append, array=True)

        guest.exits()

        assert [len(array) for array in got] == [4, 2]
        assert all(array.dtype == np.dtype(COALESCED) for array in got)
        assert np.concatenate(got).tolist() == [
            *((0x80, 1, 1, i) for i in range(5)),
            (0x80, 4, 1, 4),
        ]


def test_a_step_calls_it_after_each_write() -> None:
    keeper = Keeper()
    with Guest(outs(3)) as guest:
        zone(guest, keeper)

        for exit in guest.steps():
            assert exit.reason is ExitReason.DEBUG

        assert keeper.calls == [[0], [1], [2]]


def test_budget_deadline_and_kick_come_after_it() -> None:
    keeper = Keeper()
    with Guest(COUNTING) as guest:
        zone(guest, keeper)
        assert guest.vcpu.run(4).reason is ExitReason.BUDGET
        assert keeper.calls == [[0, 1]]
        assert guest.vcpu.run(deadline=guest.vm.time + 3 * 128).reason is ExitReason.DEADLINE
        assert keeper.calls == [[0, 1], [2]]
        run = Running(guest.vcpu.run)
        wait_until(lambda: guest.vm.coalesced.count > 1000)
        guest.vcpu.kick()
        assert run.result().reason is ExitReason.INTR

        assert len(keeper.values) == guest.vm.coalesced.count
        assert keeper.values == [i & 255 for i in range(len(keeper.values))]


def test_writes_of_all_vcpus_are_handed_over_in_their_order() -> None:
    keepers = [Keeper(), Keeper()]
    code = "40 e7{port:02x} 3d0010 75f8 f4  ; again: inc ax; out port,ax; cmp ax,0x1000; jne again"
    with Guest() as guest:
        vcpus = [guest.vcpu, another(guest.vm)]
        for i, vcpu in enumerate(vcpus):
            data = program(code.format(port=0x80 + 2 * i))
            guest.ram[0x2000 + 0x100 * i : 0x2000 + 0x100 * i + len(data)] = data
            vcpu.regs.ip, vcpu.regs.ax = 0x2000 + 0x100 * i, 0
            guest.vm.coalesce(0x80 + 2 * i, 2, bus="pio", on_drain=keepers[i])

        runs = [Running(vcpu.run) for vcpu in vcpus]
        assert {run.result().reason for run in runs} == {ExitReason.HLT}

        assert [keeper.values for keeper in keepers] == [[*range(1, 0x1001)]] * 2


# -- what it may do -------------------------------------------------------------------------------


def test_it_may_remove_its_zone_when_the_ring_is_full() -> None:
    with Guest(outs(4)) as guest:
        guest.vm.coalesced.capacity = 2
        keeper = Keeper(lambda: mine.close())
        mine = zone(guest, keeper)

        exits = guest.exits()

        assert keeper.calls == [[0, 1]]
        assert [exit[-7:] for exit in exits] == ["data=02", "data=03", "HLT"]


def test_it_may_add_zones_and_change_the_capacity() -> None:
    with Guest(outs(3) + outs(3, 0x81)) as guest:
        guest.vm.coalesced.capacity = 2
        ring = guest.vm.coalesced

        def more() -> None:
            ring.capacity = 50
            guest.vm.coalesce(0x81, 1, bus="pio")

        keeper = Keeper(more)
        zone(guest, keeper)

        assert guest.exits() == ["HLT"]

        assert keeper.calls == [[0, 1], [2]]
        assert [value for _, _, _, value in ring.drain()] == [0, 1, 2]


@pytest.mark.parametrize("capacity", [2, 169])
def test_it_may_close_the_vm(capacity: int) -> None:
    guest = Guest(outs(4))
    guest.vm.coalesced.capacity = capacity
    keeper = Keeper(guest.vm.close)
    zone(guest, keeper)

    with contextlib.suppress(OSError):
        guest.run()

    assert keeper.values in ([0, 1], [0, 1, 2, 3])
    with pytest.raises(OSError, match="closed"):
        guest.run()


def test_it_may_not_run_the_vcpu_that_called_it() -> None:
    with Guest(outs(1)) as guest:
        zone(guest, Keeper(guest.vcpu.run))
        with pytest.raises(RuntimeError, match="same vCPU"):
            guest.run()
        assert guest.run().reason is ExitReason.HLT


def test_it_may_reset_the_vcpu() -> None:
    with Guest(outs(1)) as guest:
        zone(guest, Keeper(guest.vcpu.reset))
        assert guest.run().reason is ExitReason.HLT
        assert (guest.vcpu.regs.cs, guest.vcpu.regs.ip) == (0xF000, 0xFFF0)


def test_what_was_written_before_its_zone_was_removed_is_handed_over() -> None:
    keeper = Keeper()
    with Guest(outs(2) + outs(1, 0x81) + outs(1)) as guest:
        mine = zone(guest, keeper)

        class Remove(PioDevice):
            length = 1

            def pio_write(self, offset: int, size: int, value: int) -> None:
                nonlocal mine
                mine.remove()
                del mine

        guest.vm.pio.attach(Remove(), 0x81)

        assert guest.exits()[0].startswith("IO out port=0x80")
        assert keeper.calls == [[0, 1]]


# -- exceptions -----------------------------------------------------------------------------------


class Refused(Exception):
    pass


def refuse_once() -> Callable[[], None]:
    errors = [Refused("no")]

    def refuse() -> None:
        if errors:
            raise errors.pop()

    return refuse


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("f4", "HLT"),
        ("e699", "IO"),
        ("e499", "IO"),
        ("ebfe", "INTR"),  # it waits for a kick
        ("0f01c1", "HYPERCALL"),
        ("f1", "DEBUG"),
    ],
)
@pytest.mark.parametrize("irqchip", [False, True])
def test_the_exit_comes_with_the_next_run_if_it_raises(
    end: str, reason: str, irqchip: bool
) -> None:
    with Guest(outs(2) + program(end), irqchip=irqchip) as guest:
        keeper = Keeper(refuse_once())
        zone(guest, keeper)
        if reason == "DEBUG":
            guest.vcpu.debug(breakpoints=[0x1000 + 8])

        run = Running(guest.vcpu.run) if reason == "INTR" else None
        if run:
            wait_until(lambda: guest.vm.coalesced.count == 2)
            guest.vcpu.kick()
        with pytest.raises(Refused) as error:
            run.result() if run else guest.run()
        at = guest.vcpu.instructions

        assert error.value.__notes__ == ["in on_drain of <CoalescedZone pio 0x80, length 0x1>"]
        assert keeper.calls == [[0, 1]]
        exit = guest.run()
        assert exit.reason.name == reason
        assert guest.vcpu.instructions == at
        if end == "e499":
            exit.reply(0x5A)
            guest.run(1)
            assert guest.vcpu.regs.al == 0x5A


def test_one_that_raises_in_the_middle_ends_the_run_and_loses_nothing() -> None:
    keeper = Keeper(refuse_once())
    with Guest(outs(10)) as guest:
        guest.vm.coalesced.capacity = 3
        zone(guest, keeper)

        with pytest.raises(Refused):
            guest.run()
        assert keeper.values == [0, 1, 2, 3]  # the last one by the same run, before it raised

        assert guest.run().reason is ExitReason.HLT
        assert keeper.values == [*range(10)]


def test_all_zones_are_served_when_several_raise() -> None:
    def refuse(text: str) -> Callable[[Writes], None]:
        def on_drain(writes: Writes) -> None:
            got.append([value for _, _, _, value in writes])
            raise Refused(text)

        return on_drain

    got: list[list[int]] = []
    with Guest(outs(1) + outs(1, 0x81, 5)) as guest:
        zone(guest, refuse("first"))
        zone(guest, refuse("second"), 0x81)

        with pytest.raises(Refused, match="first") as error:
            guest.run()

        assert got == [[0], [5]]
        assert error.value.__notes__[1].startswith("Refused in on_drain of <CoalescedZone pio 0x81")
        assert guest.run().reason is ExitReason.HLT


def test_the_exception_of_a_device_comes_first() -> None:
    class Broken(PioDevice):
        length = 1

        def pio_write(self, offset: int, size: int, value: int) -> None:
            raise ValueError("broken")

    keeper = Keeper(refuse_once())
    with Guest(outs(2) + outs(1, 0x81)) as guest:
        zone(guest, keeper)
        guest.vm.pio.attach(Broken(), 0x81)

        with pytest.raises(ValueError, match="broken") as error:
            guest.run()

        assert keeper.calls == [[0, 1]]
        assert error.value.__notes__[-1].startswith("Refused before run() raised this")
        assert guest.run().reason is ExitReason.HLT


def test_an_exception_under_a_single_step_leaves_the_instruction_done() -> None:
    keeper = Keeper(refuse_once())
    with Guest(outs(2)) as guest:
        guest.vcpu.debug(singlestep=True)
        zone(guest, keeper)
        guest.run()
        with pytest.raises(Refused):
            guest.run()

        assert guest.run().reason is ExitReason.DEBUG  # of the same instruction
        assert guest.vcpu.instructions == 2
        assert guest.run().reason is ExitReason.DEBUG
        assert guest.vcpu.instructions == 3
