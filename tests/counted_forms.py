"""Everyday instruction forms, each eight times in a loop: rows of tests/counted.json.

They hold what docs/PERFORMANCE.md says of forms. A row counts host instructions per guest
instruction, the four of the loop among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from pyx86emu import ExitReason, Vm

ENTRY, ISR, DATA = 0x7C00, 0x600, 0x8000

#: Name: machine code, and how many instructions it is.
FORMS = {
    "lodsb": ("ac", 1),
    "lodsw": ("ad", 1),
    "stosb": ("aa", 1),
    "stosw": ("ab", 1),
    "movsb": ("a4", 1),
    "movsw": ("a5", 1),
    "scasb": ("ae", 1),
    "cmpsb": ("a6", 1),
    "rep-movsb-1": ("b90100 f3a4", 2),
    "rep-stosw-8": ("b90800 f3ab", 9),
    "repe-cmpsb-8": ("b90800 f3a6", 9),
    "xchg-m": ("8704", 1),
    "lock-inc-m": ("f0ff04", 1),
    "xadd-m": ("0fc104", 1),
    "cmpxchg-m": ("0fb11c", 1),
    "bts-m": ("0fab04", 1),
    "shl-m": ("d124", 1),
    "not-m": ("f714", 1),
    "mul-m": ("f724", 1),
    "push-m-pop": ("ff34 58", 2),
    "movzx-m": ("0fb604", 1),
    "mov-r32-sib": ("67668b448b08", 1),
    "mov-r32-esi": ("67668b06", 1),
    "mov-esi-r32": ("67668906", 1),
    "add-esi-ax": ("670106", 1),
    "bsr": ("0fbdc3", 1),
    "xlatb": ("d7", 1),
    "lea": ("8d4004", 1),
    "les": ("c43e0081", 1),
    "int-iret": ("cd80", 2),
    "pusha-popa": ("60 61", 2),
    "push-pop": ("50 5b", 2),
    "inc": ("40", 1),
    "add-rr": ("01d8", 1),
    "adc-rr": ("11d8", 1),
    "mov-rm": ("8b04", 1),
    "mov-mr": ("8904", 1),
}


@contextmanager
def form(code: str, instructions: int) -> Iterator[Callable[[int], int]]:
    """Turns -> instructions."""
    # mov si; mov di; the form; dec ebp; jnz
    loop = bytes.fromhex("be0080 bf0090" + code * 8 + "664d 75")
    loop += (-(len(loop) + 1) & 0xFF).to_bytes(1, "little") + b"\xf4"
    with Vm() as vm:
        ram = vm.add_memory(0, 0x20000)
        ram[0x200:0x204] = ISR.to_bytes(4, "little")
        ram[ISR : ISR + 1] = b"\xcf"  # IRET
        ram[ENTRY : ENTRY + len(loop)] = loop
        vcpu = vm.create_vcpu("80486")
        regs = vcpu.regs

        def run(turns: int) -> int:
            regs.cs, regs.ip, regs.sp, regs.ebp = 0, ENTRY, 0x7000, turns
            regs.esi, regs.edi, regs.ebx, regs.ecx = DATA, 0x9000, 0x12, 1
            assert vcpu.run().reason is ExitReason.HLT
            return turns * (8 * instructions + 4)

        yield run


def cases() -> Iterator[tuple[str, AbstractContextManager[Callable[[int], int]], int]]:
    """Name, what runs, turns."""
    for name, (code, instructions) in FORMS.items():
        yield f"form-{name}", form(code, instructions), 2000
