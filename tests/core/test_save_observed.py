"""Observers, histories and reasons of an end, across a restore: they tell the same again."""

from __future__ import annotations

from typing import Any

from pyx86emu import ExitReason, State, Vm
from pyx86emu.observe import Observers
from tests.core.test_state_moves import prepared
from tests.harness import CODE, program

#: again: inc ax; mov [5000h],ax; int 40h; out 99h,al; inc ax; jmp again
GUEST = "40 a30050 cd40 e699 40 ebf5"


def made() -> tuple[Vm, Observers]:
    vm = prepared("80386", program(GUEST))
    vm.coalesce(0x99, 1, bus="pio")
    return vm, Observers(vm.vcpus[0])


def told(each: Any) -> list[tuple[int, ...]]:
    return [(e.instructions, e.addr, e.value, e.cs, e.ip, e.depth) for e in each]


def test_observers_are_told_the_same_after_a_restore() -> None:
    vm, observers = made()
    with vm:
        vcpu = vm.vcpus[0]
        every = [
            observers.exec(CODE, do="log"),
            observers.write(0x5000, 2, do="log"),
            observers.interrupt(0x40),
            observers.io(0x99),
            observers.block(),
        ]
        for start in (0, 1, 3, 7, 20):
            vcpu.run(start)
            state = vm.save()
            runs = []
            for _ in range(3):
                for each in every:
                    each.clear()
                vcpu.run(60)
                runs.append([told(each) for each in every])
                vm.restore(state)
            assert runs[1:] == runs[:1] * 2
            assert all(runs[0])


def test_an_observer_stops_again_at_the_same_instruction() -> None:
    vm, observers = made()
    with vm:
        vcpu = vm.vcpus[0]
        state = vm.save()
        with observers.exec(CODE + 4), observers.write(0x5001):
            runs = []
            for _ in range(3):
                ends = [(vcpu.run(100).message, vcpu.regs.ip, vcpu.instructions) for _ in range(4)]
                runs.append(ends)
                vm.restore(state)
            assert runs[1:] == runs[:1] * 2
            assert len(set(runs[0])) == 4 and all(message for message, _, _ in runs[0])
            for n in range(4):
                assert (vcpu.run(100).message, vcpu.regs.ip, vcpu.instructions) == runs[0][n]
                vm.restore(vm.save())  # an instruction that was told is not told again


def test_a_history_begins_with_the_restore() -> None:
    vm, _ = made()
    with vm:
        vcpu = vm.vcpus[0]
        vcpu.record_history = True
        vcpu.run(30)
        state = vm.save()
        vcpu.run(500)
        vm.restore(state)
        assert vcpu.history(10) == []
        vcpu.run(5)
        assert [each.instructions for each in vcpu.history(100)] == [30, 31, 32, 33, 34]


def test_the_chain_of_faults_is_that_of_then() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x10000)[CODE : CODE + 8] = program("0f011e0020 0f0b f4  ; lidt; ud2")
        vcpu = vm.create_vcpu("80386")
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.sp = 0, CODE, 0x800
        state = vm.save()
        ends = []
        for _ in range(2):
            exit = vcpu.run()
            ends.append((exit.reason, exit.message, vcpu.instructions))
            dead = vm.save()
            vm.restore(state)
        assert ends[0] == ends[1] and ends[0][0] is ExitReason.SHUTDOWN
        for each in (dead, State.from_bytes(dead.to_bytes())):
            vm.restore(each)
            assert vcpu.run().message == ends[0][1]
