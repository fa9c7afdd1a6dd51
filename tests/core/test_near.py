"""Stores next to code where there are several vCPUs: exact data, and code that changes is seen."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason, Vm
from tests.harness import CODE, Running, another, program, vcpu

#: Both vCPUs have code in the granule at 1000h.
SECOND = CODE + 0x80
DATA = CODE + 0x40

COUNTS = {
    1: "b9ff00 fe06{0} e2fa e6f1  ; mov cx,255; again: inc byte [at]; loop again; out 0xf1,al",
    2: "b95046 ff06{0} e2fa e6f1  ; mov cx,18000; again: inc word [at]; loop again",
    4: "b95046 66ff06{0} e2f9 e6f1  ; the same with a dword",
}


def le(value: int, size: int = 2) -> str:
    return value.to_bytes(size, "little").hex()


@pytest.mark.parametrize("size", COUNTS)
def test_each_of_two_vcpus_counts_next_to_the_code_of_both(size: int) -> None:
    with Vm() as vm:
        first = vcpu(vm, COUNTS[size].format(le(DATA)))
        vm.write(SECOND, program(COUNTS[size].format(le(DATA + size))))
        second = another(vm, SECOND)

        ends = [run.result() for run in [Running(v.run) for v in (first, second)]]

        assert {end.reason for end in ends} == {ExitReason.IO}
        turns = 255 if size == 1 else 18000
        assert vm.read(DATA, 2 * size) == turns.to_bytes(size, "little") * 2


@pytest.mark.parametrize(("size", "before"), [(1, 0), (2, 0), (2, 1), (4, 0), (4, 1), (4, 3)])
def test_a_vcpu_sees_code_that_another_one_changes_by_a_store_that_overlaps_it(
    size: int, before: int
) -> None:
    # nop (four times); again: mov al,1; cmp al,2; jne again; out 0xf1,al
    code = "90909090 b001 3c02 75fa e6f1"
    at = CODE + 5 - before  # of `before` bytes and the 1
    stores = {1: "c606{}{}", 2: "c706{}{}", 4: "66c706{}{}"}
    with Vm() as vm:
        first = vcpu(vm, code)
        second = another(vm, SECOND)
        for _ in range(30):
            vm.write(CODE, program(code))
            old = vm.read(at, size)
            new = old[:before] + b"\x02" + old[before + 1 :]
            # the vCPU has code in the granule itself: mov cx,200; here: loop here; mov [at],new
            vm.write(SECOND, program(f"b9c800 e2fe {stores[size].format(le(at), new.hex())} e6f1"))
            first.regs.ip, second.regs.ip = CODE, SECOND

            ends = [run.result() for run in [Running(v.run) for v in (first, second)]]

            assert [end.reason for end in ends] == [ExitReason.IO] * 2
            assert first.regs.al == 2


def test_a_store_next_to_code_is_in_the_dirty_log() -> None:
    with Vm() as vm:
        slot = vm.add_memory(0, 0x10000, dirty_log=True)
        slot[CODE : CODE + 16] = program(f"c606{le(DATA)}05 c606{le(DATA)}06 e6f1").ljust(16, b"\0")
        first = another(vm)
        another(vm, SECOND)

        slot.dirty()

        first.run(1)
        assert slot.dirty() == b"\x02\x00"
        assert first.run().reason is ExitReason.IO
        assert slot.dirty() == b"\x02\x00"

        assert vm.read(DATA, 1) == b"\x06"
