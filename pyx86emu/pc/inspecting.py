"""Looking into a machine: memory as numbers, arrays and assembly. Runs nothing."""

from typing import TYPE_CHECKING

from .._core import exact
from ..memory import load
from .parts import Parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from ..address import Address, Located
    from ..symbols import Symbols
    from ..tools.disasm import Listing, Syntax

#: What real mode can address: FFFF:FFFF and all below.
REACH = 0x10FFF0


class Inspecting(Parts):
    """The methods of a Machine that read and write its memory.

    An address is an integer, "SEG:OFF", (segment, offset), a label of `symbols` or of our BIOS, or
    has registers: "ds:si". TypeError, ValueError: it is none, as `address.linear` says.
    """

    _other_bios: bool
    _symbols: "Symbols | None" = None
    _all_symbols: "Symbols | None" = None

    @property
    def symbols(self) -> "Symbols | None":
        """Names of addresses, `Symbols.load("boot.lst")`: for addresses given as text, and shown in
        disassembly. None: only those of our BIOS are known. TypeError when set: no Symbols."""
        return self._symbols

    @symbols.setter
    def symbols(self, symbols: "Symbols | None") -> None:
        from ..symbols import Symbols

        if symbols is not None and not isinstance(symbols, Symbols):
            raise TypeError(
                f"symbols is {type(symbols).__name__}: give Symbols, such as Symbols.load(path)"
            )
        self._symbols = symbols
        self._all_symbols = None

    def labels(self) -> "Symbols":
        """`symbols`, and the labels of our BIOS if it runs."""
        from ..symbols import Symbols
        from .firmware import labels

        if self._all_symbols is None:
            bios = Symbols({} if self._other_bios else labels(), name="BIOS")
            self._all_symbols = bios if self._symbols is None else self._symbols | bios
        return self._all_symbols

    def located(self, at: "Address") -> "Located":
        """An address as (linear, cs, ip); `cs` and `ip` are None if it has no segment."""
        from ..address import located

        labels = self.labels() if isinstance(at, str) else None
        return located(at, symbols=labels, regs=self.vcpu.regs)

    def load(self, data: "Buffer", at: "Address" = "0000:7c00") -> None:
        """Write bytes to memory, read-only memory too. Decoded code there is forgotten. Any thread
        may call it. ValueError: there is no memory at an address; TypeError: no bytes.

        >>> from pyx86emu import Machine
        >>> with Machine() as m:
        ...     m.load(b"\\x34\\x12", at="0:7c00")
        ...     hex(m.read_u16("0:7c00"))
        '0x1234'
        """
        if isinstance(data, str):
            raise TypeError("load() writes bytes: read a file with Path(name).read_bytes()")
        self.vm.write(self.located(at).linear, data)

    def read_bytes(self, at: "Address", size: int) -> bytes:
        """`size` bytes of memory. ValueError: a negative size, or there is no memory at an address.
        Any thread may call it, as the next three."""
        return self.vm.read(self.located(at).linear, exact(size, "size"))

    def read_u8(self, at: "Address") -> int:
        """A byte of memory. ValueError: there is no memory."""
        return self._number(at, 1)

    def read_u16(self, at: "Address") -> int:
        """A word of memory, little-endian. ValueError: there is no memory."""
        return self._number(at, 2)

    def read_u32(self, at: "Address") -> int:
        """A dword of memory, little-endian. ValueError: there is no memory."""
        return self._number(at, 4)

    def _number(self, at: "Address", size: int) -> int:
        where = at if type(at) is int else self.located(at).linear
        return int.from_bytes(self.vm.read(where, size), "little")

    @property
    def memory(self) -> "NDArray[np.uint8]":
        """The memory that real mode reaches now, as a read-only array of bytes by linear address, 0
        to 10FFEFh; holes are FFh. It is a copy of 1.1 MB, which does not change while the guest
        runs: keep it in a variable. Any thread may call it. ImportError: numpy is not installed.

        >>> from pyx86emu import Machine
        >>> with Machine() as m:
        ...     memory = m.memory
        ...     len(memory), int(memory[0xFFFF0])             # the jump at the reset vector
        (1114096, 234)
        """
        import numpy as np

        return np.frombuffer(load(self.vm, 0, REACH), np.uint8)

    def disassemble(
        self, at: "Address | None" = None, count: int = 8, *, syntax: "Syntax" = "nasm"
    ) -> "Listing":
        """`count` instructions from `at`, or from CS:IP: a list of `Line`s, which can be printed.

        Labels of `symbols` and of our BIOS are shown, and lines of a listing. What is no
        instruction of the vCPU's model is `db`. Needs the extra `asm`. ImportError: it is not
        installed. ValueError: an unknown syntax ("nasm", "masm" or "att"), or a negative count.

        >>> from pyx86emu import Machine
        >>> with Machine(bytes.fromhex("b80100 ebfe")) as m:
        ...     _ = m.boot()
        ...     print(m.disassemble(count=2))
        0000:7c00  b80100           mov ax, 1
        0000:7c03  ebfe             jmp 0x7c03
        """
        from ..address import Located
        from ..tools.disasm import disassemble

        if exact(count, "count") < 0:
            raise ValueError(f"count is {count}: give 0 or more")
        regs = self.vcpu.regs
        place = Located(0, regs.cs, regs.ip) if at is None else self.located(at)
        if place.cs is None or place.ip is None:
            offset = place.linear - (regs.cs << 4)
            where: Address = (regs.cs, offset) if 0 <= offset <= 0xFFFF else place.linear
        else:
            where = place.cs, place.ip
        return disassemble(
            lambda linear, size: load(self.vm, linear, size),
            where,
            count,
            model=self.vcpu.model,
            syntax=syntax,
            symbols=self.labels(),
        )
