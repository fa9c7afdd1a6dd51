"""Forwarded ranges in saved states, forks of a machine, and recordings."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason, Machine, StateError, Vm
from pyx86emu.forward import wire
from tests.io.forwarded import guest, pair, peer, silent

#: Five times: read 300h, write the sum to 301h. Then HLT.
CODE = bytes.fromhex("31db ba0003 b90500 ec 00c3 42 88d8 ee 4a e2f6 faf4")


def test_a_machine_with_a_forwarded_range_is_not_saved() -> None:
    with pair() as (here, _), Machine(CODE) as m:
        at = m.pio.forward(0x300, 2, here, name="outside")

        with pytest.raises(StateError, match="'outside' cannot be saved: its state is in another"):
            m.save()
        with pytest.raises(StateError, match="'outside'"):
            m.fork()
        at.detach()
        m.save()


def test_a_machine_with_a_forwarded_range_is_not_restored() -> None:
    with pair() as (here, _), Machine(CODE) as m:
        state = m.save()
        m.pio.forward(0x300, 2, here)

        with pytest.raises(StateError, match="'forward'"):
            m.restore(state)


def test_a_vm_is_saved_and_forked_without_it() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 1, here, posted=True)
        vcpu = guest(vm, "e680 f4")
        state = vm.save()
        assert vcpu.run().reason is ExitReason.HLT
        vm.restore(state)

        assert vcpu.run().reason is ExitReason.HLT
        with vm.fork() as twin:
            assert not twin.pio.attachments

        assert len(there.recv(1000)) == 2 * wire.LENGTH
        assert silent(there)


def test_a_recording_has_the_answers_and_asks_nobody_again() -> None:
    numbers = iter((1, 20, 3, 40, 5))
    with pair() as (here, there), Machine(CODE) as m:
        m.boot()
        m.pio.forward(0x300, 2, here)
        with peer(there, lambda c: wire.response(0 if c.write else next(numbers))) as seen:
            recording = m.record()
            assert m.run(timeout=5).reason is ExitReason.HLT
            asked = list(seen)
            assert [c.data for c in seen if c.write] == [1, 21, 24, 64, 69]
            end = m.vcpu.regs.bl, m.vcpu.instructions

            m.step_back(20)
            assert m.vcpu.regs.bl != 69
            m.goto(end[1])

            assert (m.vcpu.regs.bl, m.vcpu.instructions) == end
            assert seen == asked
            del recording


def test_a_kick_while_a_recorded_machine_waits_changes_nothing() -> None:
    numbers = iter((1, 20, 3, 40, 5))
    kicks = iter(range(100))
    with pair() as (here, there), Machine(CODE) as m:
        m.boot()
        m.pio.forward(0x300, 2, here)

        def answer(c: wire.Command) -> bytes:
            if next(kicks) % 2:
                m.stop()
            return wire.response(0 if c.write else next(numbers))

        with peer(there, answer) as seen:
            m.record()
            while m.run(timeout=5).reason is not ExitReason.HLT:
                pass
            end = m.vcpu.regs.bl, m.vcpu.instructions
            m.step_back(25)
            m.goto(end[1])

            assert (m.vcpu.regs.bl, m.vcpu.instructions) == end == (69, end[1])
            assert len(seen) == 10
