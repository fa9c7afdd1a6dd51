"""A caller of INT 21h: a program that makes one call at a time, with the registers of a test."""

from __future__ import annotations

from typing import Any

from pyx86emu import Dos

#: cli; int 21h; cli; hlt
PROGRAM = bytes.fromhex("fa cd21 fa f4")
TEXT = 0x200


class Caller:
    """A program under the control of a test. `call` returns AX, or the DOS error as -AX."""

    def __init__(self, **options: Any) -> None:
        self.dos = Dos(PROGRAM, **options)
        self.regs = self.dos.machine.vcpu.regs
        self.base = self.regs.ds << 4
        self._first = True

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.dos.close()

    def call(self, ah: int, text: bytes | None = None, **registers: int) -> int:
        """Make a call, with `text` and a 0 at DS:DX."""
        if text is not None:
            self.put(TEXT, text + b"\0")
            self.regs.dx = TEXT
        self.regs.ah = ah
        for name, value in registers.items():
            setattr(self.regs, name, value)
        if not self._first:
            self.regs.ip = 0x101
        self._first = False
        end = self.dos.machine.run(timeout=60, max_instructions=4_000_000)
        assert end.reason.name == "HLT", end
        return -self.regs.ax if self.regs.flags & 1 else self.regs.ax

    def put(self, offset: int, data: bytes) -> None:
        """Write memory of the program."""
        self.dos.machine.vm.write(self.base + offset, data)

    def get(self, offset: int, size: int) -> bytes:
        """Read memory of the program."""
        return self.dos.machine.vm.read(self.base + offset, size)

    def open(self, name: bytes, access: int = 0) -> int:
        """AH=3Dh."""
        return self.call(0x3D, name, al=access)

    def create(self, name: bytes) -> int:
        """AH=3Ch."""
        return self.call(0x3C, name, cx=0)

    def read(self, handle: int, size: int = 100) -> bytes:
        """AH=3Fh."""
        count = self.call(0x3F, bx=handle, cx=size, dx=0x400)
        assert count >= 0, count
        return self.get(0x400, count)

    def write(self, handle: int, data: bytes) -> int:
        """AH=40h."""
        self.put(0x400, data)
        return self.call(0x40, bx=handle, cx=len(data), dx=0x400)

    def names(self, pattern: bytes = b"*.*", attributes: int = 0x10) -> list[str]:
        """AH=4Eh and 4Fh."""
        found = []
        self.call(0x1A, dx=0x300)
        end = self.call(0x4E, pattern, cx=attributes)
        while end >= 0:
            found.append(self.get(0x31E, 13).partition(b"\0")[0].decode())
            end = self.call(0x4F)
        return found
