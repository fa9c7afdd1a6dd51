"""Much code: the hash of blocks grows."""

from __future__ import annotations

from pyx86emu import ExitReason, Vm

SEGMENTS = range(0x1000, 0xA000, 0x1000)
PARAGRAPH = bytes.fromhex("43 eb0d").ljust(16, b"\x90")  # inc bx; jmp to the next paragraph
BLOCKS = 4096 * len(SEGMENTS)


def test_a_guest_with_tens_of_thousands_of_blocks_runs_each_of_them() -> None:
    """A chain of short blocks through 576 KiB; in a second and a third run all are known, but one
    that was rewritten meanwhile."""
    with Vm() as vm:
        ram = vm.add_memory(0, 0xA0000)
        for segment in SEGMENTS:
            ram[segment << 4 : (segment << 4) + 0x10000] = PARAGRAPH * 4096
            far = b"\x43\xea" + bytes(2) + (segment + 0x1000).to_bytes(2, "little")
            ram[(segment << 4) + 0xFFF0 : (segment << 4) + 0xFFF6] = far
        ram[0x9FFF1] = 0xF4
        vcpu = vm.create_vcpu()
        for turn in range(3):
            vcpu.reset()
            vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.bx = 0x1000, 0, 0
            before = vcpu.instructions

            assert vcpu.run(10 * BLOCKS).reason is ExitReason.HLT

            assert vcpu.regs.bx == (BLOCKS - turn) & 0xFFFF
            assert vcpu.instructions - before == 2 * BLOCKS
            ram[0x20000 + 0x100 * turn] = 0x90  # a NOP in place of INC BX
