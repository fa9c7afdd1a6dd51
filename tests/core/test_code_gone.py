"""Code whose memory slot goes away while a vCPU executes it: no crash, the guest stops there."""

from __future__ import annotations

import mmap
import threading

from pyx86emu import ExitReason, Vm
from tests.harness import CODE, another, program

TURNS = 10_000


def test_the_slot_of_running_code_goes_away_at_any_moment() -> None:
    """The guest often rewrites an immediate, so its block reads it from memory. It also stores to
    clean pages of a dirty log, and may wait there for the thread that changes slots. Given this,
    when the slot of its code goes and comes back, then the guest has run or has stopped there."""
    code = program(
        """
        fe06 1110      ; again: inc byte [IMM]
        26 8807        ; mov es:[bx],al
        81c3 0010      ; add bx,1000h
        81e3 0070      ; and bx,7000h
        90 b1 00       ; nop; mov cl,0     the last byte is at IMM, 1011h
        ebec           ; jmp again
        """
    )
    assert code[0x11] == 0 and CODE == 0x1000
    page = mmap.mmap(-1, 0x1000)
    page[: len(code)] = code
    with Vm() as vm:
        vm.add_memory(0, 0x1000)
        data = vm.add_memory(0x10000, 0x10000, dirty_log=True)
        slots = [vm.add_memory(CODE, 0x1000, buffer=page)]
        vcpu = another(vm)
        vcpu.regs.es = 0x1000

        def change() -> None:
            for _ in range(TURNS):
                data.dirty()
                slots.pop().delete()
                slots.append(vm.add_memory(CODE, 0x1000, buffer=page))

        thread = threading.Thread(target=change)
        thread.start()
        seen = set()
        while thread.is_alive():
            seen.add(vcpu.run(100_000).reason)
            assert CODE <= vcpu.regs.ip < CODE + len(code)
        thread.join()

    assert seen <= {ExitReason.INTERNAL_ERROR, ExitReason.BUDGET}
