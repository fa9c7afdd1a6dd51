"""Sibling calls: a build that lost them overflows a small stack at once."""

import threading

from pyx86emu import Exit, ExitReason, Vm
from tests.harness import Guest, Running, program

#: mov ecx,14285714; l: add ax,bx; xor dx,ax; jmp n; n: inc si; call s; dec ecx; jnz l; hlt; s: ret
LOOP = bytes.fromhex("66b9cdfbd900 01d8 31c2 eb00 46 e80500 6649 75f2 f4 c3")


def test_a_hundred_million_instructions_fit_a_stack_of_256_kib() -> None:
    seen: list[Exit] = []

    def work() -> None:
        with Vm() as vm:
            ram = vm.add_memory(0, 0x10000)
            ram[0x1000 : 0x1000 + len(LOOP)] = LOOP
            vcpu = vm.create_vcpu()
            vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.sp = 0, 0x1000, 0x8000
            seen.append(vcpu.run())
            assert vcpu.instructions >= 100_000_000

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)

    assert [e.reason for e in seen] == [ExitReason.HLT]


def test_a_hundred_million_instructions_need_little_stack() -> None:
    """A build that lost its sibling calls would overflow this thread's stack."""
    old = threading.stack_size(256 * 1024)
    try:
        with Guest(program("40 01c3 ebfb  ; again: inc ax; add bx,ax; jmp again")) as guest:
            run = Running(lambda: guest.vcpu.run(20_000_000).reason)
            assert run.result(120) is ExitReason.BUDGET
    finally:
        threading.stack_size(old)
