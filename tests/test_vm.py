"""Vm: the core's machine with buses and a clock."""

from __future__ import annotations

from collections.abc import Callable

from pyx86emu import ExitReason, Vm


def test_the_readme_program_counts_its_rings(vm: Callable[..., Vm]) -> None:
    v = vm()
    ram = v.add_memory(0x0, 0x100000)
    ram[0x7C00:0x7C08] = bytes.fromhex("ba1005 b001 ee ee f4")
    vcpu = v.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x7C00
    bell = v.ioeventfd(0x510, length=1, datamatch=1)

    exit = vcpu.run()

    assert exit.reason is ExitReason.HLT
    assert (bell.read(), bell.hits) == (2, 2)


def test_the_clock_calls_in_guest_time(vm: Callable[..., Vm]) -> None:
    v = vm()
    ram = v.add_memory(0, 0x10000)
    ram[0x1000:0x1002] = bytes.fromhex("ebfe")
    vcpu = v.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    called: list[int] = []
    v.clock.call_after(1_000_000, lambda: (called.append(v.time), vcpu.kick()))

    exit = vcpu.run()

    assert exit.reason is ExitReason.INTR
    assert 1_000_000 <= called[0] < 1_000_000 + 128 * 64


def test_a_closed_vm_is_closed_for_good(vm: Callable[..., Vm]) -> None:
    v = vm()

    v.close()
    v.close()
