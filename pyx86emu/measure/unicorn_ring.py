"""Unicorn's ring: run the same guest loop with a hook on OUT, in Python or in C."""

import ctypes
from collections.abc import Callable
from time import perf_counter
from typing import Any

from .. import _core
from .ring import CODE, LOOP, PATHS

MEMORY = 1 << 20
PORT = PATHS["ioeventfd-pio"][1]


class UnicornRing:
    """Unicorn with the ring loop for a port."""

    def __init__(self) -> None:
        import unicorn

        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_16)
        self.uc.mem_map(0, MEMORY)
        self.uc.mem_write(CODE, bytes.fromhex(LOOP["pio"]))
        self.count = 0

    def take(self) -> int:
        """Return the rings that the Python hook counted since the last call."""
        count, self.count = self.count, 0
        return count

    def hook_in_python(self) -> None:
        """Call a method that counts at each OUT."""
        from unicorn import UC_HOOK_INSN
        from unicorn.x86_const import UC_X86_INS_OUT

        self.uc.hook_add(UC_HOOK_INSN, self._out, None, 1, 0, UC_X86_INS_OUT)

    def _out(self, uc: Any, port: int, size: int, value: int, user: Any) -> None:
        self.count += 1

    def hook_in_c(self, fd: int) -> None:
        """Call a C function that writes 1 to an eventfd at each OUT. No Python runs."""
        from unicorn import UC_HOOK_INSN
        from unicorn.unicorn_py3.unicorn import uclib
        from unicorn.x86_const import UC_X86_INS_OUT

        handle = ctypes.c_size_t()
        hook = ctypes.cast(ctypes.byref(handle), uclib.uc_hook_add.argtypes[1])
        address = ctypes.c_void_p(_core.out_hook_address())
        status = uclib.uc_hook_add(
            self.uc._uch, hook, UC_HOOK_INSN, address, ctypes.c_void_p(fd), 1, 0, UC_X86_INS_OUT
        )
        if status:
            raise RuntimeError(f"uc_hook_add failed with {status}")

    def ring(self, n: int) -> float:
        """Ring `n` times; return the seconds it took."""
        from unicorn.x86_const import UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX

        for register, value in (
            (UC_X86_REG_EAX, 0),
            (UC_X86_REG_ECX, n),
            (UC_X86_REG_EDX, PORT),
        ):
            self.uc.reg_write(register, value)
        start = perf_counter()
        self.uc.emu_start(CODE, MEMORY)
        return perf_counter() - start


def usable() -> Callable[[], UnicornRing] | None:
    """Return what makes a UnicornRing, or None if Unicorn is not installed."""
    from importlib.util import find_spec

    return UnicornRing if find_spec("unicorn") else None
